//! Non-INVITE server transaction: RFC 3261 §17.2.2 with the rules of RFC 4320.

use std::time::Instant;

use super::settings::Timing;
use super::step::Step;

/// `Trying ─1xx─▶ Proceeding ─final─▶ Completed ─J─▶ end`
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerNonInvite {
    timing: Timing,
    state: State,
    /// Timer J.
    ends_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    /// Answered by silence: a 408 would reach the client after it has given up.
    Silenced,
}

impl ServerNonInvite {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, state: State::Trying, ends_at: None }
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self.state, State::Completed | State::Silenced)
    }

    /// A response of the user; `None` after a final one, and for a provisional one other than 100
    /// (RFC 4320 §4.1).
    pub(super) fn handle_response(&mut self, now: Instant, code: u16) -> Option<Step> {
        match (self.state, code) {
            (State::Completed | State::Silenced, _) | (_, 101..=199) => None,
            (State::Trying | State::Proceeding, 100) => {
                self.state = State::Proceeding;
                Some(Step::TRANSMIT)
            }
            // RFC 4320 §4.2: never a 408; copies of the request stay unanswered until timer J.
            (State::Trying | State::Proceeding, 408) => {
                self.state = State::Silenced;
                self.ends_at = Some(now + self.timing.t1x64());
                Some(Step::NONE.and_release().and_end(self.timing.is_reliable()))
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                self.ends_at = Some(now + self.timing.t1x64());
                Some(Step::TRANSMIT.and_end(self.timing.is_reliable()))
            }
        }
    }

    /// A copy of the request.
    pub(super) fn handle_copy(&self) -> Step {
        match self.state {
            State::Trying | State::Silenced => Step::NONE,
            State::Proceeding | State::Completed => Step::TRANSMIT,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.ends_at.is_some_and(|at| at <= now) { Step::END } else { Step::NONE }
    }

    pub(super) fn handle_transport_error(&self) -> Step {
        match self.state {
            State::Silenced => Step::NONE,
            State::Trying | State::Proceeding | State::Completed => Step::FAIL,
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::TransactionSettings;
    use crate::transaction::machine_test::ms;
    use crate::virtual_time::epoch;

    fn machine(is_reliable: bool) -> ServerNonInvite {
        ServerNonInvite::new(Timing::new(TransactionSettings::default(), is_reliable))
    }

    #[test]
    fn a_copy_is_absorbed_until_there_is_a_response() {
        let mut request = machine(false);
        assert_eq!(request.handle_copy(), Step::NONE);
        request.handle_response(epoch(), 100);
        assert_eq!(request.handle_copy(), Step::TRANSMIT);
        request.handle_response(epoch(), 200);
        assert_eq!(request.handle_copy(), Step::TRANSMIT);
    }

    #[test]
    fn timer_j_keeps_the_response_for_64_t1_on_datagrams_and_not_at_all_on_streams() {
        let base = epoch();
        let mut request = machine(false);
        assert_eq!(request.handle_response(base, 200), Some(Step::TRANSMIT));
        assert_eq!(request.handle_timeout(base + ms(31_999)), Step::NONE);
        assert_eq!(request.handle_timeout(base + ms(32_000)), Step::END);
        assert_eq!(machine(true).handle_response(base, 200), Some(Step::TRANSMIT.and_end(true)));
    }

    #[test]
    fn a_request_timeout_is_never_sent() {
        let base = epoch();
        let mut request = machine(false);
        assert_eq!(request.handle_response(base, 408), Some(Step::NONE.and_release()));
        assert_eq!(request.handle_copy(), Step::NONE);
        assert_eq!(request.handle_response(base, 200), None);
        assert_eq!(request.handle_timeout(base + ms(32_000)), Step::END);
    }

    #[test]
    fn no_provisional_but_100_is_sent() {
        assert_eq!(machine(false).handle_response(epoch(), 180), None);
        assert_eq!(machine(false).handle_response(epoch(), 100), Some(Step::TRANSMIT));
    }

    #[test]
    fn a_second_final_response_is_refused() {
        let mut request = machine(false);
        request.handle_response(epoch(), 481);
        assert_eq!(request.handle_response(epoch(), 200), None);
        assert_eq!(request.handle_response(epoch(), 100), None);
    }
}
