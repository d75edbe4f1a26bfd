//! A call changes its shard: a transfer joins two calls, and only calls of one shard can act on each other.
//!
//! The call moves when nothing is under way in it, so that it leaves no transaction behind that anybody waits for. Our
//! tags go on naming the shard that made them, which hands requests on.

use std::fmt;
use std::time::Instant;

use pbx_sip::{Message, Replaces, Shard};

use super::branch::{Branch, BranchState};
use super::calls::Calls;
use super::dismiss::remember_ended;
use super::id::{CallId, Side};
use super::leg::Leg;
use super::state::{Call, Phase};
use crate::core::Core;

/// A call on its way from one shard to another.
pub struct MovedCall(Box<Call>);

impl fmt::Debug for MovedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MovedCall({})", self.0.id.as_u64())
    }
}

/// Why a call does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMoved {
    /// There is no such dialog.
    Unknown,
    /// Something is under way in it, or it is just moving: ask again.
    Busy,
}

impl Calls {
    /// Dialogs that went to other shards and live there.
    pub(crate) fn dialogs_elsewhere(&self) -> usize {
        self.gone.len()
    }

    /// The shard a dialog went to, by our tag.
    pub(crate) fn gone_to(&self, tag: &str) -> Option<Shard> {
        self.gone.get(tag).copied()
    }

    /// The shard the dialog of a request went to.
    pub(crate) fn moved_to(&self, message: &Message) -> Option<Shard> {
        if self.gone.is_empty() {
            return None;
        }
        self.gone_to(message.to_tag()?)
    }

    /// Gives away the call with the dialog a Replaces names.
    pub(crate) fn give(
        &mut self,
        core: &mut Core,
        replaces: &Replaces,
        to: Shard,
    ) -> Result<MovedCall, NotMoved> {
        let (id, _) = self.find_replaced(replaces).ok_or(NotMoved::Unknown)?;
        if !self.call(id).is_some_and(Call::is_quiet) {
            return Err(NotMoved::Busy);
        }
        let mut call = self.slots.remove(id.place());
        if let Some(session) = call.media.session() {
            self.sessions.remove(&session);
        }
        if self.origins.get(&call.summary.origin) == Some(&id) {
            self.origins.remove(&call.summary.origin);
        }
        for branch in std::mem::take(&mut call.branches) {
            core.owners.remove(&branch.transaction);
            if let Some(callee) = call.callee.as_ref().filter(|_| branch.state == BranchState::Won) {
                remember_ended(core, branch.transaction, &callee.dialog.remote_tag);
            }
        }
        for tag in tags(&call) {
            self.moved.remove(&tag);
            self.gone.insert(tag, to);
        }
        // Parties that left it have no way back.
        core.tell_ended(&self.forget_moved(id));
        core.counters.count("calls_moved_total", "");
        Ok(MovedCall(call))
    }

    /// Takes a call in that was another shard's.
    pub(crate) fn take_in(&mut self, core: &mut Core, now: Instant, MovedCall(mut call): MovedCall) {
        self.serial = self.serial.wrapping_add(1);
        let entry = self.slots.vacant_entry();
        let id = CallId { slot: self.shard.name(entry.key() as u32), serial: self.serial };
        call.id = id;
        if let Some(session) = call.media.session() {
            self.sessions.insert(session, id);
        }
        for tag in tags(&call) {
            self.gone.remove(&tag);
            self.moved.insert(tag, id);
        }
        entry.insert(call);
        for side in Side::ALL {
            self.with(core, now, id, |call, core| call.arm_session(core, now, side));
        }
    }

    /// Dialogs ended at the shard they went to. Copies of their last requests are known there as long as its
    /// transactions last.
    pub(crate) fn on_ended(&mut self, core: &Core, now: Instant, tags: Vec<Box<str>>) {
        let forget_at = now + core.settings().t1x64;
        let known = tags.into_iter().filter(|tag| self.gone.contains_key(tag));
        self.ended.extend(known.map(|tag| (forget_at, tag)));
    }

    /// Forgets dialogs that ended elsewhere.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while self.ended.front().is_some_and(|(forget_at, _)| *forget_at <= now) {
            if let Some((_, tag)) = self.ended.pop_front() {
                self.gone.remove(&tag);
            }
        }
    }

    /// When to do so next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ended.front().map(|(forget_at, _)| *forget_at)
    }

    /// Forgets the tags that led to a call; the other shards may still have to forget them.
    pub(super) fn forget_moved(&mut self, id: CallId) -> Vec<Box<str>> {
        self.moved.extract_if(|_, to| *to == id).map(|(tag, _)| tag).collect()
    }
}

fn tags(call: &Call) -> Vec<Box<str>> {
    let legs = [Some(&call.caller), call.callee.as_ref()];
    legs.into_iter().flatten().map(|leg| leg.dialog.local_tag.clone()).collect()
}

impl Call {
    /// Whether both parties speak and nothing else is going on.
    fn is_quiet(&self) -> bool {
        let is_alone = self.referral.is_none() && self.target.is_none() && self.replaced.is_none();
        let is_done = self.invite.is_none()
            && self.held.is_none()
            && self.reliable.is_none()
            && self.relays.is_empty()
            && self.reanchor.is_none()
            && !self.reanchor_due
            && self.byes == 0
            && !self.branches.iter().any(Branch::is_pending);
        let is_steady =
            |leg: &Leg| !leg.is_owed() && !leg.closing && leg.owed_ack.is_none() && leg.refresh.is_none();
        self.phase == Phase::Connected
            && is_alone
            && is_done
            && is_steady(&self.caller)
            && self.callee.as_ref().is_some_and(is_steady)
    }
}
