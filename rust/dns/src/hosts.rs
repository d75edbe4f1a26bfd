//! The hosts file: names this machine's owner vouches for.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::name::Name;

/// Entries taken from the file; further ones are left out.
const MAX_ENTRIES: usize = 10_000;

/// Addresses by name, as written by hand.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    entries: HashMap<Name, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads the text of a hosts file (hosts(5)); lines that are none are passed over.
    pub fn parse(text: &str) -> Self {
        let mut hosts = Self::default();
        for line in text.lines().take(MAX_ENTRIES) {
            let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
            let Some(ip) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
            for name in words.filter_map(Name::parse) {
                hosts.entries.entry(name).or_default().push(ip);
            }
        }
        hosts
    }

    /// Addresses of a name; `None`: the DNS is to be asked. `localhost` never is (RFC 6761 §6.3).
    pub(crate) fn addresses(&self, name: &Name) -> Option<Vec<IpAddr>> {
        let listed = self.entries.get(name).cloned();
        let local = || vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        listed.or_else(|| name.is_localhost().then(local))
    }
}
