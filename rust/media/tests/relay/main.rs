//! Relayed calls: §6 of the configuration contract, rule by rule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
mod description;
mod latched;
mod probation;
mod property;
mod rtcp;
