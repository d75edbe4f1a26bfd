//! Caps of the tables strangers can fill. At each cap the request is refused with 503 and counted.

use serde::Deserialize;

/// Caps of the process.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Octets of one SIP message (`max_message_size`).
    pub max_message_size: usize,
    /// Transactions of both kinds alive at once.
    pub max_transactions: usize,
    /// Calls alive at once.
    pub max_calls: usize,
    /// Bindings in the memory locator.
    pub max_bindings: usize,
    /// INVITEs waiting for Python at once.
    pub max_queries: usize,
}

impl Limits {
    /// One shard's share of what is divided among `count` of them. Each has all bindings.
    #[must_use]
    pub(crate) fn share(self, count: usize) -> Self {
        let share = |total: usize| total.div_ceil(count.max(1));
        Self {
            max_transactions: share(self.max_transactions),
            max_calls: share(self.max_calls),
            max_queries: share(self.max_queries),
            ..self
        }
    }
}
