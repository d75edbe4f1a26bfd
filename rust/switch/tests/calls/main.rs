//! Calls through the real switch on a desk: packets in, packets out, time by hand.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing to look at has failed")]

mod cancel;
mod decision;
mod desk;
mod first_call;
mod fork;
mod media;
mod reinvite;
