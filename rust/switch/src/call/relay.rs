//! Requests inside the dialog of one party, carried into the dialog of the other.

use std::time::Instant;

use pbx_sip::dialog::Accepted2xx;
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Bytes, Flow, Message, Method, Name};

use super::accept::with_session;
use super::body::{judge_body, with_body, with_description};
use super::failure::passable;
use super::farewell::Farewell;
use super::headers;
use super::id::{Side, TimerKind};
use super::leg::Accepting;
use super::state::{Call, Phase};
use super::update::makes_offer;
use crate::core::{Core, Inbound, Owner, Role};
use crate::refusal::{ALLOW, Refusal, supported, without_100rel};

/// Requests relayed at once in one call; more are refused with 500 + Retry-After.
const MAX_RELAYS: usize = 8;

/// A request on its way across.
pub(super) struct Relay {
    pub(super) from: Side,
    pub(super) method: Method,
    /// Method in which it crossed.
    sent: Method,
    pub(super) server: TransactionId,
    flow: Flow,
    request: Message,
    pub(super) client: TransactionId,
    /// Final response sent; an INVITE stays until its ACK.
    answered: bool,
    /// The other party has refused the interval of its session timer.
    is_raised: bool,
}

impl Call {
    /// A request to be carried across.
    pub(super) fn relay(&mut self, core: &mut Core, now: Instant, side: Side, inbound: &Inbound<'_>) {
        let method = inbound.request.method();
        let judged = self.may_relay(side, inbound.request).and_then(|()| match method {
            Method::Invite | Method::Update | Method::Prack => judge_body(inbound.request),
            _ => Ok(()),
        });
        match judged.and_then(|()| self.forward(core, now, side, inbound)) {
            Ok(relay) => {
                if method == Method::Notify {
                    self.note_notified(side);
                }
                // The other party may take its time, and the sender would repeat itself (RFC 3261 §17.2.1).
                if method == Method::Invite {
                    core.respond(now, inbound, (100, "Trying"), |builder| builder);
                }
                self.relays.push(relay);
            }
            Err(refusal) => core.refuse(now, inbound, &refusal),
        }
    }

    /// Glare and overlap rules (RFC 3261 §14.2, RFC 3311 §5.2).
    fn may_relay(&self, side: Side, request: &Message) -> Result<(), Refusal> {
        if self.relays.len() >= MAX_RELAYS {
            return Err(Refusal::Overlapping);
        }
        if self.phase != Phase::Connected {
            return self.may_relay_early(side, request);
        }
        if self.leg(side.other()).is_none_or(|leg| leg.closing) {
            return Err(Refusal::Overlapping);
        }
        if request.method() != Method::Invite && !makes_offer(request) {
            return Ok(());
        }
        if Side::ALL.into_iter().any(|side| self.is_transferring(side)) {
            return Err(Refusal::Glare);
        }
        if self.leg(side).is_some_and(|leg| leg.accepting.is_some()) {
            return Err(Refusal::Overlapping);
        }
        if self.leg(side.other()).is_some_and(|leg| leg.accepting.is_some()) {
            return Err(Refusal::Glare);
        }
        // An INVITE without an offer is an exchange too, until its ACK.
        match self.relays.iter().find(|relay| relay.is_exchange()) {
            Some(relay) if relay.from == side => Err(Refusal::Overlapping),
            Some(_) => Err(Refusal::Glare),
            None => self.may_offer(side),
        }
    }

