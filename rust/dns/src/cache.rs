//! Answers remembered for as long as they hold.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Lasting, RecordType};
use crate::name::Name;

/// Answers remembered at once. At the cap the one that ends first goes.
const MAX_ENTRIES: usize = 4096;
/// No zone may bind us to an address for longer.
const MAX_TTL: Duration = Duration::from_secs(86_400);
/// Long enough for the questions that build on an answer.
const MIN_TTL: Duration = Duration::from_secs(5);

/// What is asked.
pub(crate) type Key = (Name, RecordType);

#[derive(Debug)]
struct Entry {
    answer: Arc<Answer>,
    ends_at: Instant,
}

/// The memory of a resolver.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    entries: HashMap<Key, Entry>,
}

impl Cache {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn answer(&self, now: Instant, key: &Key) -> Option<Arc<Answer>> {
        self.entries.get(key).filter(|entry| now < entry.ends_at).map(|entry| Arc::clone(&entry.answer))
    }

    /// `true`: another answer had to go before its time.
    pub(crate) fn insert(&mut self, now: Instant, key: Key, Lasting { answer, ttl }: Lasting) -> bool {
        let mut is_evicted = false;
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            self.entries.retain(|_, entry| now < entry.ends_at);
            is_evicted = self.entries.len() >= MAX_ENTRIES && self.evict();
        }
        let ends_at = now + ttl.clamp(MIN_TTL, MAX_TTL);
        self.entries.insert(key, Entry { answer: Arc::new(answer), ends_at });
        is_evicted
    }

    fn evict(&mut self) -> bool {
        let first = self.entries.iter().min_by_key(|(_, entry)| entry.ends_at).map(|(key, _)| key.clone());
        first.is_some_and(|key| self.entries.remove(&key).is_some())
    }
}
