//! Servers that did not answer a short while ago: the next call tries the others first.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pbx_sip::{Flow, Transport};

/// How long a failure counts: long enough that a dead server costs one call of many, short enough that one which is
/// back gets its share again soon.
const HELD: Duration = Duration::from_secs(60);
/// Servers remembered. At the cap the one whose time ends first goes, and is tried in its turn again.
const MAX_HOPS: usize = 1024;

/// Which servers failed, and until when that counts.
#[derive(Debug, Default)]
pub(crate) struct FailedHops {
    until: HashMap<(Transport, SocketAddr), Instant>,
}

impl FailedHops {
    /// A server kept silent or could not be reached. `true`: another had to be forgotten before its time.
    pub(crate) fn insert(&mut self, now: Instant, flow: Flow) -> bool {
        let key = (flow.transport, flow.remote);
        let mut is_evicted = false;
        if self.until.len() >= MAX_HOPS && !self.until.contains_key(&key) {
            self.until.retain(|_, until| now < *until);
            is_evicted = self.until.len() >= MAX_HOPS && self.evict();
        }
        self.until.insert(key, now + HELD);
        is_evicted
    }

    /// A server said something.
    pub(crate) fn remove(&mut self, flow: Flow) {
        self.until.remove(&(flow.transport, flow.remote));
    }

    pub(crate) fn contains(&self, now: Instant, flow: Flow) -> bool {
        self.until.get(&(flow.transport, flow.remote)).is_some_and(|until| now < *until)
    }

    pub(crate) fn len(&self) -> usize {
        self.until.len()
    }

    fn evict(&mut self) -> bool {
        let first = self.until.iter().min_by_key(|(_, until)| **until).map(|(&key, _)| key);
        first.is_some_and(|key| self.until.remove(&key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_servers_are_bounded_and_the_oldest_is_forgotten_first() {
        let start = base();
        let flow = |n: usize| {
            let remote = SocketAddr::from(([192, 0, 2, 1], 1000 + n as u16));
            Flow { transport: Transport::Udp, socket: 0, remote }
        };
        let mut failed = FailedHops::default();
        for n in 0..MAX_HOPS {
            assert!(!failed.insert(start + Duration::from_millis(n as u64), flow(n)));
        }
        let later = start + Duration::from_secs(2);
        assert!(failed.insert(later, flow(MAX_HOPS)));
        assert_eq!(failed.len(), MAX_HOPS);
        assert!(!failed.contains(later, flow(0)) && failed.contains(later, flow(1)));
        assert!(!failed.contains(start + HELD + Duration::from_secs(2), flow(1)));
    }

    #[expect(clippy::disallowed_methods, reason = "the base of virtual time")]
    fn base() -> Instant {
        Instant::now()
    }
}
