//! A bounded queue into a thread that sleeps in epoll.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wakeup::Wakeup;

/// Items for one thread. Its descriptor is readable exactly while items wait, so a producer pays for the
/// wake-up only when it finds the queue empty.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    items: Mutex<VecDeque<T>>,
    wakeup: Wakeup,
    capacity: usize,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(capacity: usize) -> rustix::io::Result<Self> {
        Ok(Self { items: Mutex::new(VecDeque::new()), wakeup: Wakeup::new()?, capacity })
    }

    /// Queues an item, or hands it back when the queue is full.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut items = self.lock();
        if items.len() >= self.capacity {
            return Err(item);
        }
        items.push_back(item);
        if items.len() == 1 {
            self.wakeup.ring();
        }
        Ok(())
    }

    /// Queues an item even when the queue is full. Whoever does so has to see to the bound himself.
    pub(crate) fn force(&self, item: T) {
        let mut items = self.lock();
        items.push_back(item);
        if items.len() == 1 {
            self.wakeup.ring();
        }
    }

    /// Items waiting.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Moves items from the front of `from` until the queue is full.
    pub(crate) fn push_from(&self, from: &mut VecDeque<T>) {
        let mut items = self.lock();
        let was_empty = items.is_empty();
        let room = self.capacity.saturating_sub(items.len()).min(from.len());
        items.extend(from.drain(..room));
        if was_empty && room > 0 {
            self.wakeup.ring();
        }
    }

    /// Swaps everything queued into `into`, which must be empty; its buffer is used for what comes next.
    pub(crate) fn drain(&self, into: &mut VecDeque<T>) {
        let mut items = self.lock();
        if !items.is_empty() {
            std::mem::swap(&mut *items, into);
            self.wakeup.silence();
        }
    }

    /// Wakes the thread without an item: it is to look at something else.
    pub(crate) fn nudge(&self) {
        self.wakeup.ring();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        // A queue is whole after each operation, so a panic elsewhere leaves nothing half done.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> AsFd for Mailbox<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakeup.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_readable<T>(mailbox: &Mailbox<T>) -> bool {
        let mut fds = [PollFd::new(mailbox, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    #[test]
    fn descriptor_is_readable_while_items_wait() {
        let mailbox = Mailbox::new(4).unwrap();
        assert!(!is_readable(&mailbox));
        mailbox.push(1).unwrap();
        mailbox.push(2).unwrap();
        assert!(is_readable(&mailbox));
        let mut taken = VecDeque::new();
        mailbox.drain(&mut taken);
        assert_eq!(taken, [1, 2]);
        assert!(!is_readable(&mailbox));
        mailbox.push(3).unwrap();
        assert!(is_readable(&mailbox));
    }

    #[test]
    fn full_queue_hands_the_item_back() {
        let mailbox = Mailbox::new(1).unwrap();
        mailbox.push("kept").unwrap();
        assert_eq!(mailbox.push("refused"), Err("refused"));
    }

    #[test]
    fn batch_fills_only_the_room_left() {
        let mailbox = Mailbox::new(3).unwrap();
        mailbox.push(0).unwrap();
        let mut batch = VecDeque::from([1, 2, 3, 4]);
        mailbox.push_from(&mut batch);
        assert_eq!(batch, [3, 4]);
    }
}
