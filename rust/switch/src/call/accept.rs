//! The answer: one callee wins, the others are ended, both legs are confirmed.

use std::time::Instant;

use pbx_sip::dialog::{Accepted2xx, Dialog, RepeatVerdict};
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Builder, Bytes, Message, Method, Name};

use super::body::with_description;
use super::branch::BranchState;
use super::dismiss::{dismiss, remember_ended};
use super::early::{Earlier, EarlyLeg};
use super::failure::Failure;
use super::farewell::{ELSEWHERE, Farewell};
use super::headers;
use super::id::{Side, TimerKind};
use super::leg::{Accepting, Leg};
use super::relay::Relay;
use super::session_timer::SessionTimer;
use super::state::{Call, Phase};
use crate::core::{Core, Inbound};
use crate::refusal::{ALLOW, Refusal, supported};

/// A winning 2xx that waits: for the sockets it showed to be needed, since nobody may be told of a port before it is
/// bound; or for the PRACK of a response with a session description (RFC 3262 §3).
pub(super) struct HeldAnswer {
    leg: Leg,
    transaction: TransactionId,
    response: Message,
    earlier: Earlier,
    /// Its sockets are being opened.
    pub(super) needs_sockets: bool,
}

impl HeldAnswer {
    fn is_copied_by(&self, transaction: TransactionId, response: &Message) -> bool {
        self.transaction == transaction && self.leg.dialog.is_of(response)
    }

    /// Nobody waits for it any more (RFC 3261 §13.2.2.4).
    pub(super) fn end(mut self, core: &mut Core, now: Instant) {
        self.leg.acknowledge(core, self.response.cseq(), None);
        remember_ended(core, self.transaction, &self.leg.dialog.remote_tag);
        core.counters.count("calls_total", "discarded_answers");
        let flow = self.leg.flow();
        core.request(now, flow, Method::Bye, None, |via| self.leg.dialog.request(Method::Bye, via));
    }
}

impl Call {
    /// A 2xx to the INVITE of one branch: the first wins; copies are acknowledged again, other dialogs ended.
    pub(super) fn on_answer(&mut self, core: &mut Core, now: Instant, index: usize, response: &Message) {
        if let Some(callee) = &self.callee
            && !callee.is_spent()
            && &*callee.dialog.remote_tag == response.to_tag().unwrap_or_default()
            && &*callee.dialog.call_id == response.call_id()
        {
            return callee.repeat_ack(core, response.cseq());
        }
        let Some(branch) = self.branches.get_mut(index) else { return };
        if self.held.as_ref().is_some_and(|held| held.is_copied_by(branch.transaction, response)) {
            return;
        }
        let is_free = self.callee.is_none() && self.held.is_none();
        let wins = self.phase == Phase::Ringing && branch.is_pending() && is_free;
        // Another dialog of the branch that won leaves it the winner.
        if branch.is_pending() {
            branch.state = if wins { BranchState::Won } else { BranchState::Over };
        }
        let transaction = branch.transaction;
        if !wins {
            let is_taken = self.callee.is_some() || self.held.is_some();
            let farewell = if is_taken { Farewell::Reason(ELSEWHERE) } else { Farewell::Plain };
            return dismiss(core, now, transaction, response, farewell);
        }
        let user = branch.endpoint.user.clone();
        let (flow, nat) = (branch.endpoint.flow, branch.endpoint.nat);
        let uri: Box<str> = branch.endpoint.uri.as_str().into();
        let early = self.take_early(response);
        let earlier = early.as_ref().map_or(Earlier::Nothing, EarlyLeg::earlier);
        let leg = early.map(|early| early.leg);
        let Some(mut leg) = leg.or_else(|| Some(Leg::new(Dialog::uac(response, flow).ok()?, nat))) else {
            dismiss(core, now, transaction, response, Farewell::Plain);
            return self.lose_answer(core, now, Failure::local(500));
        };
        leg.user = user;
        if response.header(Name::Contact).is_none() {
            // Without a Contact the To URI would lead back to us; the way the INVITE went still leads there.
            leg.dialog.remote_target.clone_from(&uri);
            leg.behind_nat = true;
        }
        self.summary.callee = Some(uri);
        let is_open = !matches!(earlier, Earlier::Settled) && !self.is_bound_elsewhere(&earlier);
        let answer = match &earlier {
            Earlier::Answered(answer) => Some(&**answer),
            _ => response.sdp(),
        };
        let needs_sockets =
            is_open && self.anchor_if_revealed(core, now, (response, answer), leg.dialog.flow);
        if needs_sockets || self.holds_answer() {
            let response = response.clone();
            let held = HeldAnswer { leg, transaction, response, earlier, needs_sockets };
            self.held = Some(Box::new(held));
        } else {
            self.take_answer(core, now, (leg, earlier), (transaction, response));
        }
    }

