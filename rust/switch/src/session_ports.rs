//! RTP ports: taken for a media session, resting after it, never forgotten.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::DerefMut;
use std::time::Instant;

use pbx_media::ports::PortPool;
use pbx_media::relay::SessionId;

/// Where the ports of media sessions come from. Shards of one process share a range, so that a pair is given to one
/// session only and the last free one can be had by any of them.
pub trait PortSource: Send {
    /// The ports, for as long as they are held nobody else's.
    fn lend(&self) -> Box<dyn DerefMut<Target = SessionPorts> + '_>;
}

impl PortSource for RefCell<SessionPorts> {
    fn lend(&self) -> Box<dyn DerefMut<Target = SessionPorts> + '_> {
        Box::new(self.borrow_mut())
    }
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

    /// A session begins.
    pub fn open(&mut self, session: SessionId) {
        self.sessions.entry(session).or_default();
    }

    /// A pair of ports, chosen by `entropy` (they must not be guessable); `None`: all are in use.
    pub fn take(&mut self, now: Instant, session: SessionId, entropy: u64) -> Option<u16> {
        let port = self.pool.take(now, entropy)?;
        self.sessions.entry(session).or_default().push(port);
        Some(port)
    }

    /// Another process holds this pair: it rests before it is tried again.
    pub fn mark_busy(&mut self, now: Instant, session: SessionId, port: u16) {
        if let Some(ports) = self.sessions.get_mut(&session) {
            ports.retain(|&taken| taken != port);
        }
        self.pool.mark_busy(now, port);
    }

    /// The sockets of a session are closed: its ports rest, then serve again.
    pub fn release(&mut self, now: Instant, session: SessionId) {
        for port in self.sessions.remove(&session).unwrap_or_default() {
            self.pool.free(now, port);
        }
    }

    /// Ports from `start` to `end` from now on.
    pub fn set_range(&mut self, start: u16, end: u16) {
        if self.range != (start, end) {
            // Ports of running calls that lie in the new range too are found busy when they are bound again.
            self.range = (start, end);
            self.pool = PortPool::new(start, end);
        }
    }

    /// What is in use.
    pub fn usage(&self) -> PortUsage {
        PortUsage {
            sessions: self.sessions.len(),
            free: self.pool.free_total() + self.pool.quarantined_total(),
            used: self.pool.used_total(),
        }
    }
}
