//! What the transaction layer has seen.

use super::step::TimerName;

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounters {
    /// Server transactions created.
    pub server_total: u64,
    /// Client transactions opened, CANCELs of ours included.
    pub client_total: u64,
    /// Requests refused and client transactions not opened because the table was full.
    pub refused_total: u64,
    /// Copies of requests, responses and ACKs that the machines kept from the user.
    pub absorbed_total: u64,
    /// Messages sent again, by timer or in answer to a copy.
    pub repeated_total: u64,
    /// Responses that belong to no transaction of ours.
    pub stray_total: u64,
    /// Final responses 408 to non-INVITE requests that were not sent (RFC 4320 §4.2).
    pub silenced_total: u64,
    /// Transactions that a transport error has ended or disturbed.
    pub transport_errors_total: u64,
    pub(super) timeouts_total: [u64; TimerName::ALL.len()],
}

impl TransactionCounters {
    /// Expiries of one timer.
    pub fn timeouts_total(&self, timer: TimerName) -> u64 {
        self.timeouts_total[timer as usize]
    }
}