    /// The sockets an answer waited for are open, or will not be.
    pub(super) fn on_answer_sockets(&mut self, core: &mut Core, now: Instant) {
        if let Some(held) = &mut self.held {
            held.needs_sockets = false;
        }
        self.resume_answer(core, now);
    }

    /// Goes on with an answer that waits for nothing any more.
    pub(super) fn resume_answer(&mut self, core: &mut Core, now: Instant) {
        if self.holds_answer() {
            return;
        }
        if let Some(held) = self.held.take_if(|held| !held.needs_sockets) {
            let HeldAnswer { leg, transaction, response, earlier, .. } = *held;
            self.take_answer(core, now, (leg, earlier), (transaction, &response));
        }
    }

    fn holds_answer(&self) -> bool {
        self.reliable.as_ref().is_some_and(|reliable| reliable.holds_answer())
    }

    /// Joins the legs, when the bodies fit.
    fn take_answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        (mut callee, earlier): (Leg, Earlier),
        (transaction, response): (TransactionId, &Message),
    ) {
        callee.contact = self.plan.caller_contact.as_deref().map(Into::into);
        let is_settled = matches!(earlier, Earlier::Settled);
        let late = !is_settled && self.is_offer_late();
        let is_bound_elsewhere = self.is_bound_elsewhere(&earlier);
        let source = callee.dialog.flow.remote.ip();
        let said = match &earlier {
            Earlier::Answered(answer) => Some(&**answer),
            _ => response.sdp(),
        };
        let body = match said {
            // The answer was in a reliable response; what is said again means nothing (RFC 3261 §13.2.1).
            _ if is_settled => Ok(None),
            Some(_) if is_bound_elsewhere => Ok(None),
            Some(sdp) if late => self.media.pass_offer(core, now, Side::Callee, sdp, source).map(Some),
            Some(sdp) => self.media.pass_answer(core, Side::Callee, sdp, source).map(Some),
            None => Err(Refusal::NoCodec),
        };
        let Ok(body) = body else {
            let farewell = Farewell::Reason("SIP;cause=488;text=\"No usable answer\"");
            dismiss(core, now, transaction, response, farewell);
            let failure = Failure::refused(core, &Refusal::NoCodec);
            return self.lose_answer(core, now, failure);
        };
        if late {
            callee.owed_ack = Some(response.cseq());
        } else {
            callee.acknowledge(core, response.cseq(), None);
        }
        let asked = self.branches.iter().find(|branch| branch.transaction == transaction);
        let asked = asked.map(|branch| branch.asked).unwrap_or_default();
        callee.session = SessionTimer::new(self.policy.config.call.session_timer, asked);
        callee.session.on_accepted(now, response);
        callee.heed_packages(response);
        self.callee = Some(callee);
        self.early = Vec::new();
        self.arm_session(core, now, Side::Callee);
        self.cancel_branches(core, now, Some(ELSEWHERE));
        self.plan.forget();
        self.phase = Phase::Connected;
        self.answered_at = Some(now);
        core.counters.count("calls_total", "answered");
        // An offer made before the answer may still be on its way (RFC 3311 §5.1).
        let is_offered = self.relays.iter().any(Relay::is_exchange);
        if (is_bound_elsewhere || (!late && !self.reanchor_due)) && !is_offered {
            self.media.settle();
        }
        self.confirm_caller(core, now, response, body.as_ref(), late && !is_bound_elsewhere);
        self.reanchor(core, now);
        if let Some(sdp) = said.filter(|_| is_bound_elsewhere) {
            self.redescribe(core, now, Side::Caller, Bytes::copy_from_slice(sdp));
        }
    }

    /// Sends the 2xx to the caller and keeps it for repetition.
    fn confirm_caller(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Message,
        body: Option<&Bytes>,
        late: bool,
    ) {
        let Some(invite) = self.invite.take() else { return };
        if self.target.is_some() {
            return self.present_offer(core, now, body.cloned());
        }
        let granted = self.caller.session.grant(now, &invite.message);
        let supported = supported(&self.policy.config);
        let contact = self.caller.contact(core);
        let inbound = Inbound {
            transaction: invite.transaction,
            flow: invite.flow,
            request: &invite.message,
            tag: Some(&self.caller.dialog.local_tag),
        };
        let status = (response.status(), response.reason());
        let bytes = core.respond(now, &inbound, status, |builder| {
            let builder = headers::pass(builder.header(Name::Contact, contact), response);
            with_session(granted.write(builder), supported, response, body)
        });
        let accepting = Accepting {
            repeat: Accepted2xx::new(now, core.settings()),
            transaction: invite.transaction,
            cseq: invite.message.cseq(),
            bytes,
            offered: late,
        };
        core.arm(accepting.repeat.next_at(), self.id, TimerKind::Repeat(Side::Caller));
        self.caller.accepting = Some(accepting);
        self.reliable.take_if(|reliable| !reliable.finish());
        self.arm_session(core, now, Side::Caller);
    }

    /// The answer of the winner could not be used: the next target, or the failure, follows.
    fn lose_answer(&mut self, core: &mut Core, now: Instant, failure: Failure) {
        self.note_failure(failure);
        // Whoever answers next was offered our address from the start, if there is one.
        self.reanchor_due = false;
        if !self.is_awaiting() {
            self.dial_next(core, now);
        }
    }

    /// ACK for a 2xx of ours.
    pub(super) fn on_ack(&mut self, core: &mut Core, now: Instant, side: Side, ack: &Message) {
        let Some(leg) = self.leg_mut(side) else { return };
        let Some(accepting) = leg.accepting.take_if(|accepting| accepting.cseq == ack.cseq()) else { return };
        let held = leg.bye_held;
        leg.bye_held = false;
        if accepting.offered {
            self.pass_late_answer(core, now, side, ack);
        }
        self.finish_relay(side);
        if held {
            self.bye(core, now, side, Farewell::Plain);
        }
        self.show_description(core, now);
    }

    /// The answer in an ACK travels in the ACK of the other leg (§7 row 6).
    fn pass_late_answer(&mut self, core: &mut Core, now: Instant, side: Side, ack: &Message) {
        let other = side.other();
        let Some(source) = self.leg(side).map(|leg| leg.dialog.flow.remote.ip()) else { return };
        let body = match ack.sdp() {
            Some(sdp) => self.media.pass_answer(core, side, sdp, source),
            None => Err(Refusal::NoCodec),
        };
        self.media.settle();
        if let Some(leg) = self.leg_mut(other) {
            leg.settle_ack(core, body.as_ref().ok().and_then(|sdp| ack.body_with(Some(sdp))).as_ref());
        }
        if body.is_err() && self.phase == Phase::Connected {
            self.hang_up_both(core, now, Farewell::Reason("SIP;cause=488;text=\"No answer to the offer\""));
        }
    }

    /// Our 2xx wants repeating, or its ACK never came.
    pub(super) fn on_repeat(&mut self, core: &mut Core, now: Instant, side: Side) {
        let id = self.id;
        let Some(leg) = self.leg_mut(side) else { return };
        let flow = leg.flow();
        let Some(accepting) = &mut leg.accepting else { return };
        match accepting.repeat.handle_timeout(now) {
            RepeatVerdict::Wait => core.arm(accepting.repeat.next_at(), id, TimerKind::Repeat(side)),
            RepeatVerdict::Repeat => {
                let bytes = accepting.bytes.clone();
                core.arm(accepting.repeat.next_at(), id, TimerKind::Repeat(side));
                if !core.transactions.repeat(now, accepting.transaction, bytes.clone()) {
                    core.transmit(flow, bytes);
                }
            }
            RepeatVerdict::GiveUp => {
                leg.accepting = None;
                leg.bye_held = false;
                core.counters.count("timeouts_total", "ack");
                if let Some(leg) = self.leg_mut(side.other()) {
                    leg.settle_ack(core, None);
                }
                self.finish_relay(side);
                self.hang_up_both(core, now, Farewell::Reason("SIP;cause=408;text=\"ACK missing\""));
            }
        }
    }
}

/// Adds what every 2xx to INVITE says, and the body of the other party's with `sdp` in it.
pub(super) fn with_session(
    builder: Builder,
    supported: &str,
    from: &Message,
    sdp: Option<&Bytes>,
) -> Builder {
    let builder = builder.header(Name::Allow, ALLOW).header(Name::Supported, supported);
    with_description(builder, from, sdp)
}
