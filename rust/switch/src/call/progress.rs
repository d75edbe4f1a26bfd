//! Provisional responses on their way from a callee to the caller.
//!
//! Reliability is of each leg: the callee's response is acknowledged by us, at once unless the PRACK has to bring the
//! caller's answer. The caller gets his own numbers. What he is shown reliably binds: an answer in it cannot be taken
//! back, so while another callee may still answer, descriptions are shown unreliably, or to a caller who demands
//! reliable responses, not at all (RFC 3262 §5, RFC 6337 §2.2).

use std::time::Instant;

use pbx_sip::dialog::rseq;
use pbx_sip::{Message, Name};
use rand_core::RngCore;

use super::body::with_description;
use super::branch::Branch;
use super::headers;
use super::id::Side;
use super::reliable::{Description, Progress, Reliable};
use super::state::{Call, Phase};
use crate::core::Core;

impl Call {
    /// A provisional response is passed on with its body.
    pub(super) fn on_progress(&mut self, core: &mut Core, now: Instant, index: usize, response: &Message) {
        let awaited = self.branches.get(index).is_some_and(Branch::is_awaited);
        if !awaited || self.phase != Phase::Ringing || self.held.is_some() {
            return;
        }
        let place = self.note_early(core, index, response);
        if !self.takes_progress(core, place, response) {
            return;
        }
        self.rung = true;
        if let Some(target) = &self.target {
            return target.report(core, response.status());
        }
        let is_reliable = rseq(response).is_some();
        let offers = is_reliable && response.sdp().is_some() && self.is_offer_late();
        if let (true, Some(place)) = (offers, place) {
            self.early[place].owes_answer = true;
        }
        let reliably = self.shows_reliably(is_reliable);
        let flow = self.branches[index].endpoint.flow;
        let source = flow.remote.ip();
        let description = if reliably && self.is_revealed_by(response, flow) {
            Description::None
        } else {
            self.describe_progress(response, is_reliable, reliably)
        };
        let body = response.sdp().and_then(|sdp| match description {
            Description::None => None,
            Description::Answer => self.media.pass_answer(core, Side::Callee, sdp, source).ok(),
            Description::Offer => self.media.pass_offer(core, now, Side::Callee, sdp, source).ok(),
        });
        if let (true, false, Some(place)) = (is_reliable, offers, place) {
            if let Some(sdp) = response.sdp_bytes() {
                self.early[place].answer = Some(sdp);
            }
            self.prack(core, now, place, None);
        }
        let description = if body.is_some() { description } else { Description::None };
        if reliably
            && description != Description::None
            && let Some(place) = place
        {
            self.early[place].is_bound = true;
        }
        let progress = Progress { response: response.clone(), body, description };
        if reliably {
            self.reliable.get_or_insert_with(|| Box::new(Reliable::new(core.rng.next_u32())));
            self.send_reliably(core, now, progress);
        } else {
            self.show(core, now, &progress);
        }
    }

    /// Whether the caller's INVITE has no offer.
    pub(super) fn is_offer_late(&self) -> bool {
        self.invite.as_ref().is_none_or(|invite| invite.message.sdp().is_none())
    }

    /// Whether the caller gets a response reliably.
    fn shows_reliably(&self, is_reliable: bool) -> bool {
        let Some(invite) = &self.invite else { return false };
        invite.message.has_token(Name::Require, "100rel")
            || (is_reliable && self.is_sole && invite.message.has_token(Name::Supported, "100rel"))
    }

    /// Whether a callee may ask for PRACK: the caller has to be ready for it too, and an offer of one of several
    /// callees might never get its answer.
    pub(super) fn may_be_reliable(&self) -> bool {
        let Some(invite) = &self.invite else { return false };
        let is_known = |name| invite.message.has_token(name, "100rel");
        (is_known(Name::Supported) || is_known(Name::Require)) && (self.is_sole || !self.is_offer_late())
    }

    fn describe_progress(&self, response: &Message, is_reliable: bool, reliably: bool) -> Description {
        let is_answered = self.reliable.as_ref().is_some_and(|reliable| reliable.is_answered);
        if response.sdp().is_none() || is_answered || (reliably && !self.is_sole) {
            return Description::None;
        }
        match (self.is_offer_late(), is_reliable && reliably) {
            (false, _) => Description::Answer,
            (true, true) => Description::Offer,
            // An offer in a response that may be lost is none: the body stays here.
            (true, false) => Description::None,
        }
    }

    /// Sends a provisional response that may get lost.
    fn show(&self, core: &mut Core, now: Instant, progress: &Progress) {
        let contact = self.caller.contact(core);
        let Some(inbound) = self.inbound() else { return };
        let response = &progress.response;
        core.respond(now, &inbound, (response.status(), response.reason()), |builder| {
            let builder = headers::pass(builder.header(Name::Contact, contact), response);
            with_description(builder, response, progress.body.as_ref())
        });
    }
}
