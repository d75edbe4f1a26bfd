//! SDP, RTP and relay sessions without I/O.
//!
//! Everything that decides about media lives here: session descriptions and the offer/answer engine, the
//! choice between relaying and stepping aside, and the state of relayed calls. No socket, clock, thread or
//! random source may come in; time and entropy are arguments.

pub mod decide;
pub mod demux;
pub mod negotiate;
pub mod net_set;
pub mod ports;
pub mod relay;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod stun;
