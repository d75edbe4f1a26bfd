//! The session timer of one leg (RFC 4028, `config.md` §9): what is asked for, what is granted, when it is time.

use std::time::{Duration, Instant};

use pbx_sip::{Builder, Message, Method, Name, Refresher, SessionExpires};

use crate::config::SessionTimerConfig;
use crate::refusal::{MIN_SE, Refusal};

/// The session ends this long before its interval does, or a third of the interval if that is less (RFC 4028 §10).
const MAX_MARGIN: Duration = Duration::from_secs(32);
/// So long before its end a session is refreshed whatever else is under way.
const LAST_CHANCE: Duration = Duration::from_secs(10);
/// Longest sleep. Entries of the timer queue cannot be taken back: those of calls that are over go soon.
const MAX_NAP: Duration = Duration::from_secs(60);
/// Shortest wait before a refresh is tried again.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// What the clock asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// A refresh of ours.
    Refresh,
    /// The end of the call.
    Expired,
}

/// What we ask of a peer in an INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The largest Min-SE the peer has named.
    min_se: u32,
    /// How often the peer found the interval too small.
    raised: u8,
}

impl Default for Asked {
    fn default() -> Self {
        Self { min_se: MIN_SE, raised: 0 }
    }
}

impl Asked {
    /// A peer that finds the interval too small is asked again, twice at most.
    const MAX_RAISED: u8 = 2;

    /// What to ask after this 422. `None`: it was asked often enough, or does not say what it wants.
    pub(super) fn raised(self, refused: &Message) -> Option<Self> {
        let min_se = refused.min_se().filter(|&min_se| min_se > self.min_se)?;
        (self.raised < Self::MAX_RAISED).then_some(Self { min_se, raised: self.raised + 1 })
    }
}

/// The timer of one leg.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionTimer {
    terms: Option<SessionTimerConfig>,
    asked: Asked,
    /// The peer's Allow lists UPDATE.
    allows_update: bool,
    /// The peer refused one all the same.
    refused_update: bool,
    running: Option<Running>,
    /// When the timer queue wakes us.
    armed_at: Option<Instant>,
}

/// An interval that was agreed on.
#[derive(Clone, Copy, Debug)]
struct Running {
    interval: u32,
    /// When we refresh; `None`: the peer does.
    refresh_at: Option<Instant>,
    /// When the call ends without a refresh.
    ends_at: Instant,
}

impl SessionTimer {
    /// A timer that does not run yet; `None`: none ever will.
    pub(super) fn new(terms: Option<SessionTimerConfig>, asked: Asked) -> Self {
        Self { terms, asked, ..Self::default() }
    }

    /// Judges what a request asks for (§9.1).
    ///
    /// # Errors
    /// A header that cannot be read, or an interval too small for us.
    pub(super) fn judge(terms: Option<SessionTimerConfig>, request: &Message) -> Result<(), Refusal> {
        if terms.is_none() {
            return Ok(());
        }
        match request.session_expires().map_err(Refusal::Malformed)? {
            Some(asked) if asked.interval < MIN_SE && knows_timer(request) => Err(Refusal::IntervalTooSmall),
            _ => Ok(()),
        }
    }

    /// Remembers what the peer can do.
    pub(super) fn heed(&mut self, message: &Message) {
        if message.header(Name::Allow).is_some() {
            self.allows_update = message.has_token(Name::Allow, Method::Update.as_str());
        }
    }

    /// Answers a request of the peer with 2xx: the timer runs as granted (§9.2–4), and the 2xx says so.
    pub(super) fn grant(&mut self, now: Instant, request: &Message) -> Granted {
        self.heed(request);
        let granted = self.terms.and_then(|terms| grant(terms, request));
        self.running = granted
            .map(|expires| Running::new(now, expires.interval, expires.refresher == Some(Refresher::Uas)));
        Granted(granted)
    }

    /// Writes what a request of ours asks for: the interval in force with the roles as they are, else ours (§9.5).
    pub(super) fn ask(&self, builder: Builder) -> Builder {
        let Some(terms) = self.terms else { return builder };
        let interval = self.running.map_or(terms.expires_secs, |running| running.interval);
        let refresher = self.running.map(|running| match running.refresh_at {
            Some(_) => Refresher::Uac,
            None => Refresher::Uas,
        });
        let asked = SessionExpires { interval: interval.max(self.asked.min_se), refresher };
        builder
            .header(Name::SessionExpires, asked.to_string())
            .header(Name::MinSe, self.asked.min_se.to_string())
    }

