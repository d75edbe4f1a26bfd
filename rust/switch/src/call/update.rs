//! Offers outside INVITE: UPDATE (RFC 3311), and the PRACK of a caller that makes one (RFC 3262 §5).
//!
//! UPDATE without a body is the affair of its leg. One with an offer crosses: as UPDATE where the other party's Allow
//! lists it, else as re-INVITE once the call is answered. Before that there is no other way, so it gets 488.

use std::time::Instant;

use pbx_sip::{Bytes, Message, Method, Name};

use super::accept::with_session;
use super::id::Side;
use super::leg::Leg;
use super::relay::Relay;
use super::state::{Call, Phase};
use crate::core::Core;
use crate::refusal::{Refusal, supported};

/// Whether a request other than INVITE makes an offer.
pub(super) fn makes_offer(request: &Message) -> bool {
    matches!(request.method(), Method::Update | Method::Prack) && request.sdp().is_some()
}

impl Call {
    /// The method in which a request crosses to `leg`.
    pub(super) fn method_across(&self, leg: &Leg, method: Method) -> Result<Method, Refusal> {
        match method {
            Method::Update | Method::Prack if leg.session.method() == Method::Update => Ok(Method::Update),
            Method::Update | Method::Prack if self.phase == Phase::Connected => Ok(Method::Invite),
            Method::Update | Method::Prack => Err(Refusal::NoEarlyOffer),
            method => Ok(method),
        }
    }

    /// Before the answer, offers cross once the first exchange is complete, other requests while there is only one
    /// dialog they can be for.
    pub(super) fn may_relay_early(&self, side: Side, request: &Message) -> Result<(), Refusal> {
        if self.phase != Phase::Ringing || self.held.is_some() || request.method() == Method::Invite {
            return Err(Refusal::Overlapping);
        }
        if makes_offer(request) {
            return self.may_offer(side);
        }
        match self.early.len() {
            1 if self.is_sole => Ok(()),
            _ => Err(Refusal::Overlapping),
        }
    }

    /// 2xx to such an offer.
    pub(super) fn on_offer_answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        relay: &Relay,
        response: &Message,
    ) {
        let (from, other) = (relay.from, relay.from.other());
        let is_connected = self.phase == Phase::Connected;
        let is_invite = response.cseq_method() == Method::Invite;
        let Some(leg) = self.leg_mut(other) else { return };
        leg.update_target(response);
        if is_invite {
            leg.acknowledge(core, response.cseq(), None);
        }
        if is_connected {
            leg.session.on_accepted(now, response);
        }
        let source = leg.dialog.flow.remote.ip();
        self.arm_session(core, now, other);
        let body = match response.sdp() {
            Some(sdp) => self.media.pass_answer(core, other, sdp, source),
            None => Err(Refusal::NoCodec),
        };
        self.media.settle();
        match body {
            Ok(body) => self.confirm_offer(core, now, (from, relay), response, &body),
            Err(refusal) => relay.refuse(core, now, self.tag_of(from).as_deref(), &refusal),
        }
    }

    fn confirm_offer(
        &mut self,
        core: &mut Core,
        now: Instant,
        (side, relay): (Side, &Relay),
        response: &Message,
        body: &Bytes,
    ) {
        let is_refresh = relay.method == Method::Update;
        let is_connected = self.phase == Phase::Connected;
        let supported = supported(&self.policy.config);
        let Some(leg) = self.leg_mut(side) else { return };
        if is_refresh {
            leg.update_target(relay.request());
        }
        let granted = (is_refresh && is_connected).then(|| leg.session.grant(now, relay.request()));
        let contact = is_refresh.then(|| leg.contact(core));
        let tag = leg.dialog.local_tag.clone();
        core.respond(now, &relay.inbound(Some(&tag)), (200, "OK"), |builder| {
            let builder = super::headers::pass(builder, response);
            let builder = match &contact {
                Some(contact) => builder.header(Name::Contact, contact),
                None => builder,
            };
            let builder = match granted {
                Some(granted) => granted.write(builder),
                None => builder,
            };
            with_session(builder, supported, response, Some(body))
        });
        self.arm_session(core, now, side);
    }
}
