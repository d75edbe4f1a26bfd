//! Hosts in the form they are compared in (`config.md` §1 rule 2).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use pbx_sip::Uri;

/// A host: an address compared by value, or a name in lower case without trailing dot.
///
/// Names on the wire are A-labels already (RFC 3261 §25.1 allows ASCII only); those of the configuration are
/// turned into A-labels before they reach the switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// IPv4 or IPv6; an IPv4-mapped address is the IPv4 address it carries.
    Ip(IpAddr),
    /// A domain name.
    Name(Cow<'a, str>),
}

impl<'a> Host<'a> {
    /// Reads the host of a URI or Via, IPv6 with or without brackets.
    pub fn parse(text: &'a str) -> Self {
        if let Some(ip) = ip(text) {
            return Self::Ip(ip.to_canonical());
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        Self::Name(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        })
    }

    /// The same host, owning its text.
    pub fn into_owned(self) -> Host<'static> {
        match self {
            Self::Ip(ip) => Host::Ip(ip),
            Self::Name(name) => Host::Name(Cow::Owned(name.into_owned())),
        }
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host<'_> {
    /// The canonical text; IPv6 without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// `hostport` of RFC 3261 §25.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort<'a> {
    /// Host in comparable form.
    pub host: Host<'a>,
    /// Port, if written.
    pub port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// From the parts of a URI.
    pub fn new(host: &'a str, port: Option<u16>) -> Self {
        Self { host: Host::parse(host), port }
    }

    /// Of a parsed URI.
    pub fn of(uri: &Uri<'a>) -> Self {
        Self::new(uri.host, uri.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_compare_by_value_or_in_lower_case_without_trailing_dot() {
        for (left, right) in [
            ("Lab.Test.", "lab.test"),
            ("[2001:DB8::0:1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::FFFF:c000:201]", "192.0.2.1"),
        ] {
            assert_eq!(Host::parse(left), Host::parse(right), "{left} {right}");
        }
        assert_ne!(Host::parse("a.test"), Host::parse("b.test"));
        assert_ne!(Host::parse("192.0.2.1"), Host::parse("192.0.2.01"));
    }

    #[test]
    fn canonical_text_is_lower_case() {
        assert_eq!(Host::parse("LAB.test.").to_string(), "lab.test");
        assert_eq!(Host::parse("[2001:DB8:0::1]").to_string(), "2001:db8::1");
    }
}
