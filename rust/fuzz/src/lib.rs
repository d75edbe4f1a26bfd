//! What must hold for any input. Each property panics when it does not.

pub mod dialog;
pub mod dns;
pub mod headers;
pub mod media;
pub mod sdp;
pub mod sip;
pub mod transaction;
