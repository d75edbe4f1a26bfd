//! The normal form of a URI, which comparison and display share.

use std::fmt::{self, Write as _};

use super::{Scheme, Uri, is_separator};
use crate::chars::{self, UNRESERVED};
use crate::host;

/// Octets of escaped text, decoded once, each with whether it was escaped.
pub(super) struct Octets<'a>(std::slice::Iter<'a, u8>);

impl<'a> Octets<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.as_bytes().iter())
    }
}

impl Iterator for Octets<'_> {
    type Item = (u8, bool);

    fn next(&mut self) -> Option<(u8, bool)> {
        let octet = *self.0.next()?;
        if octet == b'%'
            && let [high, low, ..] = self.0.as_slice()
            && let (Some(high), Some(low)) = (chars::hex(*high), chars::hex(*low))
        {
            self.0.nth(1);
            return Some((high << 4 | low, true));
        }
        Some((octet, false))
    }
}

/// Escaped text in normal form: unreserved characters plain, all other escapes kept (RFC 3261 §19.1.4).
///
/// Two texts are the same exactly when these sequences are.
pub(super) fn octets(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    Octets::new(text).map(|(octet, escaped)| (octet, escaped && !chars::is(octet, UNRESERVED)))
}

pub(super) fn write(uri: &Uri<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match uri.scheme {
        Scheme::Sip => write_sip("sip:", uri, f),
        Scheme::Sips => write_sip("sips:", uri, f),
        Scheme::Tel => {
            f.write_str("tel:")?;
            write_tel_number(uri.user.unwrap_or(""), f)?;
            write_params(uri, f)
        }
        Scheme::Other => {
            let (scheme, rest) = uri.as_str().split_once(':').unwrap_or_default();
            write!(f, "{}:{rest}", scheme.to_ascii_lowercase())
        }
    }
}

fn write_sip(scheme: &str, uri: &Uri<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(scheme)?;
    if let Some(user) = uri.user {
        write_escaped(user, f)?;
        if let Some(password) = uri.password {
            f.write_char(':')?;
            write_escaped(password, f)?;
        }
        f.write_char('@')?;
    }
    write_host(uri.host, f)?;
    if let Some(port) = uri.port {
        write!(f, ":{port}")?;
    }
    write_params(uri, f)?;
    if let Some(headers) = uri.headers {
        f.write_char('?')?;
        write_escaped(headers, f)?;
    }
    Ok(())
}

fn write_host(host: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match host::ip(host) {
        Some(address) if address.is_ipv6() => write!(f, "[{address}]"),
        Some(address) => write!(f, "{address}"),
        None => f.write_str(&host.to_ascii_lowercase()),
    }
}

fn write_params(uri: &Uri<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (name, value) in uri.params.iter() {
        f.write_char(';')?;
        write_escaped(name, f)?;
        if let Some(value) = value {
            f.write_char('=')?;
            write_escaped(value, f)?;
        }
    }
    Ok(())
}

fn write_tel_number(number: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    number
        .bytes()
        .filter(|&octet| !is_separator(octet))
        .try_for_each(|octet| f.write_char(octet.to_ascii_lowercase().into()))
}

fn write_escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !text.contains('%') {
        return f.write_str(text);
    }
    // Runs of text without escapes are written whole, so that UTF-8 stays in one piece.
    let mut rest = text;
    while let Some((plain, tail)) = rest.split_once('%') {
        f.write_str(plain)?;
        match Octets::new(&rest[plain.len()..]).next() {
            Some((octet, true)) if chars::is(octet, UNRESERVED) => f.write_char(octet.into())?,
            Some((octet, true)) => write!(f, "%{octet:02X}")?,
            _ => {
                f.write_char('%')?;
                rest = tail;
                continue;
            }
        }
        rest = tail.get(2..).unwrap_or("");
    }
    f.write_str(rest)
}
