//! The doubling interval of timers A, E and G.

use std::time::{Duration, Instant};

use super::settings::Timing;

/// Next retransmission of one message, if the transport needs any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resend {
    at: Option<Instant>,
    interval_ms: u32,
}

impl Resend {
    pub(super) const STOPPED: Self = Self { at: None, interval_ms: 0 };

    /// First retransmission after T1; none on a transport that delivers by itself.
    pub(super) fn start(now: Instant, timing: Timing) -> Self {
        if timing.is_reliable() {
            return Self::STOPPED;
        }
        let interval = timing.t1();
        Self { at: Some(now + interval), interval_ms: interval.as_millis() as u32 }
    }

    pub(super) fn stop(&mut self) {
        *self = Self::STOPPED;
    }

    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Whether a retransmission is due; the next interval is twice this one, at most `longest`.
    pub(super) fn is_due(&mut self, now: Instant, longest: Duration) -> bool {
        if self.at.is_none_or(|at| at > now) {
            return false;
        }
        let doubled = Duration::from_millis(2 * u64::from(self.interval_ms));
        self.wait(now, doubled.min(longest));
        true
    }

    /// Sets the interval from here on, unless stopped.
    pub(super) fn wait(&mut self, now: Instant, interval: Duration) {
        self.interval_ms = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        self.at = Some(now + interval);
    }
}

/// The earlier of two deadlines that may be absent.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
