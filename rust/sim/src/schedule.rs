//! What happens when: a queue ordered by time, then by the order things were put in.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

/// The queue.
pub(crate) struct Schedule<T> {
    heap: BinaryHeap<Entry<T>>,
    sequence: u64,
}

struct Entry<T> {
    at: Instant,
    sequence: u64,
    what: T,
}

impl<T> Schedule<T> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    pub(crate) fn push(&mut self, at: Instant, what: T) {
        self.sequence += 1;
        self.heap.push(Entry { at, sequence: self.sequence, what });
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, T)> {
        self.heap.pop().map(|entry| (entry.at, entry.what))
    }
}

// `BinaryHeap` gives the greatest first; the earliest is wanted.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn earlier_comes_first_and_equals_keep_their_order() {
        let start = Instant::now();
        let mut schedule = Schedule::new();
        schedule.push(start + Duration::from_secs(2), "last");
        schedule.push(start, "first");
        schedule.push(start + Duration::from_secs(1), "second");
        schedule.push(start + Duration::from_secs(1), "third");
        let order: Vec<_> = std::iter::from_fn(|| schedule.pop()).map(|(_, what)| what).collect();
        assert_eq!(order, ["first", "second", "third", "last"]);
    }
}
