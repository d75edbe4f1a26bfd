//! Messages that arrive: which transaction they belong to (RFC 3261 §17.1.3, §17.2.3).

use std::time::Instant;

use bytes::Bytes;

use super::branch::Branch;
use super::entry::{ClientMachine, Entry, Role, ServerMachine};
use super::event::Incoming;
use super::hop_by_hop;
use super::id::TransactionId;
use super::key::{ServerKey, has_unique_branch};
use super::settings::Timing;
use super::transactions::Transactions;
use crate::transport::Flow;
use crate::{Limits, Message, Method};

const INVITE: &str = "INVITE";

impl Transactions {
    /// Takes a message that has arrived on `flow`, and says what it is to the user.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) -> Incoming {
        if !message.is_request() {
            return self.handle_response(now, message);
        }
        match message.method() {
            Method::Ack => self.handle_ack(now, message),
            Method::Cancel => self.handle_cancel(now, flow, message),
            _ => self.handle_request(now, flow, message),
        }
    }

    fn handle_request(&mut self, now: Instant, flow: Flow, message: Message) -> Incoming {
        let key = self.keys.of(&message, message.method_text(), message.to_tag());
        if self.handle_copy(now, key) {
            return Incoming::Absorbed;
        }
        if self.entries.len() >= self.max {
            self.counters.refused_total += 1;
            return Incoming::Refused { message };
        }
        let id = self.serve(flow, key, message.method());
        Incoming::Request { id, message }
    }

    fn handle_cancel(&mut self, now: Instant, flow: Flow, message: Message) -> Incoming {
        let key = self.keys.of(&message, message.method_text(), message.to_tag());
        if self.handle_copy(now, key) {
            return Incoming::Absorbed;
        }
        let invite = self.server(self.keys.of(&message, INVITE, message.to_tag()));
        if invite.is_none() && self.entries.len() >= self.max {
            self.counters.refused_total += 1;
            return Incoming::Refused { message };
        }
        let id = self.serve(flow, key, Method::Cancel);
        Incoming::Cancel { id, invite, message }
    }

    fn handle_ack(&mut self, now: Instant, message: Message) -> Incoming {
        let Some(id) = self.invite_of_ack(&message) else { return Incoming::Ack(message) };
        let Some(Entry { role: Role::Server { machine: ServerMachine::Invite(machine), .. }, .. }) =
            self.entry_mut(id)
        else {
            return Incoming::Ack(message);
        };
        let step = machine.handle_ack(now);
        self.apply(now, id, step);
        if step.deliver {
            return Incoming::Ack(message);
        }
        self.counters.absorbed_total += 1;
        Incoming::Absorbed
    }

    /// Without a unique branch the ACK carries the To tag of the response, which the INVITE may not have
    /// had (§17.2.3).
    fn invite_of_ack(&mut self, message: &Message) -> Option<TransactionId> {
        let key = self.keys.of(message, INVITE, message.to_tag());
        if let Some(id) = self.server(key) {
            return Some(id);
        }
        if has_unique_branch(message) || message.to_tag().is_none() {
            return None;
        }
        let id = self.server(self.keys.of(message, INVITE, None))?;
        let response = self.entry_mut(id)?.bytes.clone();
        let response = Message::parse(response, &Limits::default()).ok()?;
        (response.to_tag() == message.to_tag()).then_some(id)
    }

    /// Deals with a copy of a known request.
    fn handle_copy(&mut self, now: Instant, key: ServerKey) -> bool {
        let Some(id) = self.server(key) else { return false };
        let Some(Entry { role: Role::Server { machine, .. }, .. }) = self.entry_mut(id) else { return false };
        let step = machine.handle_copy();
        self.counters.absorbed_total += 1;
        self.counters.repeated_total += u64::from(step.transmit);
        self.apply(now, id, step);
        true
    }

    fn server(&self, key: ServerKey) -> Option<TransactionId> {
        let slot = *self.servers.get(&key)?;
        self.entries.get(slot as usize).map(|entry| entry.id)
    }

    fn serve(&mut self, flow: Flow, key: ServerKey, method: Method) -> TransactionId {
        let timing = Timing::new(self.settings, flow.transport.is_reliable());
        let machine = ServerMachine::new(method, timing);
        let id = self.insert(|id| Entry::new(id, flow, timing, Role::Server { key, machine }));
        self.servers.insert(key, id.slot() as u32);
        self.unanswered += 1;
        self.counters.server_total += 1;
        id
    }

    fn handle_response(&mut self, now: Instant, message: Message) -> Incoming {
        let Some(id) = self.client(&message) else {
            self.counters.stray_total += 1;
            return Incoming::Stray(message);
        };
        let code = message.status();
        let Some(entry) = self.entry_mut(id) else { return Incoming::Stray(message) };
        let is_watched = entry.is_watched;
        let Role::Client(client) = &mut entry.role else { return Incoming::Stray(message) };
        let is_invite = matches!(client.machine, ClientMachine::Invite(_));
        let step = client.machine.handle_response(now, code);
        if step.acknowledge {
            self.acknowledge(id, &message);
        }
        self.counters.repeated_total += u64::from(step.repeat_ack);
        self.apply(now, id, step);
        // Somebody has to acknowledge and end the dialog of a 2xx, however late it comes.
        if step.deliver && (is_watched || (is_invite && (200..300).contains(&code))) {
            return Incoming::Response { id, message };
        }
        self.counters.absorbed_total += 1;
        Incoming::Absorbed
    }

    /// The client transaction a response belongs to: its branch, which a stranger cannot guess, the
    /// method of its CSeq, and the Call-ID, From tag and CSeq number of the request.
    fn client(&self, message: &Message) -> Option<TransactionId> {
        let via = message.via().ok()?;
        let (shard, slot, token) = Branch::read(via.branch()?)?;
        if shard != self.shard {
            return None;
        }
        let slot = match message.cseq_method() {
            Method::Cancel => *self.cancels.get(&token)? as usize,
            _ => slot,
        };
        let entry = self.entries.get(slot)?;
        let Role::Client(client) = &entry.role else { return None };
        let is_ours = client.token == token
            && client.method == message.cseq_method()
            && client.fingerprint == self.keys.fingerprint(message);
        is_ours.then_some(entry.id)
    }

    /// From the first failure response on, the ACK is what may have to be sent again.
    fn acknowledge(&mut self, id: TransactionId, response: &Message) {
        let Some(entry) = self.entry_mut(id) else { return };
        entry.bytes = hop_by_hop::ack(&entry.bytes, response).unwrap_or_default();
        let (flow, bytes) = (entry.flow, entry.bytes.clone());
        if !bytes.is_empty() {
            self.transmit(flow, bytes);
        }
    }
}

impl Entry {
    pub(super) fn new(id: TransactionId, flow: Flow, timing: Timing, role: Role) -> Self {
        Self {
            id,
            flow,
            timing,
            is_watched: true,
            previous: 0,
            next: 0,
            armed_at: None,
            bytes: Bytes::new(),
            role,
        }
    }
}
