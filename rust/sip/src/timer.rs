//! Deadlines: the one mechanism every owner of timers uses.

use std::time::{Duration, Instant};

/// Hierarchical timer wheel over keys of the owner.
///
/// There is no cancel. An owner keeps its own deadline and compares it when a key is popped: a key whose
/// deadline has moved is armed again or ignored. That keeps arming and popping free of searches.
///
/// Deadlines are exact: a key is popped by the first [`poll`](Self::poll) whose `now` has reached it, in
/// the order of deadlines, equal ones in the order of arming.
#[derive(Clone, Debug)]
pub struct Timers<K: Copy> {
    /// Any instant; deadlines are counted from it so that an entry needs 8 bytes for its time.
    origin: Option<Instant>,
    /// Tick up to which slots have been emptied or moved down.
    elapsed: u64,
    armed_total: u64,
    len: usize,
    levels: [Level; LEVELS],
    entries: Vec<Entry<K>>,
    /// First unused entry, linked by `next`.
    free: u32,
    due: Vec<(u64, u64, K)>,
}

/// Each level holds 64 slots, each slot of a level spans the whole level below.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// One tick is 2^20 ns, about a millisecond. It decides only how entries are grouped.
const TICK_SHIFT: u32 = 20;
/// Ticks have 64 − 20 bits, so every deadline fits.
const LEVELS: usize = 8;
/// Where the origin lies in the counted time: deadlines before it stay representable.
const BIAS: u64 = 1 << 62;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
    /// Earliest deadline of each slot, so that the next deadline needs no walk over a list.
    earliest: [u64; SLOTS],
}

impl Level {
    const EMPTY: Self = Self { occupied: 0, heads: [NONE; SLOTS], earliest: [u64::MAX; SLOTS] };

