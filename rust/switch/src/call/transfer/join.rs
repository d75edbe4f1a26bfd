//! A leg changes its call.

use std::time::Instant;

use pbx_sip::Body;
use pbx_sip::transaction::TransactionId;

use super::super::calls::Calls;
use super::super::farewell::Farewell;
use super::super::id::{CallId, Side};
use super::super::leg::Leg;
use super::super::state::{Call, Phase};
use crate::core::{Core, Owner, Role};
use crate::output::Level;

impl Calls {
    /// The remaining party of the first call takes the vacant place in the second.
    pub(super) fn join(
        &mut self,
        core: &mut Core,
        now: Instant,
        (parent, target): (CallId, CallId),
        answer: &[u8],
    ) {
        let is_ready = self.call(target).is_some_and(|call| {
            call.phase == Phase::Connected && call.target.as_ref().is_some_and(|it| it.parent == parent)
        });
        let taken = self.call_mut(parent).filter(|_| is_ready).and_then(|call| call.part(core));
        let Some((leg, client)) = taken else {
            // The target went while the answer was on its way.
            return self.with(core, now, parent, |call, core| {
                call.hang_up_both(core, now, Farewell::Reason("SIP;cause=487;text=\"Transfer failed\""));
            });
        };
        // Copies of its 2xx find their leg there.
        if let Some(client) = client {
            core.owners.insert(client, Owner::Call { call: target, role: Role::Rejoin });
        }
        self.moved.insert(leg.dialog.local_tag.clone(), target);
        self.with(core, now, target, |call, core| call.seat(core, now, leg, answer));
        self.with(core, now, parent, |call, core| call.release(core, now));
    }
}

impl Call {
    /// Gives away the party that is not the referrer.
    fn part(&mut self, core: &mut Core) -> Option<(Leg, Option<TransactionId>)> {
        let referral = self.referral.as_ref()?;
        let (side, client) = (referral.referrer.other(), referral.rejoined);
        if side == Side::Callee {
            self.remember_callee(core);
        }
        let leg = self.leg_mut(side)?;
        let spent = Leg::spent(&leg.dialog);
        Some((std::mem::replace(leg, spent), client))
    }

    /// Takes a party in; whoever had its place gets BYE.
    fn seat(&mut self, core: &mut Core, now: Instant, mut leg: Leg, answer: &[u8]) {
        let Some(target) = self.target.take() else { return };
        let vacant = target.vacant;
        if let Some(left) = self.leg_mut(vacant) {
            // Its ACK would find another leg.
            left.accepting = None;
        }
        self.finish_relay(vacant);
        self.bye(core, now, vacant, Farewell::Plain);
        let source = leg.dialog.flow.remote.ip();
        leg.refresh = None;
        leg.session.disarm();
        let remote = super::super::dial::party(Some(leg.dialog.remote.as_bytes()));
        match vacant {
            Side::Caller => {
                self.summary.from = bare(&remote).into();
                self.summary.source = leg.dialog.flow.remote;
                self.caller = leg;
            }
            Side::Callee => {
                self.remember_callee(core);
                self.summary.callee = Some(leg.dialog.remote_target.clone());
                self.callee = Some(leg);
            }
        }
        self.media.reseat(core, vacant, source);
        let body = self.media.pass_answer(core, vacant, answer, source);
        self.media.settle();
        if let Some(other) = self.leg_mut(vacant.other()) {
            other.settle_ack(core, body.as_ref().ok().cloned().map(Body::sdp).as_ref());
        }
        if body.is_err() {
            let reason = Farewell::Reason("SIP;cause=488;text=\"No answer to the offer\"");
            return self.hang_up_both(core, now, reason);
        }
        self.arm_session(core, now, vacant);
        core.log(Level::Info, "call_transferred", vec![("call", self.id.as_u64().to_string())]);
    }
}

/// The URI of a name-addr.
fn bare(party: &str) -> &str {
    let from = party.rfind('<').map_or(0, |at| at + 1);
    party[from..].trim_end_matches('>')
}
