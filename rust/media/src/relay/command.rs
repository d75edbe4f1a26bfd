//! What signalling and a media worker tell each other.

use std::net::{IpAddr, SocketAddr};

use super::counters::Counters;
use super::remote::Remote;

/// Names a relayed call on the queues between signalling and worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// The two parties of a relayed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The party that called.
    Caller,
    /// The party that was called.
    Callee,
}

impl Side {
    /// Both sides, in the order of every two-element array here.
    pub const ALL: [Self; 2] = [Self::Caller, Self::Callee];

    /// The other party.
    pub fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    /// Position in two-element arrays.
    pub fn index(self) -> usize {
        match self {
            Self::Caller => 0,
            Self::Callee => 1,
        }
    }
}

/// Sockets one leg needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegPorts {
    /// Local address to bind.
    pub bind: IpAddr,
    /// RTP port of each media line, RTCP on the next; 0 = the line has no socket.
    pub rtp: Vec<u16>,
}

/// Work for a media worker.
#[derive(Clone, Debug)]
pub enum MediaCommand {
    /// Bind the sockets of a call; answered by [`MediaEvent::Opened`]. For a session that is open already, the
    /// lists hold all lines and only those without sockets so far are bound.
    Open {
        /// The call.
        session: SessionId,
        /// Sockets of caller and callee.
        legs: [LegPorts; 2],
    },
    /// A description of a leg took effect for one media line.
    Describe {
        /// The call.
        session: SessionId,
        /// Whose description.
        side: Side,
        /// Index of the media line.
        line: u8,
        /// What it says.
        remote: Remote,
    },
    /// Close the sockets; answered by [`MediaEvent::Closed`]. The ports are free after that.
    Close {
        /// The call.
        session: SessionId,
    },
}

/// News from a media worker.
#[derive(Clone, Debug)]
pub enum MediaEvent {
    /// Outcome of [`MediaCommand::Open`]. After an error nothing newly asked for is bound.
    Opened {
        /// The call.
        session: SessionId,
        /// Success, or the pair that stood in the way.
        result: Result<(), OpenError>,
    },
    /// A stream found or changed its source.
    Latched {
        /// The call.
        session: SessionId,
        /// Which stream, and how.
        latched: Latched,
    },
    /// The session is gone and its ports are free.
    Closed {
        /// The call.
        session: SessionId,
        /// What it carried.
        stats: SessionStats,
    },
}

/// A pair of ports that could not be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError {
    /// Whose leg.
    pub side: Side,
    /// The RTP port of the pair.
    pub port: u16,
    /// Whether another process has it; else binding failed for good (no such address, no descriptors).
    pub is_busy: bool,
}

/// How a stream came to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LatchResult {
    /// Packets in unbroken order from a named address.
    Run,
    /// The probation count was used up.
    Forced,
    /// The source moved and proved to be the same.
    Moved,
}

impl LatchResult {
    /// The label counters use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Forced => "forced",
            Self::Moved => "moved",
        }
    }
}

/// A stream's source, found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latched {
    /// Whose stream.
    pub side: Side,
    /// Index of the media line.
    pub line: u8,
    /// Where its packets come from, and go to.
    pub addr: SocketAddr,
    /// How well signalling vouched for the address: 1 (named) to 4 (a stranger); 0 for a moved source.
    pub tier: u8,
    /// Packets seen before the choice.
    pub packets: u16,
    /// How it was chosen.
    pub result: LatchResult,
}

/// What a session carried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// One entry for each side and line.
    pub streams: Vec<StreamStats>,
}

/// What was received from one side on one media line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStats {
    /// From whom.
    pub side: Side,
    /// Index of the media line.
    pub line: u8,
    /// Packets, octets and drops.
    pub counters: Counters,
    /// The source, if one was found.
    pub latched: Option<Latched>,
}
