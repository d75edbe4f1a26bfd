//! Which addresses a name may stand for.

use std::net::IpAddr;

/// Whether this machine is reached from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every socket is a loopback one, as in a laboratory: names of loopback addresses harm nobody.
    Loopback,
    /// Others reach us. Whoever runs the zone of a name could make us call services of this machine, so loopback
    /// addresses are taken from the hosts file only.
    Network,
}

impl Reach {
    /// Whether an address from the DNS may be called. Private addresses may: PBXs and their gateways live there.
    /// Unspecified, multicast, broadcast and link-local addresses never: nobody answers from them, or only by
    /// an interface the name cannot tell.
    pub(crate) fn allows(self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let is_odd = match ip {
            // 0.0.0.0/8 is this host (RFC 1122 §3.2.1.3), 240.0.0.0/4 nobody's.
            IpAddr::V4(ip) => ip.octets()[0] == 0 || ip.octets()[0] >= 224 || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
        };
        !is_odd && (self == Self::Loopback || !ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_names_stand_for_unicast_addresses_only() {
        let allows = |reach: Reach, ip: &str| reach.allows(ip.parse().unwrap());
        for ip in
            ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "169.254.1.1", "::", "ff02::1", "fe80::1"]
        {
            assert!(!allows(Reach::Loopback, ip) && !allows(Reach::Network, ip), "{ip}");
        }
        for ip in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(allows(Reach::Loopback, ip) && !allows(Reach::Network, ip), "{ip}");
        }
        for ip in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1"] {
            assert!(allows(Reach::Loopback, ip) && allows(Reach::Network, ip), "{ip}");
        }
    }
}
