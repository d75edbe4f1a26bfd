//! Early dialogs of the callees (RFC 3261 §12.1): what may be said to a callee before it answers.
//!
//! The caller sees one dialog, ours, whatever forks there are. Of theirs, one is the other end of it: the one whose
//! session description was exchanged reliably, else the one that spoke last.

use std::time::Instant;

use pbx_sip::dialog::{Dialog, rseq};
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Body, Bytes, Message, Method, Name};

use super::headers;
use super::leg::Leg;
use super::state::Call;
use crate::core::{Core, Owner, Role};

/// Early dialogs of one call. Further ones are not remembered: their reliable responses get no PRACK.
const MAX_EARLY: usize = 16;

/// What was said of the session before a 2xx (RFC 3261 §13.2.1).
pub(super) enum Earlier {
    /// Nothing that lasts.
    Nothing,
    /// The callee answered, but the caller was not shown it reliably.
    Answered(Bytes),
    /// Offer and answer are complete on both legs.
    Settled,
}

/// One early dialog.
pub(super) struct EarlyLeg {
    pub(super) leg: Leg,
    /// The INVITE that made it.
    transaction: TransactionId,
    /// RSeq of the last reliable response taken.
    rseq: Option<u32>,
    /// CSeq number of that INVITE.
    cseq: u32,
    /// Its last reliable response holds an offer, and the PRACK waits for the caller's answer.
    pub(super) owes_answer: bool,
    /// The answer of a reliable response, which its 2xx need not repeat.
    pub(super) answer: Option<Bytes>,
    /// Its session is the one the caller was shown reliably.
    pub(super) is_bound: bool,
}

impl EarlyLeg {
    /// What its 2xx may leave out.
    pub(super) fn earlier(&self) -> Earlier {
        match &self.answer {
            _ if self.is_bound => Earlier::Settled,
            Some(answer) => Earlier::Answered(answer.clone()),
            None => Earlier::Nothing,
        }
    }

    /// Whether a reliable response is the next in order (RFC 3262 §4). Copies and those ahead of a lost one are
    /// dropped: the callee repeats what was not acknowledged.
    fn takes(&mut self, number: u32) -> bool {
        let is_next = !self.owes_answer && self.rseq.is_none_or(|last| number == last.wrapping_add(1));
        if is_next {
            self.rseq = Some(number);
        }
        is_next
    }
}

impl Call {
    /// The early dialog that is the other end of the caller's.
    pub(super) fn early_leg(&self) -> Option<&EarlyLeg> {
        self.early.iter().find(|early| early.is_bound).or(self.early.last())
    }

    /// The same, to be changed.
    pub(super) fn early_leg_mut(&mut self) -> Option<&mut EarlyLeg> {
        let bound = self.early.iter().position(|early| early.is_bound);
        let place = bound.or(self.early.len().checked_sub(1))?;
        self.early.get_mut(place)
    }

    /// Remembers the dialog a provisional response makes. Gives its place.
    pub(super) fn note_early(&mut self, core: &mut Core, index: usize, response: &Message) -> Option<usize> {
        let branch = self.branches.get(index)?;
        response.to_tag()?;
        let known = self.early.iter().position(|early| early.leg.dialog.is_of(response));
        if let Some(place) = known {
            let leg = &mut self.early[place].leg;
            leg.update_target(response);
            leg.session.heed(response);
            return Some(place);
        }
        // A callee without Contact cannot be sent anything before its answer.
        response.header(Name::Contact)?;
        if self.early.len() >= MAX_EARLY {
            core.counters.count("dropped_total", "early_dialogs");
            return None;
        }
        let dialog = Dialog::uac(response, branch.endpoint.flow).ok()?;
        let mut leg = Leg::new(dialog, branch.endpoint.nat);
        leg.contact = self.plan.caller_contact.as_deref().map(Into::into);
        leg.session.heed(response);
        let transaction = branch.transaction;
        let cseq = response.cseq();
        let early = EarlyLeg {
            leg,
            transaction,
            rseq: None,
            cseq,
            owes_answer: false,
            answer: None,
            is_bound: false,
        };
        self.early.push(early);
        Some(self.early.len() - 1)
    }

    /// Whether a provisional response is to be acted on: all but copies of reliable ones, and those that came out
    /// of order or cannot be acknowledged.
    pub(super) fn takes_progress(
        &mut self,
        core: &mut Core,
        place: Option<usize>,
        response: &Message,
    ) -> bool {
        let Some(number) = rseq(response) else { return true };
        let takes = place.is_some_and(|place| self.early[place].takes(number));
        if !takes {
            core.counters.count("dropped_total", "reliable_1xx");
        }
        takes
    }

    /// Acknowledges the last reliable response of an early dialog.
    pub(super) fn prack(&mut self, core: &mut Core, now: Instant, place: usize, answer: Option<&Body>) {
        let owner = Owner::Call { call: self.id, role: Role::Prack };
        let Some(early) = self.early.get_mut(place) else { return };
        let Some(number) = early.rseq else { return };
        early.owes_answer = false;
        let rack = format!("{number} {} INVITE", early.cseq);
        let flow = early.leg.flow();
        let dialog = &mut early.leg.dialog;
        core.request(now, flow, Method::Prack, Some(owner), |via| {
            let builder = dialog.request(Method::Prack, via).header(Name::RAck, rack);
            match answer {
                Some(answer) => builder.body(&headers::unfolded(&answer.content_type), &answer.octets),
                None => builder,
            }
        });
    }

    /// The early dialog a 2xx confirms, with what was said in it (RFC 3261 §13.2.2.4).
    pub(super) fn take_early(&mut self, response: &Message) -> Option<EarlyLeg> {
        let place = self.early.iter().position(|early| early.leg.dialog.is_of(response))?;
        let mut early = self.early.remove(place);
        early.leg.confirm(response);
        Some(early)
    }

    /// The INVITE that made them failed.
    pub(super) fn forget_early(&mut self, transaction: TransactionId) {
        self.early.retain(|early| early.transaction != transaction);
    }
}
