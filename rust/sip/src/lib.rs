//! SIP messages, transactions and dialogs without I/O.

pub mod timer;
pub mod transport;
#[cfg(test)]
mod virtual_time;

pub use bytes::Bytes;
pub use transport::{Flow, Transport};
