//! The state of all shards as one.

use std::collections::HashMap;

use crate::view::Health;

/// Gauges every shard has by itself and that are the same for all.
const COMMON: [&str; 1] = ["tls_cert_expiry_seconds"];

impl Health {
    /// Adds up what the shards say, the first one first. Bindings and ports are common to all and taken from there.
    pub fn merge(all: Vec<Self>) -> Self {
        let mut all = all.into_iter();
        let Some(mut sum) = all.next() else { return Self::default() };
        let mut places: HashMap<String, usize> = named(&sum.counters);
        for health in all {
            sum.draining |= health.draining;
            sum.transactions += health.transactions;
            sum.server_transactions += health.server_transactions;
            sum.dialogs += health.dialogs;
            sum.calls += health.calls;
            sum.queries += health.queries;
            for (name, value) in health.counters {
                match places.get(&name) {
                    Some(&place) if COMMON.contains(&&*name) => {
                        sum.counters[place].1 = sum.counters[place].1.min(value);
                    }
                    Some(&place) => sum.counters[place].1 += value,
                    None => {
                        places.insert(name.clone(), sum.counters.len());
                        sum.counters.push((name, value));
                    }
                }
            }
        }
        sum
    }
}

fn named(counters: &[(String, u64)]) -> HashMap<String, usize> {
    counters.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_add_up_and_what_is_common_does_not() {
        let health = |calls, counters: &[(&str, u64)]| Health {
            calls,
            registrations: 7,
            ports_free: 10,
            counters: counters.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
            ..Health::default()
        };
        let sum = Health::merge(vec![
            health(1, &[("a", 1), ("tls_cert_expiry_seconds", 90)]),
            health(2, &[("b", 5), ("a", 2), ("tls_cert_expiry_seconds", 89)]),
        ]);
        assert_eq!((sum.calls, sum.registrations, sum.ports_free), (3, 7, 10));
        let counters: Vec<(&str, u64)> = sum.counters.iter().map(|(name, value)| (&**name, *value)).collect();
        assert_eq!(counters, [("a", 3), ("tls_cert_expiry_seconds", 89), ("b", 5)]);
    }
}
