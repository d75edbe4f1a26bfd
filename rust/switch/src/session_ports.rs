//! RTP ports: taken for a media session, resting after it, never forgotten.

use std::collections::HashMap;
use std::time::Instant;

use pbx_media::ports::PortPool;
use pbx_media::relay::SessionId;

/// Where the ports of media sessions come from. Shards of one process share a range, so that a pair is given to one
/// session only and the last free one can be had by any of them.
pub trait PortSource: Send {
    /// A session begins.
    fn open(&mut self, session: SessionId);

    /// A pair of ports, chosen by `entropy` (they must not be guessable); `None`: all are in use.
    fn take(&mut self, now: Instant, session: SessionId, entropy: u64) -> Option<u16>;

    /// Another process holds this pair: it rests before it is tried again.
    fn mark_busy(&mut self, now: Instant, session: SessionId, port: u16);

    /// The sockets of a session are closed: its ports rest, then serve again.
    fn release(&mut self, now: Instant, session: SessionId);

    /// Ports from `start` to `end` from now on.
    fn set_range(&mut self, start: u16, end: u16);

    /// What is in use.
    fn usage(&self) -> PortUsage;
}

/// Numbers for `/health`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortUsage {
    /// Media sessions whose sockets are not closed yet.
    pub sessions: usize,
    /// Pairs neither used nor resting, and those resting.
    pub free: usize,
    /// Pairs in use.
    pub used: usize,
}

/// The ports of one range, and who has them.
#[derive(Debug)]
pub struct SessionPorts {
    range: (u16, u16),
    pool: PortPool,
    sessions: HashMap<SessionId, Vec<u16>>,
}

impl SessionPorts {
    /// All pairs that lie whole in `start..=end`.
    pub fn new(start: u16, end: u16) -> Self {
        Self { range: (start, end), pool: PortPool::new(start, end), sessions: HashMap::new() }
    }
}

impl PortSource for SessionPorts {
    fn open(&mut self, session: SessionId) {
        self.sessions.entry(session).or_default();
    }

    fn take(&mut self, now: Instant, session: SessionId, entropy: u64) -> Option<u16> {
        let port = self.pool.take(now, entropy)?;
        self.sessions.entry(session).or_default().push(port);
        Some(port)
    }

    fn mark_busy(&mut self, now: Instant, session: SessionId, port: u16) {
        if let Some(ports) = self.sessions.get_mut(&session) {
            ports.retain(|&taken| taken != port);
        }
        self.pool.mark_busy(now, port);
    }

    fn release(&mut self, now: Instant, session: SessionId) {
        for port in self.sessions.remove(&session).unwrap_or_default() {
            self.pool.free(now, port);
        }
    }

    fn set_range(&mut self, start: u16, end: u16) {
        if self.range != (start, end) {
            // Ports of running calls that lie in the new range too are found busy when they are bound again.
            self.range = (start, end);
            self.pool = PortPool::new(start, end);
        }
    }

    fn usage(&self) -> PortUsage {
        PortUsage {
            sessions: self.sessions.len(),
            free: self.pool.free_total() + self.pool.quarantined_total(),
            used: self.pool.used_total(),
        }
    }
}
