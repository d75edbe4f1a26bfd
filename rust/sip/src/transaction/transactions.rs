//! The transaction layer (RFC 3261 §17): one table for all four machines.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use slab::Slab;

use super::branch::Tokens;
use super::counters::TransactionCounters;
use super::entry::{Client, Entry, Role};
use super::event::{TransactionEvent, Transmit};
use super::flow_index::FlowIndex;
use super::hop_by_hop;
use super::id::TransactionId;
use super::key::{Keys, ServerKey};
use super::settings::TransactionSettings;
use super::step::Step;
use crate::Shard;
use crate::timer::Timers;
use crate::transport::Flow;

/// All transactions of one shard.
///
/// After every `handle_*` call and every order of the user, [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) are drained; [`handle_timeout`](Self::handle_timeout) is called when
/// [`poll_timeout`](Self::poll_timeout) is reached.
///
/// The table holds at most `max` transactions; a request beyond that is
/// [`Refused`](super::Incoming::Refused). Only a CANCEL for an INVITE in the table may exceed the cap,
/// since it makes room: one for each INVITE.
pub struct Transactions {
    pub(super) entries: Slab<Entry>,
    pub(super) servers: HashMap<ServerKey, u32>,
    /// CANCELs of our own by the token of their INVITE, whose branch they share.
    pub(super) cancels: HashMap<u64, u32>,
    pub(super) flows: FlowIndex,
    pub(super) keys: Keys,
    pub(super) tokens: Tokens,
    pub(super) settings: TransactionSettings,
    pub(super) max: usize,
    pub(super) shard: Shard,
    pub(super) unanswered: usize,
    pub(super) counters: TransactionCounters,
    generation: u32,
    timers: Timers<TransactionId>,
    /// Reused by each turn.
    due: Vec<TransactionId>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<TransactionEvent>,
}

