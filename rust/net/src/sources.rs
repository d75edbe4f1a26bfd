//! How many connections each source has, at all threads together.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::address::source_key;

/// The count, and its cap.
#[derive(Debug)]
pub(crate) struct Sources {
    held: Mutex<HashMap<IpAddr, usize>>,
    max_per_source: usize,
}

impl Sources {
    pub(crate) fn new(max_per_source: usize) -> Self {
        Self { held: Mutex::default(), max_per_source }
    }

    /// Counts a connection against its source, or refuses it. Give it back with [`release`](Self::release).
    pub(crate) fn claim(&self, remote: SocketAddr) -> Option<IpAddr> {
        let source = source_key(remote);
        let mut held = self.lock();
        let count = held.entry(source).or_default();
        if *count >= self.max_per_source {
            return None;
        }
        *count += 1;
        Some(source)
    }

    pub(crate) fn release(&self, source: IpAddr) {
        let mut held = self.lock();
        if let Some(count) = held.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                held.remove(&source);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // A count is right after each operation, so a panic elsewhere leaves nothing half done.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
