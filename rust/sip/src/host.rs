//! Hosts: names, IPv4 addresses and IPv6 references (RFC 3261 §25.1, RFC 5954).

use std::net::{IpAddr, Ipv6Addr};

use crate::chars::{self, HOST};
use crate::fault::Cause;

/// Checks a host as it stands in a URI or a Via.
pub(crate) fn check(host: &str) -> Result<(), Cause> {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.strip_suffix(']').ok_or(Cause::Bracket)?;
        return address.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| Cause::Host);
    }
    if chars::all(host.as_bytes(), HOST) { Ok(()) } else { Err(Cause::Host) }
}

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

/// Splits `host[:port]`. White space may stand around the colon, as in a Via (RFC 3261 §25.1 COLON).
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<u16>), Cause> {
    let host_end = if text.starts_with('[') {
        text.find(']').ok_or(Cause::Bracket)? + 1
    } else {
        memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(host_end);
    let rest = chars::trim_text(rest);
    let host = chars::trim_text(host);
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or(Cause::Host)?;
    let port = chars::decimal(chars::trim(digits.as_bytes()), u16::MAX.into()).ok_or(Cause::Port)?;
    Ok((host, Some(port as u16)))
}
