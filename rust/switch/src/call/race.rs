//! The race between the forks of a call: what each response, deadline or failure means for the others
//! (RFC 3261 §16.7).

use std::time::Instant;

use pbx_sip::Message;
use pbx_sip::transaction::TimerName;

use super::branch::BranchState;
use super::failure::Failure;
use super::headers;
use super::plan::{Endpoint, is_failover};
use super::state::{Call, Phase};
use crate::core::Core;
use crate::refusal::Refusal;

impl Call {
    /// A response to the INVITE of one branch.
    pub(super) fn on_branch_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        index: usize,
        response: &Message,
    ) {
        headers::count_excess(core, response);
        if let Some(branch) = self.branches.get_mut(index) {
            branch.is_heard = true;
            core.failed_hops.remove(branch.endpoint.flow);
        }
        match response.status() {
            100 => {}
            101..=199 => self.on_progress(core, now, index, response),
            200..=299 => self.on_answer(core, now, index, response),
            422 if self.ask_longer(core, now, index, response) => {}
            _ => self.on_branch_failure(core, now, index, Failure::from_response(response)),
        }
    }

    /// The callee finds our session interval too small (RFC 4028 §7.3): it is rung again with a longer one. `false`:
    /// that was tried.
    fn ask_longer(&mut self, core: &mut Core, now: Instant, index: usize, response: &Message) -> bool {
        let Some(branch) = self.branches.get_mut(index).filter(|branch| branch.is_awaited()) else {
            return false;
        };
        let Some(asked) = branch.asked.raised(response).filter(|_| self.phase == Phase::Ringing) else {
            return false;
        };
        branch.state = BranchState::Over;
        // A request of its own, unlike what the next server of a name gets.
        let endpoint = Endpoint { identity: None, ..branch.endpoint.clone() };
        let breadth = branch.breadth;
        self.dial(core, now, &endpoint, breadth, asked);
        self.conclude(core, now);
        true
    }

    /// No response at all, or no way to send.
    pub(super) fn on_branch_timeout(
        &mut self,
        core: &mut Core,
        now: Instant,
        index: usize,
        timer: Option<TimerName>,
    ) {
        if timer == Some(TimerName::C) {
            if let Some(branch) = self.branches.get_mut(index).filter(|branch| branch.is_awaited()) {
                branch.cancelled = true;
                core.transactions.cancel(now, branch.transaction, None);
                self.conclude(core, now);
            }
            return;
        }
        self.note_failed_hop(core, now, index);
        let code = if timer.is_some() { 408 } else { 503 };
        self.on_branch_failure(core, now, index, Failure::local(code));
    }

    /// A branch is out of the race.
    fn on_branch_failure(&mut self, core: &mut Core, now: Instant, index: usize, failure: Failure) {
        let Some(branch) = self.branches.get_mut(index).filter(|branch| branch.is_pending()) else { return };
        branch.state = BranchState::Over;
        let transaction = branch.transaction;
        self.forget_early(transaction);
        let Some(branch) = self.branches.get(index) else { return };
        // What a branch says that was cancelled is our doing, not the callee's.
        if branch.cancelled || self.phase != Phase::Ringing {
            return;
        }
        if let Some(next) = branch.endpoint.next_flow(failure.code) {
            let (breadth, asked) = (branch.breadth, branch.asked);
            self.dial(core, now, &next, breadth, asked);
            return self.conclude(core, now);
        }
        if failure.code >= 600 {
            // §16.7 step 5 ends the search. The caller need not wait for the others: an answer that crosses
            // our CANCEL is ended by us.
            self.best = Some(failure);
            return self.fail(core, now);
        }
        self.note_failure(failure);
        self.conclude(core, now);
    }

    /// Goes on, or gives up, once nobody is awaited.
    pub(super) fn conclude(&mut self, core: &mut Core, now: Instant) {
        if self.phase != Phase::Ringing || self.is_awaiting() {
            return;
        }
        let goes_on = self.any_failure || self.best.as_ref().is_none_or(|best| is_failover(best.code));
        if goes_on { self.dial_next(core, now) } else { self.fail(core, now) }
    }

    /// The ring limit of a group is over.
    pub(super) fn on_ring_limit(&mut self, core: &mut Core, now: Instant, group: u32) {
        if self.phase != Phase::Ringing || self.group != group {
            return;
        }
        self.cancel_branches(core, now, None);
        if self.plan.groups.is_empty() {
            return self.refuse(core, now, &Refusal::NoAnswer);
        }
        self.dial_next(core, now);
    }

    /// Sends CANCEL on every branch still running, with `reason` as its Reason (RFC 3326).
    pub(super) fn cancel_branches(&mut self, core: &mut Core, now: Instant, reason: Option<&'static str>) {
        self.forget_searches(core);
        for branch in self.branches.iter_mut().filter(|branch| branch.is_awaited()) {
            branch.cancelled = true;
            core.transactions.cancel(now, branch.transaction, reason);
        }
    }

    pub(super) fn note_failure(&mut self, failure: Failure) {
        self.best = Some(failure.better(self.best.take()));
    }
}
