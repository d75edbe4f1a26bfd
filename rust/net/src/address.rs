//! One form for each address, and the unit limits count by.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// `::ffff:a.b.c.d` is `a.b.c.d` everywhere (config.md §0.1).
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The form a socket of the given family can send to.
pub(crate) fn for_socket(address: SocketAddr, is_ipv6_socket: bool) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if is_ipv6_socket => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}

/// An IPv4 address or an IPv6 /64: what one attacker has at least.
pub(crate) fn source_key(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        IpAddr::V4(ip) => ip.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:5060".parse().unwrap();
        assert_eq!(canonical(mapped), "192.0.2.1:5060".parse().unwrap());
        assert_eq!(for_socket(canonical(mapped), true), mapped);
        assert_eq!(for_socket(canonical(mapped), false), canonical(mapped));
    }

    #[test]
    fn ipv6_sources_are_counted_by_their_network() {
        let one = source_key("[2001:db8::1]:1".parse().unwrap());
        let two = source_key("[2001:db8::2]:2".parse().unwrap());
        let other = source_key("[2001:db8:0:1::1]:1".parse().unwrap());
        assert_eq!(one, two);
        assert_ne!(one, other);
        assert_eq!(
            source_key("[::ffff:192.0.2.1]:1".parse().unwrap()),
            "192.0.2.1".parse::<IpAddr>().unwrap()
        );
    }
}
