//! Classes of IP addresses the media rules speak of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether `address` is in the private set: RFC 1918, loopback, link-local, CGNAT (RFC 6598), 0/8, `::` and
/// ULA (RFC 4193). An IPv4-mapped IPv6 address is judged as the IPv4 address it carries.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

/// Whether media may be sent to `address` when the leg's signalling comes from `signalling`.
///
/// A relay that sends wherever a description points is a reflector into its own host and network: multicast,
/// broadcast, unspecified and port 0 are never targets, loopback and link-local only for peers that are
/// themselves there.
pub fn is_sendable(address: SocketAddr, signalling: IpAddr) -> bool {
    let signalling = signalling.to_canonical();
    address.port() != 0
        && match address.ip().to_canonical() {
            IpAddr::V4(v4) => is_sendable_v4(v4, signalling),
            IpAddr::V6(v6) => is_sendable_v6(v6, signalling),
        }
}

/// `address` with an IPv4-mapped IPv6 address replaced by the IPv4 address it carries.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => address,
        },
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || first == 0
        || (first == 100 && (64..128).contains(&second))
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_unique_local()
}

fn is_sendable_v4(v4: Ipv4Addr, signalling: IpAddr) -> bool {
    let near = |test: fn(&Ipv4Addr) -> bool| !test(&v4) || matches!(signalling, IpAddr::V4(s) if test(&s));
    !v4.is_multicast()
        && !v4.is_broadcast()
        && v4.octets()[0] != 0
        && near(Ipv4Addr::is_loopback)
        && near(Ipv4Addr::is_link_local)
}

fn is_sendable_v6(v6: Ipv6Addr, signalling: IpAddr) -> bool {
    let near = |test: fn(&Ipv6Addr) -> bool| !test(&v6) || matches!(signalling, IpAddr::V6(s) if test(&s));
    !v6.is_multicast()
        && !v6.is_unspecified()
        && near(Ipv6Addr::is_loopback)
        && near(Ipv6Addr::is_unicast_link_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_set_holds_exactly_the_listed_networks() {
        for inside in [
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "0.1.2.3",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fdff::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(ip(inside)), "{inside}");
        }
        for outside in [
            "8.8.8.8",
            "172.32.0.1",
            "172.15.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "2001:db8::1",
            "fec0::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn loopback_and_link_local_are_targets_only_for_peers_there() {
        let target = |text: &str| SocketAddr::new(ip(text), 4000);
        assert!(!is_sendable(target("127.0.0.1"), ip("192.0.2.1")));
        assert!(is_sendable(target("127.0.0.1"), ip("127.0.0.9")));
        assert!(!is_sendable(target("169.254.169.254"), ip("10.0.0.1")));
        assert!(is_sendable(target("169.254.7.7"), ip("169.254.1.1")));
        assert!(!is_sendable(target("::1"), ip("2001:db8::1")));
        assert!(!is_sendable(target("::ffff:127.0.0.1"), ip("192.0.2.1")));
        assert!(is_sendable(target("fe80::1"), ip("fe80::2")));
    }

    #[test]
    fn group_and_unspecified_addresses_are_never_targets() {
        for text in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.1.1", "::", "ff02::1"] {
            assert!(!is_sendable(SocketAddr::new(ip(text), 4000), ip("127.0.0.1")), "{text}");
        }
        assert!(!is_sendable(SocketAddr::new(ip("192.0.2.1"), 0), ip("192.0.2.1")));
    }
}
