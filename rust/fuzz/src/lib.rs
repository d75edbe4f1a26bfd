//! What must hold for any input. Each property panics when it does not.

pub mod sdp;
pub mod sip;
