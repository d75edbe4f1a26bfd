//! What the user of the layer orders: responses, requests, CANCELs.

use std::time::Instant;

use bytes::Bytes;

use super::branch::Branch;
use super::entry::{Client, ClientMachine, Entry, Role, ServerMachine};
use super::event::Opening;
use super::id::TransactionId;
use super::settings::Timing;
use super::step::Step;
use super::transactions::Transactions;
use crate::transport::Flow;
use crate::{Limits, Message, Method};

impl Transactions {
    /// Sends a response on the flow the request came from. False, and nothing sent, if the transaction is
    /// gone or has its final response, or if a provisional response other than 100 would answer a
    /// non-INVITE request (RFC 4320 §4.1). A 408 to a non-INVITE request is accepted as the end of the
    /// transaction and not sent (RFC 4320 §4.2).
    pub fn respond(&mut self, now: Instant, id: TransactionId, code: u16, bytes: Bytes) -> bool {
        let Some(entry) = self.entry_mut(id) else { return false };
        let Role::Server { machine, .. } = &mut entry.role else { return false };
        let Some(step) = machine.handle_response(now, code) else { return false };
        let is_answered = machine.is_answered();
        entry.bytes = bytes;
        self.unanswered -= usize::from(is_answered);
        self.counters.silenced_total += u64::from(!step.transmit);
        self.apply(now, id, step);
        true
    }

    /// Forgets a request that is answered without the layer (RFC 3261 §8.2.7): copies of it are new requests.
    pub fn forget(&mut self, id: TransactionId) {
        let Some(entry) = self.entry_mut(id) else { return };
        if matches!(entry.role, Role::Server { .. }) {
            entry.is_watched = false;
            self.remove(id);
        }
    }

    /// Sends a copy of the 2xx of an accepted INVITE (RFC 3261 §13.3.1.4). False, and nothing sent, once
    /// the transaction is gone: then [`Transmit`](super::Transmit) it without the layer.
    pub fn repeat(&mut self, now: Instant, id: TransactionId, bytes: Bytes) -> bool {
        let Some(entry) = self.entry_mut(id) else { return false };
        let Role::Server { machine: ServerMachine::Invite(machine), .. } = &entry.role else { return false };
        if !machine.is_accepted() {
            return false;
        }
        let flow = entry.flow;
        self.counters.repeated_total += 1;
        self.transmit(flow, bytes);
        self.apply(now, id, Step::NONE);
        true
    }

    /// Sends responses elsewhere than the request came from.
    pub fn set_reply_flow(&mut self, id: TransactionId, flow: Flow) {
        self.change_flow(id, flow);
    }

    /// Flow of a transaction, if it is still there.
    pub fn flow(&self, id: TransactionId) -> Option<Flow> {
        self.entries.get(id.slot()).filter(|entry| entry.id == id).map(|entry| entry.flow)
    }

    /// Reserves a client transaction; `None` if the table is full. It must be started by
    /// [`send`](Self::send) or given back by [`abandon`](Self::abandon): it has no deadline yet.
    pub fn open(&mut self, _now: Instant, flow: Flow) -> Option<Opening> {
        if self.entries.len() >= self.max {
            self.counters.refused_total += 1;
            return None;
        }
        let token = self.tokens.next();
        let timing = Timing::new(self.settings, flow.transport.is_reliable());
        let id = self.insert(|id| Entry::new(id, flow, timing, Role::Opened { token }));
        self.counters.client_total += 1;
        Some(Opening { id, branch: Branch::new(self.shard, id.slot(), token) })
    }

    /// Sends the request of an opened transaction and starts its timers. A request that cannot be read
    /// back is not sent; that is a [`TransportError`](super::TransactionEvent::TransportError).
    pub fn send(&mut self, now: Instant, id: TransactionId, method: Method, bytes: Bytes) {
        let fingerprint = Message::parse(bytes.clone(), &Limits::default())
            .ok()
            .map(|message| self.keys.fingerprint(&message));
        let Some(entry) = self.entry_mut(id) else { return };
        let Role::Opened { token } = entry.role else { return };
        let machine = ClientMachine::start(now, method, entry.timing);
        entry.bytes = bytes;
        entry.role = Role::Client(Client {
            token,
            fingerprint: fingerprint.unwrap_or_default(),
            method,
            is_cancel: false,
            reason: None,
            machine,
        });
        self.apply(now, id, if fingerprint.is_some() { Step::TRANSMIT } else { Step::FAIL });
    }

    /// Cancels an INVITE of ours (RFC 3261 §9.1). The CANCEL is held back until a provisional response
    /// has come, and dropped if a final one comes first. `reason` is the value of its Reason (RFC 3326).
    pub fn cancel(&mut self, now: Instant, id: TransactionId, reason: Option<&'static str>) {
        let Some(Entry { role: Role::Client(client), .. }) = self.entry_mut(id) else { return };
        let ClientMachine::Invite(machine) = &mut client.machine else { return };
        let step = machine.handle_cancel(now);
        client.reason = client.reason.or(reason);
        self.apply(now, id, step);
    }

    /// The user has lost interest: the machine runs on, its events and responses are kept from the user.
    /// A 2xx to an INVITE is still passed on, since its dialog has to be ended. A transaction that was
    /// opened and not sent is given back.
    pub fn abandon(&mut self, id: TransactionId) {
        let Some(entry) = self.entry_mut(id) else { return };
        entry.is_watched = false;
        if matches!(entry.role, Role::Opened { .. }) {
            self.remove(id);
        }
    }

    pub(super) fn insert_cancel(
        &mut self,
        now: Instant,
        flow: Flow,
        timing: Timing,
        (token, fingerprint): (u64, u64),
        bytes: Bytes,
    ) -> TransactionId {
        self.counters.client_total += 1;
        let machine = ClientMachine::start(now, Method::Cancel, timing);
        let (method, reason) = (Method::Cancel, None);
        let client = Client { token, fingerprint, method, is_cancel: true, reason, machine };
        self.insert(|id| Entry {
            is_watched: false,
            bytes,
            ..Entry::new(id, flow, timing, Role::Client(client))
        })
    }
}
