//! Hosts: names, IPv4 addresses and IPv6 references (RFC 3261 §25.1, RFC 5954).

use std::net::{IpAddr, Ipv6Addr};

use crate::chars::{self, HOST, LWS};
use crate::fault::Cause;

/// The address a host spells, brackets allowed around IPv6.
pub(crate) fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().map(IpAddr::V6).ok(),
        // A name that does not begin with a digit nor hold a colon is none; most hosts end here.
        None if host.as_bytes().first().is_some_and(u8::is_ascii_digit) || host.contains(':') => {
            host.parse().ok()
        }
        None => None,
    }
}

/// Whether two hosts are the same: addresses by value, names without regard to letter case.
pub(crate) fn equal(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || matches!((ip(one), ip(other)), (Some(a), Some(b)) if a == b)
}

/// Splits `host[:port]` and checks both.
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<u16>), Cause> {
    let (host, rest) = text.split_at(end(text)?);
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or(Cause::Host)?;
    let port = chars::decimal(digits.as_bytes(), u16::MAX.into()).ok_or(Cause::Port)?;
    Ok((host, Some(port as u16)))
}

/// The same where white space may stand around the colon, as in a Via (RFC 3261 §25.1 COLON).
pub(crate) fn split_port_spaced(text: &str) -> Result<(&str, Option<u16>), Cause> {
    let text = chars::trim_text(text);
    if !text.bytes().any(|octet| chars::is(octet, LWS)) {
        return split_port(text);
    }
    let (host, rest) = text.split_at(end(text)?);
    let digits = chars::trim_text(rest).strip_prefix(':').ok_or(Cause::Host)?;
    let port = chars::decimal(chars::trim(digits.as_bytes()), u16::MAX.into()).ok_or(Cause::Port)?;
    Ok((host, Some(port as u16)))
}

/// Where the host ends, which is checked on the way.
fn end(text: &str) -> Result<usize, Cause> {
    if let Some(rest) = text.strip_prefix('[') {
        let length = memchr::memchr(b']', rest.as_bytes()).ok_or(Cause::Bracket)?;
        return rest[..length].parse::<Ipv6Addr>().map(|_| length + 2).map_err(|_| Cause::Host);
    }
    match text.bytes().position(|octet| !chars::is(octet, HOST)).unwrap_or(text.len()) {
        0 => Err(Cause::Host),
        length => Ok(length),
    }
}
