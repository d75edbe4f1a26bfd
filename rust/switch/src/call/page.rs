//! MESSAGE outside dialogs (RFC 3428, `config.md` §3 step 13): to the bindings of a user, and the answer back.
//!
//! It is forked like an INVITE: equal q together, lower q after every one of them failed. The first 2xx or 6xx
//! goes back at once, else the best failure (RFC 3261 §16.7). Static routes and Python are not asked. A flow that
//! takes no more than 1,300 octets is the transport's matter (§18.1.1, which RFC 3428 §8 leans on).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use pbx_sip::transaction::{TimerName, TransactionId};
use pbx_sip::{Flow, Message, Method, Name};

use super::dial::{begin, breadth, party, share};
use super::failure::Failure;
use super::headers;
use super::identity;
use super::invite::Admitted;
use super::plan::{Endpoint, Group, Plan};
use super::resolve::Resolver;
use crate::core::{Core, Inbound, Owner};
use crate::decision::Forward;
use crate::location::Location;
use crate::refusal::Refusal;
use crate::route::Direction;

/// Handle of a MESSAGE under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageId(u64);

/// All MESSAGEs without a final response. There are no more than server transactions.
#[derive(Default)]
pub(crate) struct Pages {
    table: HashMap<PageId, Page>,
    /// By who sent them, for RFC 3261 §8.2.2.2.
    origins: HashMap<u64, PageId>,
    hasher: RandomState,
}

/// One MESSAGE on its way.
struct Page {
    id: PageId,
    origin: u64,
    message: Message,
    transaction: TransactionId,
    flow: Flow,
    local_tag: String,
    asserted: Option<String>,
    passthrough: bool,
    groups: VecDeque<Group>,
    awaited: Vec<Awaited>,
    best: Option<Failure>,
    is_answered: bool,
}

/// One phone that has yet to answer.
struct Awaited {
    transaction: TransactionId,
    endpoint: Endpoint,
    breadth: usize,
}

impl Pages {
    /// Sends a MESSAGE on, or refuses it.
    pub(crate) fn start(&mut self, core: &mut Core, location: &Location, now: Instant, admitted: Admitted) {
        let local_tag = core.token();
        let Admitted { transaction, flow, message, direction, asserted, .. } = admitted;
        let inbound = Inbound { transaction, flow, request: &message, tag: Some(&local_tag) };
        let plan = match judge(&message, direction) {
            Ok(()) => plan(core, location, now, &inbound),
            Err(refusal) => Err(refusal),
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(refusal) => return core.refuse(now, &inbound, &refusal),
        };
        let (id, origin) = (PageId(core.next_id()), self.origin(&message));
        let page = Page {
            id,
            origin,
            message,
            transaction,
            flow,
            local_tag,
            asserted,
            passthrough: core.policy.config.call.passthrough_failure,
            groups: plan.groups,
            awaited: Vec::new(),
            best: None,
            is_answered: false,
        };
        self.origins.insert(origin, id);
        self.table.insert(id, page);
        self.with(core, id, |page, core| page.send_next(core, now));
    }

    /// Whether this MESSAGE is under way already, come by another path (RFC 3261 §8.2.2.2).
    pub(crate) fn is_merged(&self, message: &Message) -> bool {
        self.origins.contains_key(&self.origin(message))
    }

    /// What one of the phones said.
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        (id, client): (PageId, TransactionId),
        response: &Message,
    ) {
        self.with(core, id, |page, core| page.on_response(core, now, client, response));
    }

    /// One of the phones said nothing, or could not be reached.
    pub(crate) fn on_timeout(
        &mut self,
        core: &mut Core,
        now: Instant,
        (id, client): (PageId, TransactionId),
        timer: Option<TimerName>,
    ) {
        self.with(core, id, |page, core| page.on_timeout(core, now, client, timer));
    }

    fn origin(&self, message: &Message) -> u64 {
        let from_tag = message.from_tag().unwrap_or_default();
        self.hasher.hash_one((message.call_id(), from_tag, message.cseq()))
    }

    fn with(&mut self, core: &mut Core, id: PageId, act: impl FnOnce(&mut Page, &mut Core)) {
        let Some(page) = self.table.get_mut(&id) else { return };
        act(page, core);
        if page.is_answered {
            let origin = page.origin;
            self.table.remove(&id);
            self.origins.remove(&origin);
        }
    }
}

impl Page {
    /// Sends to the next group; without one, the MESSAGE has failed.
    fn send_next(&mut self, core: &mut Core, now: Instant) {
        while self.awaited.is_empty() {
            let Some(group) = self.groups.pop_front() else { return self.fail(core, now) };
            let breadth = breadth(&self.message);
            let sent = group.endpoints.len().min(breadth);
            for (index, endpoint) in group.endpoints.iter().take(sent).enumerate() {
                self.send(core, now, endpoint, share(breadth, sent, index));
            }
        }
    }