    fn forward(
        &mut self,
        core: &mut Core,
        now: Instant,
        from: Side,
        inbound: &Inbound<'_>,
    ) -> Result<Relay, Refusal> {
        let request = inbound.request;
        let method = request.method();
        let leg = self.leg(from.other()).ok_or(Refusal::UnknownDialog)?;
        let sent = self.method_across(leg, method)?;
        let is_connected = self.phase == Phase::Connected;
        let body = match (sent, request.sdp()) {
            (Method::Invite | Method::Update, Some(sdp)) => {
                Some(self.media.pass_offer(core, now, from, sdp, inbound.flow.remote.ip())?)
            }
            _ => None,
        };
        let owner = Owner::Call { call: self.id, role: Role::Relayed };
        let supported = supported(&self.policy.config);
        let leg = self.leg_mut(from.other()).ok_or(Refusal::UnknownDialog)?;
        let (flow, contact) = (leg.flow(), leg.contact(core));
        let (dialog, session) = (&mut leg.dialog, &leg.session);
        let client = core.request(now, flow, sent, Some(owner), |via| {
            let mut builder = dialog.request(sent, via);
            if matches!(sent, Method::Invite | Method::Update | Method::Refer | Method::Notify) {
                builder = builder.header(Name::Contact, contact);
            }
            if matches!(sent, Method::Invite | Method::Update) {
                builder =
                    builder.header(Name::Allow, ALLOW).header(Name::Supported, without_100rel(supported));
            }
            if matches!(sent, Method::Invite | Method::Update) && is_connected {
                builder = session.ask(builder);
            }
            builder = headers::pass(builder, request);
            match sent {
                Method::Invite | Method::Update => with_description(builder, request, body.as_ref()),
                _ => with_body(builder, request),
            }
        });
        Ok(Relay {
            from,
            method,
            sent,
            server: inbound.transaction,
            flow: inbound.flow,
            request: request.clone(),
            client: client.ok_or(Refusal::Full("transactions"))?,
            answered: false,
            is_raised: false,
        })
    }

