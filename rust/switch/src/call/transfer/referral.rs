//! The call REFER came on: what its referrer wants, and how far that is.

use std::time::{Duration, Instant};

use pbx_sip::transaction::TransactionId;
use pbx_sip::{Bytes, Message, Method, ReferTo};
use rand_core::RngCore;

use super::super::farewell::Farewell;
use super::super::id::{CallId, Side, TimerKind};
use super::super::state::{Call, Phase};
use super::errand::Errand;
use super::notify::Subscription;
use crate::core::{Core, Role};

/// How often the remaining party is asked when its INVITEs meet ours.
const MAX_TRIES: u8 = 5;
/// How long the referrer has for his BYE once he knows of the success (RFC 5589 §6.1).
const RELEASE_AFTER: Duration = Duration::from_secs(4);

/// A transfer that is under way.
#[derive(Debug)]
pub(in super::super) struct Referral {
    /// Who asked.
    pub(in super::super) referrer: Side,
    /// Whom to reach.
    pub(super) to: ReferTo,
    /// Name of the referrer, by whose rights the target is called.
    pub(super) user: Option<Box<str>>,
    /// Referred-By for the target (RFC 3892).
    pub(super) referred_by: Box<str>,
    /// NOTIFYs still to come.
    pub(super) subscription: Option<Subscription>,
    /// The call of the target.
    pub(super) target: Option<CallId>,
    /// The target's offer, until the remaining party has answered it.
    offer: Option<Bytes>,
    /// Our re-INVITE to the remaining party, and whether it was accepted.
    rejoin: Option<TransactionId>,
    pub(super) rejoined: Option<TransactionId>,
    tries: u8,
    /// How often another shard was asked for the target.
    pub(super) seeks: u8,
    /// The target was lost while the remaining party was being asked.
    lost: bool,
}

impl Referral {
    pub(super) fn new(
        referrer: Side,
        to: ReferTo,
        user: Option<Box<str>>,
        referred_by: Box<str>,
        subscription: Option<Subscription>,
    ) -> Self {
        Self {
            referrer,
            to,
            user,
            referred_by,
            subscription,
            target: None,
            offer: None,
            rejoin: None,
            rejoined: None,
            tries: 0,
            seeks: 0,
            lost: false,
        }
    }

    /// Whether a re-INVITE of ours to the remaining party runs or waits.
    pub(super) fn is_inviting(&self, side: Side) -> bool {
        side != self.referrer && self.rejoin.is_some()
    }
}

impl Call {
    /// Whether a transfer goes on without this party, which may hang up meanwhile (RFC 5589 §6.1).
    pub(in super::super) fn outlives(&self, side: Side) -> bool {
        let refers = self.referral.as_ref().is_some_and(|referral| referral.referrer == side);
        let makes_room = self.target.as_ref().is_some_and(|target| target.vacant == side);
        self.phase == Phase::Connected && (refers || makes_room)
    }

    /// Whether a transfer has an INVITE under way to a party, or is about to.
    pub(in super::super) fn is_transferring(&self, side: Side) -> bool {
        self.referral.as_ref().is_some_and(|referral| referral.is_inviting(side))
            || self.target.as_ref().is_some_and(|target| target.is_inviting(side))
    }

    /// The target rings.
    pub(super) fn on_target_progress(&mut self, core: &mut Core, now: Instant, code: u16) {
        self.notify(core, now, code, pbx_sip::reason_phrase(code), false);
    }

    /// The target cannot be reached: the old call goes on, unless the referrer has left it.
    pub(super) fn on_target_failed(&mut self, core: &mut Core, now: Instant, code: u16) {
        let Some(referral) = &mut self.referral else { return };
        referral.target = None;
        if referral.rejoin.is_some() {
            // The remaining party may accept yet, and would then hear nobody.
            referral.lost = true;
            return;
        }
        self.give_up_transfer(core, now, code);
    }

    fn give_up_transfer(&mut self, core: &mut Core, now: Instant, code: u16) {
        self.notify(core, now, code, pbx_sip::reason_phrase(code), true);
        let Some(referral) = self.referral.take() else { return };
        if let Some(target) = referral.target {
            core.errands.push_back(Errand::Dropped(target));
        }
        core.counters.count(
            "transfers_total",
            if referral.to.replaces.is_some() { "attended,failed" } else { "blind,failed" },
        );
        if self.phase == Phase::Connected && self.leg(referral.referrer).is_some_and(|leg| leg.closing) {
            self.hang_up_both(core, now, Farewell::Plain);
        }
    }

    /// The target is there: the remaining party is asked to speak with it.
    pub(super) fn on_target_offer(&mut self, core: &mut Core, now: Instant, offer: Bytes) {
        let Some(referral) = &mut self.referral else { return };
        referral.offer = Some(offer);
        self.rejoin(core, now);
    }

    /// Sends the re-INVITE with the target's offer, or waits until no other INVITE is under way.
    pub(in super::super) fn rejoin(&mut self, core: &mut Core, now: Instant) {
        let Some(referral) = &mut self.referral else { return };
        let (side, offer) = (referral.referrer.other(), referral.offer.clone());
        let Some(offer) = offer.filter(|_| referral.rejoin.is_none()) else { return };
        referral.tries += 1;
        if referral.tries > MAX_TRIES {
            return self.give_up_transfer(core, now, 491);
        }
        if self.has_invite(side) {
            return self.rejoin_later(core, now, side);
        }
        let client = self.ask_party(core, now, (side, Role::Rejoin), (Method::Invite, Some(&offer)));
        match (client, &mut self.referral) {
            (Some(client), Some(referral)) => referral.rejoin = Some(client),
            _ => self.give_up_transfer(core, now, 503),
        }
    }

