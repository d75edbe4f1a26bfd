use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a peer says it receives media: a `c=` line (RFC 8866 §5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// Whether the line says IP6; a host name tells nothing else about its family.
    pub is_ipv6: bool,
    /// The address, without multicast TTL and range.
    pub address: ConnectionAddress<'a>,
}

/// The address of a `c=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionAddress<'a> {
    /// A literal address.
    Ip(IpAddr),
    /// A host name; never resolved here.
    Host(&'a str),
}

impl<'a> Connection<'a> {
    /// Reads the text after `c=`.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(value).ok()?.split_ascii_whitespace();
        let (net, family, address) = (fields.next()?, fields.next()?, fields.next()?);
        (net.eq_ignore_ascii_case("IN") && fields.next().is_none()).then_some(())?;
        Self::of(family, address)
    }

    /// Reads the address type and address fields that `c=`, `o=` and `a=rtcp` share.
    pub(crate) fn of(family: &str, address: &'a str) -> Option<Self> {
        let is_ipv6 = match () {
            () if family.eq_ignore_ascii_case("IP4") => false,
            () if family.eq_ignore_ascii_case("IP6") => true,
            () => return None,
        };
        let host = address.split('/').next()?;
        let address = match host.parse::<IpAddr>() {
            // A peer that writes the wrong family next to a literal is believed on the literal.
            Ok(ip) => ConnectionAddress::Ip(ip),
            Err(_) if is_host_name(host) => ConnectionAddress::Host(host),
            Err(_) => return None,
        };
        Some(Self { is_ipv6, address })
    }

    /// The literal address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.address {
            ConnectionAddress::Ip(ip) => Some(ip),
            ConnectionAddress::Host(_) => None,
        }
    }

    /// Whether this is the old way to put a call on hold (`0.0.0.0`, RFC 2543; `::`, RFC 6157).
    pub fn is_unspecified(&self) -> bool {
        match self.ip() {
            Some(IpAddr::V4(v4)) => v4 == Ipv4Addr::UNSPECIFIED,
            Some(IpAddr::V6(v6)) => v6 == Ipv6Addr::UNSPECIFIED,
            None => false,
        }
    }
}

/// The fields `c=`, `o=` and `a=rtcp` use for one of our addresses.
pub(crate) fn family_and_address(address: IpAddr) -> String {
    let family = if address.is_ipv6() { "IP6" } else { "IP4" };
    format!("{family} {address}")
}

/// Names are not judged further: whoever resolves one does. Digits and dots alone are a broken literal.
fn is_host_name(host: &str) -> bool {
    host.len() <= 255
        && host.bytes().all(|octet| octet.is_ascii_graphic())
        && host.bytes().any(|octet| octet.is_ascii_alphabetic())
}
