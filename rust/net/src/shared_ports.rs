//! One range of RTP ports for all signalling threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pbx_media::relay::SessionId;
use pbx_switch::{PortSource, PortUsage, SessionPorts};

/// A thread's hand on the range.
#[derive(Clone, Debug)]
pub(crate) struct SharedPorts(Arc<Mutex<SessionPorts>>);

impl SharedPorts {
    pub(crate) fn new(start: u16, end: u16) -> Self {
        Self(Arc::new(Mutex::new(SessionPorts::new(start, end))))
    }

    fn lock(&self) -> MutexGuard<'_, SessionPorts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PortSource for SharedPorts {
    fn open(&mut self, session: SessionId) {
        self.lock().open(session);
    }

    fn take(&mut self, now: Instant, session: SessionId, entropy: u64) -> Option<u16> {
        self.lock().take(now, session, entropy)
    }

    fn mark_busy(&mut self, now: Instant, session: SessionId, port: u16) {
        self.lock().mark_busy(now, session, port);
    }

    fn release(&mut self, now: Instant, session: SessionId) {
        self.lock().release(now, session);
    }

    fn set_range(&mut self, start: u16, end: u16) {
        self.lock().set_range(start, end);
    }

    fn usage(&self) -> PortUsage {
        self.lock().usage()
    }
}
