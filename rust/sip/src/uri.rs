//! URIs: sip and sips (RFC 3261 §19.1), tel (RFC 3966), anything else as opaque text.

mod compare;
mod normal;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::chars::{self, URI};
use crate::fault::{Cause, Fault};
use crate::header::Params;
use crate::host;

/// Scheme of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other, such as `urn:`.
    Other,
}

/// A parsed URI; every part borrows from the text.
///
/// `==` compares the text part by part; [`Uri::equals`] is the comparison of the RFCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Scheme.
    pub scheme: Scheme,
    /// User part as written; the number of a tel URI.
    pub user: Option<&'a str>,
    /// Password as written.
    pub password: Option<&'a str>,
    /// Host as written, brackets of IPv6 included; empty for tel and other schemes.
    pub host: &'a str,
    /// Port.
    pub port: Option<u16>,
    /// URI parameters; none for other schemes.
    pub params: Params<'a>,
    /// What follows the question mark.
    pub headers: Option<&'a str>,
    text: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI without brackets around it.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason.
    pub fn parse(text: &'a str) -> Result<Self, Fault> {
        Self::read(text).map_err(Fault::value)
    }

    pub(crate) fn read(text: &'a str) -> Result<Self, Cause> {
        let colon = text.bytes().position(|octet| octet == b':').ok_or(Cause::Scheme)?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        let mut uri = Self {
            scheme: Scheme::read(scheme)?,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::default(),
            headers: None,
            text,
        };
        match uri.scheme {
            Scheme::Sip | Scheme::Sips => uri.read_sip(rest)?,
            Scheme::Tel => uri.read_tel(rest)?,
            Scheme::Other => check_opaque(rest)?,
        }
        Ok(uri)
    }

    /// Everything up to the first at-sign is user information, whatever it holds (RFC 3261 §19.1.2).
    fn read_sip(&mut self, rest: &'a str) -> Result<(), Cause> {
        let mut host_part = rest;
        if let Some(at) = rest.bytes().position(|octet| octet == b'@') {
            self.read_userinfo(&rest[..at])?;
            host_part = &rest[at + 1..];
        }
        let tail_begins = |octet| matches!(octet, b';' | b'?');
        let host_end = host_part.bytes().position(tail_begins).unwrap_or(host_part.len());
        let (hostport, tail) = host_part.split_at(host_end);
        (self.host, self.port) = host::split_port(hostport)?;
        if tail.is_empty() {
            return Ok(());
        }
        let params_end = tail.bytes().position(|octet| octet == b'?').unwrap_or(tail.len());
        let (params, headers) = tail.split_at(params_end);
        check_chars(tail)?;
        self.params = read_params(params)?;
        self.headers = headers.strip_prefix('?');
        Ok(())
    }

    fn read_userinfo(&mut self, userinfo: &'a str) -> Result<(), Cause> {
        check_chars(userinfo)?;
        let (user, password) = match userinfo.bytes().position(|octet| octet == b':') {
            Some(colon) => (&userinfo[..colon], Some(&userinfo[colon + 1..])),
            None => (userinfo, None),
        };
        if user.is_empty() {
            return Err(Cause::User);
        }
        (self.user, self.password) = (Some(user), password);
        Ok(())
    }

    fn read_tel(&mut self, rest: &'a str) -> Result<(), Cause> {
        let number_end = memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len());
        let (number, params) = rest.split_at(number_end);
        let digits = number.strip_prefix('+').unwrap_or(number);
        let good =
            |octet: u8| matches!(octet, b'-' | b'.' | b'(' | b')' | b'*' | b'#') || octet.is_ascii_hexdigit();
        if !digits.bytes().all(good) || !digits.bytes().any(|octet| !is_separator(octet)) {
            return Err(Cause::Telephone);
        }
        check_chars(params)?;
        self.user = Some(number);
        self.params = read_params(params)?;
        Ok(())
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// What follows the scheme and its colon.
    pub fn opaque(&self) -> &'a str {
        self.text.split_once(':').map_or("", |(_, rest)| rest)
    }

    /// Whether the scheme is sip or sips.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part with its percent escapes decoded once. Octets that do not make UTF-8 stay escaped.
    pub fn user_decoded(&self) -> Cow<'a, str> {
        decode(self.user.unwrap_or(""))
    }

    /// The user part decoded once; of a tel URI the number without visual separators (RFC 3966 §5.1.1).
    pub fn number(&self) -> Cow<'a, str> {
        match self.scheme {
            Scheme::Tel => Cow::Owned(self.user_decoded().chars().filter(|&c| !is_visual(c)).collect()),
            _ => self.user_decoded(),
        }
    }

    /// The address the host spells.
    pub fn host_ip(&self) -> Option<IpAddr> {
        host::ip(self.host)
    }

    /// The same URI with another host and port; user, parameters and headers survive. Other schemes stay as they are.
    /// An IPv6 host may come with or without brackets.
    pub fn with_host_port(&self, host: &str, port: Option<u16>) -> String {
        if !self.is_sip() {
            return self.text.to_owned();
        }
        let start = self.text.len() - self.after_userinfo().len();
        let mut text = String::with_capacity(self.text.len() + host.len() + 8);
        text.push_str(&self.text[..start]);
        if host.contains(':') && !host.starts_with('[') {
            text.extend(["[", host, "]"]);
        } else {
            text.push_str(host);
        }
        if let Some(port) = port {
            text.push(':');
            text.push_str(&port.to_string());
        }
        text.push_str(self.params.as_str());
        if let Some(headers) = self.headers {
            text.push('?');
            text.push_str(headers);
        }
        text
    }

    fn after_userinfo(&self) -> &'a str {
        let rest = self.opaque();
        match self.user {
            Some(_) => rest.split_once('@').map_or(rest, |(_, after)| after),
            None => rest,
        }
    }
}

