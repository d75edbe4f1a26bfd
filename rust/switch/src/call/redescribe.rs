//! A description that nobody asked for: another phone behind the endpoint than the one whose answer the caller was
//! shown reliably accepts the call, or the answer to a refresh of ours is not what it was. The other party has its
//! answer already, and what is said cannot be taken back, so it is offered the new description (RFC 3264 §8,
//! RFC 6337 §3.1).

use std::time::Instant;

use pbx_sip::transaction::TransactionId;
use pbx_sip::{Bytes, Message, Method};

use super::early::Earlier;
use super::farewell::Farewell;
use super::id::{Side, TimerKind};
use super::state::{Call, Phase};
use super::transfer::glare_wait;
use crate::core::{Core, Role};

/// Re-INVITEs sent when each meets one of the party's.
const MAX_TRIES: u8 = 5;

/// A description that is to be shown.
pub(super) struct Redescription {
    /// To whom.
    pub(super) towards: Side,
    /// As the other party wrote it.
    sdp: Bytes,
    /// Our re-INVITE.
    client: Option<TransactionId>,
    tries: u8,
}

impl Redescription {
    /// Whether our re-INVITE is unanswered.
    pub(super) fn is_asking(&self) -> bool {
        self.client.is_some()
    }
}

impl Call {
    /// Whether the caller was shown the answer of another dialog than the one with `earlier`.
    pub(super) fn is_bound_elsewhere(&self, earlier: &Earlier) -> bool {
        !matches!(earlier, Earlier::Settled) && self.early.iter().any(|early| early.is_bound)
    }

    /// Has a party shown what the other one says now, as soon as no other exchange is under way.
    pub(super) fn redescribe(&mut self, core: &mut Core, now: Instant, towards: Side, sdp: Bytes) {
        if self.redescription.is_some() {
            return core.counters.count("dropped_total", "description");
        }
        self.redescription = Some(Box::new(Redescription { towards, sdp, client: None, tries: 0 }));
        self.show_description(core, now);
    }

    /// Sends the re-INVITE, or waits until there is room for it.
    pub(super) fn show_description(&mut self, core: &mut Core, now: Instant) {
        let Some(waiting) = self.redescription.as_ref().filter(|it| it.client.is_none()) else { return };
        let (towards, sdp) = (waiting.towards, waiting.sdp.clone());
        if self.phase != Phase::Connected {
            self.redescription = None;
            return;
        }
        if self.has_invite(towards) || self.relays.iter().any(super::relay::Relay::is_exchange) {
            return self.show_later(core, now, towards);
        }
        let author = towards.other();
        let Some(source) = self.leg(author).map(|leg| leg.dialog.flow.remote.ip()) else { return };
        let Ok(offer) = self.media.pass_offer(core, now, author, &sdp, source) else {
            return self.lose_description(core, now, "SIP;cause=488;text=\"Session could not be renewed\"");
        };
        let party = (towards, Role::Redescribe);
        let client = self.ask_party(core, now, party, (Method::Invite, Some(&offer)));
        match (client, &mut self.redescription) {
            (Some(client), Some(shown)) => {
                shown.client = Some(client);
                shown.tries += 1;
            }
            _ => self.show_later(core, now, towards),
        }
    }

    fn show_later(&self, core: &mut Core, now: Instant, towards: Side) {
        let wait = glare_wait(core, towards);
        core.arm(now + wait, self.id, TimerKind::Redescribe);
    }

    /// The party's verdict. Without its consent the two do not hear each other, so the call ends.
    pub(super) fn on_redescribe_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        client: TransactionId,
        response: &Message,
    ) {
        if response.status() < 200 {
            return;
        }
        let shown = self.redescription.take_if(|shown| shown.client == Some(client));
        let Some(shown) = shown.filter(|_| self.phase == Phase::Connected) else {
            return self.on_relay_copy(core, response);
        };
        match response.status() {
            200..=299 => self.on_redescribed(core, now, shown.towards, response),
            491 if shown.tries < MAX_TRIES => {
                let towards = shown.towards;
                self.redescription = Some(Box::new(Redescription { client: None, ..*shown }));
                self.show_later(core, now, towards);
            }
            408 | 481 => self.lose_description(core, now, "SIP;cause=481;text=\"Peer lost the dialog\""),
            _ => self.lose_description(core, now, "SIP;cause=488;text=\"Session could not be renewed\""),
        }
    }

    fn on_redescribed(&mut self, core: &mut Core, now: Instant, side: Side, response: &Message) {
        let Some(leg) = self.leg_mut(side) else { return };
        leg.update_target(response);
        leg.session.on_accepted(now, response);
        leg.acknowledge(core, response.cseq(), None);
        let source = leg.dialog.flow.remote.ip();
        let answer = response.sdp().map(|sdp| self.media.pass_answer(core, side, sdp, source));
        self.media.settle();
        self.arm_session(core, now, side);
        let Some(Ok(answer)) = answer else {
            return self.lose_description(core, now, "SIP;cause=488;text=\"No answer to the offer\"");
        };
        // An author who offered in its 2xx waits for this answer in the ACK.
        if let Some(author) = self.leg_mut(side.other()) {
            author.settle_ack(core, response.body_with(Some(&answer)).as_ref());
        }
    }

    /// The party does not answer.
    pub(super) fn on_redescribe_timeout(&mut self, core: &mut Core, now: Instant, client: TransactionId) {
        if self.redescription.take_if(|shown| shown.client == Some(client)).is_some() {
            self.lose_description(core, now, "SIP;cause=408;text=\"Peer does not answer\"");
        }
    }

    fn lose_description(&mut self, core: &mut Core, now: Instant, reason: &'static str) {
        self.redescription = None;
        self.media.settle();
        for side in Side::ALL {
            if let Some(leg) = self.leg_mut(side) {
                leg.settle_ack(core, None);
            }
        }
        if self.phase == Phase::Connected {
            self.hang_up_both(core, now, Farewell::Reason(reason));
        }
    }
}
