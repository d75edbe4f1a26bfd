//! Non-INVITE client transaction: RFC 3261 §17.1.2.

use std::time::Instant;

use super::resend::{Resend, earlier};
use super::settings::{T2, T4, Timing};
use super::step::{Step, TimerName};

/// `Trying ─1xx─▶ Proceeding ─final─▶ Completed ─K─▶ end`, and timer F ends the first two.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientNonInvite {
    timing: Timing,
    state: State,
    /// Timer E.
    resend: Resend,
    /// Timer F or K.
    ends_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
}

impl ClientNonInvite {
    /// The machine at the moment its request is sent.
    pub(super) fn start(now: Instant, timing: Timing) -> Self {
        let resend = Resend::start(now, timing);
        Self { timing, state: State::Trying, resend, ends_at: now + timing.t1x64() }
    }

    pub(super) fn handle_response(&mut self, now: Instant, code: u16) -> Step {
        match (self.state, code) {
            (State::Completed, _) => Step::NONE,
            (State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                Step::DELIVER
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                self.resend.stop();
                self.ends_at = now + T4;
                Step::DELIVER.and_release().and_end(self.timing.is_reliable())
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.ends_at <= now {
            return match self.state {
                State::Trying | State::Proceeding => Step::timeout(TimerName::F).and_end(true),
                State::Completed => Step::END,
            };
        }
        if !self.resend.is_due(now, T2) {
            return Step::NONE;
        }
        if self.state == State::Proceeding {
            // §17.1.2.2: the server has the request, so only a lost final response is asked for.
            self.resend.wait(now, T2);
        }
        Step::TRANSMIT
    }

    pub(super) fn handle_transport_error(&self) -> Step {
        match self.state {
            State::Trying | State::Proceeding => Step::FAIL,
            State::Completed => Step::NONE,
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        earlier(self.resend.at(), Some(self.ends_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::TransactionSettings;
    use crate::transaction::machine_test::{ms, run};
    use crate::virtual_time::epoch;

    fn started(base: Instant, is_reliable: bool) -> ClientNonInvite {
        ClientNonInvite::start(base, Timing::new(TransactionSettings::default(), is_reliable))
    }

    #[test]
    fn timer_e_doubles_to_t2_until_timer_f() {
        let base = epoch();
        let mut request = started(base, false);
        let (sent, end) = run(base, |now| request.handle_timeout(now), 10);
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(end, (32_000, Step::timeout(TimerName::F).and_end(true)));
    }

    #[test]
    fn after_a_provisional_timer_e_is_t2() {
        let base = epoch();
        let mut request = started(base, false);
        assert_eq!(request.handle_response(base + ms(100), 100), Step::DELIVER);
        let (sent, end) = run(base, |now| request.handle_timeout(now), 10);
        assert_eq!(sent, [500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500]);
        assert_eq!(end, (32_000, Step::timeout(TimerName::F).and_end(true)));
    }

    #[test]
    fn a_stream_needs_no_copies_and_no_timer_k() {
        let base = epoch();
        let mut request = started(base, true);
        assert_eq!(request.next_at(), Some(base + ms(32_000)));
        assert_eq!(request.handle_response(base, 200), Step::DELIVER.and_release().and_end(true));
    }

    #[test]
    fn the_final_response_is_delivered_once_and_timer_k_absorbs_copies() {
        let base = epoch();
        let mut request = started(base, false);
        assert_eq!(request.handle_response(base, 200), Step::DELIVER.and_release());
        assert_eq!(request.handle_response(base + ms(10), 200), Step::NONE);
        assert_eq!(request.handle_response(base + ms(20), 500), Step::NONE);
        assert_eq!(request.handle_timeout(base + ms(4_999)), Step::NONE);
        assert_eq!(request.handle_timeout(base + ms(5_000)), Step::END);
    }

    #[test]
    fn a_transport_error_fails_an_open_request_only() {
        let base = epoch();
        let mut request = started(base, false);
        assert_eq!(request.handle_transport_error(), Step::FAIL);
        request.handle_response(base, 200);
        assert_eq!(request.handle_transport_error(), Step::NONE);
    }
}
