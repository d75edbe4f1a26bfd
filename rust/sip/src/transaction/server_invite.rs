//! INVITE server transaction: RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1.

use std::time::Instant;

use super::resend::{Resend, earlier};
use super::settings::{T2, T4, Timing};
use super::step::{Step, TimerName};

/// ```text
///   INVITE ─▶ Proceeding ─2xx─▶ Accepted ─L─▶ end
///                 │ 300–699
///                 ▼
///             Completed ─ACK─▶ Confirmed ─I─▶ end
///                 └──H──▶ end
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerInvite {
    timing: Timing,
    state: State,
    has_provisional: bool,
    /// Timer G.
    resend: Resend,
    /// Timer H, I or L.
    ends_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
}

impl ServerInvite {
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            state: State::Proceeding,
            has_provisional: false,
            resend: Resend::STOPPED,
            ends_at: None,
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.state != State::Proceeding
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.state == State::Accepted
    }

    /// A response of the user; `None` after a final one.
    pub(super) fn handle_response(&mut self, now: Instant, code: u16) -> Option<Step> {
        if self.state != State::Proceeding {
            return None;
        }
        match code {
            100..=199 => {
                self.has_provisional = true;
                Some(Step::TRANSMIT)
            }
            // RFC 6026 §7.1: repeating the 2xx is the user's, so the bytes are not kept.
            200..=299 => {
                self.state = State::Accepted;
                self.ends_at = Some(now + self.timing.t1x64());
                Some(Step::TRANSMIT.and_release())
            }
            // §17.2.1: timer G on unreliable transports, timer H on all.
            _ => {
                self.state = State::Completed;
                self.resend = Resend::start(now, self.timing);
                self.ends_at = Some(now + self.timing.t1x64());
                Some(Step::TRANSMIT)
            }
        }
    }

    /// A copy of the INVITE.
    pub(super) fn handle_copy(&self) -> Step {
        match self.state {
            State::Proceeding if self.has_provisional => Step::TRANSMIT,
            State::Completed => Step::TRANSMIT,
            // RFC 6026 §7.1: absorbed, the user's own 2xx copies answer it.
            State::Proceeding | State::Accepted | State::Confirmed => Step::NONE,
        }
    }

    /// An ACK that matches the transaction.
    pub(super) fn handle_ack(&mut self, now: Instant) -> Step {
        match self.state {
            State::Completed => {
                self.state = State::Confirmed;
                self.resend.stop();
                // Timer I absorbs further copies of the ACK where there can be any.
                self.ends_at = Some(now + T4);
                Step::NONE.and_release().and_end(self.timing.is_reliable())
            }
            // RFC 6026 §7.1: the ACK to a 2xx belongs to the user.
            State::Accepted => Step::DELIVER,
            State::Proceeding | State::Confirmed => Step::NONE,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.ends_at.is_some_and(|at| at <= now) {
            return match self.state {
                State::Completed => Step::timeout(TimerName::H).and_end(true),
                State::Proceeding | State::Accepted | State::Confirmed => Step::END,
            };
        }
        if self.resend.is_due(now, T2) { Step::TRANSMIT } else { Step::NONE }
    }

    pub(super) fn handle_transport_error(&self) -> Step {
        match self.state {
            State::Proceeding | State::Completed => Step::FAIL,
            // RFC 6026 figure 7: the user is told, copies are still absorbed.
            State::Accepted => Step { transport_error: true, ..Step::NONE },
            State::Confirmed => Step::NONE,
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        earlier(self.resend.at(), self.ends_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::TransactionSettings;
    use crate::transaction::machine_test::{ms, run};
    use crate::virtual_time::epoch;

    fn machine(is_reliable: bool) -> ServerInvite {
        ServerInvite::new(Timing::new(TransactionSettings::default(), is_reliable))
    }

    #[test]
    fn a_copy_is_answered_by_the_last_provisional_only_once_there_is_one() {
        let mut invite = machine(false);
        assert_eq!(invite.handle_copy(), Step::NONE);
        assert_eq!(invite.handle_response(epoch(), 100), Some(Step::TRANSMIT));
        assert_eq!(invite.handle_copy(), Step::TRANSMIT);
        assert_eq!(invite.next_at(), None);
    }

    #[test]
    fn timer_g_doubles_to_t2_until_timer_h() {
        let base = epoch();
        let mut invite = machine(false);
        invite.handle_response(base, 486);
        let (sent, end) = run(base, |now| invite.handle_timeout(now), 10);
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(end, (32_000, Step::timeout(TimerName::H).and_end(true)));
    }

    #[test]
    fn a_failure_on_a_stream_is_not_repeated_but_waits_for_its_ack() {
        let base = epoch();
        let mut invite = machine(true);
        invite.handle_response(base, 486);
        assert_eq!(invite.next_at(), Some(base + ms(32_000)));
        assert_eq!(invite.handle_ack(base + ms(50)), Step::END.and_release());
    }

    #[test]
    fn ack_stops_timer_g_and_timer_i_ends_the_transaction() {
        let base = epoch();
        let mut invite = machine(false);
        invite.handle_response(base, 404);
        assert_eq!(invite.handle_ack(base + ms(100)), Step::NONE.and_release());
        assert_eq!(invite.handle_ack(base + ms(200)), Step::NONE, "a copy of the ACK is absorbed");
        assert_eq!(invite.handle_copy(), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(600)), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(5_100)), Step::END);
    }

    #[test]
    fn accepted_absorbs_copies_and_delivers_acks_until_timer_l() {
        let base = epoch();
        let mut invite = machine(false);
        assert_eq!(invite.handle_response(base, 200), Some(Step::TRANSMIT.and_release()));
        assert_eq!(invite.handle_copy(), Step::NONE);
        assert_eq!(invite.handle_ack(base), Step::DELIVER);
        assert_eq!(invite.handle_timeout(base + ms(31_999)), Step::NONE);
        assert_eq!(invite.handle_timeout(base + ms(32_000)), Step::END);
    }

    #[test]
    fn a_second_final_response_is_refused() {
        for first in [200, 302, 486, 603] {
            let mut invite = machine(false);
            assert!(invite.handle_response(epoch(), first).is_some());
            for second in [180, 200, 500] {
                assert_eq!(invite.handle_response(epoch(), second), None);
            }
        }
    }

    #[test]
    fn a_transport_error_ends_all_but_an_accepted_or_confirmed_transaction() {
        let base = epoch();
        let mut invite = machine(false);
        assert_eq!(invite.handle_transport_error(), Step::FAIL);
        invite.handle_response(base, 200);
        assert_eq!(invite.handle_transport_error(), Step { transport_error: true, ..Step::NONE });
        let mut invite = machine(false);
        invite.handle_response(base, 500);
        assert_eq!(invite.handle_transport_error(), Step::FAIL);
        invite.handle_ack(base);
        assert_eq!(invite.handle_transport_error(), Step::NONE);
    }
}
