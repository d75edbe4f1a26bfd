//! Which idle connections must stay because a call lives on them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pbx_sip::Flow;
use pbx_switch::Switch;

/// A connection on which a call began this recently is not idle, so an older list still tells the truth.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The lists of all signalling threads: a connection of one carries calls of others.
pub(crate) type Board = Arc<Mutex<Vec<HashSet<Flow>>>>;

/// The switch's list, kept for a while: many connections may fall due together and each list is a walk over
/// all calls.
#[derive(Debug)]
pub(crate) struct CallFlows {
    board: Board,
    shard: usize,
    count: usize,
    listed_at: Option<Instant>,
}

impl CallFlows {
    /// The list of one thread of `count`.
    pub(crate) fn new(board: Board, shard: usize, count: usize) -> Self {
        Self { board, shard, count, listed_at: None }
    }

    /// Whether a call lives on a connection that has been idle for longer than the list may be old.
    pub(crate) fn contains(&mut self, now: Instant, switch: &Switch, flow: Flow) -> bool {
        if self.is_old(now) {
            self.write(now, switch);
        }
        let asked = Flow { socket: Flow::NEW, ..flow };
        self.lists().iter().any(|flows| flows.contains(&flow) || flows.contains(&asked))
    }

    /// Lets the other threads know, as long as there are any.
    pub(crate) fn keep(&mut self, now: Instant, switch: &Switch) {
        if self.count > 1 && self.is_old(now) {
            self.write(now, switch);
        }
    }

    /// When the others want to know more; `None`: there are no others.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.listed_at.filter(|_| self.count > 1).map(|at| at + MAX_AGE)
    }

    fn is_old(&self, now: Instant) -> bool {
        self.listed_at.is_none_or(|at| now.saturating_duration_since(at) >= MAX_AGE)
    }

    fn write(&mut self, now: Instant, switch: &Switch) {
        let flows = switch.call_flows();
        let shard = self.shard;
        let mut lists = self.lists();
        if lists.len() <= shard {
            lists.resize_with(shard + 1, HashSet::new);
        }
        lists[shard] = flows;
        drop(lists);
        self.listed_at = Some(now);
    }

    fn lists(&self) -> MutexGuard<'_, Vec<HashSet<Flow>>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
