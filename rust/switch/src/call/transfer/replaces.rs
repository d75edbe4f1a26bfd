//! INVITE with Replaces (RFC 3891 §3, `config.md` §2.9): a phone takes the place of a party in a call.
//!
//! Knowing the dialog is not enough, the phone must have proven who its user is. Then the Call-ID and both tags, one of
//! which has 64 random bits of ours, are the right to take over: nobody has them but who was in the call, and whom he
//! told.

use std::time::Instant;

use pbx_sip::dialog::Dialog;
use pbx_sip::{Fault, Message, Method, Name, Part, Replaces};

use super::super::calls::Calls;
use super::super::farewell::Farewell;
use super::super::id::{CallId, Side, tag};
use super::super::invite::Admitted;
use super::super::leg::Leg;
use super::super::session_timer::{Asked, SessionTimer};
use super::super::state::{Call, Phase};
use super::errand::Errand;
use crate::config::Module;
use crate::core::{Core, Inbound};
use crate::nat::is_behind_nat;
use crate::refusal::Refusal;

impl Calls {
    /// Serves an INVITE with Replaces. `local_tag` is that of a refusal.
    pub(in super::super) fn replace(
        &mut self,
        core: &mut Core,
        now: Instant,
        admitted: &Admitted,
        local_tag: &str,
    ) {
        let (transaction, flow, request) = (admitted.transaction, admitted.flow, &admitted.message);
        let inbound = Inbound { transaction, flow, request, tag: Some(local_tag) };
        match self.find_replaceable(core, admitted) {
            Ok((id, side)) => {
                self.invites.insert(transaction, id);
                self.with(core, now, id, |call, core| {
                    call.take_over(core, now, (side, admitted.user.as_deref()), &inbound);
                });
            }
            Err(refusal) => core.refuse(now, &inbound, &refusal),
        }
    }

    fn find_replaceable(&self, core: &Core, admitted: &Admitted) -> Result<(CallId, Side), Refusal> {
        if core.policy.config.has_module(Module::Auth) && admitted.user.is_none() {
            return Err(Refusal::Forbidden);
        }
        let replaces = parse(&admitted.message)?;
        let (id, side) = self.find_replaced(&replaces).ok_or(Refusal::UnknownDialog)?;
        let call = self.call(id).ok_or(Refusal::UnknownDialog)?;
        if call.phase != Phase::Connected || call.leg(side).is_none_or(|leg| leg.closing) {
            return Err(Refusal::UnknownDialog);
        }
        if replaces.early_only {
            return Err(Refusal::Policy { code: 486, reason: None, headers: Vec::new() });
        }
        // Nobody is replaced who still owes us an ACK.
        let is_owed = call.leg(side).is_some_and(Leg::is_owed);
        if is_owed || call.referral.is_some() || call.target.is_some() || call.replaced.is_some() {
            return Err(Refusal::Overlapping);
        }
        Ok((id, side))
    }
}

impl Calls {
    /// A request of a party whose place a phone is about to take. `false`: it is of nobody such.
    pub(crate) fn on_replaced(&mut self, core: &mut Core, now: Instant, inbound: &Inbound<'_>) -> bool {
        let Some(id) = inbound.request.to_tag().and_then(|tag| self.of_tag(tag)) else { return false };
        let replaced = self.call(id).and_then(|call| call.replaced.as_ref());
        let replaced = replaced.filter(|replaced| replaced.1.has_sent(inbound.request));
        let Some(tag) = replaced.map(|replaced| replaced.1.dialog.local_tag.clone()) else { return false };
        let inbound = Inbound { tag: Some(&tag), ..*inbound };
        self.with(core, now, id, |call, core| call.on_replaced_request(core, now, &inbound));
        true
    }
}

fn parse(invite: &Message) -> Result<Replaces, Refusal> {
    let bad = |cause| Refusal::Malformed(Fault::Bad { part: Part::Header(Name::Replaces), cause });
    let mut headers = invite.headers(Name::Replaces);
    let value = headers.next().unwrap_or_default();
    if headers.next().is_some() {
        return Err(bad(pbx_sip::Cause::Number));
    }
    Replaces::parse(value).map_err(|fault| match fault {
        Fault::Bad { cause, .. } => bad(cause),
        other => Refusal::Malformed(other),
    })
}

impl Call {
    /// Puts the phone in the place of a party and carries its INVITE across like a re-INVITE of that party.
    fn take_over(
        &mut self,
        core: &mut Core,
        now: Instant,
        (side, user): (Side, Option<&str>),
        inbound: &Inbound<'_>,
    ) {
        let local_tag = tag(&core.token(), self.id.slot);
        let dialog = match Dialog::uas(inbound.request, &local_tag, inbound.flow) {
            Ok(dialog) => dialog,
            Err(fault) => return core.refuse(now, inbound, &Refusal::Malformed(fault)),
        };
        let behind_nat = self.policy.config.nat_fix && is_behind_nat(inbound.request, &inbound.flow);
        let mut leg = Leg::new(dialog, behind_nat);
        leg.user = user.map(Into::into);
        leg.session = SessionTimer::new(self.policy.config.call.session_timer, Asked::default());
        if side == Side::Callee {
            self.remember_callee(core);
        }
        let Some(place) = self.leg_mut(side) else { return };
        let replaced = std::mem::replace(place, leg);
        self.replaced = Some(Box::new((side, replaced)));
        self.media.reseat(core, side, inbound.flow.remote.ip());
        self.relay(core, now, side, &Inbound { tag: Some(&local_tag), ..*inbound });
        if !self.relays.iter().any(|relay| relay.server == inbound.transaction) {
            self.restore(core);
        }
    }

    /// The party may leave at any time; everything else waits until it is known who stays.
    fn on_replaced_request(&mut self, core: &mut Core, now: Instant, inbound: &Inbound<'_>) {
        let Some(replaced) = &mut self.replaced else { return };
        if inbound.request.method() != Method::Bye {
            return core.refuse(now, inbound, &Refusal::Overlapping);
        }
        replaced.1.closing = true;
        core.respond(now, inbound, (200, "OK"), |builder| builder);
    }

    /// The other party accepted: who was replaced gets BYE.
    pub(in super::super) fn conclude_take_over(&mut self, core: &mut Core, now: Instant, side: Side) {
        let Some(mut replaced) = self.replaced.take_if(|replaced| replaced.0 == side) else { return };
        if replaced.1.hang_up(core, now, self.id, Farewell::Plain) {
            self.byes += 1;
        }
        core.counters.count("transfers_total", "replaces,ok");
    }

    /// The phone could not take over: the call is as it was.
    pub(in super::super) fn restore(&mut self, core: &mut Core) {
        let Some(replaced) = self.replaced.take() else { return };
        let (side, old) = *replaced;
        let source = old.dialog.flow.remote.ip();
        if old.closing {
            core.errands.push_back(Errand::Left(self.id));
        }
        if let Some(leg) = self.leg_mut(side) {
            *leg = old;
        }
        self.media.reseat(core, side, source);
        core.counters.count("transfers_total", "replaces,failed");
    }
}
