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
