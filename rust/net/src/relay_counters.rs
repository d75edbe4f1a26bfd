//! What a media worker counts. One thread writes, anyone reads.

use std::sync::atomic::{AtomicU64, Ordering};

use pbx_media::relay::DropReason;

/// A counter with one writer: an addition needs no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    pub(crate) fn add(&self, count: u64) {
        self.set(self.value() + count);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters and gauges of one worker.
#[derive(Debug, Default)]
pub(crate) struct RelayCounters {
    pub(crate) packets_total: Tally,
    pub(crate) octets_total: Tally,
    pub(crate) dropped_total: [Tally; DropReason::ALL.len()],
    pub(crate) send_failed_total: Tally,
    pub(crate) wakeups_total: Tally,
    pub(crate) sessions: Tally,
    pub(crate) sockets: Tally,
}

/// Values of one worker, or of all together, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaCounters {
    /// RTP and RTCP packets sent on.
    pub packets_total: u64,
    /// Their octets, without IP and UDP headers.
    pub octets_total: u64,
    /// Packets dropped, by reason.
    pub dropped_total: Vec<(&'static str, u64)>,
    /// Packets the kernel did not take.
    pub send_failed_total: u64,
    /// Times the worker woke.
    pub wakeups_total: u64,
    /// Sessions alive.
    pub sessions: u64,
    /// Sockets open.
    pub sockets: u64,
}

impl RelayCounters {
    pub(crate) fn count_drop(&self, reason: DropReason) {
        self.dropped_total[reason as usize].add(1);
    }

    pub(crate) fn add_to(&self, sum: &mut MediaCounters) {
        sum.packets_total += self.packets_total.value();
        sum.octets_total += self.octets_total.value();
        sum.send_failed_total += self.send_failed_total.value();
        sum.wakeups_total += self.wakeups_total.value();
        sum.sessions += self.sessions.value();
        sum.sockets += self.sockets.value();
        if sum.dropped_total.is_empty() {
            sum.dropped_total = DropReason::ALL.iter().map(|reason| (reason.as_str(), 0)).collect();
        }
        for (total, tally) in sum.dropped_total.iter_mut().zip(&self.dropped_total) {
            total.1 += tally.value();
        }
    }
}
