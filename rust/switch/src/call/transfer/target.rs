//! The call that takes the remaining party in: begun anew, or the other call of the referrer.

use std::net::IpAddr;
use std::time::Instant;

use pbx_media::decide::MediaDecision;
use pbx_sip::dialog::Dialog;
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Body, Builder, Bytes, Limits, Message, Method, Name, Replaces, Uri};

use super::super::calls::Calls;
use super::super::farewell::Farewell;
use super::super::id::{CallId, Side, TimerKind, tag};
use super::super::invite::Admitted;
use super::super::leg::Leg;
use super::super::migrate::NotMoved;
use super::super::state::{Call, Phase};
use super::errand::Errand;
use super::referral::glare_wait;
use crate::config::MediaMode;
use crate::core::{Core, Role};
use crate::location::Location;
use crate::policy::HostPort;
use crate::route::Direction;

/// How often the far end of the referrer's other call is asked when its INVITEs meet ours.
const MAX_TRIES: u8 = 5;

/// A call that waits for a party of another one.
#[derive(Debug)]
pub(in super::super) struct Target {
    /// The call of the referral.
    pub(super) parent: CallId,
    /// Whose place the party will take.
    pub(in super::super) vacant: Side,
    /// Our request for an offer of the far end.
    asking: Option<TransactionId>,
    tries: u8,
    /// The far end has made its offer, and waits for the answer.
    offered: bool,
    /// Sockets are being opened for the party; nobody has been told of them.
    pub(in super::super) opening: bool,
}

impl Target {
    fn new(parent: CallId, vacant: Side) -> Self {
        Self { parent, vacant, asking: None, tries: 0, offered: false, opening: false }
    }

    /// Whether a re-INVITE of ours to the far end is under way, or its offer waits for an answer.
    pub(super) fn is_inviting(&self, side: Side) -> bool {
        side != self.vacant && (self.asking.is_some() || self.offered)
    }

    /// Tells the referral how the far end is called.
    pub(in super::super) fn report(&self, core: &mut Core, code: u16) {
        core.errands.push_back(Errand::Progress { parent: self.parent, code });
    }
}

/// Everything a call to a new target is made of.
struct Summons {
    message: Message,
    admitted: Admitted,
    shown: String,
    behind_nat: bool,
    anchored: bool,
}

impl Calls {
    /// Reaches whom a referral names.
    pub(super) fn reach(&mut self, core: &mut Core, location: &Location, now: Instant, parent: CallId) {
        let Some(call) = self.call(parent) else { return };
        let Some(referral) = &call.referral else { return };
        let (user, is_ours) = (referral.user.clone(), names_us(core, call, &referral.to.uri));
        if let Some(replaces) = referral.to.replaces.clone() {
            match self.find_replaced(&replaces) {
                Some((other, side)) if other != parent => {
                    return self.borrow(core, now, parent, (other, side), user.as_deref());
                }
                Some(_) => return self.miss(core, now, parent, 481),
                None if self.seek(core, parent) => return,
                // A dialog of ours that is gone; one of somebody else's is his to look for.
                None if is_ours => return self.miss(core, now, parent, 481),
                None => {}
            }
        }
        self.summon(core, location, now, parent, is_ours);
    }

    pub(super) fn miss(&mut self, core: &mut Core, now: Instant, parent: CallId, code: u16) {
        self.with(core, now, parent, |call, core| call.on_target_failed(core, now, code));
    }

    /// Attended transfer: the remaining party takes the place of the referrer in his other call.
    fn borrow(
        &mut self,
        core: &mut Core,
        now: Instant,
        parent: CallId,
        (other, vacant): (CallId, Side),
        user: Option<&str>,
    ) {
        let may = self.call(other).is_some_and(|call| {
            let is_free = call.target.is_none() && call.referral.is_none();
            let is_his = call.leg(vacant).is_some_and(|leg| leg.user.as_deref() == user);
            call.phase == Phase::Connected && is_free && is_his
        });
        if !may {
            return self.miss(core, now, parent, 481);
        }
        // BYE has to wait for his ACK (RFC 3261 §15), and so has whoever takes his place.
        if self.call(other).and_then(|call| call.leg(vacant)).is_some_and(Leg::is_owed) {
            return self.on_sought(core, now, parent.as_u64(), Err(NotMoved::Busy));
        }
        if let Some(referral) = self.call_mut(parent).and_then(|call| call.referral.as_mut()) {
            referral.target = Some(other);
        }
        let anchored = self.call(parent).and_then(Call::anchored_party);
        self.with(core, now, other, |call, core| {
            let opening = anchored
                .is_some_and(|(decision, party)| call.anchor_for(core, now, decision, (vacant, party)));
            call.target = Some(Box::new(Target { opening, ..Target::new(parent, vacant) }));
            call.ask_for_offer(core, now);
        });
    }