    /// A response to a relayed request.
    pub(super) fn on_relay_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        client: TransactionId,
        response: &Message,
    ) {
        let Some(index) = self.relays.iter().position(|relay| relay.client == client) else {
            return self.on_relay_copy(core, response);
        };
        if response.status() < 200 {
            return;
        }
        let relay = &self.relays[index];
        let (from, answered) = (relay.from, relay.answered);
        if answered {
            return self.on_relay_copy(core, response);
        }
        if relay.method == Method::Invite && response.status() < 300 {
            return self.on_relay_answer(core, now, index, response);
        }
        if response.status() == 422 && self.ask_longer_across(core, now, index, response) {
            return;
        }
        let relay = self.relays.remove(index);
        if makes_offer(&relay.request) && response.status() < 300 {
            return self.on_offer_answer(core, now, &relay, response);
        }
        if relay.method == Method::Refer && matches!(response.status(), 405 | 420 | 501 | 603) {
            return self.refer_by_ourselves(core, now, &relay);
        }
        relay.answer(core, now, self.tag_of(from).as_deref(), response);
        self.restore_after(core, &relay);
        // RFC 3261 §12.2.1.2: these say that the dialog of the other party is gone.
        if matches!(response.status(), 408 | 481) && self.phase == Phase::Connected {
            self.hang_up_both(core, now, Farewell::Reason("SIP;cause=481;text=\"Peer lost the dialog\""));
        }
    }

    /// The other party finds the interval of its leg too small, which we asked for and not its peer: it is asked
    /// once more (RFC 4028 §7.3). `false`: that was tried, or it does not say what it wants.
    fn ask_longer_across(&mut self, core: &mut Core, now: Instant, index: usize, response: &Message) -> bool {
        let (from, is_raised) = (self.relays[index].from, self.relays[index].is_raised);
        let raises = !is_raised
            && self.phase == Phase::Connected
            && self.leg_mut(from.other()).is_some_and(|leg| leg.session.raise(response));
        if !raises {
            return false;
        }
        let relay = self.relays.remove(index);
        let tag = self.tag_of(from);
        match self.forward(core, now, from, &relay.inbound(tag.as_deref())) {
            Ok(again) => self.relays.push(Relay { is_raised: true, ..again }),
            Err(refusal) => {
                relay.refuse(core, now, tag.as_deref(), &refusal);
                self.restore_after(core, &relay);
            }
        }
        true
    }

    /// A copy of a 2xx to INVITE, or one that crossed our BYE: it is acknowledged all the same
    /// (RFC 3261 §13.2.2.4).
    pub(super) fn on_relay_copy(&mut self, core: &mut Core, response: &Message) {
        if response.cseq_method() != Method::Invite || response.status() / 100 != 2 {
            return;
        }
        for leg in [Some(&mut self.caller), self.callee.as_mut()].into_iter().flatten() {
            if leg.dialog.is_of(response) {
                leg.acknowledge_late(core, response.cseq());
            }
        }
    }

    /// 2xx to a re-INVITE: both dialogs are refreshed, the body goes across.
    fn on_relay_answer(&mut self, core: &mut Core, now: Instant, index: usize, response: &Message) {
        let (from, late) = {
            let relay = &mut self.relays[index];
            relay.answered = true;
            (relay.from, relay.request.sdp().is_none())
        };
        let other = from.other();
        let source = self.leg(other).map(|leg| leg.dialog.flow.remote.ip());
        let body = match (response.sdp(), source) {
            (Some(sdp), Some(source)) if late => self.media.pass_offer(core, now, other, sdp, source),
            (Some(sdp), Some(source)) => self.media.pass_answer(core, other, sdp, source),
            _ => Err(Refusal::NoCodec),
        };
        let request = self.relays[index].request.clone();
        if let Some(leg) = self.leg_mut(from) {
            leg.update_target(&request);
        }
        if let Some(leg) = self.leg_mut(other) {
            leg.update_target(response);
            leg.session.on_accepted(now, response);
            if late && body.is_ok() {
                leg.owed_ack = Some(response.cseq());
            } else {
                leg.acknowledge(core, response.cseq(), None);
            }
        }
        self.arm_session(core, now, other);
        match body {
            Ok(body) => self.confirm_relay(core, now, index, response, &body, late),
            Err(refusal) => {
                let relay = self.relays.remove(index);
                relay.refuse(core, now, self.tag_of(from).as_deref(), &refusal);
                self.restore_after(core, &relay);
            }
        }
    }

    /// A phone that was to take over a place with this INVITE does not get it.
    fn restore_after(&mut self, core: &mut Core, relay: &Relay) {
        if relay.method == Method::Invite && self.replaced.as_ref().is_some_and(|it| it.0 == relay.from) {
            self.restore(core);
        }
    }

    /// The other party cannot follow a REFER.
    fn refer_by_ourselves(&mut self, core: &mut Core, now: Instant, relay: &Relay) {
        let tag = self.tag_of(relay.from);
        if !self.refer_instead(core, now, relay.from, &relay.inbound(tag.as_deref())) {
            relay.refuse(core, now, tag.as_deref(), &Refusal::Overlapping);
        }
    }

    fn confirm_relay(
        &mut self,
        core: &mut Core,
        now: Instant,
        index: usize,
        response: &Message,
        body: &Bytes,
        offered: bool,
    ) {
        let id = self.id;
        let supported = supported(&self.policy.config);
        let side = self.relays[index].from;
        let request = self.relays[index].request.clone();
        let Some(granted) = self.leg_mut(side).map(|leg| leg.session.grant(now, &request)) else { return };
        self.arm_session(core, now, side);
        let relay = &self.relays[index];
        let Some(leg) = self.leg(side) else { return };
        let contact = leg.contact(core);
        let inbound = relay.inbound(Some(&leg.dialog.local_tag));
        let bytes = core.respond(now, &inbound, (response.status(), response.reason()), |builder| {
            let builder = headers::pass(builder.header(Name::Contact, contact), response);
            with_session(granted.write(builder), supported, response, Some(body))
        });
        let accepting = Accepting {
            repeat: Accepted2xx::new(now, core.settings()),
            transaction: relay.server,
            cseq: relay.request.cseq(),
            bytes,
            offered,
        };
        core.arm(accepting.repeat.next_at(), id, TimerKind::Repeat(side));
        if let Some(leg) = self.leg_mut(side) {
            leg.accepting = Some(accepting);
        }
        self.conclude_take_over(core, now, side);
    }

    /// The relayed request got no answer: RFC 3261 §12.2.1.2 ends the dialog.
    pub(super) fn on_relay_timeout(&mut self, core: &mut Core, now: Instant, client: TransactionId) {
        let Some(index) = self.relays.iter().position(|relay| relay.client == client && !relay.answered)
        else {
            return;
        };
        let relay = self.relays.remove(index);
        // Whoever tells how it goes has heard of it: the target is not called twice.
        if relay.method == Method::Refer && !self.has_notified(relay.from.other()) {
            return self.refer_by_ourselves(core, now, &relay);
        }
        let tag = self.tag_of(relay.from);
        relay.refuse(core, now, tag.as_deref(), &timeout());
        self.restore_after(core, &relay);
        if relay.sent == Method::Invite && self.phase == Phase::Connected {
            self.hang_up_both(core, now, Farewell::Reason("SIP;cause=408;text=\"Peer does not answer\""));
        }
    }

    /// CANCEL for a relayed re-INVITE: passed on; the other party's 487 comes back.
    pub(super) fn on_cancel_relay(&mut self, core: &mut Core, now: Instant, server: TransactionId) {
        if let Some(relay) = self.relays.iter().find(|relay| relay.server == server && !relay.answered) {
            core.transactions.cancel(now, relay.client, None);
        }
    }

    /// The ACK came, or never will.
    pub(super) fn finish_relay(&mut self, side: Side) {
        self.relays.retain(|relay| !(relay.answered && relay.from == side));
    }

    /// The call ends: requests not answered yet get 487 (RFC 3261 §15.1.2).
    pub(super) fn abort_relays(&mut self, core: &mut Core, now: Instant) {
        for relay in std::mem::take(&mut self.relays) {
            if !relay.answered {
                let tag = self.tag_of(relay.from);
                relay.refuse(core, now, tag.as_deref(), &Refusal::Cancelled);
            }
        }
        self.restore(core);
    }

    pub(super) fn tag_of(&self, side: Side) -> Option<Box<str>> {
        self.leg(side).map(|leg| leg.dialog.local_tag.clone())
    }
}

