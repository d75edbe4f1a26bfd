//! Access lists (`config.md` §2.8): first match wins.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::error::PolicyError;
use crate::config::AclRule;

/// Written rules, searched by prefix instead of one after the other.
///
/// One table per prefix length maps a network to the first rule that names it; the answer is the lowest rule
/// of all tables, so the order of the rules holds. A search costs one look-up per length in use (at most 33
/// or 129), whatever the number of rules.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    rules: Vec<AclRule>,
    v4: Vec<Prefixes>,
    v6: Vec<Prefixes>,
    /// First `all` rule; nothing after it can match.
    all: Option<usize>,
}

#[derive(Clone, Debug)]
struct Prefixes {
    length: u8,
    /// Lowest rule in `networks`: the table is left out when a better rule is known.
    lowest: usize,
    networks: HashMap<u128, usize>,
}

/// What the list says about a source.
#[derive(Clone, Copy, Debug)]
pub struct AclVerdict<'a> {
    /// Whether the source may pass.
    pub allow: bool,
    /// The rule that decided; `None`: no rule matched.
    pub rule: Option<&'a AclRule>,
}

impl Acl {
    /// Builds the tables.
    ///
    /// # Errors
    /// A rule that is neither `all` nor an address nor a network.
    pub fn compile(rules: &[AclRule]) -> Result<Self, PolicyError> {
        let mut acl = Self { rules: rules.to_vec(), ..Self::default() };
        for (index, rule) in rules.iter().enumerate() {
            match &rule.net {
                None => acl.all = acl.all.or(Some(index)),
                Some(text) => acl.add(index, network(text, index)?),
            }
        }
        Ok(acl)
    }

    /// Whether any rule is written.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Judges a source. Without any rule everything passes; with rules, what matches none does not.
    pub fn judge(&self, source: IpAddr) -> AclVerdict<'_> {
        let source = source.to_canonical();
        let (tables, bits) = match source {
            IpAddr::V4(ip) => (&self.v4, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (&self.v6, ip.to_bits()),
        };
        let mut best = self.all;
        for table in tables.iter().filter(|table| !table.networks.is_empty()) {
            if best.is_none_or(|best| table.lowest < best) {
                let found = table.networks.get(&mask(bits, table.length, source.is_ipv4()));
                best = best.into_iter().chain(found.copied()).min();
            }
        }
        let rule = best.and_then(|index| self.rules.get(index));
        AclVerdict { allow: rule.map_or(self.rules.is_empty(), |rule| rule.allow), rule }
    }

    fn add(&mut self, index: usize, network: IpNet) {
        let (tables, bits, is_v4) = match network {
            IpNet::V4(net) => (&mut self.v4, u128::from(net.addr().to_bits()), true),
            IpNet::V6(net) => (&mut self.v6, net.addr().to_bits(), false),
        };
        let length = network.prefix_len();
        let position = tables.iter().position(|table| table.length == length).unwrap_or_else(|| {
            tables.push(Prefixes { length, lowest: index, networks: HashMap::new() });
            tables.len() - 1
        });
        tables[position].networks.entry(mask(bits, length, is_v4)).or_insert(index);
    }
}

/// Reads a network; an IPv4-mapped one is the IPv4 network it carries, as sources are (§0.1 source key).
fn network(text: &str, index: usize) -> Result<IpNet, PolicyError> {
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let network = parsed.ok_or_else(|| {
        PolicyError::new(format!("acl[{index}].net"), text, "is neither an address nor a network")
    })?;
    let mapped = match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (address @ IpAddr::V4(_), Some(length)) if network.addr().is_ipv6() => {
            IpNet::new(address, length).ok()
        }
        _ => None,
    };
    Ok(mapped.unwrap_or(network))
}

fn mask(bits: u128, length: u8, is_v4: bool) -> u128 {
    let width = if is_v4 { 32 } else { 128 };
    let host_bits = u32::from(width - length.min(width));
    bits.checked_shr(host_bits).unwrap_or(0).checked_shl(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(lines: &[&str]) -> Vec<AclRule> {
        let rule = |line: &&str| {
            let (action, net) = line.split_once(' ').unwrap();
            AclRule {
                allow: action == "allow",
                net: (net != "all").then(|| net.to_owned()),
                origin: (*line).to_owned(),
            }
        };
        lines.iter().map(rule).collect()
    }

    fn allows(lines: &[&str], source: &str) -> bool {
        Acl::compile(&rules(lines)).unwrap().judge(source.parse().unwrap()).allow
    }

    #[test]
    fn without_rules_everything_passes_and_with_rules_the_rest_is_denied() {
        assert!(allows(&[], "192.0.2.1"));
        assert!(!allows(&["allow 192.0.2.0/24"], "198.51.100.1"));
        assert!(!allows(&["allow 192.0.2.0/24"], "2001:db8::1"));
    }

    #[test]
    fn first_match_wins_over_longer_prefix() {
        let written = ["deny 192.0.2.1", "allow 192.0.2.0/24", "deny 192.0.2.2"];
        assert!(!allows(&written, "192.0.2.1"));
        assert!(allows(&written, "192.0.2.2"));
        assert!(allows(&["allow all", "deny all"], "192.0.2.1"));
        assert!(!allows(&["deny all", "allow 192.0.2.1"], "192.0.2.1"));
        assert!(allows(&["allow 192.0.2.1", "deny all"], "192.0.2.1"));
    }

    #[test]
    fn verdict_names_the_rule() {
        let acl = Acl::compile(&rules(&["allow 10.0.0.0/8", "deny all"])).unwrap();
        assert_eq!(acl.judge("10.1.1.1".parse().unwrap()).rule.unwrap().origin, "allow 10.0.0.0/8");
        assert_eq!(acl.judge("11.1.1.1".parse().unwrap()).rule.unwrap().origin, "deny all");
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_ones_they_carry() {
        assert!(allows(&["allow 192.0.2.0/24"], "::ffff:192.0.2.9"));
        assert!(allows(&["allow ::ffff:192.0.2.0/120"], "192.0.2.9"));
        assert!(allows(&["allow ::/0"], "2001:db8::1"));
        assert!(!allows(&["allow ::/0"], "192.0.2.1"));
    }

    #[test]
    fn host_bits_are_masked_and_nonsense_is_refused() {
        assert!(allows(&["allow 192.0.2.77/24"], "192.0.2.1"));
        let error = Acl::compile(&rules(&["allow all", "deny 10.0.0.0/33"])).unwrap_err();
        assert_eq!(error.to_string(), "acl[1].net: \"10.0.0.0/33\" is neither an address nor a network");
    }

    proptest! {
        #[test]
        fn search_by_prefix_equals_search_in_order(
            written in prop::collection::vec((any::<bool>(), 0u32..16, 24u8..=32), 0..20),
            source in 0u32..16,
        ) {
            let base = 0xC000_0200;
            let written: Vec<AclRule> = written
                .into_iter()
                .map(|(allow, host, length)| AclRule {
                    allow,
                    net: Some(format!("{}/{length}", std::net::Ipv4Addr::from_bits(base + host))),
                    origin: String::new(),
                })
                .collect();
            let source = IpAddr::from(std::net::Ipv4Addr::from_bits(base + source));
            let in_order = written
                .iter()
                .find(|rule| rule.net.as_ref().unwrap().parse::<IpNet>().unwrap().contains(&source))
                .map_or(written.is_empty(), |rule| rule.allow);
            prop_assert_eq!(Acl::compile(&written).unwrap().judge(source).allow, in_order);
        }
    }
}
