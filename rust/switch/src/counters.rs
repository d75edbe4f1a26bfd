//! Named counters. Every cap, drop and refusal has one; they only grow.

use std::collections::BTreeMap;

/// Counters by `name` and label, shown as `name{label}`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    values: BTreeMap<(&'static str, &'static str), u64>,
}

impl Counters {
    /// Adds one to `name{label}`. Names and labels are literals, so the table is bounded by the source.
    pub(crate) fn count(&mut self, name: &'static str, label: &'static str) {
        *self.values.entry((name, label)).or_default() += 1;
    }

    /// All counters, sorted by name.
    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        self.values
            .iter()
            .map(|(&(name, label), &value)| match label {
                "" => (name.to_owned(), value),
                label => (format!("{name}{{{label}}}"), value),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_counted_apart() {
        let mut counters = Counters::default();
        counters.count("refused_total", "acl");
        counters.count("refused_total", "acl");
        counters.count("refused_total", "draining");
        assert_eq!(
            counters.all(),
            [("refused_total{acl}".to_owned(), 2), ("refused_total{draining}".to_owned(), 1)]
        );
    }
}