impl Relay {
    /// Whether an offer, or the INVITE that asks for one, is on its way.
    pub(super) fn is_exchange(&self) -> bool {
        self.method == Method::Invite || makes_offer(&self.request)
    }

    /// The request as it came.
    pub(super) fn request(&self) -> &Message {
        &self.request
    }

    pub(super) fn inbound<'a>(&'a self, tag: Option<&'a str>) -> Inbound<'a> {
        Inbound { transaction: self.server, flow: self.flow, request: &self.request, tag }
    }

    pub(super) fn refuse(&self, core: &mut Core, now: Instant, tag: Option<&str>, refusal: &Refusal) {
        core.answer_refusal(now, &self.inbound(tag), refusal);
    }

    /// Carries a final response back as it is, as far as it can pass.
    fn answer(&self, core: &mut Core, now: Instant, tag: Option<&str>, response: &Message) {
        let code = passable(response.status());
        let reason = if code == response.status() { response.reason() } else { pbx_sip::reason_phrase(code) };
        core.respond(now, &self.inbound(tag), (code, reason), |builder| {
            let mut builder = headers::pass(builder, response);
            if let Some(min_se) = response.min_se().filter(|_| code == 422) {
                builder = builder.header(Name::MinSe, min_se.to_string());
            }
            if response.body().is_empty() { builder } else { with_body(builder, response) }
        });
    }
}

fn timeout() -> Refusal {
    Refusal::Policy { code: 408, reason: None, headers: Vec::new() }
}