    fn rejoin_later(&mut self, core: &mut Core, now: Instant, side: Side) {
        let wait = glare_wait(core, side);
        core.arm(now + wait, self.id, TimerKind::Rejoin);
    }

    /// What the remaining party says.
    pub(in super::super) fn on_rejoin_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        client: TransactionId,
        response: &Message,
    ) {
        if response.status() < 200 {
            return;
        }
        let Some(referral) = self.referral.as_mut().filter(|referral| referral.rejoin == Some(client)) else {
            return self.on_rejoin_copy(core, response);
        };
        referral.rejoined = referral.rejoin.take();
        let (side, lost) = (referral.referrer.other(), referral.lost);
        match response.status() {
            200..=299 => self.on_rejoined(core, now, side, response),
            491 if !lost => self.rejoin_later(core, now, side),
            code => {
                self.give_up_transfer(core, now, if lost { 487 } else { code });
                if matches!(code, 408 | 481) && self.phase == Phase::Connected {
                    self.hang_up_both(core, now, Farewell::Plain);
                }
            }
        }
    }

    fn on_rejoined(&mut self, core: &mut Core, now: Instant, side: Side, response: &Message) {
        if let Some(leg) = self.leg_mut(side) {
            leg.update_target(response);
            leg.acknowledge(core, response.cseq(), None);
            leg.session.on_accepted(now, response);
        }
        let parent = self.id;
        let target = self.referral.as_ref().filter(|referral| !referral.lost).and_then(|it| it.target);
        if let (Some(target), Some(sdp)) = (target, response.sdp()) {
            let answer = Bytes::copy_from_slice(sdp);
            return core.errands.push_back(Errand::Agreed { parent, target, answer });
        }
        // It left the old session for one that will not be.
        self.give_up_transfer(core, now, 487);
        if self.phase == Phase::Connected {
            self.hang_up_both(core, now, Farewell::Reason("SIP;cause=487;text=\"Transfer failed\""));
        }
    }

    /// A copy of the 2xx, or one nobody waits for any more.
    fn on_rejoin_copy(&mut self, core: &mut Core, response: &Message) {
        if response.cseq_method() != Method::Invite || response.status() / 100 != 2 {
            return;
        }
        for leg in [Some(&mut self.caller), self.callee.as_mut()].into_iter().flatten() {
            if leg.dialog.is_of(response) {
                leg.acknowledge_late(core, response.cseq());
            }
        }
    }

    /// The remaining party does not answer.
    pub(in super::super) fn on_rejoin_timeout(&mut self, core: &mut Core, now: Instant) {
        if self.referral.as_mut().and_then(|referral| referral.rejoin.take()).is_none() {
            return;
        }
        self.give_up_transfer(core, now, 408);
        if self.phase == Phase::Connected {
            self.hang_up_both(core, now, Farewell::Reason("SIP;cause=408;text=\"Peer does not answer\""));
        }
    }

    /// The remaining party is in another call now: the referrer learns it and has some time for his BYE.
    pub(super) fn release(&mut self, core: &mut Core, now: Instant) {
        self.notify(core, now, 200, "OK", true);
        if let Some(referral) = &mut self.referral {
            referral.target = None;
            referral.offer = None;
            let kind = if referral.to.replaces.is_some() { "attended,ok" } else { "blind,ok" };
            core.counters.count("transfers_total", kind);
        }
        self.phase = Phase::Ending;
        self.abort_relays(core, now);
        self.media.close(core, now);
        let is_gone =
            self.referral.as_ref().is_none_or(|it| self.leg(it.referrer).is_none_or(|leg| leg.closing));
        if is_gone {
            self.referral = None;
        } else {
            core.arm(now + RELEASE_AFTER, self.id, TimerKind::Release);
        }
    }

    /// The referrer did not hang up by himself.
    pub(in super::super) fn on_release(&mut self, core: &mut Core, now: Instant) {
        if self.phase == Phase::Ending
            && let Some(referral) = self.referral.take()
        {
            self.bye(core, now, referral.referrer, Farewell::Plain);
        }
    }

    /// The call ends: so does what was begun for it.
    pub(in super::super) fn end_transfer(&mut self, core: &mut Core, now: Instant) {
        if self.referral.is_some() {
            self.notify(core, now, 487, pbx_sip::reason_phrase(487), true);
        }
        if let Some(target) = self.referral.take().and_then(|referral| referral.target) {
            core.errands.push_back(Errand::Dropped(target));
        }
        self.fail_target(core, 487);
    }
}

/// RFC 3261 §14.1: the owner of the Call-ID, which on the callee's leg is us, waits longer.
pub(in super::super) fn glare_wait(core: &mut Core, side: Side) -> Duration {
    let step = core.rng.next_u32();
    Duration::from_millis(match side {
        Side::Callee => 2_100 + 10 * u64::from(step % 191),
        Side::Caller => 10 * u64::from(step % 201),
    })
}
