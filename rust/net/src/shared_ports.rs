//! One range of RTP ports for all signalling threads.

use std::ops::DerefMut;
use std::sync::{Arc, Mutex, PoisonError};

use pbx_switch::{PortSource, SessionPorts};

/// A thread's hand on the range.
#[derive(Clone, Debug)]
pub(crate) struct SharedPorts(Arc<Mutex<SessionPorts>>);

impl SharedPorts {
    pub(crate) fn new(start: u16, end: u16) -> Self {
        Self(Arc::new(Mutex::new(SessionPorts::new(start, end))))
    }
}

impl PortSource for SharedPorts {
    fn lend(&self) -> Box<dyn DerefMut<Target = SessionPorts> + '_> {
        // Ports are right after each operation, so a panic elsewhere leaves nothing half done.
        Box::new(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