    /// Empties a slot and hands over its list.
    fn take(&mut self, slot: usize) -> u32 {
        self.occupied &= !(1 << slot);
        self.earliest[slot] = u64::MAX;
        std::mem::replace(&mut self.heads[slot], NONE)
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry<K> {
    at: u64,
    order: u64,
    key: K,
    next: u32,
}

impl<K: Copy> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy> Timers<K> {
    /// An empty wheel.
    pub fn new() -> Self {
        Self {
            origin: None,
            elapsed: 0,
            armed_total: 0,
            len: 0,
            levels: [Level::EMPTY; LEVELS],
            entries: Vec::new(),
            free: NONE,
            due: Vec::new(),
        }
    }

    /// Entries armed and not yet popped.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is armed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Pops `key` at `at`. A deadline in the past is popped by the next poll.
    pub fn arm(&mut self, at: Instant, key: K) {
        let at = self.count(at);
        self.armed_total += 1;
        let entry = Entry { at, order: self.armed_total, key, next: NONE };
        let index = if self.free == NONE {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        } else {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            self.entries[index as usize] = entry;
            index
        };
        self.len += 1;
        self.place(index);
    }

    /// Appends to `out` every key whose deadline is not after `now`, earliest first.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<K>) {
        let now = self.count(now);
        let target = now >> TICK_SHIFT;
        while let Some((level, slot)) = self.first_slot() {
            let start = self.slot_start(level, slot);
            if start > target {
                break;
            }
            self.elapsed = self.elapsed.max(start);
            let list = self.levels[level].take(slot);
            if level == 0 {
                self.expire(list, now);
                if start == target {
                    // What is left in this slot comes later within the current tick.
                    break;
                }
            } else {
                self.move_down(list);
            }
        }
        self.elapsed = self.elapsed.max(target);
        self.due.sort_unstable_by_key(|&(at, order, _)| (at, order));
        out.extend(self.due.drain(..).map(|(_, _, key)| key));
    }

    /// The earliest deadline armed.
    pub fn next_at(&self) -> Option<Instant> {
        let (level, slot) = self.first_slot()?;
        let at = self.levels[level].earliest[slot];
        let origin = self.origin?;
        if at >= BIAS {
            origin.checked_add(Duration::from_nanos(at - BIAS))
        } else {
            origin.checked_sub(Duration::from_nanos(BIAS - at))
        }
    }

    fn count(&mut self, at: Instant) -> u64 {
        let origin = *self.origin.get_or_insert(at);
        if at >= origin {
            let ahead = u64::try_from((at - origin).as_nanos()).unwrap_or(u64::MAX);
            BIAS.saturating_add(ahead)
        } else {
            let behind = u64::try_from((origin - at).as_nanos()).unwrap_or(u64::MAX);
            BIAS.saturating_sub(behind)
        }
    }

    /// Links an entry where its tick first differs from the elapsed one: all ticks of a lower level come
    /// before all ticks of a higher one.
    fn place(&mut self, index: u32) {
        let at = self.entries[index as usize].at;
        let tick = (at >> TICK_SHIFT).max(self.elapsed);
        let differing = (self.elapsed ^ tick) | (SLOTS as u64 - 1);
        let level = (differing.ilog2() / SLOT_BITS) as usize;
        let slot = (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        let place = &mut self.levels[level];
        self.entries[index as usize].next = place.heads[slot];
        place.heads[slot] = index;
        place.occupied |= 1 << slot;
        place.earliest[slot] = place.earliest[slot].min(at);
    }

    fn first_slot(&self) -> Option<(usize, usize)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        Some((level, self.levels[level].occupied.trailing_zeros() as usize))
    }

    fn slot_start(&self, level: usize, slot: usize) -> u64 {
        let shift = SLOT_BITS * level as u32;
        let above = self.elapsed >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        above | (slot as u64) << shift
    }

    fn expire(&mut self, mut list: u32, now: u64) {
        while list != NONE {
            let index = list;
            let entry = self.entries[index as usize];
            list = entry.next;
            if entry.at > now {
                self.place(index);
                continue;
            }
            self.due.push((entry.at, entry.order, entry.key));
            self.entries[index as usize].next = self.free;
            self.free = index;
            self.len -= 1;
        }
    }

    fn move_down(&mut self, mut list: u32) {
        while list != NONE {
            let index = list;
            list = self.entries[index as usize].next;
            self.place(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_time::epoch;
    use proptest::prelude::*;

    fn popped(timers: &mut Timers<u32>, now: Instant) -> Vec<u32> {
        let mut out = Vec::new();
        timers.poll(now, &mut out);
        out
    }

    #[test]
    fn keys_pop_in_deadline_order_and_equal_ones_in_arming_order() {
        let base = epoch();
        let mut timers = Timers::new();
        for (milliseconds, key) in [(32_000, 1), (500, 2), (500, 3), (180_000, 4), (499, 5)] {
            timers.arm(base + Duration::from_millis(milliseconds), key);
        }
        assert_eq!(popped(&mut timers, base + Duration::from_secs(200)), [5, 2, 3, 1, 4]);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_deadline_is_exact_within_a_tick() {
        let base = epoch();
        let mut timers = Timers::new();
        timers.arm(base + Duration::from_nanos(700), 1);
        timers.arm(base + Duration::from_nanos(900), 2);
        assert_eq!(popped(&mut timers, base + Duration::from_nanos(699)), []);
        assert_eq!(popped(&mut timers, base + Duration::from_nanos(700)), [1]);
        assert_eq!(timers.next_at(), Some(base + Duration::from_nanos(900)));
        assert_eq!(popped(&mut timers, base + Duration::from_nanos(900)), [2]);
    }

    #[test]
    fn a_deadline_before_the_first_one_seen_keeps_its_time() {
        let base = epoch();
        let mut timers = Timers::new();
        timers.arm(base + Duration::from_secs(32), 1);
        timers.arm(base + Duration::from_millis(500), 2);
        assert_eq!(timers.next_at(), Some(base + Duration::from_millis(500)));
        assert_eq!(popped(&mut timers, base + Duration::from_millis(500)), [2]);
    }

    #[test]
    fn a_deadline_in_the_past_pops_at_the_next_poll() {
        let base = epoch();
        let mut timers = Timers::new();
        assert_eq!(popped(&mut timers, base + Duration::from_secs(10)), []);
        timers.arm(base + Duration::from_secs(1), 7);
        assert_eq!(popped(&mut timers, base + Duration::from_secs(10)), [7]);
    }

    #[test]
    fn entries_are_used_again() {
        let base = epoch();
        let mut timers = Timers::new();
        for round in 0..1_000_u64 {
            timers.arm(base + Duration::from_millis(round), 0);
            popped(&mut timers, base + Duration::from_millis(round));
        }
        assert_eq!(timers.entries.len(), 1);
    }

    proptest! {
        /// The model is a sorted list.
        #[test]
        fn the_wheel_pops_what_a_sorted_list_would(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..400_000_000_000, 0_u32..4), 1..200),
        ) {
            let base = epoch();
            let mut timers = Timers::new();
            let mut model: Vec<(u64, u32)> = Vec::new();
            let mut clock = 0_u64;
            for (key, (arm, nanoseconds, scale)) in (0_u32..).zip(steps) {
                let amount = nanoseconds >> (scale * 9);
                if arm {
                    model.push((clock + amount, key));
                    timers.arm(base + Duration::from_nanos(clock + amount), key);
                } else {
                    clock += amount;
                    let mut expected: Vec<_> = model.extract_if(.., |&mut (at, _)| at <= clock).collect();
                    expected.sort_unstable();
                    let expected: Vec<u32> = expected.into_iter().map(|(_, key)| key).collect();
                    prop_assert_eq!(popped(&mut timers, base + Duration::from_nanos(clock)), expected);
                }
                prop_assert_eq!(timers.len(), model.len());
                let next = model.iter().map(|&(at, _)| base + Duration::from_nanos(at)).min();
                prop_assert_eq!(timers.next_at(), next);
            }
        }
    }
}
