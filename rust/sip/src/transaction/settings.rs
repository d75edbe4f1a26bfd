//! Timer values of RFC 3261 §17 and RFC 6026, and what a transaction remembers of them.

use std::time::Duration;

/// Longest interval between two retransmissions of a non-INVITE request or an INVITE response.
pub const T2: Duration = Duration::from_secs(4);
/// How long the network may keep a copy of a message.
pub const T4: Duration = Duration::from_secs(5);
/// How long an INVITE may ring without a new provisional response (RFC 3261 §16.6 step 11).
pub const TIMER_C: Duration = Duration::from_secs(180);
/// Least time a failed INVITE answers copies of its final response (RFC 3261 §17.1.1.2).
pub const MIN_TIMER_D: Duration = Duration::from_secs(32);

/// The two values an operator sets. Transactions keep those they began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// Round-trip time estimate (RFC 3261 §17.1.1.1).
    pub t1: Duration,
    /// Timers B, F, H, J, L and M.
    pub t1x64: Duration,
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t1x64: Duration::from_secs(32) }
    }
}

/// The settings of one transaction in 12 bytes: whole milliseconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    t1_ms: u32,
    t1x64_ms: u32,
    is_reliable: bool,
}

impl Timing {
    pub(super) fn new(settings: TransactionSettings, is_reliable: bool) -> Self {
        let whole = |value: Duration| u32::try_from(value.as_millis()).unwrap_or(u32::MAX).max(1);
        Self { t1_ms: whole(settings.t1), t1x64_ms: whole(settings.t1x64), is_reliable }
    }

    pub(super) fn is_reliable(self) -> bool {
        self.is_reliable
    }

    pub(super) fn t1(self) -> Duration {
        Duration::from_millis(self.t1_ms.into())
    }

    pub(super) fn t1x64(self) -> Duration {
        Duration::from_millis(self.t1x64_ms.into())
    }

    /// Timer D: copies of a final response travel for as long as its sender repeats it.
    pub(super) fn timer_d(self) -> Duration {
        MIN_TIMER_D.max(64 * self.t1())
    }

    /// No entry of the timer queue lies further ahead than this, so that a deadline that comes nearer
    /// (Timer C giving way to Timer M) is still met by the entry already armed.
    pub(super) fn horizon(self) -> Duration {
        self.t1x64().min(MIN_TIMER_D)
    }
}
