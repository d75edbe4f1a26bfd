//! Readiness: which descriptor may be read or written next.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

/// Events taken in one wake-up. Level-triggered readiness brings back what does not fit.
const MAX_EVENTS: usize = 256;
/// A sleeping thread looks around this often, so that a deadline far away needs no exact arithmetic.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// What a registration waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Interest {
    pub(crate) const READ: Self = Self { read: true, write: false };
    pub(crate) const WRITE: Self = Self { read: false, write: true };
    pub(crate) const BOTH: Self = Self { read: true, write: true };
    /// Only errors and hang-ups, which epoll always reports.
    pub(crate) const NONE: Self = Self { read: false, write: false };

    fn flags(self) -> epoll::EventFlags {
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, self.read);
        flags.set(epoll::EventFlags::OUT, self.write);
        flags
    }
}

/// One descriptor that is ready. Errors and hang-ups show as both, so that the next call meets them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// A level-triggered epoll instance.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> rustix::io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    pub(crate) fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), interest.flags())
    }

    pub(crate) fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> rustix::io::Result<()> {
        epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), interest.flags())
    }

    /// Appends what is ready to `out`; waits for at most `timeout`, `None`: until something is.
    pub(crate) fn wait(&self, timeout: Option<Duration>, out: &mut Vec<Ready>) {
        let timeout = timeout.map(|timeout| whole_millis(timeout.min(MAX_SLEEP)));
        let mut space = [const { MaybeUninit::uninit() }; MAX_EVENTS];
        // A signal ends the wait early, which is no different from a time-out.
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut space, timeout.as_ref()) else { return };
        out.extend(events.iter().map(|event| {
            let flags = event.flags;
            let broken = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            Ready {
                token: event.data.u64(),
                readable: broken || flags.contains(epoll::EventFlags::IN),
                writable: broken || flags.contains(epoll::EventFlags::OUT),
            }
        }));
    }
}

/// Rounds up: waking before the deadline would spin until it has come.
fn whole_millis(timeout: Duration) -> Timespec {
    let millis = timeout.as_nanos().div_ceil(1_000_000) as i64;
    Timespec { tv_sec: millis / 1000, tv_nsec: (millis % 1000) * 1_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_never_end_before_the_deadline() {
        let up = whole_millis(Duration::from_micros(1_001));
        assert_eq!((up.tv_sec, up.tv_nsec), (0, 2_000_000));
        let exact = whole_millis(Duration::from_millis(1_500));
        assert_eq!((exact.tv_sec, exact.tv_nsec), (1, 500_000_000));
        assert_eq!(whole_millis(Duration::ZERO).tv_nsec, 0);
    }
}