    /// Blind transfer: a call of the referrer's, made by us, without an offer of its own.
    fn summon(&mut self, core: &mut Core, location: &Location, now: Instant, parent: CallId, is_ours: bool) {
        if self.len() >= core.policy.config.limits.max_calls {
            return self.miss(core, now, parent, 503);
        }
        let Some(summons) = self.call(parent).and_then(|call| call.summons(core, is_ours)) else {
            return self.miss(core, now, parent, 400);
        };
        let local_tag = tag(&core.token(), self.next_slot());
        let Ok(dialog) = Dialog::uas(&summons.message, &local_tag, summons.admitted.flow) else {
            return self.miss(core, now, parent, 400);
        };
        let id = self.insert(core, now, summons.admitted, dialog);
        if let Some(referral) = self.call_mut(parent).and_then(|call| call.referral.as_mut()) {
            referral.target = Some(id);
        }
        if let Some(call) = self.call_mut(id) {
            // Nobody is there yet who could be told anything.
            call.caller.closing = true;
            call.caller.behind_nat = summons.behind_nat;
            call.forced = summons.anchored.then_some(MediaMode::All);
            if let Some(invite) = &mut call.invite {
                invite.shown = Some(summons.shown);
            }
            let vacant = Side::Caller;
            call.target = Some(Box::new(Target::new(parent, vacant)));
        }
        self.decide(core, location, now, id);
    }

    /// The call with the dialog a Replaces names, and the side that is to be replaced.
    pub(in super::super) fn find_replaced(&self, replaces: &Replaces) -> Option<(CallId, Side)> {
        let id = self.of_tag(&replaces.to_tag)?;
        let call = self.call(id)?;
        Side::ALL.into_iter().find_map(|side| {
            let dialog = &call.leg(side)?.dialog;
            replaces.names(&dialog.call_id, &dialog.local_tag, &dialog.remote_tag).then_some((id, side))
        })
    }
}

fn names_us(core: &Core, call: &Call, uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| !uri.is_sip() || call.policy.is_ours(&HostPort::of(&uri), &core.locality))
}

impl Call {
    /// Why the call is anchored, if it is, and where the party that remains of its transfer is.
    fn anchored_party(&self) -> Option<(MediaDecision, IpAddr)> {
        let remaining = self.leg(self.referral.as_ref()?.referrer.other())?;
        Some((self.media.anchored()?, remaining.dialog.flow.remote.ip()))
    }

    /// Prepares for a party that is to take a place here and needs us in the way of its media. `true`: sockets are being
    /// opened.
    fn anchor_for(
        &mut self,
        core: &mut Core,
        now: Instant,
        decision: MediaDecision,
        (vacant, party): (Side, IpAddr),
    ) -> bool {
        let Some(far) = self.leg(vacant.other()).map(|leg| leg.dialog.flow.remote.ip()) else { return false };
        let peers = match vacant {
            Side::Caller => [party, far],
            Side::Callee => [far, party],
        };
        self.media.anchor_as(core, now, decision, peers)
    }

    /// The INVITE the referrer would have sent, as far as routes and Python look at it. The target sees the remaining
    /// party as the caller.
    fn summons(&self, core: &mut Core, is_ours: bool) -> Option<Summons> {
        let referral = self.referral.as_ref()?;
        let referrer = self.leg(referral.referrer)?;
        let remaining = self.leg(referral.referrer.other())?;
        let (from_tag, branch, call_id) = (core.token(), core.token(), core.call_id());
        let from = super::super::dial::party(Some(referrer.dialog.remote.as_bytes()));
        let flow = remaining.dialog.flow;
        let mut builder = Builder::request("INVITE", &referral.to.uri)
            .header(Name::Via, core.via(&flow, &format!("z9hG4bK{branch}")))
            .header(Name::MaxForwards, "70")
            .header(Name::From, format!("{from};tag={from_tag}"))
            .header(Name::To, format!("<{}>", referral.to.uri))
            .header(Name::CallId, call_id)
            .header(Name::CSeq, "1 INVITE")
            .header(Name::Contact, format!("<{}>", remaining.dialog.remote_target))
            .header(Name::ReferredBy, &*referral.referred_by);
        if let Some(replaces) = &referral.to.replaces {
            builder = builder.header(Name::Replaces, replaces.to_string());
        }
        let message = Message::parse(builder.finish(), &Limits::default()).ok()?;
        let direction = if is_ours { Direction::Internal } else { Direction::Outbound };
        let admitted = Admitted {
            transaction: TransactionId::NONE,
            flow,
            message: message.clone(),
            user: referral.user.as_deref().map(str::to_owned),
            asserted: None,
            direction,
        };
        Some(Summons {
            message,
            admitted,
            shown: super::super::dial::party(Some(remaining.dialog.remote.as_bytes())),
            behind_nat: remaining.behind_nat,
            anchored: self.media.session().is_some(),
        })
    }

