//! What must hold for any input. Each property panics when it does not.

pub mod dialog;
pub mod dns;
// The octets of connections are read inside the crate that owns the sockets, which shows them to nobody.
#[allow(dead_code, reason = "a connection uses more of it")]
#[path = "../../net/src/framing.rs"]
mod framing;
pub mod headers;
pub mod media;
pub mod multipart;
pub mod sdp;
pub mod sip;
pub mod stun;
pub mod transaction;
pub mod web_socket;
#[allow(dead_code, reason = "a connection uses more of it")]
#[path = "../../net/src/ws/mod.rs"]
mod ws;