impl Transactions {
    /// An empty table for at most `max` transactions. Branches follow from `seed`, which must be secret
    /// and new for each start.
    pub fn new(settings: TransactionSettings, max: usize, seed: [u8; 32]) -> Self {
        let mut tokens = Tokens::new(&seed);
        Self {
            entries: Slab::new(),
            servers: HashMap::new(),
            cancels: HashMap::new(),
            flows: FlowIndex::default(),
            keys: Keys::new(&mut tokens),
            tokens,
            settings,
            max,
            shard: Shard::FIRST,
            unanswered: 0,
            counters: TransactionCounters::default(),
            generation: 0,
            timers: Timers::new(),
            due: Vec::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The same table for another shard than the first.
    #[must_use]
    pub fn of_shard(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// Holds for transactions that begin from now on.
    pub fn set_settings(&mut self, settings: TransactionSettings) {
        self.settings = settings;
    }

    /// Transactions of both kinds, those that only wait for copies included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no transaction.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Server transactions without a final response.
    pub fn server_len(&self) -> usize {
        self.unanswered
    }

    /// Totals since the start.
    pub fn counters(&self) -> &TransactionCounters {
        &self.counters
    }

    /// Runs the machines whose deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due = std::mem::take(&mut self.due);
        self.timers.poll(now, &mut due);
        for id in due.drain(..) {
            let Some(entry) = self.entry_mut(id) else { continue };
            if entry.armed_at.is_some_and(|at| at > now) {
                continue;
            }
            entry.armed_at = None;
            let step = entry.handle_timeout(now);
            self.counters.repeated_total += u64::from(step.transmit);
            self.apply(now, id, step);
        }
        self.due = due;
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next. There may turn out to be nothing to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_at()
    }

    /// The next message to send, in the order they came up.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event, in the order they came up.
    pub fn poll_event(&mut self) -> Option<TransactionEvent> {
        self.events.pop_front()
    }

    /// A flow is broken: a stream was closed, or an ICMP error came back. Requests and responses that
    /// still depend on it have failed.
    pub fn handle_transport_error(&mut self, now: Instant, flow: Flow) {
        let mut hit = std::mem::take(&mut self.due);
        self.flows.collect(&self.entries, flow, &mut hit);
        // The oldest first: whoever asked is known to be gone before what was done for him fails.
        for id in hit.drain(..).rev() {
            let Some(entry) = self.entry_mut(id) else { continue };
            let step = entry.handle_transport_error();
            self.apply(now, id, step);
        }
        self.due = hit;
    }

    /// A stream asked for by [`Flow::NEW`] is open: transactions on `asked` use `ready` from now on.
    pub fn handle_flow_ready(&mut self, asked: Flow, ready: Flow) {
        let mut moved = std::mem::take(&mut self.due);
        self.flows.collect(&self.entries, asked, &mut moved);
        for id in moved.drain(..).rev() {
            self.change_flow(id, ready);
        }
        self.due = moved;
    }

    pub(super) fn change_flow(&mut self, id: TransactionId, flow: Flow) {
        if self.entry_mut(id).is_some_and(|entry| entry.flow != flow) {
            self.flows.remove(&mut self.entries, id.slot());
            self.entries[id.slot()].flow = flow;
            self.flows.insert(&mut self.entries, id.slot());
        }
    }

    pub(super) fn entry_mut(&mut self, id: TransactionId) -> Option<&mut Entry> {
        self.entries.get_mut(id.slot()).filter(|entry| entry.id == id)
    }

    /// Adds an entry whose id and list links are still to be filled in.
    pub(super) fn insert(&mut self, make: impl FnOnce(TransactionId) -> Entry) -> TransactionId {
        self.generation = self.generation.wrapping_add(1);
        let vacant = self.entries.vacant_entry();
        let id = TransactionId::new(vacant.key(), self.generation);
        vacant.insert(make(id));
        self.flows.insert(&mut self.entries, id.slot());
        id
    }

    /// Does what a machine asks for and arms its next deadline.
    pub(super) fn apply(&mut self, now: Instant, id: TransactionId, step: Step) {
        if step.cancel {
            self.send_cancel(now, id);
        }
        let Some(entry) = self.entries.get_mut(id.slot()).filter(|entry| entry.id == id) else { return };
        if step.transmit || step.repeat_ack {
            self.transmits.push_back(Transmit { flow: entry.flow, bytes: entry.bytes.clone() });
        }
        if step.release {
            // Not `clear`, which would keep the allocation alive.
            entry.bytes = bytes::Bytes::new();
        }
        if let Some(timer) = step.timeout {
            self.counters.timeouts_total[timer as usize] += 1;
            if entry.is_watched {
                self.events.push_back(TransactionEvent::Timeout { id, timer });
            }
        }
        if step.transport_error {
            self.counters.transport_errors_total += 1;
            if entry.is_watched {
                self.events.push_back(TransactionEvent::TransportError { id });
            }
        }
        if step.end {
            self.remove(id);
        } else {
            self.arm(now, id);
        }
    }

    pub(super) fn transmit(&mut self, flow: Flow, bytes: bytes::Bytes) {
        self.transmits.push_back(Transmit { flow, bytes });
    }

    pub(super) fn remove(&mut self, id: TransactionId) {
        self.flows.remove(&mut self.entries, id.slot());
        let entry = self.entries.remove(id.slot());
        self.unanswered -= usize::from(entry.is_unanswered());
        match entry.role {
            Role::Server { key, .. } => {
                self.servers.remove(&key);
            }
            Role::Client(Client { is_cancel: true, token, .. }) => {
                self.cancels.remove(&token);
            }
            Role::Client(_) => {}
            // Nothing has begun, so there is nothing to end.
            Role::Opened { .. } => return,
        }
        if entry.is_watched {
            self.events.push_back(TransactionEvent::Terminated { id });
        }
    }

    /// Keeps one entry in the timer queue for the transaction, never later than its deadline.
    fn arm(&mut self, now: Instant, id: TransactionId) {
        let Some(entry) = self.entries.get_mut(id.slot()) else { return };
        let Some(deadline) = entry.next_at() else { return };
        let at = deadline.min(now + entry.timing.horizon());
        if entry.armed_at.is_none_or(|armed_at| at < armed_at) {
            entry.armed_at = Some(at);
            self.timers.arm(at, id);
        }
    }

    /// The CANCEL of an INVITE runs as a transaction of the layer's own (RFC 3261 §9.1).
    fn send_cancel(&mut self, now: Instant, id: TransactionId) {
        let Some(invite) = self.entry_mut(id) else { return };
        let Role::Client(Client { token, fingerprint, reason, .. }) = invite.role else { return };
        let (flow, timing) = (invite.flow, invite.timing);
        let Some(bytes) = hop_by_hop::cancel(&invite.bytes, reason) else { return };
        let cancel = self.insert_cancel(now, flow, timing, (token, fingerprint), bytes);
        self.cancels.insert(token, cancel.slot() as u32);
        self.apply(now, cancel, Step::TRANSMIT);
    }
}

#[cfg(test)]
impl Transactions {
    /// Every index names what is in the table and nothing else.
    pub(super) fn check_books(&self) {
        let mut hit = Vec::new();
        let mut unanswered = 0;
        let (mut servers, mut cancels) = (0, 0);
        for (slot, entry) in &self.entries {
            assert_eq!(entry.id.slot(), slot);
            hit.clear();
            self.flows.collect(&self.entries, entry.flow, &mut hit);
            assert!(hit.contains(&entry.id), "every transaction is found by its flow");
            assert!(hit.iter().all(|id| self.entries[id.slot()].flow == entry.flow));
            unanswered += usize::from(entry.is_unanswered());
            servers += usize::from(matches!(entry.role, Role::Server { .. }));
            cancels += usize::from(matches!(entry.role, Role::Client(Client { is_cancel: true, .. })));
            assert!(
                entry.next_at().is_none_or(|at| entry.armed_at.is_some_and(|armed_at| armed_at <= at)),
                "no deadline is missed"
            );
        }
        assert_eq!(self.unanswered, unanswered);
        assert_eq!((self.servers.len(), self.cancels.len()), (servers, cancels));
        assert_eq!(self.flows.len() == 0, self.entries.is_empty());
    }

    pub(super) fn timers_len(&self) -> usize {
        self.timers.len()
    }
}