    /// Asks the far end of the referrer's other call for an offer.
    pub(in super::super) fn ask_for_offer(&mut self, core: &mut Core, now: Instant) {
        let Some(target) = self.target.as_mut().filter(|it| it.asking.is_none() && !it.offered) else {
            return;
        };
        target.tries += 1;
        let (side, tries) = (target.vacant.other(), target.tries);
        if tries > MAX_TRIES {
            return self.lose_target(core, now, 491);
        }
        if self.has_invite(side) {
            let wait = glare_wait(core, side);
            return core.arm(now + wait, self.id, TimerKind::Offer);
        }
        let client = self.ask_party(core, now, (side, Role::Target), (Method::Invite, None));
        match (client, &mut self.target) {
            (Some(client), Some(target)) => target.asking = Some(client),
            _ => self.lose_target(core, now, 503),
        }
    }

    /// What the far end says.
    pub(in super::super) fn on_target_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        client: TransactionId,
        response: &Message,
    ) {
        if response.status() < 200 {
            return;
        }
        let is_answer = response.cseq_method() == Method::Invite && response.status() < 300;
        let Some(target) = self.target.as_mut().filter(|target| target.asking == Some(client)) else {
            if is_answer {
                self.acknowledge_stray(core, response);
            }
            return;
        };
        target.asking = None;
        let side = target.vacant.other();
        match response.status() {
            200..=299 => self.on_offer(core, now, side, response),
            491 => {
                let wait = glare_wait(core, side);
                core.arm(now + wait, self.id, TimerKind::Offer);
            }
            code => self.lose_target(core, now, code),
        }
    }

    fn on_offer(&mut self, core: &mut Core, now: Instant, side: Side, response: &Message) {
        let Some(leg) = self.leg_mut(side) else { return };
        leg.update_target(response);
        leg.session.on_accepted(now, response);
        leg.owed_ack = Some(response.cseq());
        let source = leg.dialog.flow.remote.ip();
        let offer = response.sdp().and_then(|sdp| self.media.pass_offer(core, now, side, sdp, source).ok());
        let is_missing = offer.is_none();
        if is_missing {
            self.answer_as_before(core, side);
        }
        self.present_offer(core, now, offer);
    }

    /// The far end has spoken: the remaining party decides, if there is something to decide.
    pub(in super::super) fn present_offer(&mut self, core: &mut Core, now: Instant, offer: Option<Bytes>) {
        let Some(offer) = offer else { return self.lose_target(core, now, 488) };
        if let Some(target) = &mut self.target {
            target.offered = true;
            core.errands.push_back(Errand::Offered { parent: target.parent, offer });
        }
    }

    /// The far end does not answer.
    pub(in super::super) fn on_target_timeout(&mut self, core: &mut Core, now: Instant) {
        if self.target.as_mut().and_then(|target| target.asking.take()).is_some() {
            self.lose_target(core, now, 408);
        }
    }

    /// Tells the referral that this target is none.
    pub(in super::super) fn fail_target(&mut self, core: &mut Core, code: u16) {
        if let Some(target) = self.target.take() {
            core.errands.push_back(Errand::Failed { parent: target.parent, code });
        }
    }

    /// The same while the call stands: without anybody in the place that was to be taken, it ends.
    fn lose_target(&mut self, core: &mut Core, now: Instant, code: u16) {
        let vacant = self.target.as_ref().map(|target| target.vacant);
        self.fail_target(core, code);
        let is_left = vacant.and_then(|side| self.leg(side)).is_none_or(|leg| leg.closing);
        if is_left && self.phase == Phase::Connected {
            self.hang_up_both(core, now, Farewell::Plain);
        }
    }

    /// Nobody will come: a call made for it ends, one that was there before goes on.
    pub(super) fn on_dropped(&mut self, core: &mut Core, now: Instant) {
        let Some(target) = self.target.take() else { return };
        if self.phase != Phase::Connected {
            return self.hang_up(core, now, &crate::refusal::Refusal::Cancelled);
        }
        let side = target.vacant.other();
        if self.leg(target.vacant).is_none_or(|leg| leg.closing) {
            if let Some(leg) = self.leg_mut(side) {
                leg.settle_ack(core, None);
            }
            return self.hang_up_both(core, now, Farewell::Plain);
        }
        if target.offered {
            self.answer_as_before(core, side);
        }
    }

    /// An offer nobody takes up is answered with the session as it was.
    fn answer_as_before(&mut self, core: &mut Core, side: Side) {
        let shown = self.media.shown(side);
        self.media.settle();
        if let Some(leg) = self.leg_mut(side) {
            leg.settle_ack(core, shown.map(Body::sdp).as_ref());
        }
    }

    fn acknowledge_stray(&mut self, core: &mut Core, response: &Message) {
        let shown = Side::ALL.map(|side| self.media.shown(side));
        for side in Side::ALL {
            if let Some(leg) = self.leg_mut(side).filter(|leg| leg.dialog.is_of(response)) {
                match &leg.ack {
                    Some((acked, bytes)) if *acked == response.cseq() => {
                        let bytes = bytes.clone();
                        core.transmit(leg.flow(), bytes);
                    }
                    _ if leg.owed_ack == Some(response.cseq()) => {}
                    _ => {
                        let shown = shown[side.index()].clone().map(Body::sdp);
                        leg.acknowledge(core, response.cseq(), shown.as_ref());
                    }
                }
            }
        }
    }
}
