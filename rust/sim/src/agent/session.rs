//! Session timers as a phone keeps them (RFC 4028).

use std::time::{Duration, Instant};

use pbx_sip::{Builder, Message, Method, Name, Refresher, SessionExpires};

use super::client::Purpose;
use super::leg::{Leg, LegState};
use super::outbox::{AgentTimer, Deed};
use super::user_agent::{T2, UserAgent};
use crate::coverage::Feature;
use crate::scenario::Change;

/// Longest time before the end of an interval at which a session is given up (RFC 4028 §10).
const MAX_MARGIN: Duration = Duration::from_secs(32);

/// An interval both ends agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) interval: u32,
    /// The phone refreshes.
    is_ours: bool,
    refresh_at: Instant,
    ends_at: Instant,
}

impl Session {
    fn new(now: Instant, interval: u32, is_ours: bool) -> Self {
        let whole = Duration::from_secs(interval.into());
        let ends_at = now + whole.saturating_sub((whole / 3).min(MAX_MARGIN));
        Self { interval, is_ours, refresh_at: now + whole / 2, ends_at }
    }
}

impl Leg {
    /// Seconds of the interval both ends agreed on.
    pub(super) fn session_secs(&self) -> Option<u32> {
        self.session.map(|session| session.interval)
    }
}

impl UserAgent {
    /// Says in an INVITE or UPDATE what interval is wanted, with the roles as they are.
    pub(super) fn ask_session(&self, index: usize, builder: Builder) -> Builder {
        let Some(timer) = self.timer else { return builder };
        let leg = &self.legs[index];
        let refresher = match leg.session {
            Some(session) if session.is_ours => Some(Refresher::Uac),
            Some(_) => Some(Refresher::Uas),
            None => timer.refresher,
        };
        let min_se = leg.min_se.unwrap_or(0);
        let interval = leg.session_secs().unwrap_or(timer.interval_secs).max(min_se);
        let builder = builder
            .header(Name::Supported, "timer")
            .header(Name::SessionExpires, SessionExpires { interval, refresher }.to_string());
        if min_se > 0 { builder.header(Name::MinSe, min_se.to_string()) } else { builder }
    }

    /// The peer's 2xx says what holds from now on.
    pub(super) fn agree_session(&mut self, now: Instant, index: usize, response: &Message) {
        if self.timer.is_none() {
            return;
        }
        let granted = response.session_expires().ok().flatten();
        self.legs[index].session = granted
            .map(|granted| Session::new(now, granted.interval, granted.refresher != Some(Refresher::Uas)));
        self.arm_session(index);
    }

    /// Grants in a 2xx what an INVITE or UPDATE of the peer asks for.
    pub(super) fn grant_session(
        &mut self,
        now: Instant,
        index: usize,
        request: &Message,
        builder: Builder,
    ) -> Builder {
        let Some(timer) = self.timer else { return builder };
        let Some(asked) = request.session_expires().ok().flatten() else { return builder };
        let wanted = timer.refresher.filter(|_| request.has_token(Name::Supported, "timer"));
        let refresher = asked.refresher.or(wanted).unwrap_or(Refresher::Uas);
        self.legs[index].session = Some(Session::new(now, asked.interval, refresher == Refresher::Uas));
        self.arm_session(index);
        let granted = SessionExpires { interval: asked.interval, refresher: Some(refresher) };
        let builder =
            builder.header(Name::Supported, "timer").header(Name::SessionExpires, granted.to_string());
        if refresher == Refresher::Uac { builder.header(Name::Require, "timer") } else { builder }
    }

    /// Whether an offer or its answer is under way in any call.
    pub(crate) fn is_changing(&self) -> bool {
        let is_changing = |leg: &Leg| {
            leg.state == LegState::Confirmed && (leg.inviting.is_some() || leg.accepted.is_some())
        };
        self.legs.iter().any(is_changing)
    }

    fn arm_session(&mut self, index: usize) {
        let Some(session) = self.legs[index].session else { return };
        if session.is_ours {
            self.out.arm(session.refresh_at, AgentTimer::Deed(index, Deed::Session));
        }
        self.out.arm(session.ends_at, AgentTimer::Deed(index, Deed::Session));
    }

    /// The interval is half over, or over.
    pub(super) fn on_session_timer(&mut self, now: Instant, index: usize) {
        let Some(session) = self.legs[index].session else { return };
        if self.legs[index].state != LegState::Confirmed {
            return;
        }
        if now >= session.ends_at {
            self.coverage.count(Feature::PhoneExpired);
            return self.hang_up(now, index);
        }
        if session.is_ours && now >= session.refresh_at {
            self.refresh(now, index);
        }
    }

    fn refresh(&mut self, now: Instant, index: usize) {
        if self.timer.is_some_and(|timer| timer.by_update) {
            self.send_in_dialog(now, index, Method::Update, Purpose::Refresh(index), None);
        } else {
            self.reinvite(now, index, Change::Refresh);
        }
    }

    /// What the peer says to an UPDATE without a body.
    pub(super) fn on_refresh_response(&mut self, now: Instant, index: usize, response: &Message) {
        match response.status() {
            200..=299 => {
                self.coverage.count(Feature::PhoneRefreshedByUpdate);
                self.agree_session(now, index, response);
            }
            408 | 481 => self.hang_up(now, index),
            _ => self.out.arm(now + T2, AgentTimer::Deed(index, Deed::Session)),
        }
    }

    /// The interval of an INVITE was too small. `false`: nothing can be done about it.
    pub(super) fn raise_interval(&mut self, index: usize, response: &Message) -> bool {
        let leg = &mut self.legs[index];
        let min_se = response.min_se().filter(|_| response.status() == 422 && leg.min_se.is_none());
        leg.min_se = min_se.or(leg.min_se);
        if min_se.is_some() {
            self.coverage.count(Feature::IntervalRefused);
        }
        min_se.is_some()
    }
}
