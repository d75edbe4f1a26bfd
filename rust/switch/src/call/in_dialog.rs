//! Requests inside a dialog of ours (§3 step 17).

use std::time::Instant;

use pbx_sip::dialog::CseqVerdict;
use pbx_sip::{Method, Name};

use super::id::Side;
use super::state::{Call, Phase};
use crate::core::{Core, Inbound};
use crate::refusal::{ACCEPT, ALLOW, Refusal, SUPPORTED};

impl Call {
    /// A request whose Call-ID and tags are those of the leg of `side`.
    pub(super) fn on_request(&mut self, core: &mut Core, now: Instant, side: Side, inbound: &Inbound<'_>) {
        let Some(leg) = self.leg_mut(side) else {
            return core.refuse(now, inbound, &Refusal::UnknownDialog);
        };
        if leg.dialog.handle_request(inbound.request) == CseqVerdict::Stale {
            return core.refuse(now, inbound, &Refusal::StaleCseq);
        }
        // A phone that came back on a new connection, or whose NAT moved it, is followed (RFC 5626 §5.3).
        if leg.behind_nat || inbound.flow.transport.is_reliable() {
            leg.dialog.flow = inbound.flow;
        }
        match inbound.request.method() {
            Method::Bye => self.on_bye(core, now, side, inbound),
            Method::Invite | Method::Info if self.phase != Phase::Ending => {
                self.relay(core, now, side, inbound);
            }
            Method::Invite | Method::Info => core.refuse(now, inbound, &Refusal::DialogEnding),
            Method::Options => {
                core.respond(now, inbound, (200, "OK"), |builder| {
                    builder
                        .header(Name::Allow, ALLOW)
                        .header(Name::Accept, ACCEPT)
                        .header(Name::Supported, SUPPORTED)
                });
            }
            _ => core.refuse(now, inbound, &Refusal::MethodNotAllowed),
        }
    }
}
