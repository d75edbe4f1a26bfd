//! Relayed calls: what a media worker keeps of each and does with every packet.

mod command;
mod counters;
mod drop_reason;
mod latch;
mod latched;
mod payload_types;
mod probation;
mod remote;
mod session;
mod stream;

pub use command::{
    LatchResult, Latched, LegPorts, MediaCommand, MediaEvent, OpenError, SessionId, SessionStats, Side,
    StreamStats,
};
pub use counters::Counters;
pub use drop_reason::DropReason;
pub use payload_types::PayloadTypes;
pub use remote::Remote;
pub use session::{Arrival, MAX_LINES, Session, Verdict};