    /// The peer answered such a request with 2xx (§9.5). What it says of the interval holds, but for less than any
    /// session may have (RFC 4028 §4).
    pub(super) fn on_accepted(&mut self, now: Instant, response: &Message) {
        self.heed(response);
        let Some(terms) = self.terms else { return };
        self.running = match response.session_expires() {
            Ok(Some(granted)) => {
                let ours = granted.refresher != Some(Refresher::Uas);
                Some(Running::new(now, granted.interval.max(MIN_SE), ours))
            }
            _ if terms.always => Some(Running::new(now, terms.expires_secs.max(self.asked.min_se), true)),
            _ => None,
        };
    }

    /// The peer found the interval of a refresh too small. `false`: it does not say what it wants.
    pub(super) fn raise(&mut self, refused: &Message) -> bool {
        let Some(min_se) = refused.min_se().filter(|&min_se| min_se > self.asked.min_se) else {
            return false;
        };
        self.asked.min_se = min_se;
        true
    }

    /// How we refresh (§9.6).
    pub(super) fn method(&self) -> Method {
        if self.allows_update && !self.refused_update { Method::Update } else { Method::Invite }
    }

    /// The peer answered UPDATE with 405 or 501.
    pub(super) fn on_update_refused(&mut self) {
        self.refused_update = true;
    }

    /// What the clock asks for.
    pub(super) fn poll(&mut self, now: Instant) -> Due {
        self.armed_at = self.armed_at.filter(|&armed_at| armed_at > now);
        let Some(running) = &mut self.running else { return Due::Nothing };
        if now >= running.ends_at {
            self.running = None;
            return Due::Expired;
        }
        if running.refresh_at.is_some_and(|at| now >= at) {
            // Until its answer comes, nothing but the end.
            running.refresh_at = Some(running.ends_at);
            return Due::Refresh;
        }
        Due::Nothing
    }

    /// The refresh failed for now: it is tried again when the peer says, else after half of the time left (§9.6).
    pub(super) fn put_off(&mut self, now: Instant, wait: Option<Duration>) {
        let Some(running) = &mut self.running else { return };
        let half = running.ends_at.saturating_duration_since(now) / 2;
        let at = now + wait.unwrap_or(half).max(MIN_WAIT);
        running.refresh_at = Some(at.min(running.ends_at));
    }

    /// Whether a refresh can no longer wait.
    pub(super) fn ends_soon(&self, now: Instant) -> bool {
        self.running.is_some_and(|running| running.ends_at.saturating_duration_since(now) <= LAST_CHANCE)
    }

    /// When the timer queue has to wake us, unless it does already.
    pub(super) fn disarm(&mut self) {
        self.armed_at = None;
    }

    /// When to wake us, unless that is arranged already.
    pub(super) fn arm(&mut self, now: Instant) -> Option<Instant> {
        let running = self.running?;
        let due_at = running.refresh_at.map_or(running.ends_at, |at| at.min(running.ends_at));
        let at = due_at.min(now + MAX_NAP);
        if self.armed_at.is_some_and(|armed_at| armed_at <= at) {
            return None;
        }
        self.armed_at = Some(at);
        Some(at)
    }
}

impl Running {
    fn new(now: Instant, interval: u32, ours: bool) -> Self {
        let whole = Duration::from_secs(interval.into());
        Self {
            interval,
            refresh_at: ours.then(|| now + whole / 2),
            ends_at: now + whole.saturating_sub((whole / 3).min(MAX_MARGIN)),
        }
    }
}

/// What a 2xx of ours says of the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granted(Option<SessionExpires>);

impl Granted {
    pub(super) fn write(self, builder: Builder) -> Builder {
        let Some(expires) = self.0 else { return builder };
        let builder = builder.header(Name::SessionExpires, expires.to_string());
        if expires.refresher == Some(Refresher::Uac) {
            builder.header(Name::Require, "timer")
        } else {
            builder
        }
    }
}

fn grant(terms: SessionTimerConfig, request: &Message) -> Option<SessionExpires> {
    let knows_timer = knows_timer(request);
    let floor = request.min_se().unwrap_or(MIN_SE).max(MIN_SE);
    match request.session_expires().ok().flatten() {
        Some(asked) => {
            let by_peer = if knows_timer { Refresher::Uac } else { Refresher::Uas };
            Some(SessionExpires {
                interval: asked.interval.min(terms.expires_secs).max(floor),
                refresher: asked.refresher.or(Some(by_peer)),
            })
        }
        None if knows_timer => {
            Some(SessionExpires { interval: terms.expires_secs.max(floor), refresher: Some(Refresher::Uac) })
        }
        None => terms
            .always
            .then_some(SessionExpires { interval: terms.expires_secs, refresher: Some(Refresher::Uas) }),
    }
}

fn knows_timer(message: &Message) -> bool {
    message.has_token(Name::Supported, "timer") || message.has_token(Name::Require, "timer")
}
