//! A question on its way: attempts one after the other, each with an id and a socket of its own.

use std::time::{Duration, Instant};

use crate::answer::Lasting;

/// How long each attempt may take: 2.6 s together, so that a call whose resolver is silent fails in time. An attempt
/// that goes on over a stream gets its time again.
const PATIENCE: [Duration; 3] =
    [Duration::from_millis(700), Duration::from_millis(900), Duration::from_secs(1)];

/// The state of one question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Names the attempt under way, and its socket.
    pub(crate) token: u64,
    pub(crate) id: u16,
    /// Attempts begun before this one.
    pub(crate) attempt: usize,
    pub(crate) edns: bool,
    pub(crate) ends_at: Instant,
    /// Whether the attempt goes on over a stream.
    pub(crate) is_stream: bool,
    /// What a cut-off reply said, for when the stream brings nothing.
    pub(crate) cut_off: Option<Lasting>,
}

impl Question {
    pub(crate) fn new(now: Instant, token: u64, id: u16) -> Self {
        Self {
            token,
            id,
            attempt: 0,
            edns: true,
            ends_at: now + PATIENCE[0],
            is_stream: false,
            cut_off: None,
        }
    }

    /// The next attempt, if one is left.
    pub(crate) fn next(self, now: Instant, token: u64, id: u16) -> Option<Self> {
        let attempt = self.attempt + 1;
        let patience = *PATIENCE.get(attempt)?;
        Some(Self { token, id, attempt, ends_at: now + patience, is_stream: false, cut_off: None, ..self })
    }

    /// The same server again, over a stream (RFC 7766 §5); `cut_off`: what counts if that fails.
    pub(crate) fn over_stream(self, now: Instant, (token, id): (u64, u16), cut_off: Option<Lasting>) -> Self {
        Self { token, id, ends_at: now + PATIENCE[self.attempt], is_stream: true, cut_off, ..self }
    }
}
