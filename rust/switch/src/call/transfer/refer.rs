//! REFER inside a dialog (RFC 3515 §2.4, `config.md` §2.9 `blind_transfer_use_refer`).

use std::time::Instant;

use pbx_sip::{Cause, Fault, Message, Name, Part, ReferTo};

use super::super::id::Side;
use super::super::state::{Call, Phase};
use super::errand::Errand;
use super::notify::Subscription;
use super::referral::Referral;
use crate::config::Module;
use crate::core::{Core, Inbound};
use crate::refusal::Refusal;

/// Bits of `Call::refers` that say which party has sent a NOTIFY; those below say which has sent a REFER.
const NOTIFIED: u8 = 1 << 2;

impl Call {
    /// A party wants the other one transferred.
    pub(in super::super) fn on_refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        side: Side,
        inbound: &Inbound<'_>,
    ) {
        let to = match self.judge_refer(side, inbound.request) {
            Ok(to) => to,
            Err(refusal) => return core.refuse(now, inbound, &refusal),
        };
        if self.policy.config.call.blind_transfer_use_refer {
            self.refers |= 1 << side.index();
            return self.relay(core, now, side, inbound);
        }
        self.refer(core, now, (side, to), inbound);
    }

    /// The first way: we call the target ourselves.
    pub(super) fn refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        (side, to): (Side, ReferTo),
        inbound: &Inbound<'_>,
    ) {
        let request = inbound.request;
        let is_silent = request.values(Name::ReferSub).any(|value| value.eq_ignore_ascii_case(b"false"));
        let Some(leg) = self.leg(side) else { return };
        let contact = leg.contact(core);
        core.respond(now, inbound, (202, "Accepted"), |builder| {
            let builder = builder.header(Name::Contact, contact);
            if is_silent { builder.header(Name::ReferSub, "false") } else { builder }
        });
        let is_first = self.refers & (1 << side.index()) == 0;
        let subscription = (!is_silent).then_some(Subscription { id: (!is_first).then_some(request.cseq()) });
        self.refers |= 1 << side.index();
        let referred_by = self.referred_by(side, request);
        let user = self.leg(side).and_then(|leg| leg.user.clone());
        self.referral = Some(Box::new(Referral::new(side, to, user, referred_by, subscription)));
        self.notify(core, now, 100, "Trying", false);
        core.errands.push_back(Errand::Reach(self.id));
    }

    /// A party tells how the call it was asked for goes.
    pub(in super::super) fn note_notified(&mut self, side: Side) {
        self.refers |= NOTIFIED << side.index();
    }

    /// Whether it ever did.
    pub(in super::super) fn has_notified(&self, side: Side) -> bool {
        self.refers & (NOTIFIED << side.index()) != 0
    }

    /// The second way failed in a manner that says the other party cannot do it: the first way is taken. `false`: that
    /// is no longer possible.
    pub(in super::super) fn refer_instead(
        &mut self,
        core: &mut Core,
        now: Instant,
        side: Side,
        inbound: &Inbound<'_>,
    ) -> bool {
        match self.judge_refer(side, inbound.request) {
            Ok(to) => {
                self.refer(core, now, (side, to), inbound);
                true
            }
            Err(_) => false,
        }
    }

    fn judge_refer(&self, side: Side, request: &Message) -> Result<ReferTo, Refusal> {
        if self.phase != Phase::Connected || self.referral.is_some() || self.target.is_some() {
            return Err(Refusal::Overlapping);
        }
        let is_known = self.leg(side).is_some_and(|leg| leg.user.is_some());
        if self.policy.config.has_module(Module::Auth) && !is_known {
            return Err(Refusal::Forbidden);
        }
        let mut values = request.values(Name::ReferTo);
        let Some(value) = values.next() else {
            return Err(Refusal::Malformed(Fault::Missing(Name::ReferTo)));
        };
        if values.next().is_some() {
            return Err(Refusal::Malformed(bad(Cause::Number)));
        }
        ReferTo::parse(value).map_err(|fault| {
            Refusal::Malformed(match fault {
                Fault::Bad { cause, .. } => bad(cause),
                other => other,
            })
        })
    }

    /// What the target is told of the referrer.
    fn referred_by(&self, side: Side, request: &Message) -> Box<str> {
        let given = request.text(Name::ReferredBy).filter(|text| !text.contains(['\r', '\n']));
        let leg = self.leg(side);
        match (given, leg.map(|leg| super::super::dial::party(Some(leg.dialog.remote.as_bytes())))) {
            (Some(given), _) => given.into(),
            (None, Some(party)) => party.into(),
            (None, None) => Box::default(),
        }
    }
}

fn bad(cause: Cause) -> Fault {
    Fault::Bad { part: Part::Header(Name::ReferTo), cause }
}
