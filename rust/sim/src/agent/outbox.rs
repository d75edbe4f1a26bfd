//! What a phone wants done: datagrams to be sent and wake-ups.

use std::net::SocketAddr;
use std::time::Instant;

use pbx_sip::Bytes;

use crate::scenario::Change;

/// Why a phone is woken. Late wake-ups find that nothing is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentTimer {
    /// Registration or its refresh.
    Register,
    /// Place the call with this number.
    Dial(usize),
    /// Send the MESSAGE with this number.
    Page(usize),
    /// Client transaction.
    Client(usize),
    /// Server transaction.
    Server(usize),
    /// 2xx of a leg that waits for its ACK.
    Repeat(usize),
    /// Something a leg is to do.
    Deed(usize, Deed),
}

/// Deeds of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Send 180.
    Ring,
    /// Send the reliable provisional response again.
    Provisional,
    /// Send the final response.
    Reply,
    /// Give up an unanswered call.
    Cancel,
    /// End an answered call.
    HangUp,
    /// Offer another session before the answer.
    EarlyUpdate,
    /// Refresh the session, or give it up.
    Session,
    /// Change the session.
    Reinvite(Change),
}

/// Outputs of a phone, drained after every input.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) sends: Vec<(SocketAddr, Bytes)>,
    pub(crate) timers: Vec<(Instant, AgentTimer)>,
}

impl Outbox {
    pub(crate) fn send(&mut self, to: SocketAddr, bytes: Bytes) {
        self.sends.push((to, bytes));
    }

    pub(crate) fn arm(&mut self, at: Instant, timer: AgentTimer) {
        self.timers.push((at, timer));
    }
}
