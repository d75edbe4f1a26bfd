//! Refreshes of the session timer, one leg at a time (RFC 4028 §7.4, §10; `config.md` §9).
//!
//! A refresh is the affair of the leg it happens on. UPDATE without a body changes nothing but the timer and the
//! target, so we answer it and the other party hears nothing of it. A re-INVITE may change the media: that of a peer
//! always crosses, and refreshes both legs on its way; ours offers what its receiver was shown last, unchanged.

use std::time::{Duration, Instant};

use pbx_sip::transaction::TransactionId;
use pbx_sip::{Message, Method, Name};

use super::farewell::Farewell;
use super::id::{Side, TimerKind};
use super::session_timer::Due;
use super::state::{Call, Phase};
use super::transfer::glare_wait;
use crate::core::{Core, Inbound, Role};
use crate::refusal::{ALLOW, supported};

/// How long a re-INVITE of ours waits while another one is under way.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// A refresh of ours that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refresh {
    client: TransactionId,
    method: Method,
    /// The peer found the interval too small once.
    raised: bool,
}

impl Refresh {
    /// Whether it keeps other INVITEs out of the dialog.
    pub(super) fn is_invite(self) -> bool {
        self.method == Method::Invite
    }
}

impl Call {
    /// Has the timer queue wake us for the timer of a leg.
    pub(super) fn arm_session(&mut self, core: &mut Core, now: Instant, side: Side) {
        let id = self.id;
        if let Some(at) = self.leg_mut(side).and_then(|leg| leg.session.arm(now)) {
            core.arm(at, id, TimerKind::Session(side));
        }
    }

    /// The clock of a leg moved on.
    pub(super) fn on_session_timer(&mut self, core: &mut Core, now: Instant, side: Side) {
        if self.phase != Phase::Connected || self.leg(side).is_none_or(|leg| leg.closing) {
            return;
        }
        match self.leg_mut(side).map_or(Due::Nothing, |leg| leg.session.poll(now)) {
            Due::Nothing => {}
            Due::Refresh => self.refresh(core, now, side, false),
            Due::Expired => {
                core.counters.count("calls_total", "session_expired");
                let reason = Farewell::Reason("SIP;cause=408;text=\"Session expired\"");
                return self.hang_up_both(core, now, reason);
            }
        }
        self.arm_session(core, now, side);
    }

    /// Sends a refresh, or puts it off.
    fn refresh(&mut self, core: &mut Core, now: Instant, side: Side, raised: bool) {
        let is_busy = self.has_invite(side);
        let body = self.media.shown(side);
        let Some(leg) = self.leg_mut(side) else { return };
        let method = leg.session.method();
        // On a lossy way an UPDATE may overtake the INVITE before it, which the peer must refuse then (RFC 3261 §12.2.2).
        let may_wait = method == Method::Invite || !leg.session.ends_soon(now);
        if (is_busy && may_wait) || (method == Method::Invite && body.is_none()) {
            return leg.session.put_off(now, Some(BUSY_WAIT));
        }
        let body = body.as_deref().filter(|_| method == Method::Invite);
        let client = self.ask_party(core, now, (side, Role::Refresh(side)), (method, body));
        let Some(leg) = self.leg_mut(side) else { return };
        leg.refresh = client.map(|client| Refresh { client, method, raised });
        if client.is_none() {
            leg.session.put_off(now, None);
        }
    }

    /// Whether an INVITE is under way on a leg: two at once would be glare (RFC 3261 §14.1).
    pub(super) fn has_invite(&self, side: Side) -> bool {
        (side == Side::Callee && (self.reanchor_due || self.reanchor.is_some()))
            || self.redescription.as_ref().is_some_and(|shown| shown.towards == side && shown.is_asking())
            || self.relays.iter().any(|relay| relay.method == Method::Invite)
            || self.leg(side).is_some_and(|leg| leg.accepting.is_some() || leg.is_refreshing_by_invite())
            || self.is_transferring(side)
    }

