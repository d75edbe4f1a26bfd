//! A direct call whose callee turns out to be behind NAT only by its answer is anchored then: the caller sees our
//! address in the answer, the callee in a re-INVITE right after the ACK (`config.md` §5).

use std::time::Instant;

use pbx_sip::{Flow, Message, Method};

use super::farewell::Farewell;
use super::id::{Side, TimerKind};
use super::state::{Call, Phase};
use super::transfer::glare_wait;
use crate::config::MediaMode;
use crate::core::{Core, Role};
use crate::nat::is_behind_nat;
use crate::output::Level;

/// Re-INVITEs sent when each meets one of the callee's.
const MAX_TRIES: u8 = 5;

impl Call {
    /// Asks for sockets if the answer shows what the offer could not. `true`: the answer has to wait for them.
    pub(super) fn anchor_if_revealed(
        &mut self,
        core: &mut Core,
        now: Instant,
        (response, answer): (&Message, Option<&[u8]>),
        flow: Flow,
    ) -> bool {
        if self.is_offer_late() {
            return false;
        }
        let peers = [self.caller.dialog.flow.remote.ip(), flow.remote.ip()];
        let said = (answer, self.is_translated(response, flow));
        match self.media.anchor_if_revealed(core, now, self.mode_if_revealed(), said, peers) {
            Ok(anchored) => self.reanchor_due = anchored,
            Err(_) => warn_not_anchored(core),
        }
        self.reanchor_due
    }

    /// Whether the answer in a provisional response shows what the offer could not. The caller is not shown it then: a
    /// reliable one could not be taken back, and of media to that address nothing would come.
    pub(super) fn is_revealed_by(&self, response: &Message, flow: Flow) -> bool {
        let said = (response.sdp(), self.is_translated(response, flow));
        !self.is_offer_late()
            && self.media.revealed(self.mode_if_revealed(), said, flow.remote.ip()).is_some()
    }

    fn is_translated(&self, response: &Message, flow: Flow) -> bool {
        self.policy.config.nat_fix && is_behind_nat(response, &flow)
    }

    fn mode_if_revealed(&self) -> MediaMode {
        self.plan.media.unwrap_or(self.policy.config.media.mode)
    }

    /// No sockets for an answer that needs them: the call goes on as it was decided, with a warning.
    pub(super) fn stay_direct(&mut self, core: &mut Core, now: Instant) {
        self.reanchor_due = false;
        self.media.stay_direct(core, now);
        warn_not_anchored(core);
        self.on_answer_sockets(core, now);
    }

    /// Shows the callee our address.
    pub(super) fn reanchor(&mut self, core: &mut Core, now: Instant) {
        if self.phase != Phase::Connected || !std::mem::take(&mut self.reanchor_due) {
            return;
        }
        self.reanchor_tries += 1;
        let Some(body) = self.media.offer_again(core) else { return };
        let party = (Side::Callee, Role::Reanchor);
        self.reanchor = self.ask_party(core, now, party, (Method::Invite, Some(&body)));
    }

    /// The callee's verdict. Without its consent there is no audio, so the call ends.
    pub(super) fn on_reanchor_response(&mut self, core: &mut Core, now: Instant, response: &Message) {
        if response.status() < 200 {
            return;
        }
        if response.status() == 491 && self.reanchor_tries < MAX_TRIES {
            self.reanchor = None;
            self.reanchor_due = true;
            let wait = glare_wait(core, Side::Callee);
            return core.arm(now + wait, self.id, TimerKind::Reanchor);
        }
        if response.status() >= 300 {
            return self.on_reanchor_failure(core, now);
        }
        let Some(leg) = &mut self.callee else { return };
        if self.reanchor.take().is_none() {
            return leg.repeat_ack(core, response.cseq());
        }
        leg.update_target(response);
        leg.session.on_accepted(now, response);
        leg.acknowledge(core, response.cseq(), None);
        let source = leg.dialog.flow.remote.ip();
        let joined = response.sdp().map(|sdp| self.media.pass_answer(core, Side::Callee, sdp, source));
        self.media.settle();
        self.arm_session(core, now, Side::Callee);
        if !matches!(joined, Some(Ok(_))) && self.phase == Phase::Connected {
            self.hang_up_both(
                core,
                now,
                Farewell::Reason("SIP;cause=488;text=\"Media could not be anchored\""),
            );
        }
    }

    /// The re-INVITE failed or was never answered.
    pub(super) fn on_reanchor_failure(&mut self, core: &mut Core, now: Instant) {
        self.reanchor = None;
        self.media.settle();
        if self.phase == Phase::Connected {
            self.hang_up_both(
                core,
                now,
                Farewell::Reason("SIP;cause=488;text=\"Media could not be anchored\""),
            );
        }
    }
}

fn warn_not_anchored(core: &mut Core) {
    core.log(Level::Warn, "media_not_anchored", vec![("cause", "rtp_ports".to_owned())]);
}
