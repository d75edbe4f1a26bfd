//! Locating SIP servers (RFC 3263 §4).

mod hop;
mod locate;
mod service;
mod weight;

pub use hop::{Hop, ServerTransport};
pub use locate::{Ability, Locate, Scheme, Wanted};
pub use weight::order;
