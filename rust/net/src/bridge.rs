//! What Python takes: questions and news.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pbx_switch::{Event, Query, QueryId};

use crate::wakeup::Wakeup;

/// One thing for the decision loop.
#[derive(Debug)]
pub enum BridgeItem {
    /// Decide about an INVITE; answer with `Engine::decide`.
    Ask(Box<Query>),
    /// The answer to this question would be ignored.
    Forget(QueryId),
    /// News.
    Event(Event),
}

/// Two bounded queues behind one descriptor, which is readable exactly while anything waits.
///
/// Questions leave before news. A question that finds no room is refused to the driver, which answers it
/// with `Decision::Overdue`; news that finds no room is dropped and counted.
#[derive(Debug)]
pub struct Bridge {
    queues: Mutex<Queues>,
    wakeup: Wakeup,
    max_asks: usize,
    max_events: usize,
}

#[derive(Debug, Default)]
struct Queues {
    asks: VecDeque<BridgeItem>,
    events: VecDeque<Event>,
    asks_refused_total: u64,
    events_dropped_total: u64,
}

impl Queues {
    fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.events.is_empty()
    }
}

impl Bridge {
    pub(crate) fn new(max_asks: usize, max_events: usize) -> rustix::io::Result<Self> {
        Ok(Self { queues: Mutex::default(), wakeup: Wakeup::new()?, max_asks, max_events })
    }

    /// Descriptor to wait on: readable while [`take`](Self::take) has something to give.
    pub fn raw_fd(&self) -> RawFd {
        self.wakeup.as_fd().as_raw_fd()
    }

    /// Takes up to `max` items, questions first. Never waits.
    pub fn take(&self, max: usize) -> Vec<BridgeItem> {
        let mut queues = self.lock();
        if queues.is_empty() {
            return Vec::new();
        }
        let asks = queues.asks.len().min(max);
        let events = queues.events.len().min(max - asks);
        let mut taken = Vec::with_capacity(asks + events);
        taken.extend(queues.asks.drain(..asks));
        taken.extend(queues.events.drain(..events).map(BridgeItem::Event));
        if queues.is_empty() {
            self.wakeup.silence();
        }
        taken
    }

    /// Questions refused and news dropped because nobody took them in time.
    pub fn overflow_totals(&self) -> (u64, u64) {
        let queues = self.lock();
        (queues.asks_refused_total, queues.events_dropped_total)
    }

    /// Queues a turn's items at once. Questions without room are put into `refused`.
    pub(crate) fn push_from(&self, batch: &mut Vec<BridgeItem>, refused: &mut Vec<QueryId>) {
        if batch.is_empty() {
            return;
        }
        let mut queues = self.lock();
        let was_empty = queues.is_empty();
        for item in batch.drain(..) {
            self.push(&mut queues, item, refused);
        }
        if was_empty && !queues.is_empty() {
            self.wakeup.ring();
        }
    }

    fn push(&self, queues: &mut Queues, item: BridgeItem, refused: &mut Vec<QueryId>) {
        match item {
            BridgeItem::Ask(query) if queues.asks.len() >= self.max_asks => {
                queues.asks_refused_total += 1;
                refused.push(query.id);
            }
            // A late answer to a forgotten question does no harm, so its notice may be lost.
            BridgeItem::Forget(_) if queues.asks.len() >= 2 * self.max_asks => {}
            BridgeItem::Event(_) if queues.events.len() >= self.max_events => {
                queues.events_dropped_total += 1;
            }
            BridgeItem::Event(event) => queues.events.push_back(event),
            ask => queues.asks.push_back(ask),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use pbx_switch::{Level, LogLine};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn line(event: &'static str) -> BridgeItem {
        BridgeItem::Event(Event::Log(LogLine { level: Level::Info, event, fields: Vec::new() }))
    }

    fn is_readable(bridge: &Bridge) -> bool {
        let mut fds = [PollFd::new(&bridge.wakeup, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    #[test]
    fn descriptor_stays_readable_until_everything_is_taken() {
        let bridge = Bridge::new(8, 8).unwrap();
        bridge.push_from(&mut vec![line("a"), line("b")], &mut Vec::new());
        assert_eq!(bridge.take(1).len(), 1);
        assert!(is_readable(&bridge));
        assert_eq!(bridge.take(5).len(), 1);
        assert!(!is_readable(&bridge));
        assert!(bridge.take(5).is_empty());
    }

    #[test]
    fn newest_news_is_dropped_and_counted() {
        let bridge = Bridge::new(8, 2).unwrap();
        bridge.push_from(&mut vec![line("a"), line("b"), line("c")], &mut Vec::new());
        assert_eq!(bridge.overflow_totals(), (0, 1));
        let taken = bridge.take(9);
        assert!(matches!(&taken[0], BridgeItem::Event(Event::Log(line)) if line.event == "a"));
        assert_eq!(taken.len(), 2);
    }

    #[test]
    fn questions_leave_before_news() {
        let bridge = Bridge::new(8, 8).unwrap();
        bridge.push_from(&mut vec![line("a"), BridgeItem::Forget(QueryId(7))], &mut Vec::new());
        assert!(matches!(bridge.take(1)[..], [BridgeItem::Forget(QueryId(7))]));
    }
}