    fn send(&mut self, core: &mut Core, now: Instant, endpoint: &Endpoint, breadth: usize) {
        let (message, asserted) = (&self.message, self.asserted.as_deref());
        let call_id = core.call_id();
        let local_tag = core.token();
        let owner = Owner::Page(self.id);
        let sent = core.request(now, endpoint.flow, Method::Message, Some(owner), |via| {
            let builder = begin(Method::Message, message, endpoint, (via, breadth))
                .header(Name::From, format!("{};tag={local_tag}", identity::from(message)))
                .header(Name::To, party(message.header(Name::To)))
                .header(Name::CallId, call_id)
                .header(Name::CSeq, "1 MESSAGE");
            let builder = match identity::asserted(message, asserted, &[]) {
                Some(asserted) => builder.header(Name::PAssertedIdentity, asserted),
                None => builder,
            };
            let builder = headers::pass_content(headers::pass(builder, message), message);
            builder.body(message.content_type().unwrap_or_default(), message.body())
        });
        match sent {
            Some(transaction) => {
                self.awaited.push(Awaited { transaction, endpoint: endpoint.clone(), breadth });
            }
            None => self.note(Failure::local(503)),
        }
    }

    fn on_response(&mut self, core: &mut Core, now: Instant, client: TransactionId, response: &Message) {
        if response.status() < 200 {
            return;
        }
        let Some(settled) = self.settle(client) else { return };
        if response.status() < 300 {
            return self.deliver(core, now, response);
        }
        self.note(Failure::from_response(response));
        if response.status() >= 600 {
            return self.fail(core, now);
        }
        self.retry(core, now, &settled, response.status());
    }

    fn on_timeout(&mut self, core: &mut Core, now: Instant, client: TransactionId, timer: Option<TimerName>) {
        let Some(settled) = self.settle(client) else { return };
        if timer.is_some() {
            // The sender has given up as well and may say it again: no phone is to get it twice (RFC 4320 §4.2).
            self.note(Failure::local(408));
            self.groups.clear();
            return self.send_next(core, now);
        }
        self.note(Failure::local(503));
        self.retry(core, now, &settled, 503);
    }

    /// Another flow of the phone that failed; without one, whoever is next.
    fn retry(&mut self, core: &mut Core, now: Instant, failed: &Awaited, code: u16) {
        if let Some(next) = failed.endpoint.next_flow(code) {
            self.send(core, now, &next, failed.breadth);
        }
        self.send_next(core, now);
    }

    /// Takes a transaction off those awaited.
    fn settle(&mut self, client: TransactionId) -> Option<Awaited> {
        let index = self.awaited.iter().position(|awaited| awaited.transaction == client)?;
        Some(self.awaited.swap_remove(index))
    }

    fn note(&mut self, failure: Failure) {
        self.best = Some(failure.better(self.best.take()));
    }

    fn deliver(&mut self, core: &mut Core, now: Instant, response: &Message) {
        core.respond(now, &self.inbound(), (response.status(), response.reason()), |builder| {
            headers::pass(builder, response)
        });
        core.counters.count("messages_total", "delivered");
        self.is_answered = true;
    }

    fn fail(&mut self, core: &mut Core, now: Instant) {
        let failure = self.best.take().unwrap_or_else(|| Failure::local(480));
        failure.answer(core, now, &self.inbound(), self.passthrough);
        core.counters.count("messages_total", "failed");
        self.is_answered = true;
    }

    fn inbound(&self) -> Inbound<'_> {
        Inbound {
            transaction: self.transaction,
            flow: self.flow,
            request: &self.message,
            tag: Some(&self.local_tag),
        }
    }
}

/// What any MESSAGE must meet, whoever sent it.
fn judge(message: &Message, direction: Direction) -> Result<(), Refusal> {
    if message.max_forwards() == Some(0) {
        return Err(Refusal::TooManyHops);
    }
    if breadth(message) == 0 {
        return Err(Refusal::BreadthUsedUp);
    }
    // Only users of ours are sent to; routes are for calls.
    if direction == Direction::Outbound { Err(Refusal::NotFound) } else { Ok(()) }
}

/// The bindings of the user named on the request line.
fn plan(core: &mut Core, location: &Location, now: Instant, to: &Inbound<'_>) -> Result<Plan, Refusal> {
    let policy = core.policy.clone();
    let resolver = Resolver { policy: &policy, location, core, request: to.request, now };
    let mut plan = Plan::default();
    let missing = resolver.fill(&mut plan, &Forward::default());
    if plan.cut() {
        core.counters.count("refused_total", "forks");
    }
    if plan.groups.is_empty() { Err(missing.refusal()) } else { Ok(plan) }
}
