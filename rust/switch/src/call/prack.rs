//! PRACK of the caller (RFC 3262 §3).

use std::time::Instant;

use pbx_sip::Message;
use pbx_sip::dialog::rack;

use super::id::Side;
use super::reliable::Description;
use super::state::Call;
use crate::core::{Core, Inbound};
use crate::refusal::Refusal;

impl Call {
    /// Ends the repetition of the response it is for. An answer in it goes on to the callee in our PRACK, an offer
    /// in an UPDATE.
    pub(super) fn on_prack(&mut self, core: &mut Core, now: Instant, side: Side, inbound: &Inbound<'_>) {
        let request = inbound.request;
        let invite = self.summary.cseq;
        let numbers = rack(request).filter(|&(_, cseq)| side == Side::Caller && cseq == invite);
        let description = numbers.and_then(|(rseq, _)| self.reliable.as_mut()?.acknowledge(rseq));
        match (description, request.sdp()) {
            (None, _) => core.refuse(now, inbound, &Refusal::UnknownDialog),
            (Some(Description::Offer), _) => {
                core.respond(now, inbound, (200, "OK"), |builder| builder);
                self.pass_early_answer(core, now, request);
            }
            (Some(_), Some(_)) => self.relay(core, now, side, inbound),
            (Some(_), None) => {
                core.respond(now, inbound, (200, "OK"), |builder| builder);
            }
        }
        self.send_next_reliable(core, now);
        self.resume_answer(core, now);
    }

    /// Without an answer there is no session, whatever comes later.
    fn pass_early_answer(&mut self, core: &mut Core, now: Instant, prack: &Message) {
        let source = self.caller.dialog.flow.remote.ip();
        let body = prack.sdp().map(|sdp| self.media.pass_answer(core, Side::Caller, sdp, source));
        self.media.settle();
        match (body, self.early.iter().position(|early| early.is_bound)) {
            (Some(Ok(sdp)), Some(place)) => {
                self.prack(core, now, place, prack.body_with(Some(&sdp)).as_ref());
            }
            _ => self.refuse(core, now, &Refusal::NoCodec),
        }
    }
}
