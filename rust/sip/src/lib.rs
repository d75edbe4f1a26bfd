//! SIP messages, transactions and dialogs without I/O.

mod body;
mod chars;
pub mod dialog;
pub mod digest;
mod fault;
mod framer;
mod header;
mod host;
mod limits;
mod message;
mod method;
mod name;
mod parse;
mod shard;
mod start_line;
pub mod timer;
pub mod transaction;
pub mod transport;
mod uri;
#[cfg(test)]
mod virtual_time;
mod write;

pub use body::{Body, BodyPart, Multipart};
pub use bytes::Bytes;
pub use fault::{Cause, Fault, Part};
pub use framer::{Frame, StreamFramer};
pub use header::{Contact, NameAddr, Params, ReferTo, Refresher, Replaces, SessionExpires, Via};
pub use limits::Limits;
pub use message::{Field, Message, ParseError};
pub use method::Method;
pub use name::Name;
pub use shard::Shard;
pub use transport::{Flow, Transport};
pub use uri::{Scheme, Uri};
pub use write::{Builder, Edit, reason_phrase};