impl Scheme {
    fn read(text: &str) -> Result<Self, Cause> {
        let bytes = text.as_bytes();
        if bytes.eq_ignore_ascii_case(b"sip") {
            return Ok(Self::Sip);
        }
        if bytes.eq_ignore_ascii_case(b"sips") {
            return Ok(Self::Sips);
        }
        if bytes.eq_ignore_ascii_case(b"tel") {
            return Ok(Self::Tel);
        }
        let legal = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
        let begins_with_letter = bytes.first().is_some_and(u8::is_ascii_alphabetic);
        if begins_with_letter && bytes.iter().all(legal) { Ok(Self::Other) } else { Err(Cause::Scheme) }
    }
}

/// The normal form: escapes only where needed, scheme and host in lower case.
impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        normal::write(self, f)
    }
}

/// Visual separators of telephone numbers (RFC 3966 §3).
pub(crate) fn is_separator(octet: u8) -> bool {
    matches!(octet, b'-' | b'.' | b'(' | b')')
}

fn is_visual(letter: char) -> bool {
    u8::try_from(letter).is_ok_and(is_separator)
}

/// Decodes percent escapes once; text whose decoded octets are not UTF-8 is returned as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let octets: Vec<u8> = normal::Octets::new(text).map(|(octet, _)| octet).collect();
    String::from_utf8(octets).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn read_params(text: &str) -> Result<Params<'_>, Cause> {
    // URI parameters have no quotes, and characters a header parameter may not have: only emptiness is judged.
    let bytes = text.as_bytes();
    let begins_nothing = |at: usize| matches!(bytes.get(at + 1), None | Some(b';' | b'='));
    if bytes.iter().enumerate().any(|(at, &octet)| octet == b';' && begins_nothing(at)) {
        return Err(Cause::Parameter);
    }
    Ok(Params::trusted(text))
}

fn check_opaque(rest: &str) -> Result<(), Cause> {
    if chars::all(rest.as_bytes(), URI) { Ok(()) } else { Err(Cause::Character) }
}

/// Whether all octets may stand in a URI, and every percent sign begins an escape.
fn check_chars(text: &str) -> Result<(), Cause> {
    let bytes = text.as_bytes();
    let escaped = |at: usize| bytes.get(at).copied().and_then(chars::hex).is_some();
    for (at, &octet) in bytes.iter().enumerate() {
        if octet == b'%' && !(escaped(at + 1) && escaped(at + 2)) {
            return Err(Cause::Escape);
        }
        if !chars::is(octet, URI) {
            return Err(Cause::Character);
        }
    }
    Ok(())
}
