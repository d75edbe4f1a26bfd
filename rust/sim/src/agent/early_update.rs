//! Offers by UPDATE before the answer (RFC 3311 §5.1), once the first exchange is complete.

use std::time::{Duration, Instant};

use pbx_sip::{Message, Method};

use super::client::Purpose;
use super::leg::LegState;
use super::outbox::{AgentTimer, Deed};
use super::user_agent::UserAgent;
use crate::coverage::Feature;

/// How long after the first exchange the next one begins, at most; both ends often choose the same moment.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(60), Duration::from_millis(900)];

impl UserAgent {
    /// The first exchange is complete: another one may follow.
    pub(super) fn plan_early_update(&mut self, now: Instant, index: usize) {
        if self.updates_early && self.legs[index].settled {
            let pause = PAUSES[self.chance() as usize % PAUSES.len()];
            self.out.arm(now + pause, AgentTimer::Deed(index, Deed::EarlyUpdate));
        }
    }

    /// Offers another codec first.
    pub(super) fn update_early(&mut self, now: Instant, index: usize) {
        let leg = &mut self.legs[index];
        if leg.state != LegState::Inviting || !leg.settled || leg.updating || leg.cancel_wanted {
            return;
        }
        leg.alaw_first = !leg.alaw_first;
        leg.updating = true;
        let (mark, body) = self.describe(index, None);
        let leg = &mut self.legs[index];
        leg.offered = Some(mark);
        let is_named = leg.remote_tag.is_some();
        leg.remote_tag = leg.known_tag().map(str::to_owned);
        self.send_in_dialog(now, index, Method::Update, Purpose::EarlyUpdate(index), Some(&body));
        if !is_named {
            // The dialog is early: the 2xx names it anew.
            self.legs[index].remote_tag = None;
        }
    }

    /// What the peer says to it.
    pub(super) fn on_early_update_response(&mut self, now: Instant, index: usize, response: &Message) {
        let offered = self.legs[index].offered.take();
        self.legs[index].updating = false;
        match response.status() {
            200..=299 => {
                self.coverage.count(Feature::EarlyUpdated);
                let remote = self.read_mark(response, "2xx to early UPDATE");
                (self.legs[index].local, self.legs[index].remote) = (offered, remote);
            }
            408 | 481 => self.abandon(now, index),
            _ => self.coverage.count(Feature::EarlyUpdateRefused),
        }
        self.reply_if_wanted(now, index);
    }

    /// Nobody knows which session holds.
    pub(super) fn on_early_update_unanswered(&mut self, now: Instant, index: usize) {
        self.legs[index].updating = false;
        self.legs[index].offered = None;
        self.abandon(now, index);
        self.reply_if_wanted(now, index);
    }

    fn reply_if_wanted(&mut self, now: Instant, index: usize) {
        if std::mem::take(&mut self.legs[index].reply_wanted) {
            self.reply(now, index);
        }
    }

    /// Ends a call whose session is in doubt.
    fn abandon(&mut self, now: Instant, index: usize) {
        let leg = &self.legs[index];
        match (leg.state, leg.invited) {
            (LegState::Confirmed, _) => self.hang_up(now, index),
            (LegState::Inviting, Some(server)) => self.refuse(now, index, server, 480),
            (LegState::Inviting, None) => self.give_up(now, index),
            _ => {}
        }
    }

    /// The leg an UPDATE belongs to: one in a call, or one that may be offered a session before the answer.
    pub(super) fn leg_of_update(&self, request: &Message) -> Option<usize> {
        let (local, remote) = (request.to_tag()?, request.from_tag()?);
        self.legs.iter().position(|leg| {
            let is_open = match leg.state {
                LegState::Confirmed => leg.remote_tag.as_deref() == Some(remote),
                LegState::Inviting => leg.settled && leg.known_tag() == Some(remote),
                LegState::Ending | LegState::Ended => false,
            };
            is_open && leg.local_tag == local && leg.call_id == request.call_id()
        })
    }
}
