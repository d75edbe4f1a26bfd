//! INVITE client transaction: RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2, CANCEL of §9.1
//! and timer C of §16.6.

use std::time::{Duration, Instant};

use super::resend::{Resend, earlier};
use super::settings::{TIMER_C, Timing};
use super::step::{Step, TimerName};

/// ```text
///   Calling ─1xx─▶ Proceeding          (2xx from both) ─▶ Accepted ─M─▶ end
///      └B─▶ end        │       (300–699 from both) ─ACK─▶ Completed ─D─▶ end
///                      └ C ─▶ told to the user, who cancels
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientInvite {
    timing: Timing,
    state: State,
    cancel: Cancel,
    /// Timer A.
    resend: Resend,
    /// Timer B, C, D or M, or 64×T1 after a CANCEL.
    ends_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    /// Timer C has fired and nobody has cancelled yet.
    Overdue,
    Accepted,
    Completed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancel {
    Unasked,
    /// Held back: the server may not have the INVITE yet (§9.1).
    Asked,
    Sent,
}

impl ClientInvite {
    /// The machine at the moment its INVITE is sent.
    pub(super) fn start(now: Instant, timing: Timing) -> Self {
        let resend = Resend::start(now, timing);
        Self { timing, state: State::Calling, cancel: Cancel::Unasked, resend, ends_at: now + timing.t1x64() }
    }

    pub(super) fn handle_response(&mut self, now: Instant, code: u16) -> Step {
        match (self.state, code) {
            (State::Calling | State::Proceeding | State::Overdue, 100..=199) => {
                self.on_provisional(now, code)
            }
            (State::Calling | State::Proceeding | State::Overdue, 200..=299) => {
                self.enter(State::Accepted, now + self.timing.t1x64());
                Step::DELIVER.and_release()
            }
            (State::Calling | State::Proceeding | State::Overdue, _) => {
                self.enter(State::Completed, now + self.timing.timer_d());
                Step { acknowledge: true, ..Step::DELIVER }.and_end(self.timing.is_reliable())
            }
            // RFC 6026 §7.2: each 2xx, a copy or one of another fork, is the user's to acknowledge.
            (State::Accepted, 200..=299) => Step::DELIVER,
            // §17.1.1.2: the ACK was lost.
            (State::Completed, 300..=699) => Step { repeat_ack: true, ..Step::NONE },
            (State::Accepted | State::Completed, _) => Step::NONE,
        }
    }

    /// The user wants no answer any more.
    pub(super) fn handle_cancel(&mut self, now: Instant) -> Step {
        match (self.state, self.cancel) {
            (State::Calling, Cancel::Unasked) => {
                self.cancel = Cancel::Asked;
                Step::NONE
            }
            (State::Proceeding | State::Overdue, Cancel::Unasked) => self.send_cancel(now),
            // Once there is a final response a CANCEL has no effect (§9.1).
            (State::Accepted | State::Completed, _) | (_, Cancel::Asked | Cancel::Sent) => Step::NONE,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.ends_at <= now {
            return self.on_deadline(now);
        }
        if self.resend.is_due(now, Duration::MAX) { Step::TRANSMIT } else { Step::NONE }
    }

    pub(super) fn handle_transport_error(&self) -> Step {
        match self.state {
            State::Calling | State::Proceeding | State::Overdue => Step::FAIL,
            // The ACK cannot be sent; the user has its final answer and is not told another.
            State::Completed => Step::END,
            State::Accepted => Step::NONE,
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        earlier(self.resend.at(), Some(self.ends_at))
    }

    fn on_provisional(&mut self, now: Instant, code: u16) -> Step {
        if self.state == State::Calling {
            // Until here timer B has bounded the INVITE; timer C is longer than three minutes from its
            // start in any case (§16.6 step 11).
            self.enter(State::Proceeding, now + TIMER_C);
        }
        match self.cancel {
            Cancel::Asked => {
                let cancel = self.send_cancel(now);
                return Step { deliver: true, ..cancel };
            }
            // §16.7 step 2: a 100 tells nothing about ringing.
            Cancel::Unasked if code > 100 && self.state == State::Proceeding => self.ends_at = now + TIMER_C,
            Cancel::Unasked | Cancel::Sent => {}
        }
        Step::DELIVER
    }

    fn on_deadline(&mut self, now: Instant) -> Step {
        match (self.state, self.cancel) {
            (State::Calling, _) => Step::timeout(TimerName::B).and_end(true),
            (State::Proceeding | State::Overdue, Cancel::Sent) => {
                Step::timeout(TimerName::Cancel).and_end(true)
            }
            (State::Proceeding, _) => {
                // A user who does not cancel must not keep the transaction for ever.
                self.enter(State::Overdue, now + self.timing.t1x64());
                Step::timeout(TimerName::C)
            }
            (State::Overdue | State::Accepted | State::Completed, _) => Step::END,
        }
    }

    fn send_cancel(&mut self, now: Instant) -> Step {
        self.cancel = Cancel::Sent;
        self.ends_at = now + self.timing.t1x64();
        Step { cancel: true, ..Step::NONE }
    }

    fn enter(&mut self, state: State, ends_at: Instant) {
        self.state = state;
        self.resend.stop();
        self.ends_at = ends_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::TransactionSettings;
    use crate::transaction::machine_test::{ms, run};
    use crate::virtual_time::epoch;

    const ACKNOWLEDGE: Step = Step { acknowledge: true, ..Step::DELIVER };
    const CANCEL: Step = Step { cancel: true, ..Step::NONE };

    fn started(base: Instant, is_reliable: bool) -> ClientInvite {
        ClientInvite::start(base, Timing::new(TransactionSettings::default(), is_reliable))
    }

    #[test]
    fn timer_a_doubles_without_cap_until_timer_b() {
        let base = epoch();
        let mut invite = started(base, false);
        let (sent, end) = run(base, |now| invite.handle_timeout(now), 6);
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert_eq!(end, (32_000, Step::timeout(TimerName::B).and_end(true)));
    }

    #[test]
    fn timer_a_follows_the_configured_t1() {
        let base = epoch();
        let settings = TransactionSettings { t1: ms(100), t1x64: ms(6_400) };
        let mut invite = ClientInvite::start(base, Timing::new(settings, false));
        let (sent, end) = run(base, |now| invite.handle_timeout(now), 6);
        assert_eq!(sent, [100, 300, 700, 1_500, 3_100, 6_300]);
        assert_eq!(end.0, 6_400);
    }

    #[test]
    fn a_stream_carries_the_invite_once() {
        let base = epoch();
        let mut invite = started(base, true);
        let (sent, end) = run(base, |now| invite.handle_timeout(now), 0);
        assert_eq!((sent.len(), end.0), (0, 32_000));
    }

    #[test]
    fn a_provisional_stops_timers_a_and_b() {
        let base = epoch();
        let mut invite = started(base, false);
        assert_eq!(invite.handle_response(base + ms(100), 100), Step::DELIVER);
        assert_eq!(invite.handle_timeout(base + ms(60_000)), Step::NONE);
        assert_eq!(invite.next_at(), Some(base + ms(100) + TIMER_C));
    }

    #[test]
    fn timer_c_counts_from_the_last_provisional_above_100() {
        let base = epoch();
        let mut invite = started(base, false);
        invite.handle_response(base + ms(100), 100);
        invite.handle_response(base + ms(2_000), 180);
        invite.handle_response(base + ms(90_000), 100);
        assert_eq!(invite.handle_timeout(base + ms(181_999)), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(182_000)), Step::timeout(TimerName::C));
        assert_eq!(invite.handle_cancel(base + ms(182_000)), CANCEL);
        let end = invite.handle_timeout(base + ms(214_000));
        assert_eq!(end, Step::timeout(TimerName::Cancel).and_end(true));
    }

    #[test]
    fn an_overdue_invite_nobody_cancels_ends() {
        let base = epoch();
        let mut invite = started(base, false);
        invite.handle_response(base, 180);
        assert_eq!(invite.handle_timeout(base + TIMER_C), Step::timeout(TimerName::C));
        assert_eq!(invite.handle_timeout(base + TIMER_C + ms(32_000)), Step::END);
    }

    #[test]
    fn a_failure_is_acknowledged_and_delivered_once_and_its_copies_get_the_ack_again() {
        let base = epoch();
        let mut invite = started(base, false);
        invite.handle_response(base, 180);
        assert_eq!(invite.handle_response(base + ms(10), 486), ACKNOWLEDGE);
        assert_eq!(invite.handle_response(base + ms(20), 486), Step { repeat_ack: true, ..Step::NONE });
        assert_eq!(invite.handle_response(base + ms(30), 180), Step::NONE);
        assert_eq!(invite.handle_response(base + ms(40), 200), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(32_009)), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(32_010)), Step::END);
    }

    #[test]
    fn timer_d_is_zero_on_streams_and_64_t1_when_that_is_longer() {
        let base = epoch();
        assert_eq!(started(base, true).handle_response(base, 486), ACKNOWLEDGE.and_end(true));
        let settings = TransactionSettings { t1: ms(1_000), t1x64: ms(64_000) };
        let mut invite = ClientInvite::start(base, Timing::new(settings, false));
        invite.handle_response(base, 486);
        assert_eq!(invite.next_at(), Some(base + ms(64_000)));
    }

    #[test]
    fn every_2xx_is_delivered_until_timer_m() {
        let base = epoch();
        let mut invite = started(base, true);
        assert_eq!(invite.handle_response(base, 200), Step::DELIVER.and_release());
        assert_eq!(invite.handle_response(base + ms(500), 200), Step::DELIVER);
        assert_eq!(invite.handle_response(base + ms(600), 202), Step::DELIVER);
        assert_eq!(invite.handle_response(base + ms(700), 486), Step::NONE);
        assert_eq!(invite.handle_response(base + ms(800), 180), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(31_999)), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(32_000)), Step::END);
    }

    #[test]
    fn cancel_before_provisional_is_held_back() {
        let base = epoch();
        let mut invite = started(base, false);
        assert_eq!(invite.handle_cancel(base), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(500)), Step::TRANSMIT, "the INVITE is still repeated");
        assert_eq!(invite.handle_response(base + ms(600), 100), Step { deliver: true, ..CANCEL });
        assert_eq!(invite.handle_response(base + ms(700), 180), Step::DELIVER);
        assert_eq!(invite.handle_cancel(base + ms(800)), Step::NONE, "one CANCEL is enough");
        let end = invite.handle_timeout(base + ms(32_600));
        assert_eq!(end, Step::timeout(TimerName::Cancel).and_end(true));
    }

    #[test]
    fn cancel_held_back_is_dropped_by_a_final_response() {
        let base = epoch();
        let mut invite = started(base, false);
        invite.handle_cancel(base);
        assert_eq!(invite.handle_response(base, 200), Step::DELIVER.and_release());
        let mut invite = started(base, false);
        invite.handle_cancel(base);
        assert_eq!(invite.handle_response(base, 404), ACKNOWLEDGE);
    }

    #[test]
    fn cancel_after_a_final_response_does_nothing() {
        let base = epoch();
        for code in [200, 486] {
            let mut invite = started(base, false);
            invite.handle_response(base, code);
            assert_eq!(invite.handle_cancel(base), Step::NONE);
        }
    }

    #[test]
    fn a_200_that_crosses_the_cancel_is_delivered() {
        let base = epoch();
        let mut invite = started(base, false);
        invite.handle_response(base, 180);
        assert_eq!(invite.handle_cancel(base), CANCEL);
        assert_eq!(invite.handle_response(base + ms(1), 200), Step::DELIVER.and_release());
    }

    #[test]
    fn a_transport_error_fails_an_open_invite_ends_a_completed_one_and_spares_an_accepted_one() {
        let base = epoch();
        let mut invite = started(base, false);
        invite.handle_response(base, 486);
        assert_eq!(invite.handle_transport_error(), Step::END);
        let mut invite = started(base, false);
        assert_eq!(invite.handle_transport_error(), Step::FAIL);
        invite.handle_response(base, 200);
        assert_eq!(invite.handle_transport_error(), Step::NONE);
    }
}
