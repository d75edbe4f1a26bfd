//! Transactions: RFC 3261 §17 with RFC 6026, RFC 4320 and the CANCEL of §9.
//!
//! Four machines, one a file, know states and timers only. The layer around them matches messages, keeps
//! the table and does what the machines ask for. What a response says, whether a request may come in, and
//! everything about dialogs belongs to the user of the layer.

mod branch;
mod client_invite;
mod client_non_invite;
mod counters;
mod entry;
mod event;
mod flow_index;
mod hop_by_hop;
mod id;
mod incoming;
mod key;
#[cfg(test)]
mod machine_test;
mod outgoing;
mod resend;
mod server_invite;
mod server_non_invite;
mod settings;
mod step;
#[cfg(test)]
mod tests;
mod transactions;

pub use branch::Branch;
pub use counters::TransactionCounters;
pub use event::{Incoming, Opening, TransactionEvent, Transmit};
pub use id::TransactionId;
pub use settings::{MIN_TIMER_D, T2, T4, TIMER_C, TransactionSettings};
pub use step::TimerName;
pub use transactions::Transactions;
