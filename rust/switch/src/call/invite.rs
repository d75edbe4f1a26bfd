//! A new INVITE: judged and answered 100 (§3 step 14).

use std::time::Instant;

use pbx_sip::dialog::Dialog;
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Flow, Message, Name};
use rand_core::RngCore;

use super::body::judge_body;
use super::calls::Calls;
use super::id::{CallId, tag};
use super::leg::Leg;
use super::media::CallMedia;
use super::plan::Plan;
use super::session_timer::{Asked, SessionTimer};
use super::state::{Call, Invite, Phase, Summary};
use crate::core::{Core, Inbound};
use crate::location::Location;
use crate::nat::is_behind_nat;
use crate::refusal::Refusal;
use crate::route::Direction;

/// An INVITE that passed admission and authentication.
pub(crate) struct Admitted {
    pub(crate) transaction: TransactionId,
    pub(crate) flow: Flow,
    pub(crate) message: Message,
    /// Name of the authenticated user.
    pub(crate) user: Option<String>,
    /// His identity, as P-Asserted-Identity says it (RFC 3325 §9.1).
    pub(crate) asserted: Option<String>,
    pub(crate) direction: Direction,
}

impl Calls {
    /// Begins a call, or refuses it.
    pub(crate) fn start(&mut self, core: &mut Core, location: &Location, now: Instant, admitted: Admitted) {
        let local_tag = tag(&core.token(), self.next_slot());
        let inbound = Inbound {
            transaction: admitted.transaction,
            flow: admitted.flow,
            request: &admitted.message,
            tag: Some(&local_tag),
        };
        if let Err(refusal) = self.judge(core, &admitted.message) {
            return core.refuse(now, &inbound, &refusal);
        }
        if admitted.message.header(Name::Replaces).is_some() {
            return self.replace(core, now, &admitted, &local_tag);
        }
        let dialog = match Dialog::uas(&admitted.message, &local_tag, admitted.flow) {
            Ok(dialog) => dialog,
            Err(fault) => return core.refuse(now, &inbound, &Refusal::Malformed(fault)),
        };
        core.respond(now, &inbound, (100, "Trying"), |builder| builder);
        let id = self.insert(core, now, admitted, dialog);
        self.decide(core, location, now, id);
    }

    /// What any INVITE must meet, whoever sent it.
    fn judge(&self, core: &Core, invite: &Message) -> Result<(), Refusal> {
        if invite.max_forwards() == Some(0) {
            return Err(Refusal::TooManyHops);
        }
        if invite.number(Name::MaxBreadth) == Some(0) {
            return Err(Refusal::BreadthUsedUp);
        }
        judge_body(invite)?;
        SessionTimer::judge(core.policy.config.call.session_timer, invite)?;
        if self.len() >= core.policy.config.limits.max_calls {
            return Err(Refusal::Full("calls"));
        }
        Ok(())
    }

    pub(super) fn insert(
        &mut self,
        core: &mut Core,
        now: Instant,
        admitted: Admitted,
        dialog: Dialog,
    ) -> CallId {
        self.serial = self.serial.wrapping_add(1);
        let message = admitted.message;
        let origin = self.origin(&message);
        let entry = self.slots.vacant_entry();
        let id = CallId { slot: self.shard.name(entry.key() as u32), serial: self.serial };
        let behind_nat = core.policy.config.nat_fix && is_behind_nat(&message, &admitted.flow);
        let summary = Summary {
            from: message.from().map_or("", |from| from.uri).into(),
            to: message.to().map_or("", |to| to.uri).into(),
            callee: None,
            source: admitted.flow.remote,
            origin,
            cseq: message.cseq(),
            user: admitted.user.as_deref().map(Into::into),
            direction: admitted.direction,
        };
        let mut caller = Leg::new(dialog, behind_nat);
        caller.user = admitted.user.as_deref().map(Into::into);
        caller.session = SessionTimer::new(core.policy.config.call.session_timer, Asked::default());
        caller.session.heed(&message);
        caller.heed_packages(&message);
        if admitted.transaction != TransactionId::NONE {
            self.invites.insert(admitted.transaction, id);
        }
        self.origins.insert(origin, id);
        entry.insert(Box::new(Call {
            id,
            policy: core.policy.clone(),
            phase: Phase::Ringing,
            invite: Some(Invite {
                message,
                transaction: admitted.transaction,
                flow: admitted.flow,
                asserted: admitted.asserted,
                shown: None,
            }),
            caller,
            callee: None,
            branches: Vec::new(),
            early: Vec::new(),
            reliable: None,
            is_sole: false,
            searches: Vec::new(),
            plan: Plan::default(),
            group: 0,
            any_failure: false,
            rung: false,
            media: CallMedia::new([core.rng.next_u64(), core.rng.next_u64()]),
            held: None,
            relays: Vec::new(),
            reanchor_due: false,
            reanchor: None,
            reanchor_tries: 0,
            redescription: None,
            referral: None,
            target: None,
            replaced: None,
            refers: 0,
            forced: None,
            best: None,
            byes: 0,
            started_at: now,
            answered_at: None,
            summary,
        }));
        id
    }
}
