//! The table of calls, and the way from a packet, a timer or an answer to its call.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use pbx_media::relay::{MediaEvent, SessionId};
use pbx_sip::transaction::{TimerName, TransactionId};
use pbx_sip::{Flow, Message, Method, Shard};
use slab::Slab;

use super::dismiss::{dismiss, remember_ended};
use super::farewell::Farewell;
use super::id::{CallId, CallTimer, Side, TimerKind, slot_of_tag};
use super::leg::Leg;
use super::state::{Call, Phase};
use super::transfer::Errand;
use crate::core::{Core, Inbound, Owner, Role};
use crate::query::QueryId;
use crate::refusal::Refusal;

/// All calls of a shard.
#[derive(Default)]
pub(crate) struct Calls {
    pub(super) shard: Shard,
    pub(super) slots: Slab<Box<Call>>,
    pub(super) serial: u32,
    /// Server INVITE transactions of calls, for CANCEL.
    pub(super) invites: HashMap<TransactionId, CallId>,
    /// Calls by who began them, for RFC 3261 §8.2.2.2.
    pub(super) origins: HashMap<u64, CallId>,
    /// Where legs went that changed their call, by our tag.
    pub(super) moved: HashMap<Box<str>, CallId>,
    /// Where dialogs went that changed their shard, by our tag.
    pub(super) gone: HashMap<Box<str>, Shard>,
    /// Those that have ended there, and when that may be forgotten.
    pub(super) ended: VecDeque<(Instant, Box<str>)>,
    pub(super) queries: HashMap<QueryId, CallId>,
    pub(super) sessions: HashMap<SessionId, CallId>,
    hasher: RandomState,
}

impl Calls {
    /// No calls yet.
    pub(crate) fn new(shard: Shard) -> Self {
        Self { shard, ..Self::default() }
    }

    /// Shard and slot of the next call.
    pub(super) fn next_slot(&self) -> u32 {
        self.shard.name(self.slots.vacant_key() as u32)
    }

    /// Calls alive.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Calls waiting for Python.
    pub(crate) fn queries(&self) -> usize {
        self.queries.len()
    }

    /// Handles of all calls.
    pub(crate) fn ids(&self) -> Vec<CallId> {
        self.slots.iter().map(|(_, call)| call.id).collect()
    }

    pub(super) fn call(&self, id: CallId) -> Option<&Call> {
        self.slots.get(id.place()).map(|call| &**call).filter(|call| call.id == id)
    }

