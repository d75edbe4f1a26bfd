//! Which RTP/RTCP port pairs of the configured range are free.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a freed pair rests, so that late packets of the old call do not reach a new one.
const QUARANTINE: Duration = Duration::from_secs(10);

/// Rested pairs moved back in one operation; more than the one pair an operation can add.
const MAX_RELEASES: usize = 8;

/// Port pairs of one bind address: RTP on the even port, RTCP on the odd one after it.
///
/// Every operation is O(1). Pairs are named by their RTP port.
#[derive(Debug)]
pub struct PortPool {
    first: u16,
    free: Vec<u16>,
    resting: VecDeque<(Instant, u16)>,
    states: Vec<PairState>,
    used: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PairState {
    Free,
    Used,
    Resting,
}

impl PortPool {
    /// All pairs that lie whole in `start..=end`.
    pub fn new(start: u16, end: u16) -> Self {
        let first = start.saturating_add(start % 2);
        let free: Vec<u16> = (first..end).step_by(2).collect();
        let states = vec![PairState::Free; free.len()];
        Self { first, free, resting: VecDeque::new(), states, used: 0 }
    }

    /// Takes a pair at random; one that has not rested to the end only when no other is left.
    ///
    /// `entropy` must be unpredictable to peers: ports that can be guessed can be sprayed.
    pub fn take(&mut self, now: Instant, entropy: u64) -> Option<u16> {
        self.release(now);
        let port = if self.free.is_empty() {
            self.resting.pop_front().map(|(_, port)| port)?
        } else {
            let index = (u128::from(entropy) * self.free.len() as u128) >> 64;
            self.free.swap_remove(index as usize)
        };
        self.set_state(port, PairState::Used);
        self.used += 1;
        Some(port)
    }

    /// Gives a pair back; a port that is not in use is ignored.
    pub fn free(&mut self, now: Instant, port: u16) {
        if self.state(port) == Some(PairState::Used) {
            self.set_state(port, PairState::Resting);
            self.used -= 1;
            self.resting.push_back((now, port));
        }
        self.release(now);
    }

    /// Gives back a pair that could not be bound because another process has it: it is tried again after a rest.
    pub fn mark_busy(&mut self, now: Instant, port: u16) {
        self.free(now, port);
    }

    /// Pairs ready to be taken.
    pub fn free_total(&self) -> usize {
        self.free.len()
    }

    /// Pairs in use.
    pub fn used_total(&self) -> usize {
        self.used
    }

    /// Pairs at rest.
    pub fn quarantined_total(&self) -> usize {
        self.resting.len()
    }

    /// Whether `port` belongs to a pair in use.
    pub fn is_used(&self, port: u16) -> bool {
        self.state(port & !1) == Some(PairState::Used)
    }

    fn release(&mut self, now: Instant) {
        for _ in 0..MAX_RELEASES {
            match self.resting.front() {
                Some((freed_at, _)) if now.saturating_duration_since(*freed_at) >= QUARANTINE => {}
                _ => return,
            }
            if let Some((_, port)) = self.resting.pop_front() {
                self.set_state(port, PairState::Free);
                self.free.push(port);
            }
        }
    }

    fn slot(&self, port: u16) -> Option<usize> {
        let offset = port.checked_sub(self.first)?;
        (offset % 2 == 0).then_some(usize::from(offset / 2))
    }

    fn state(&self, port: u16) -> Option<PairState> {
        self.states.get(self.slot(port)?).copied()
    }

    fn set_state(&mut self, port: u16, state: PairState) {
        let slot = self.slot(port);
        if let Some(entry) = slot.and_then(|slot| self.states.get_mut(slot)) {
            *entry = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "virtual time starts at some instant")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn pairs_are_even_and_lie_whole_in_the_range() {
        let now = start();
        for (range, expected) in
            [((12_000, 12_005), 3), ((12_001, 12_006), 2), ((12_000, 12_001), 1), ((12_001, 12_002), 0)]
        {
            let mut pool = PortPool::new(range.0, range.1);
            let taken: HashSet<u16> = std::iter::from_fn(|| pool.take(now, 7)).collect();
            assert_eq!(taken.len(), expected, "{range:?}");
            assert!(taken.iter().all(|port| port % 2 == 0 && *port >= range.0 && *port < range.1));
        }
        assert_eq!(PortPool::new(65_534, 65_535).take(now, 0), Some(65_534));
        assert_eq!(PortPool::new(65_535, 65_535).take(now, 0), None);
    }

    #[test]
    fn a_freed_pair_rests_ten_seconds_unless_nothing_else_is_left() {
        let now = start();
        let mut pool = PortPool::new(12_000, 12_003);
        let first = pool.take(now, 0).unwrap();
        pool.free(now, first);
        assert_eq!((pool.free_total(), pool.used_total(), pool.quarantined_total()), (1, 0, 1));
        let second = pool.take(now, 0).unwrap();
        assert_ne!(second, first);
        assert_eq!(pool.take(now, 0), Some(first), "nothing else is left");
        pool.free(now, first);
        pool.free(now + Duration::from_secs(3), second);
        let later = now + Duration::from_secs(10);
        assert_eq!(pool.take(later, 0), Some(first));
        assert_eq!(pool.quarantined_total(), 1);
    }

    #[test]
    fn of_resting_pairs_the_longest_rested_goes_first() {
        let now = start();
        let mut pool = PortPool::new(12_000, 12_003);
        let (first, second) = (pool.take(now, 0).unwrap(), pool.take(now, 0).unwrap());
        pool.free(now, second);
        pool.free(now + Duration::from_secs(1), first);
        assert_eq!(pool.take(now + Duration::from_secs(2), 0), Some(second));
    }

    #[test]
    fn freeing_twice_or_what_is_not_ours_changes_nothing() {
        let now = start();
        let mut pool = PortPool::new(12_000, 12_003);
        let port = pool.take(now, 0).unwrap();
        for odd in [port, port, 11_998, 12_004, 12_001, 0, u16::MAX] {
            pool.free(now, odd);
        }
        assert_eq!((pool.free_total(), pool.used_total(), pool.quarantined_total()), (1, 0, 1));
    }

    #[test]
    fn a_busy_pair_is_tried_again_after_its_rest() {
        let now = start();
        let mut pool = PortPool::new(12_000, 12_001);
        let port = pool.take(now, 0).unwrap();
        assert!(pool.is_used(port) && pool.is_used(port + 1));
        pool.mark_busy(now, port);
        assert!(!pool.is_used(port));
        assert_eq!(pool.take(now + Duration::from_secs(10), 0), Some(port));
    }

    proptest! {
        #[test]
        fn no_pair_is_ever_out_twice_and_none_is_lost(steps in proptest::collection::vec((any::<u64>(), 0_u64..4_000), 1..300)) {
            let mut now = start();
            let mut pool = PortPool::new(12_000, 12_039);
            let mut out: Vec<u16> = Vec::new();
            for (entropy, millis) in steps {
                now += Duration::from_millis(millis);
                if entropy % 5 < 3 {
                    if let Some(port) = pool.take(now, entropy) {
                        prop_assert!(!out.contains(&port));
                        out.push(port);
                    } else {
                        prop_assert_eq!(out.len(), 20);
                    }
                } else if !out.is_empty() {
                    pool.free(now, out.swap_remove(entropy as usize % out.len()));
                }
                prop_assert_eq!(pool.used_total(), out.len());
                prop_assert_eq!(pool.free_total() + pool.used_total() + pool.quarantined_total(), 20);
            }
        }
    }
}
