//! Which nonce counts have been used (`config.md` §10.4).

use std::collections::HashMap;

use slab::Slab;

use super::nonce::{NonceId, has_ended};

/// Nonces remembered. Only right responses get in, so only users can fill the table.
pub(super) const MAX_NONCES: usize = 65_536;
/// Counts below the highest seen that are still told apart.
const WINDOW: u32 = 64;
const NONE: usize = usize::MAX;

/// Nonces that were used, least recently used first out.
///
/// A nonce that fell out cannot be told from one never used. So the time of making of what falls out is kept:
/// an unknown nonce that is not newer counts as used. That costs its owner one round trip and lets no replay in.
pub(super) struct ReplayWindow {
    index: HashMap<NonceId, usize>,
    uses: Slab<Use>,
    newest: usize,
    oldest: usize,
    forgotten_ms: Option<u64>,
    capacity: usize,
}

struct Use {
    id: NonceId,
    highest: u32,
    /// Bit n: count `highest - n` was seen.
    seen: u64,
    older: usize,
    newer: usize,
}

impl ReplayWindow {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            index: HashMap::new(),
            uses: Slab::new(),
            newest: NONE,
            oldest: NONE,
            forgotten_ms: None,
            capacity: capacity.max(1),
        }
    }

    /// Uses a nonce up: with its count, or as a whole when the client counts not. `false`: used before, or
    /// too long ago to tell.
    pub(super) fn take(&mut self, now_ms: u64, id: NonceId, count: Option<u32>) -> bool {
        if let Some(&key) = self.index.get(&id) {
            let is_fresh = self.uses.get_mut(key).is_some_and(|used| used.take(count));
            self.unlink(key);
            self.link(key);
            return is_fresh;
        }
        if count == Some(0) || self.forgotten_ms.is_some_and(|forgotten| id.issued_ms <= forgotten) {
            return false;
        }
        self.make_room(now_ms);
        let (highest, seen) = count.map_or((u32::MAX, u64::MAX), |count| (count, 1));
        let key = self.uses.insert(Use { id, highest, seen, older: NONE, newer: NONE });
        self.index.insert(id, key);
        self.link(key);
        true
    }

    fn make_room(&mut self, now_ms: u64) {
        while let Some(oldest) = self.uses.get(self.oldest) {
            let issued_ms = oldest.id.issued_ms;
            let has_ended = has_ended(issued_ms, now_ms);
            if !has_ended && self.uses.len() < self.capacity {
                break;
            }
            if !has_ended {
                self.forgotten_ms = self.forgotten_ms.max(Some(issued_ms));
            }
            let key = self.oldest;
            self.unlink(key);
            let gone = self.uses.remove(key);
            self.index.remove(&gone.id);
        }
    }

    fn link(&mut self, key: usize) {
        let older = std::mem::replace(&mut self.newest, key);
        if let Some(used) = self.uses.get_mut(key) {
            (used.older, used.newer) = (older, NONE);
        }
        match self.uses.get_mut(older) {
            Some(used) => used.newer = key,
            None => self.oldest = key,
        }
    }

    fn unlink(&mut self, key: usize) {
        let Some(&Use { older, newer, .. }) = self.uses.get(key) else { return };
        match self.uses.get_mut(older) {
            Some(used) => used.newer = newer,
            None => self.oldest = newer,
        }
        match self.uses.get_mut(newer) {
            Some(used) => used.older = older,
            None => self.newest = older,
        }
    }
}

impl Use {
    fn take(&mut self, count: Option<u32>) -> bool {
        let Some(count) = count else { return false };
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let bit = self.highest - count;
        if bit >= WINDOW || count == 0 || self.seen >> bit & 1 == 1 {
            return false;
        }
        self.seen |= 1 << bit;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn id(issued_ms: u64) -> NonceId {
        NonceId::new(issued_ms, 7)
    }

    #[test]
    fn each_count_passes_once_and_late_ones_only_within_the_window() {
        let mut window = ReplayWindow::new(4);
        assert!(!window.take(0, id(0), Some(0)));
        assert!(window.take(0, id(0), Some(1)));
        assert!(!window.take(0, id(0), Some(1)));
        assert!(window.take(0, id(0), Some(100)));
        assert!(!window.take(0, id(0), Some(36)));
        assert!(window.take(0, id(0), Some(37)));
        assert!(!window.take(0, id(0), Some(37)));
        assert!(window.take(0, id(0), Some(u32::MAX)));
        assert!(!window.take(0, id(0), Some(100)));
    }

    #[test]
    fn without_a_count_a_nonce_works_once() {
        let mut window = ReplayWindow::new(4);
        assert!(window.take(0, id(0), None));
        assert!(!window.take(0, id(0), None));
        assert!(!window.take(0, id(0), Some(1)));
        assert!(window.take(0, id(1), Some(1)));
        assert!(!window.take(0, id(1), None));
    }

    #[test]
    fn forgotten_nonce_counts_as_used_and_newer_ones_do_not() {
        let mut window = ReplayWindow::new(2);
        assert!(window.take(0, id(10), Some(1)));
        assert!(window.take(0, id(20), Some(1)));
        // 10 is used again, so 20 is the one to go.
        assert!(window.take(0, id(10), Some(2)));
        assert!(window.take(0, id(30), Some(1)));
        assert!(!window.take(0, id(20), Some(2)));
        assert!(!window.take(0, id(15), Some(1)));
        assert!(window.take(0, id(10), Some(3)));
        assert!(window.take(0, id(25), Some(1)));
        assert_eq!(window.uses.len(), 2);
    }

    #[test]
    fn ended_nonces_make_room_without_being_remembered() {
        let mut window = ReplayWindow::new(2);
        assert!(window.take(0, id(0), Some(1)));
        assert!(window.take(0, id(1), Some(1)));
        assert!(window.take(400_000, id(399_999), Some(1)));
        assert_eq!((window.uses.len(), window.forgotten_ms), (1, None));
    }

    proptest! {
        #[test]
        fn no_count_ever_passes_twice(takes in prop::collection::vec((0u64..6, 0u32..200), 1..400)) {
            let mut window = ReplayWindow::new(3);
            let mut passed = HashSet::new();
            for (nonce, count) in takes {
                if window.take(0, id(nonce), Some(count)) {
                    prop_assert!(passed.insert((nonce, count)));
                }
                prop_assert!(window.uses.len() <= 3);
                prop_assert_eq!(window.uses.len(), window.index.len());
            }
        }
    }
}
