//! Calls through the real switch on a desk: packets in, packets out, time by hand.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing to look at has failed")]

/// Switches on the desk.
const SHARDS: usize = 1;

include!("list.rs");
