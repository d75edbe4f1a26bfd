//! Which hosts are ours, and under which realm a user is looked up (`config.md` §1).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::host::{Host, HostPort};
use super::locality::Locality;
use crate::config::Identity;

/// Default port of SIP, meant where a URI names none (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// The realms entries and our own addresses.
#[derive(Clone, Debug)]
pub struct Realms {
    entries: HashMap<Host<'static>, Vec<Option<u16>>>,
    first: Option<String>,
    own: HashSet<IpAddr>,
}

impl Realms {
    /// Builds the table.
    pub fn new(identity: &Identity) -> Self {
        let mut entries: HashMap<Host<'static>, Vec<Option<u16>>> = HashMap::new();
        for realm in &identity.realms {
            entries.entry(Host::parse(&realm.host).into_owned()).or_default().push(realm.port);
        }
        let own = identity.machine_ips.iter().chain(&identity.external_ips);
        Self {
            entries,
            first: identity.realms.first().map(|realm| Host::parse(&realm.host).to_string()),
            own: own.map(IpAddr::to_canonical).collect(),
        }
    }

    /// Whether a host is ours (§1 rule 1).
    pub fn is_ours(&self, target: &HostPort<'_>, locality: &Locality) -> bool {
        self.is_named(target, locality) || (self.entries.is_empty() && is_port_ours(target, locality))
    }

    /// Whether a host is ours by name or address, not just for want of `realms`.
    pub fn is_named(&self, target: &HostPort<'_>, locality: &Locality) -> bool {
        if self.is_entry_with_port(target) {
            return true;
        }
        let is_own = match &target.host {
            Host::Ip(ip) => ip.is_loopback() || locality.has_address(*ip) || self.own.contains(ip),
            Host::Name(name) => name == "localhost",
        };
        (is_own || self.has_entry(target, None)) && is_port_ours(target, locality)
    }

    /// Whether a host equals the host of a `realms` entry.
    pub fn is_entry(&self, target: &HostPort<'_>) -> bool {
        self.entries.contains_key(&target.host)
    }

    /// The realm the users of a host belong to: the entry it equals, else the first entry; with no entries the
    /// host itself. It is the host part of every address-of-record.
    pub fn realm_of(&self, target: &HostPort<'_>) -> String {
        match &self.first {
            Some(first) if !self.is_entry(target) => first.clone(),
            _ => target.host.to_string(),
        }
    }

    /// The realm of a challenge (§1 rule 3). `named` is the To host of a REGISTER, the From host of others.
    pub fn challenge_realm(&self, request: &HostPort<'_>, named: &HostPort<'_>) -> String {
        if self.is_entry(request) { request.host.to_string() } else { self.realm_of(named) }
    }

    fn is_entry_with_port(&self, target: &HostPort<'_>) -> bool {
        self.has_entry(target, Some(target.port.unwrap_or(SIP_PORT)))
    }

    fn has_entry(&self, target: &HostPort<'_>, port: Option<u16>) -> bool {
        self.entries.get(&target.host).is_some_and(|ports| ports.contains(&port))
    }
}

fn is_port_ours(target: &HostPort<'_>, locality: &Locality) -> bool {
    target.port.is_none_or(|port| locality.has_port(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Realm;

    fn realms(entries: &[(&str, Option<u16>)]) -> Realms {
        Realms::new(&Identity {
            user_agent: String::new(),
            callid_suffix: String::new(),
            contact_username: "pbx".to_owned(),
            realms: entries.iter().map(|&(host, port)| Realm { host: host.to_owned(), port }).collect(),
            external_ips: vec!["203.0.113.9".parse().unwrap()],
            machine_ips: vec!["192.0.2.10".parse().unwrap(), "2001:db8::10".parse().unwrap()],
        })
    }

    fn locality() -> Locality {
        Locality::new(["0.0.0.0:5060".parse().unwrap(), "198.51.100.4:5080".parse().unwrap()])
    }

    fn ours(realms: &Realms, host: &str, port: Option<u16>) -> bool {
        realms.is_ours(&HostPort::new(host, port), &locality())
    }

    #[test]
    fn own_addresses_are_ours_on_listener_ports_only() {
        let realms = realms(&[("lab.test", None)]);
        for host in [
            "localhost",
            "127.9.8.7",
            "[::1]",
            "192.0.2.10",
            "[2001:DB8:0::10]",
            "203.0.113.9",
            "198.51.100.4",
        ] {
            assert!(ours(&realms, host, None), "{host}");
            assert!(ours(&realms, host, Some(5080)), "{host}");
            assert!(!ours(&realms, host, Some(5061)), "{host}");
        }
        assert!(!ours(&realms, "192.0.2.11", None));
        assert!(!ours(&realms, "other.test", None));
    }

    #[test]
    fn empty_realms_make_every_host_ours() {
        let realms = realms(&[]);
        assert!(ours(&realms, "anything.test", None));
        assert!(!ours(&realms, "anything.test", Some(9)));
    }

    #[test]
    fn realm_with_port_matches_that_port_only() {
        let realms = realms(&[("lab.test", Some(7000)), ("b.test", Some(5060)), ("c.test", None)]);
        assert!(ours(&realms, "LAB.test.", Some(7000)));
        assert!(!ours(&realms, "lab.test", None));
        assert!(!ours(&realms, "lab.test", Some(5060)));
        assert!(ours(&realms, "b.test", None));
        assert!(ours(&realms, "c.test", Some(5080)));
        assert!(!ours(&realms, "c.test", Some(7000)));
    }

    #[test]
    fn challenge_realm_follows_the_three_steps() {
        let host = |text| HostPort::new(text, None);
        let two = realms(&[("a.test", None), ("b.test", None)]);
        assert_eq!(two.challenge_realm(&host("B.test"), &host("a.test")), "b.test");
        assert_eq!(two.challenge_realm(&host("192.0.2.10"), &host("b.test")), "b.test");
        assert_eq!(two.challenge_realm(&host("192.0.2.10"), &host("192.0.2.10")), "a.test");
        let none = realms(&[]);
        assert_eq!(none.challenge_realm(&host("a.test"), &host("Phone.Test")), "phone.test");
        assert_eq!(none.realm_of(&host("[2001:DB8:0::1]")), "2001:db8::1");
    }
}
