//! What a machine asks of the layer after one input.

use std::fmt;

/// Timers of RFC 3261 table 4 and RFC 6026 whose expiry the user of a transaction learns of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimerName {
    /// INVITE without any response.
    B,
    /// INVITE that rang too long; it goes on until cancelled.
    C,
    /// Non-INVITE request without final response.
    F,
    /// Failure response to an INVITE that was never acknowledged.
    H,
    /// Cancelled INVITE without final response 64×T1 after the CANCEL (RFC 3261 §9.1).
    Cancel,
}

impl TimerName {
    /// All names, in the order counters keep them.
    pub const ALL: [Self; 5] = [Self::B, Self::C, Self::F, Self::H, Self::Cancel];

    /// The letter of the RFC, or `cancel`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::B => "B",
            Self::C => "C",
            Self::F => "F",
            Self::H => "H",
            Self::Cancel => "cancel",
        }
    }
}

impl fmt::Display for TimerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Actions that follow one input of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Send the last message (again).
    pub(super) transmit: bool,
    /// Build the ACK to this failure response, keep it and send it.
    pub(super) acknowledge: bool,
    /// Send the ACK kept (again).
    pub(super) repeat_ack: bool,
    /// Send the CANCEL that was asked for.
    pub(super) cancel: bool,
    /// Hand the message to the user.
    pub(super) deliver: bool,
    pub(super) timeout: Option<TimerName>,
    pub(super) transport_error: bool,
    /// The bytes kept for retransmission have no further use.
    pub(super) release: bool,
    pub(super) end: bool,
}

impl Step {
    pub(super) const NONE: Self = Self {
        transmit: false,
        acknowledge: false,
        repeat_ack: false,
        cancel: false,
        deliver: false,
        timeout: None,
        transport_error: false,
        release: false,
        end: false,
    };
    pub(super) const TRANSMIT: Self = Self { transmit: true, ..Self::NONE };
    pub(super) const DELIVER: Self = Self { deliver: true, ..Self::NONE };
    pub(super) const END: Self = Self { end: true, ..Self::NONE };
    /// RFC 3261 §17.1.4 and §17.2.4: the user is told and the transaction is over.
    pub(super) const FAIL: Self = Self { transport_error: true, end: true, ..Self::NONE };

    pub(super) const fn timeout(timer: TimerName) -> Self {
        Self { timeout: Some(timer), ..Self::NONE }
    }

    pub(super) const fn and_end(self, end: bool) -> Self {
        Self { end, ..self }
    }

    pub(super) const fn and_release(self) -> Self {
        Self { release: true, ..self }
    }
}
