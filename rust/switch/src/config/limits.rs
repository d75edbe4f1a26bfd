//! Caps of the tables strangers can fill. At each cap the request is refused with 503 and counted.

use serde::Deserialize;

/// Caps of one shard.
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
