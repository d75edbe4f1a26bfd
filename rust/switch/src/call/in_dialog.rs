//! Requests inside a dialog of ours (§3 step 17).

use std::time::Instant;

use pbx_sip::dialog::CseqVerdict;
use pbx_sip::{Message, Method, Name};

use super::id::Side;
use super::session_timer::SessionTimer;
use super::state::{Call, Phase};
use crate::core::{Core, Inbound};
use crate::refusal::{ACCEPT, ALLOW, Refusal, lacking_extensions, supported};

impl Call {
    /// A request whose Call-ID and tags are those of the leg of `side`.
    pub(super) fn on_request(&mut self, core: &mut Core, now: Instant, side: Side, inbound: &Inbound<'_>) {
        let Some(leg) = self.leg_mut(side) else {
            return core.refuse(now, inbound, &Refusal::UnknownDialog);
        };
        if !leg.dialog.is_of(inbound.request) {
            // An early dialog besides the one that is the other end.
            return core.refuse(now, inbound, &Refusal::Overlapping);
        }
        if leg.dialog.handle_request(inbound.request) == CseqVerdict::Stale {
            return core.refuse(now, inbound, &Refusal::StaleCseq);
        }
        leg.follow(inbound.flow);
        let method = inbound.request.method();
        // A call can always be ended, whatever else the request asks for.
        if method == Method::Bye {
            return self.on_bye(core, now, side, inbound);
        }
        if let Err(refusal) = self.judge_within(side, inbound.request) {
            return core.refuse(now, inbound, &refusal);
        }
        if method == Method::Prack {
            return self.on_prack(core, now, side, inbound);
        }
        if method == Method::Update && inbound.request.body().is_empty() {
            return self.on_bare_update(core, now, side, inbound);
        }
        if method == Method::Refer {
            return self.on_refer(core, now, side, inbound);
        }
        if method == Method::Options {
            let supported = supported(&self.policy.config);
            core.respond(now, inbound, (200, "OK"), |builder| {
                builder
                    .header(Name::Allow, ALLOW)
                    .header(Name::Accept, ACCEPT)
                    .header(Name::Supported, supported)
            });
        } else {
            self.relay(core, now, side, inbound);
        }
    }

    /// Whether a party is doing what the other asked it to by REFER. Once we do it, the other is told by us alone.
    fn awaits_notify(&self) -> bool {
        let is_ours = self.referral.is_some();
        self.policy.config.call.blind_transfer_use_refer && self.refers != 0 && !is_ours
    }

    /// RFC 3261 §8.2 for a request inside a dialog.
    fn judge_within(&self, side: Side, request: &Message) -> Result<(), Refusal> {
        if self.phase == Phase::Ending {
            return Err(Refusal::DialogEnding);
        }
        match request.method() {
            Method::Invite | Method::Update | Method::Prack | Method::Refer => {}
            Method::Info | Method::Message | Method::Options => {}
            // Only a REFER we passed on makes a subscription (RFC 3515 §2.4.4).
            Method::Notify if self.awaits_notify() => {}
            Method::Notify => return Err(Refusal::UnknownDialog),
            Method::Other => return Err(Refusal::UnknownMethod),
            _ => return Err(Refusal::MethodNotAllowed),
        }
        let config = &self.policy.config;
        let lacking = lacking_extensions(config, request);
        if !lacking.is_empty() {
            return Err(Refusal::BadExtension(lacking));
        }
        match request.method() {
            Method::Invite | Method::Update => SessionTimer::judge(config.call.session_timer, request),
            Method::Info => self.judge_package(side, request),
            _ => Ok(()),
        }?;
        // What we answer ourselves goes no further.
        let goes_on = !matches!(request.method(), Method::Options | Method::Prack);
        if goes_on && request.max_forwards() == Some(0) { Err(Refusal::TooManyHops) } else { Ok(()) }
    }
}
