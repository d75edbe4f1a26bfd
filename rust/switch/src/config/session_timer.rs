//! Session timers (§2.4, §9).

use serde::Deserialize;

/// `session_timer_always` and `session_expires`, where `session_timer` is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionTimerConfig {
    /// Whether we refresh the leg of a peer that negotiates no timer.
    pub always: bool,
    /// Interval we ask for and the largest we grant, seconds.
    pub expires_secs: u32,
}