    pub(super) fn call_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.slots.get_mut(id.place()).map(|call| &mut **call).filter(|call| call.id == id)
    }

    /// The dialog an in-dialog request belongs to: Call-ID and both tags must fit (RFC 3261 §12.2.2).
    pub(crate) fn find(&self, message: &Message) -> Option<(CallId, Side)> {
        let call = self.call(self.of_tag(message.to_tag()?)?)?;
        let fits = |leg: &Leg| leg.has_sent(message);
        let mut callees = call.callee.iter().chain(call.early.iter().map(|early| &early.leg));
        if fits(&call.caller) {
            return Some((call.id, Side::Caller));
        }
        callees.any(fits).then_some((call.id, Side::Callee))
    }

    /// The call of one of our tags. A leg that changed its call is named by the tag of the first.
    pub(super) fn of_tag(&self, tag: &str) -> Option<CallId> {
        if let Some(&id) = self.moved.get(tag).filter(|_| !self.moved.is_empty()) {
            return Some(id);
        }
        let (shard, place) = Shard::split(slot_of_tag(tag)?);
        self.slots.get(place as usize).filter(|_| shard == self.shard).map(|call| call.id)
    }

    /// An INVITE can no longer be cancelled.
    pub(crate) fn forget_invite(&mut self, invite: TransactionId) {
        self.invites.remove(&invite);
    }

    /// Key of the caller's dialog to be.
    pub(super) fn origin(&self, message: &Message) -> u64 {
        self.hasher.hash_one((message.call_id(), message.from_tag().unwrap_or_default()))
    }

    /// Whether this INVITE reached us before by another path (RFC 3261 §8.2.2.2). REGISTER and OPTIONS are
    /// answered in the turn they come in, so no two of them are ever under way at once.
    pub(crate) fn is_merged(&self, message: &Message) -> bool {
        let call = self.origins.get(&self.origin(message)).and_then(|&id| self.call(id));
        call.is_some_and(|call| {
            // A call that is over may be begun again, as by a phone whose connection broke (RFC 3263 §4.3).
            call.phase != Phase::Ending
                && call.summary.cseq == message.cseq()
                && &*call.caller.dialog.call_id == message.call_id()
        })
    }

    /// A request inside a dialog.
    pub(crate) fn on_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        (id, side): (CallId, Side),
        inbound: &Inbound<'_>,
    ) {
        self.with(core, now, id, |call, core| {
            let tag = call.leg(side).map(|leg| leg.dialog.local_tag.clone());
            call.on_request(core, now, side, &Inbound { tag: tag.as_deref(), ..*inbound });
        });
    }

    /// An ACK for a 2xx.
    pub(crate) fn on_ack(&mut self, core: &mut Core, now: Instant, ack: &Message) {
        match self.find(ack) {
            Some((id, side)) => self.with(core, now, id, |call, core| call.on_ack(core, now, side, ack)),
            None => core.counters.count("dropped_total", "ack"),
        }
    }

    /// Our To tag in the responses to an INVITE of a call not answered yet.
    pub(crate) fn tag_of(&self, invite: TransactionId) -> Option<&str> {
        let call = self.call(*self.invites.get(&invite)?)?;
        Some(&call.caller.dialog.local_tag)
    }

    /// The way to the peer of a dialog.
    pub(crate) fn flow_of(&self, (id, side): (CallId, Side)) -> Option<Flow> {
        Some(self.call(id)?.leg(side)?.dialog.flow)
    }

    /// A CANCEL that fits a server INVITE transaction. That of a re-INVITE names the dialog.
    pub(crate) fn on_cancel(
        &mut self,
        core: &mut Core,
        now: Instant,
        invite: TransactionId,
        cancel: &Message,
    ) {
        if let Some(&id) = self.invites.get(&invite) {
            self.with(core, now, id, |call, core| {
                if call.invite.as_ref().is_some_and(|pending| pending.transaction == invite) {
                    call.on_cancel(core, now, cancel);
                } else {
                    call.on_cancel_relay(core, now, invite);
                }
            });
        } else if let Some((id, _)) = self.find(cancel) {
            self.with(core, now, id, |call, core| call.on_cancel_relay(core, now, invite));
        }
    }

    /// A response to a client transaction of ours.
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        client: TransactionId,
        response: &Message,
    ) {
        let Some((id, role)) = call_of(core, client).filter(|&(id, _)| self.call(id).is_some()) else {
            return on_late_response(core, now, client, response);
        };
        self.with(core, now, id, |call, core| match role {
            Role::Branch(index) => call.on_branch_response(core, now, usize::from(index), response),
            Role::Relayed => call.on_relay_response(core, now, client, response),
            Role::Reanchor => call.on_reanchor_response(core, now, response),
            Role::Redescribe => call.on_redescribe_response(core, now, client, response),
            Role::Refresh(side) => call.on_refresh_response(core, now, (side, client), response),
            Role::Prack => {}
            Role::Rejoin => call.on_rejoin_response(core, now, client, response),
            Role::Target => call.on_target_response(core, now, client, response),
            Role::Notify => {}
            Role::Bye if response.status() >= 200 => call.on_bye_over(),
            Role::Bye => {}
        });
        if response.status() >= 200 && role == Role::Bye {
            core.owners.remove(&client);
        }
    }

    /// A client transaction got no answer, or could not be sent.
    pub(crate) fn on_timeout(
        &mut self,
        core: &mut Core,
        now: Instant,
        client: TransactionId,
        timer: Option<TimerName>,
    ) {
        let Some((id, role)) = call_of(core, client) else {
            // The caller's connection broke before the answer: nobody can hear one any more (RFC 3261 §17.2.4).
            if let (None, Some(&id)) = (timer, self.invites.get(&client)) {
                self.with(core, now, id, |call, core| {
                    if call.invite.as_ref().is_some_and(|pending| pending.transaction == client) {
                        call.end_unanswered(core, now, None);
                    } else {
                        call.on_cancel_relay(core, now, client);
                    }
                });
            }
            return;
        };
        if timer != Some(TimerName::C) {
            core.owners.remove(&client);
        }
        self.with(core, now, id, |call, core| match role {
            Role::Branch(index) => call.on_branch_timeout(core, now, usize::from(index), timer),
            Role::Relayed => call.on_relay_timeout(core, now, client),
            Role::Reanchor => call.on_reanchor_failure(core, now),
            Role::Redescribe => call.on_redescribe_timeout(core, now, client),
            Role::Refresh(side) => call.on_refresh_timeout(core, now, (side, client), timer.is_some()),
            Role::Prack => {}
            Role::Rejoin => call.on_rejoin_timeout(core, now),
            Role::Target => call.on_target_timeout(core, now),
            Role::Notify => {}
            Role::Bye => call.on_bye_over(),
        });
    }

    /// A deadline.
    pub(crate) fn on_timer(&mut self, core: &mut Core, now: Instant, timer: CallTimer) {
        self.with(core, now, timer.call, |call, core| match timer.kind {
            TimerKind::Decision(query) if call.phase == Phase::Deciding(query) => {
                core.counters.count("decisions_total", "overdue");
                call.refuse(core, now, &Refusal::DecisionOverdue);
            }
            TimerKind::Decision(_) => {}
            TimerKind::Ring(group) => call.on_ring_limit(core, now, group),
            TimerKind::Repeat(side) => call.on_repeat(core, now, side),
            TimerKind::Session(side) => call.on_session_timer(core, now, side),
            TimerKind::Reliable => call.on_reliable_timer(core, now),
            TimerKind::Silence(branch) => call.on_silence(core, now, branch.into()),
            TimerKind::Reanchor => call.reanchor(core, now),
            TimerKind::Redescribe => call.show_description(core, now),
            TimerKind::Rejoin => call.rejoin(core, now),
            TimerKind::Offer => call.ask_for_offer(core, now),
            TimerKind::Reach => core.errands.push_back(Errand::Reach(call.id)),
            TimerKind::Release => call.on_release(core, now),
        });
    }

    /// News about media.
    pub(crate) fn on_media(&mut self, core: &mut Core, now: Instant, event: &MediaEvent) {
        match event {
            MediaEvent::Opened { session, result } => {
                if let Some(&id) = self.sessions.get(session) {
                    self.with(core, now, id, |call, core| call.on_media_opened(core, now, *result));
                }
            }
            MediaEvent::Latched { latched, .. } => {
                core.counters.count("latch_total", latched.result.as_str());
            }
            MediaEvent::Closed { session, .. } => core.ports.lend().release(now, *session),
        }
    }

    /// Ends a call by its handle; `refusal` is for a caller not answered yet.
    pub(crate) fn hang_up(&mut self, core: &mut Core, now: Instant, id: CallId, refusal: &Refusal) -> bool {
        let known = self.call(id).is_some_and(|call| call.phase != Phase::Ending);
        self.with(core, now, id, |call, core| call.hang_up(core, now, refusal));
        known
    }

    /// Lets a call act, then forgets it if nothing is awaited any more. Indexes follow the call's state.
    pub(super) fn with(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: CallId,
        act: impl FnOnce(&mut Call, &mut Core),
    ) {
        let Some(call) = self.call_mut(id) else { return };
        let before =
            (call.invite.as_ref().map(|invite| invite.transaction), call.query(), call.media.session());
        act(call, core);
        let after =
            (call.invite.as_ref().map(|invite| invite.transaction), call.query(), call.media.session());
        let over = call.is_over();
        if before != after {
            self.reindex(id, before, after);
        }
        if over {
            self.remove(core, now, id);
        }
    }

    fn reindex(&mut self, id: CallId, before: Index, after: Index) {
        if let Some(transaction) = before.0.filter(|_| after.0.is_none()) {
            self.invites.remove(&transaction);
        }
        if before.1 != after.1 {
            before.1.map(|query| self.queries.remove(&query));
            after.1.map(|query| self.queries.insert(query, id));
        }
        if before.2 != after.2 {
            before.2.map(|session| self.sessions.remove(&session));
            after.2.map(|session| self.sessions.insert(session, id));
        }
    }

    fn remove(&mut self, core: &mut Core, now: Instant, id: CallId) {
        let Some(mut call) = self.slots.try_remove(id.place()) else { return };
        call.media.close(core, now);
        if !self.moved.is_empty() {
            let tags = self.forget_moved(id);
            core.tell_ended(&tags);
        }
        for branch in &call.branches {
            core.owners.remove(&branch.transaction);
        }
        call.remember_callee(core);
        if self.origins.get(&call.summary.origin) == Some(&id) {
            self.origins.remove(&call.summary.origin);
        }
    }
}

/// A 2xx to INVITE whose call is gone. Late answers still have a dialog to end; copies of answers to a re-INVITE
/// belong to a dialog that was ended with the call.
fn on_late_response(core: &mut Core, now: Instant, client: TransactionId, response: &Message) {
    if response.cseq_method() != Method::Invite || response.status() / 100 != 2 {
        return;
    }
    let is_reinvite = |owner: &Owner| {
        matches!(
            owner,
            Owner::Call {
                role: Role::Relayed
                    | Role::Reanchor
                    | Role::Redescribe
                    | Role::Refresh(_)
                    | Role::Rejoin
                    | Role::Target,
                ..
            }
        )
    };
    if core.owners.get(&client).is_some_and(is_reinvite) {
        remember_ended(core, client, response.to_tag().unwrap_or_default());
    }
    dismiss(core, now, client, response, Farewell::Plain);
}

fn call_of(core: &Core, client: TransactionId) -> Option<(CallId, Role)> {
    match core.owners.get(&client) {
        Some(&Owner::Call { call, role }) => Some((call, role)),
        _ => None,
    }
}

/// What a call is looked up by, besides its slot.
type Index = (Option<TransactionId>, Option<QueryId>, Option<SessionId>);
