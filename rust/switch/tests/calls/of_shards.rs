//! The same calls through three switches that serve as one: whatever is asked, it makes no difference who reads it.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing to look at has failed")]

/// Switches on the desk.
const SHARDS: usize = 3;

include!("list.rs");
