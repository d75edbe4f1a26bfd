//! From values to bytes: new messages ([`Builder`]) and edited copies of received ones ([`Edit`]).

mod builder;
mod edit;
mod reason;

pub use builder::Builder;
pub use edit::Edit;
pub use reason::reason_phrase;