    /// What the peer says to a refresh of ours.
    pub(super) fn on_refresh_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        (side, client): (Side, TransactionId),
        response: &Message,
    ) {
        if response.status() < 200 {
            return;
        }
        let is_answer = response.cseq_method() == Method::Invite && response.status() < 300;
        let Some(leg) = self.leg_mut(side) else { return };
        if is_answer {
            leg.update_target(response);
            leg.acknowledge_late(core, response.cseq());
        }
        let Some(refresh) = leg.refresh.take_if(|refresh| refresh.client == client) else { return };
        if self.phase == Phase::Connected {
            self.judge_refresh(core, now, (side, refresh), response);
            self.arm_session(core, now, side);
        }
    }

    /// §9.6.
    fn judge_refresh(
        &mut self,
        core: &mut Core,
        now: Instant,
        (side, refresh): (Side, Refresh),
        response: &Message,
    ) {
        let status = response.status();
        count(core, refresh.method, result(status));
        let glare_wait = glare_wait(core, side);
        let Some(leg) = self.leg_mut(side) else { return };
        match status {
            200..=299 => {
                leg.update_target(response);
                leg.session.on_accepted(now, response);
                self.follow_refresh(core, now, side, response);
            }
            405 | 501 if refresh.method == Method::Update => {
                leg.session.on_update_refused();
                self.refresh(core, now, side, refresh.raised);
            }
            422 if !refresh.raised && leg.session.raise(response) => self.refresh(core, now, side, true),
            491 => leg.session.put_off(now, Some(glare_wait)),
            408 | 481 => self.lose_session(core, now),
            _ => {
                let wait = response.number(Name::RetryAfter);
                leg.session.put_off(now, wait.map(|secs| Duration::from_secs(secs.into())));
            }
        }
    }

    /// A party may answer our re-INVITE with other words than the last time: then the other one has to know.
    fn follow_refresh(&mut self, core: &mut Core, now: Instant, side: Side, response: &Message) {
        if let Some(sdp) = response.sdp_bytes().filter(|sdp| self.media.is_news(side, sdp)) {
            self.redescribe(core, now, side.other(), sdp);
        }
    }

    /// The refresh got no answer, or could not be sent.
    pub(super) fn on_refresh_timeout(
        &mut self,
        core: &mut Core,
        now: Instant,
        (side, client): (Side, TransactionId),
        is_sent: bool,
    ) {
        let Some(leg) = self.leg_mut(side) else { return };
        let Some(refresh) = leg.refresh.take_if(|refresh| refresh.client == client) else { return };
        if self.phase != Phase::Connected {
            return;
        }
        count(core, refresh.method, if is_sent { Outcome::Gone } else { Outcome::Failed });
        if is_sent {
            return self.lose_session(core, now);
        }
        if let Some(leg) = self.leg_mut(side) {
            leg.session.put_off(now, None);
        }
        self.arm_session(core, now, side);
    }

    /// The peer does not know the dialog any more (RFC 3261 §12.2.1.2).
    fn lose_session(&mut self, core: &mut Core, now: Instant) {
        core.counters.count("calls_total", "session_lost");
        self.hang_up_both(core, now, Farewell::Reason("SIP;cause=481;text=\"Peer lost the session\""));
    }

    /// UPDATE without a body.
    pub(super) fn on_bare_update(
        &mut self,
        core: &mut Core,
        now: Instant,
        side: Side,
        inbound: &Inbound<'_>,
    ) {
        let is_connected = self.phase == Phase::Connected;
        let supported = supported(&self.policy.config);
        let Some(leg) = self.leg_mut(side) else { return };
        leg.update_target(inbound.request);
        let contact = leg.contact(core);
        // A session that is not answered yet has no timer (RFC 4028 §7.1).
        let granted = is_connected.then(|| leg.session.grant(now, inbound.request));
        core.respond(now, inbound, (200, "OK"), |builder| {
            let builder = builder
                .header(Name::Contact, contact)
                .header(Name::Allow, ALLOW)
                .header(Name::Supported, supported);
            match granted {
                Some(granted) => granted.write(builder),
                None => builder,
            }
        });
        self.arm_session(core, now, side);
    }
}

/// How a refresh ended.
#[derive(Clone, Copy)]
enum Outcome {
    Done,
    Failed,
    Gone,
}

fn result(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Done,
        408 | 481 => Outcome::Gone,
        _ => Outcome::Failed,
    }
}

fn count(core: &mut Core, method: Method, outcome: Outcome) {
    let label = match (method, outcome) {
        (Method::Update, Outcome::Done) => "update,ok",
        (Method::Update, Outcome::Failed) => "update,failed",
        (Method::Update, Outcome::Gone) => "update,gone",
        (_, Outcome::Done) => "invite,ok",
        (_, Outcome::Failed) => "invite,failed",
        (_, Outcome::Gone) => "invite,gone",
    };
    core.counters.count("session_refresh_total", label);
}
