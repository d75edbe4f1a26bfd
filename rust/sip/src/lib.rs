//! SIP messages, transactions and dialogs without I/O.

pub mod transport;

pub use bytes::Bytes;
pub use transport::{Flow, Transport};
