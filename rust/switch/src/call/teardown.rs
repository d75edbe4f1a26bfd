//! Ends of calls: CANCEL, BYE, hang-up by an operator, and what is given back.

use std::time::Instant;

use pbx_sip::Message;

use super::farewell::{ELSEWHERE, Farewell, is_elsewhere};
use super::id::Side;
use super::state::{Call, Phase};
use crate::core::{Core, Inbound};
use crate::refusal::Refusal;

impl Call {
    /// The caller's CANCEL, already matched to the INVITE.
    pub(super) fn on_cancel(&mut self, core: &mut Core, now: Instant, said: &Message) {
        if self.invite.is_none() {
            return;
        }
        if let Some(inbound) = self.inbound() {
            core.answer_refusal(now, &inbound, &Refusal::Cancelled);
        }
        core.counters.count("calls_total", "cancelled");
        self.end_unanswered(core, now, is_elsewhere(said).then_some(ELSEWHERE));
    }

    /// The INVITE has its final response; branches still running are cancelled, with `reason` as their
    /// Reason, and awaited.
    pub(super) fn end_unanswered(&mut self, core: &mut Core, now: Instant, reason: Option<&'static str>) {
        if let Phase::Deciding(query) = self.phase {
            core.forget(query);
        }
        self.invite = None;
        if let Some(held) = self.held.take() {
            held.end(core, now);
        }
        self.plan.groups.clear();
        self.phase = Phase::Ending;
        self.abort_relays(core, now);
        self.early.clear();
        self.reliable = None;
        self.cancel_branches(core, now, reason);
        self.media.close(core, now);
    }

    /// BYE from a party: it is answered, the other party is told.
    pub(super) fn on_bye(&mut self, core: &mut Core, now: Instant, side: Side, inbound: &Inbound<'_>) {
        if side == Side::Callee && self.callee.is_none() {
            // A callee has its final response to say no with (RFC 3261 §15).
            return core.refuse(now, inbound, &Refusal::UnknownDialog);
        }
        core.respond(now, inbound, (200, "OK"), |builder| builder);
        if side == Side::Caller && self.invite.is_some() {
            // BYE in an early dialog ends it like CANCEL (RFC 3261 §15).
            return self.on_cancel(core, now, inbound.request);
        }
        let is_survived = self.outlives(side);
        if let Some(leg) = self.leg_mut(side) {
            // A 2xx it has not acknowledged is still repeated: its INVITE waits for one (RFC 3261 §13.3.1.4).
            leg.closing = true;
            leg.bye_held = false;
        }
        if is_survived {
            return;
        }
        // A 2xx that waited for the answer of the party who left still needs its ACK.
        if let Some(leg) = self.leg_mut(side.other()) {
            leg.settle_ack(core, None);
        }
        core.counters
            .count("calls_total", if side == Side::Caller { "ended_by_caller" } else { "ended_by_callee" });
        self.end_answered(core, now);
        self.bye(core, now, side.other(), Farewell::Passed(inbound.request));
    }

    /// Ends an answered call from our side.
    pub(super) fn hang_up_both(&mut self, core: &mut Core, now: Instant, farewell: Farewell<'_>) {
        self.end_answered(core, now);
        self.bye(core, now, Side::Caller, farewell);
        self.bye(core, now, Side::Callee, farewell);
    }

    /// Ends a call in whatever phase it is; `refusal` is for a caller not answered yet.
    pub(super) fn hang_up(&mut self, core: &mut Core, now: Instant, refusal: &Refusal) {
        match self.phase {
            Phase::Ending => {}
            Phase::Connected => {
                core.counters.count("calls_total", "ended_by_system");
                self.hang_up_both(core, now, Farewell::Plain);
            }
            _ => self.refuse(core, now, refusal),
        }
    }

    fn end_answered(&mut self, core: &mut Core, now: Instant) {
        self.end_transfer(core, now);
        self.phase = Phase::Ending;
        self.abort_relays(core, now);
        self.cancel_branches(core, now, None);
        self.media.close(core, now);
    }

    /// Sends BYE to a side that has not been told yet.
    pub(super) fn bye(&mut self, core: &mut Core, now: Instant, side: Side, farewell: Farewell<'_>) {
        let id = self.id;
        let Some(leg) = self.leg_mut(side) else { return };
        if leg.hang_up(core, now, id, farewell) {
            self.byes += 1;
        }
    }

    /// A BYE of ours was answered, or never will be.
    pub(super) fn on_bye_over(&mut self) {
        self.byes = self.byes.saturating_sub(1);
    }
}
