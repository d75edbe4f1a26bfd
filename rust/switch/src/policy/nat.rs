//! Telling a peer behind NAT from one that is where it says (`config.md` §2.6.1 rule 1).

use std::net::IpAddr;

use super::host::Host;
use super::is_private;

/// Whether a peer is behind NAT: its Contact host or its topmost Via host is a private address other than the
/// source, or its Contact host cannot be an address at all (`.invalid`, RFC 7118 §5).
pub fn is_behind_nat(contact_host: Option<&str>, via_host: Option<&str>, source: IpAddr) -> bool {
    let source = source.to_canonical();
    let elsewhere = |host: &Host<'_>| host.ip().is_some_and(|ip| ip != source && is_private(ip));
    let contact = contact_host.map(Host::parse);
    contact.as_ref().is_some_and(|host| elsewhere(host) || is_invalid(host))
        || via_host.map(Host::parse).as_ref().is_some_and(elsewhere)
}

fn is_invalid(host: &Host<'_>) -> bool {
    match host {
        Host::Name(name) => name == "invalid" || name.ends_with(".invalid"),
        Host::Ip(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_contact_or_via_other_than_the_source_means_nat() {
        let source = "192.0.2.7".parse().unwrap();
        assert!(is_behind_nat(Some("10.0.0.9"), Some("192.0.2.7"), source));
        assert!(is_behind_nat(Some("192.0.2.7"), Some("10.0.0.9"), source));
        assert!(is_behind_nat(Some("xyz.INVALID"), None, source));
        assert!(is_behind_nat(Some("[fd00::1]"), None, source));
        assert!(!is_behind_nat(Some("192.0.2.8"), Some("192.0.2.8"), source));
        assert!(!is_behind_nat(Some("phone.test"), Some("phone.test"), source));
        assert!(!is_behind_nat(None, None, source));
    }

    #[test]
    fn private_peer_at_its_own_address_is_not_behind_nat() {
        let source = "::ffff:10.0.0.9".parse().unwrap();
        assert!(!is_behind_nat(Some("10.0.0.9"), Some("10.0.0.9"), source));
        assert!(is_behind_nat(Some("10.0.0.8"), Some("10.0.0.9"), source));
    }
}
