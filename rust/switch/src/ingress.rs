//! The order in which an inbound message is judged (`config.md` §3).

use std::time::Instant;

use pbx_media::stun;
use pbx_sip::transaction::{Incoming, TransactionId};
use pbx_sip::{Bytes, Fault, Flow, Limits, Message, Method, Name, Scheme, Shard, Transport, Uri};

use crate::authorize::Proven;
use crate::call::Admitted;
use crate::config::Module;
use crate::core::{Inbound, Owner};
use crate::dispatch::replaces_of;
use crate::location::RegisterOutcome;
use crate::output::Output;
use crate::refusal::{ACCEPT, Refusal, allow, lacking_extensions, supported};
use crate::switch::Switch;

impl Switch {
    /// Steps 1–3: source, framing, parse.
    pub(crate) fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        let is_admitted = self.is_admitted(flow);
        // Blank datagrams keep NAT bindings open (RFC 5626 §4.4.1).
        if is_admitted && bytes.iter().all(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return self.core.counters.count("keepalives_total", "");
        }
        if flow.transport == Transport::Udp && stun::is_stun(&bytes) {
            return self.keep_alive(is_admitted, flow, &bytes);
        }
        let limits =
            Limits { max_message: self.core.policy.config.limits.max_message_size, ..Limits::default() };
        match Message::parse(bytes, &limits) {
            Ok(message) => match self.elsewhere(&message) {
                Some(to) => self.hand_over(to, flow, message),
                None => self.admit(now, flow, is_admitted, message),
            },
            Err(error) if is_admitted => {
                self.answer_malformed(now, flow, error.fault, error.partial.as_deref());
            }
            Err(_) => self.drop_denied(flow),
        }
    }

    fn elsewhere(&self, message: &Message) -> Option<Shard> {
        self.core.dispatch.as_ref()?.elsewhere(message)
    }

    /// A message of this shard.
    pub(crate) fn admit(&mut self, now: Instant, flow: Flow, is_admitted: bool, message: Message) {
        if is_admitted || self.is_awaited(flow, &message) {
            self.judge(now, flow, message);
        } else {
            self.drop_denied(flow);
        }
    }

    /// Phones with flows of their own ask whether they are still heard, and where from (RFC 5626 §4.4.2).
    fn keep_alive(&mut self, is_admitted: bool, flow: Flow, bytes: &[u8]) {
        match stun::binding_answer(bytes, flow.remote).filter(|_| is_admitted) {
            Some(answer) => {
                self.core.counters.count("keepalives_total", "stun");
                self.core.transmit(flow, answer.into());
            }
            None => self.core.counters.count("dropped_total", "stun"),
        }
    }

    pub(crate) fn is_admitted(&self, flow: Flow) -> bool {
        let policy = &self.core.policy;
        !policy.config.has_module(Module::Acl) || policy.acl.judge(flow.remote.ip()).allow
    }

    /// What the access list does not bind: responses to our requests (step 4), and requests inside a dialog
    /// from its own source (step 7).
    fn is_awaited(&self, flow: Flow, message: &Message) -> bool {
        if !message.is_request() {
            return true;
        }
        self.calls.find(message).and_then(|dialog| self.calls.flow_of(dialog)) == Some(flow)
    }

    fn drop_denied(&mut self, flow: Flow) {
        self.core.counters.count("refused_total", "acl");
        self.core.counters.count("probes_total", "acl");
        if flow.transport.is_reliable() {
            self.core.outputs.push_back(Output::CloseFlow(flow));
        }
    }

    /// A request that cannot be served but can be answered gets its status without any state (step 3).
    pub(crate) fn answer_malformed(
        &mut self,
        now: Instant,
        flow: Flow,
        fault: Fault,
        partial: Option<&Message>,
    ) {
        let refusal = Refusal::Malformed(fault);
        self.core.counters.count("probes_total", "malformed");
        match partial.filter(|message| message.is_request()) {
            Some(message) => self.core.refuse_stateless(now, flow, message, &refusal),
            None => self.core.note_refusal(now, &flow, &refusal),
        }
    }

    /// Steps 4–7: transactions and dialogs.
    fn judge(&mut self, now: Instant, flow: Flow, message: Message) {
        let reply = self.core.reply_flow(flow, &message);
        match self.core.transactions.handle_message(now, reply, message) {
            Incoming::Response { id, message } => self.respond(now, id, &message),
            Incoming::Ack(ack) => match self.calls.moved_to(&ack).filter(|_| self.may_hand_over()) {
                Some(to) => self.hand_over(to, flow, ack),
                None => self.calls.on_ack(&mut self.core, now, &ack),
            },
            Incoming::Cancel { id, invite, message } => match self.next_for_cancel(invite) {
                Some(to) => {
                    self.core.transactions.forget(id);
                    self.hand_over(to, flow, message);
                }
                None => self.cancel(now, flow, (id, invite), &message),
            },
            Incoming::Request { id, message } => self.request(now, flow, id, message),
            Incoming::Absorbed => {}
            Incoming::Stray(_) => self.core.counters.count("dropped_total", "stray_response"),
            Incoming::Refused { message } => {
                self.core.refuse_stateless(now, flow, &message, &Refusal::Full("transactions"));
            }
        }
    }

    /// A CANCEL says nothing of where its INVITE went, which may have followed its Replaces: it goes round.
    fn next_for_cancel(&self, invite: Option<TransactionId>) -> Option<Shard> {
        let dispatch = self.core.dispatch.as_ref()?;
        (invite.is_none() && self.may_hand_over()).then(|| dispatch.next())
    }

    /// Where the dialog went that a request is about.
    fn followed(&self, message: &Message) -> Option<Shard> {
        self.core.dispatch.as_ref().filter(|_| self.may_hand_over())?;
        let replaced = || self.calls.gone_to(&replaces_of(message)?.to_tag);
        self.calls.moved_to(message).or_else(replaced)
    }

    /// Step 4: a response to whoever sent the request.
    fn respond(&mut self, now: Instant, id: TransactionId, message: &Message) {
        match self.core.owners.get(&id) {
            Some(&Owner::Page(page)) => self.pages.on_response(&mut self.core, now, (page, id), message),
            _ => self.calls.on_response(&mut self.core, now, id, message),
        }
    }

    fn cancel(
        &mut self,
        now: Instant,
        flow: Flow,
        (id, invite): (TransactionId, Option<TransactionId>),
        message: &Message,
    ) {
        // The tag of the INVITE's responses (RFC 3261 §9.2).
        let known = invite.and_then(|invite| self.calls.tag_of(invite)).map(str::to_owned);
        let tag = known.unwrap_or_else(|| self.core.tags.tag_of(message));
        let inbound = Inbound { transaction: id, flow, request: message, tag: Some(&tag) };
        let Some(invite) = invite else {
            return self.core.refuse_stranger(now, &inbound, &Refusal::UnknownDialog);
        };
        self.core.respond(now, &inbound, (200, "OK"), |builder| builder);
        self.calls.on_cancel(&mut self.core, now, invite, message);
    }

    /// Steps 7–17 for a new server transaction.
    fn request(&mut self, now: Instant, flow: Flow, id: TransactionId, message: Message) {
        if message.to_tag().is_some()
            && let Some(dialog) = self.calls.find(&message)
        {
            let inbound = Inbound { transaction: id, flow, request: &message, tag: None };
            return self.calls.on_request(&mut self.core, now, dialog, &inbound);
        }
        let inbound = Inbound { transaction: id, flow, request: &message, tag: None };
        if self.calls.on_replaced(&mut self.core, now, &inbound) {
            return;
        }
        if let Some(to) = self.followed(&message) {
            self.core.transactions.forget(id);
            return self.hand_over(to, flow, message);
        }
        let tag = self.core.tags.tag_of(&message);
        let inbound = Inbound { transaction: id, flow, request: &message, tag: Some(&tag) };
        if let Err(refusal) = self.screen(&message) {
            return self.core.refuse_stranger(now, &inbound, &refusal);
        }
        let Some(proven) = self.authorize(now, &inbound) else { return };
        match message.method() {
            Method::Register => self.register(now, &inbound),
            Method::Options => self.options(now, &inbound),
            _ => {
                let Proven { user, asserted, direction } = proven;
                let admitted = Admitted { transaction: id, flow, message, user, asserted, direction };
                let (core, location) = (&mut self.core, &self.location);
                match admitted.message.method() {
                    Method::Message => self.pages.start(core, location, now, admitted),
                    _ => self.calls.start(core, location, now, admitted),
                }
            }
        }
    }

    /// Step 9: what needs no identity.
    fn screen(&mut self, message: &Message) -> Result<(), Refusal> {
        let config = &self.core.policy.config;
        let method = message.method();
        let is_merged = match method {
            Method::Invite => self.calls.is_merged(message),
            Method::Message => self.pages.is_merged(message),
            _ => false,
        };
        if message.to_tag().is_some() && method != Method::Register {
            self.core.counters.count("probes_total", "unknown_dialog");
            return Err(Refusal::UnknownDialog);
        }
        match method {
            Method::Other => return Err(Refusal::UnknownMethod),
            Method::Invite if config.has_module(Module::Call) => {}
            Method::Register if config.has_module(Module::Registrar) => {}
            Method::Options | Method::Message => {}
            Method::Bye | Method::Update | Method::Prack | Method::Info | Method::Notify => {
                return Err(Refusal::UnknownDialog);
            }
            Method::Refer => return Err(Refusal::Forbidden),
            _ => return Err(Refusal::MethodNotAllowed),
        }
        match Uri::parse(message.request_uri()).map(|uri| uri.scheme) {
            Ok(Scheme::Sip | Scheme::Sips | Scheme::Tel) => {}
            Ok(Scheme::Other) => return Err(Refusal::UnsupportedScheme),
            Err(fault) => return Err(Refusal::Malformed(fault)),
        }
        let lacking = lacking_extensions(config, message);
        if !lacking.is_empty() {
            return Err(Refusal::BadExtension(lacking));
        }
        if is_merged {
            return Err(Refusal::Merged);
        }
        if self.drain.is_some() {
            return Err(Refusal::Draining);
        }
        Ok(())
    }

    /// Step 12.
    fn register(&mut self, now: Instant, inbound: &Inbound<'_>) {
        let policy = self.core.policy.clone();
        let outcome = self.location.handle_register(now, &policy, inbound.flow, inbound.request);
        let RegisterOutcome { code, reason, headers, result } = outcome;
        self.core.counters.count("registrar_total", result);
        let reason = reason.unwrap_or_else(|| pbx_sip::reason_phrase(code));
        let supported = supported(&policy.config);
        self.core.respond(now, inbound, (code, reason), |builder| {
            let builder = if code == 200 { builder.header(Name::Supported, supported) } else { builder };
            headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value))
        });
    }

    /// Step 13: OPTIONS to a host of ours.
    fn options(&mut self, now: Instant, inbound: &Inbound<'_>) {
        let (allow, supported) = (allow(&self.core.policy.config), supported(&self.core.policy.config));
        self.core.respond_stranger(now, inbound, (200, "OK"), |builder| {
            builder.header(Name::Allow, allow).header(Name::Accept, ACCEPT).header(Name::Supported, supported)
        });
    }
}
