//! The 2xx to an INVITE until its ACK comes (RFC 3261 §13.3.1.4).

use std::time::{Duration, Instant};

use crate::transaction::{T2, TransactionSettings};

/// When to send a 2xx of ours again. Streams make no difference: the ACK comes from end to end.
///
/// The ACK ends it; the owner then drops this value.
#[derive(Clone, Copy, Debug)]
pub struct Accepted2xx {
    repeat_at: Instant,
    gives_up_at: Instant,
    interval: Duration,
}

/// What a deadline of an [`Accepted2xx`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatVerdict {
    /// Nothing is due yet.
    Wait,
    /// Send the 2xx again.
    Repeat,
    /// No ACK in 64×T1: the session is to be ended by BYE.
    GiveUp,
}

impl Accepted2xx {
    /// The 2xx was sent at `now`.
    pub fn new(now: Instant, settings: TransactionSettings) -> Self {
        Self { repeat_at: now + settings.t1, gives_up_at: now + settings.t1x64, interval: settings.t1 }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn next_at(&self) -> Instant {
        self.repeat_at.min(self.gives_up_at)
    }

    /// The interval starts at T1 and doubles up to T2.
    pub fn handle_timeout(&mut self, now: Instant) -> RepeatVerdict {
        if self.gives_up_at <= now {
            return RepeatVerdict::GiveUp;
        }
        if self.repeat_at > now {
            return RepeatVerdict::Wait;
        }
        self.interval = (2 * self.interval).min(T2);
        self.repeat_at = now + self.interval;
        RepeatVerdict::Repeat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_time::epoch;

    fn copies(settings: TransactionSettings) -> (Vec<u128>, u128) {
        let base = epoch();
        let mut accepted = Accepted2xx::new(base, settings);
        let mut sent = Vec::new();
        loop {
            let now = accepted.next_at();
            let elapsed = (now - base).as_millis();
            match accepted.handle_timeout(now) {
                RepeatVerdict::Repeat => sent.push(elapsed),
                RepeatVerdict::GiveUp => return (sent, elapsed),
                RepeatVerdict::Wait => panic!("nothing due at {elapsed}"),
            }
        }
    }

    #[test]
    fn a_2xx_is_repeated_from_t1_doubling_to_t2_for_64_t1() {
        let (sent, end) = copies(TransactionSettings::default());
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn the_configured_timers_hold() {
        let settings = TransactionSettings { t1: Duration::from_millis(100), t1x64: Duration::from_secs(1) };
        assert_eq!(copies(settings), (vec![100, 300, 700], 1_000));
    }

    #[test]
    fn an_early_call_repeats_nothing() {
        let base = epoch();
        let mut accepted = Accepted2xx::new(base, TransactionSettings::default());
        assert_eq!(accepted.handle_timeout(base + Duration::from_millis(499)), RepeatVerdict::Wait);
    }
}
