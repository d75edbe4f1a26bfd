//! All bindings of a shard.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{Duration, Instant};

use pbx_sip::{Flow, Message, Name, Transport, Uri};
use slab::Slab;

use super::aor::Aor;
use super::binding::Binding;
use super::copies::Copies;
use super::entry::{Arriving, Entry, Plan};
use super::gruu::{Gruu, GruuMint, Named, escaped, instance_urn};
use super::outcome::{RegisterFault, RegisterOutcome};
use super::update::{Update, Wish};
use crate::policy::{Host, Policy, is_behind_nat, uri_host};
use crate::view::RegistrationView;

/// Entries looked at in one turn, so that many phones that expire together do not hold up the calls. Bindings
/// past their expiry are invisible at once; only their memory waits.
const MAX_EXPIRED_PER_TURN: usize = 1024;

/// The location service (RFC 3261 §10). Listings come in the order of addresses, targets by preference and
/// age: nothing depends on the order of a hash table.
#[derive(Debug)]
pub struct Location {
    index: BTreeMap<Aor, usize>,
    entries: Slab<Entry>,
    deadlines: BTreeSet<(Instant, usize)>,
    /// Entries that have a binding on a stream.
    streams: BTreeSet<(StreamId, usize)>,
    len: usize,
    orders_total: u64,
    full_total: u64,
    gruus: GruuMint,
    pub(super) copies: Copies,
}

/// Identity of a connection, ordered.
type StreamId = (u8, u32);

impl Location {
    /// An empty location service. `key` seals temporary addresses; it must be secret and new for each start.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            index: BTreeMap::new(),
            entries: Slab::new(),
            deadlines: BTreeSet::new(),
            streams: BTreeSet::new(),
            len: 0,
            orders_total: 0,
            full_total: 0,
            gruus: GruuMint::new(&key),
            copies: Copies::default(),
        }
    }

    /// Bindings held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Processes a REGISTER whose sender owns the address in To (RFC 3261 §10.3 steps 5 to 8, `config.md`
    /// §2.9). A refused one changes nothing.
    pub fn handle_register(
        &mut self,
        now: Instant,
        policy: &Policy,
        flow: Flow,
        request: &Message,
    ) -> RegisterOutcome {
        self.register(now, policy, flow, request).unwrap_or_else(RegisterOutcome::from)
    }

    fn register(
        &mut self,
        now: Instant,
        policy: &Policy,
        flow: Flow,
        request: &Message,
    ) -> Result<RegisterOutcome, RegisterFault> {
        let aor = &policy.registered_aor(request).ok_or(RegisterFault::Aor)?;
        let update = Update::read(request, &policy.config.registrar)?;
        let is_outbound = update.is_outbound();
        let result = match update {
            Update::Query => "query",
            Update::RemoveAll => self.remove_all(now, request, aor)?,
            Update::Contacts(wishes) => self.update(now, policy, &Arrival { flow, request, aor }, wishes)?,
        };
        let mut outcome = self.accept(now, request, aor, result);
        if is_outbound {
            outcome.headers.push((Name::Require, "outbound".to_owned()));
        }
        Ok(outcome)
    }

    /// Bindings of an address that still hold and can be called, best q first, of equal q the newest first.
    pub fn targets(&self, now: Instant, aor: &Aor) -> Vec<&Binding> {
        self.entry(aor).map_or_else(Vec::new, |entry| targets(now, entry, |_| true))
    }

    /// The phone a URI of RFC 5627 names; `aor` is the address its user and host spell.
    pub fn reached<'a>(&'a self, now: Instant, aor: &Aor, uri: &Uri<'_>) -> Reached<'a> {
        let (entry, urn) = match Gruu::of(uri) {
            None => return Reached::NotOne,
            Some(Gruu::Public(urn)) => (self.entry(aor), urn.into_owned()),
            Some(Gruu::Temporary(sealed)) => match self.opened(now, aor.realm(), sealed) {
                Some((entry, urn)) => (Some(entry), urn),
                None => return Reached::Invalid,
            },
        };
        let is_it = |binding: &Binding| {
            binding.instance().is_some_and(|written| instance_urn(written).eq_ignore_ascii_case(&urn))
        };
        Reached::Phone(entry.map_or_else(Vec::new, |entry| targets(now, entry, is_it)))
    }

    /// The entry and the instance of a temporary address that still holds.
    fn opened(&self, now: Instant, realm: &str, sealed: &str) -> Option<(&Entry, String)> {
        let Named { key, order } = self.gruus.open(sealed)?;
        let named = match self.copies.aor(key) {
            Some(aor) => self.entry(aor),
            None => self.entries.get(key),
        };
        let entry = named.filter(|entry| entry.aor.realm() == realm)?;
        let binding = entry.live(now).find(|binding| binding.order == order)?;
        Some((entry, instance_urn(binding.instance()?).to_owned()))
    }

    /// Whether a binding was registered through this connection.
    pub fn has_stream(&self, flow: Flow) -> bool {
        let stream = stream_id(flow);
        stream.is_some_and(|stream| self.streams.range((stream, 0)..=(stream, usize::MAX)).next().is_some())
    }

    /// Ends the bindings of a closed connection. Returns how many.
    pub fn handle_flow_closed(&mut self, now: Instant, flow: Flow) -> usize {
        let Some(stream) = stream_id(flow) else { return 0 };
        let on_stream = self.streams.range((stream, 0)..=(stream, usize::MAX));
        let keys: Vec<usize> = on_stream.map(|&(_, key)| key).collect();
        let before = self.len;
        for key in keys {
            self.edit(now, key, |entry| {
                entry.bindings.retain(|binding| stream_id(binding.flow) != Some(stream));
            });
        }
        before - self.len
    }

    /// Forgets bindings that have ended.
    pub fn handle_timeout(&mut self, now: Instant) {
        for _ in 0..MAX_EXPIRED_PER_TURN {
            match self.deadlines.first() {
                Some(&(due_at, key)) if due_at <= now => self.edit(now, key, |_| {}),
                _ => break,
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(due_at, _)| due_at)
    }

    /// Bindings by address, after the address `after`. Ends with the address that reaches `limit`, whole.
    pub fn views(&self, now: Instant, limit: usize, after: Option<&str>) -> Vec<RegistrationView> {
        let mut views = Vec::new();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        for &key in self.index.range::<str, _>((from, Bound::Unbounded)).map(|(_, key)| key) {
            if views.len() >= limit {
                break;
            }
            let Some(entry) = self.entries.get(key) else { continue };
            views.extend(entry.live(now).map(|binding| view(now, &entry.aor, binding)));
        }
        views
    }

    pub(super) fn entry(&self, aor: &Aor) -> Option<&Entry> {
        self.index.get(aor).and_then(|&key| self.entries.get(key))
    }

    /// §10.3 step 6: `*` removes every binding, but none that a later request of the same sequence made.
    fn remove_all(
        &mut self,
        now: Instant,
        request: &Message,
        aor: &Aor,
    ) -> Result<&'static str, RegisterFault> {
        let Some(&key) = self.index.get(aor) else { return Ok("removed") };
        let is_stale = |binding: &Binding| {
            let registration = &binding.registration;
            registration.text.call_id() == request.call_id() && request.cseq() <= registration.cseq
        };
        if self.entries.get(key).is_some_and(|entry| entry.live(now).any(is_stale)) {
            return Err(RegisterFault::Stale);
        }
        self.edit(now, key, |entry| entry.bindings.clear());
        Ok("removed")
    }

    /// §10.3 step 7.
    fn update(
        &mut self,
        now: Instant,
        policy: &Policy,
        arrival: &Arrival<'_>,
        wishes: Vec<Wish<'_>>,
    ) -> Result<&'static str, RegisterFault> {
        let known = self.entry(arrival.aor).map_or(&[][..], |entry| &entry.bindings);
        let plan = Plan::new(now, known, &wishes)?;
        let growth = plan.after.saturating_sub(plan.before);
        if growth > 0 && plan.after > policy.config.registrar.max_bindings {
            return Err(RegisterFault::TooMany);
        }
        if growth > 0 && self.len + growth > policy.config.limits.max_bindings {
            self.full_total += 1;
            return Err(RegisterFault::Full { retry_after: 2 + self.full_total % 7 });
        }
        let is_removal = wishes.iter().all(|wish| wish.expires_secs == 0);
        if !(is_removal && known.is_empty()) {
            self.apply(now, policy, arrival, wishes, &plan);
        }
        Ok(if is_removal { "removed" } else { "registered" })
    }

    fn apply(
        &mut self,
        now: Instant,
        policy: &Policy,
        arrival: &Arrival<'_>,
        wishes: Vec<Wish<'_>>,
        plan: &Plan,
    ) {
        let key = self.index.get(arrival.aor).copied().unwrap_or_else(|| self.insert(now, arrival.aor));
        let via = arrival.request.via().ok();
        let via_host = via.as_ref().map(|via| via.host);
        let mut orders_total = self.orders_total;
        self.edit(now, key, |entry| {
            for (wish, &replaces) in wishes.into_iter().zip(&plan.replaces) {
                let host = Some(wish.uri.host).filter(|host| !host.is_empty());
                let contact = Arriving {
                    nat: policy.config.nat_fix && is_behind_nat(host, via_host, arrival.flow.remote.ip()),
                    flow: arrival.flow,
                    expires_at: now + Duration::from_secs(wish.expires_secs.into()),
                };
                orders_total += 1;
                entry.store(contact, wish, replaces, orders_total);
            }
        });
        self.orders_total = orders_total;
        self.copies.note(key, arrival.aor);
    }

    fn insert(&mut self, now: Instant, aor: &Aor) -> usize {
        let key = self.entries.insert(Entry { aor: aor.clone(), bindings: Vec::new(), due_at: now });
        self.index.insert(aor.clone(), key);
        self.deadlines.insert((now, key));
        key
    }

    /// Puts bindings in place of those an address has.
    pub(super) fn replace(&mut self, now: Instant, aor: &Aor, bindings: Vec<Binding>) {
        match self.index.get(aor).copied() {
            Some(key) => self.edit(now, key, |entry| entry.bindings = bindings),
            None if bindings.is_empty() => {}
            None => {
                let key = self.insert(now, aor);
                self.edit(now, key, |entry| entry.bindings = bindings);
            }
        }
    }

    /// Changes one entry, drops what has ended, and keeps the indexes right.
    fn edit(&mut self, now: Instant, key: usize, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let before = entry.bindings.len();
        let old_streams: Vec<StreamId> = streams_of(entry).collect();
        change(entry);
        entry.bindings.retain(|binding| binding.is_live(now));
        if entry.bindings.len() < before {
            entry.bindings.shrink_to_fit();
        }
        self.len = self.len - before + entry.bindings.len();
        if entry.bindings.len() < before {
            self.copies.note(key, &entry.aor);
        }
        for stream in old_streams {
            self.streams.remove(&(stream, key));
        }
        self.streams.extend(streams_of(entry).map(|stream| (stream, key)));
        let old_due = entry.due_at;
        match entry.first_expiry() {
            // A refresh moves the expiry away; the entry is looked at where it was due and put off then.
            Some(expiry) if old_due > now && old_due <= expiry => {}
            Some(expiry) => {
                entry.due_at = expiry;
                self.deadlines.remove(&(old_due, key));
                self.deadlines.insert((expiry, key));
            }
            None => {
                self.deadlines.remove(&(old_due, key));
                let entry = self.entries.remove(key);
                self.index.remove(&entry.aor);
            }
        }
    }

    /// §10.3 step 8: every binding of the address, with its expiry.
    fn accept(
        &mut self,
        now: Instant,
        request: &Message,
        aor: &Aor,
        result: &'static str,
    ) -> RegisterOutcome {
        let Self { entries, gruus, index, .. } = self;
        let key = index.get(aor).copied();
        let gruu = request.has_token(Name::Supported, "gruu");
        let mut contact = |key: usize, binding: &Binding| {
            let mut value = format!("{};expires={}", binding.contact(), binding.remaining_secs(now));
            if let Some(instance) = binding.instance().filter(|_| gruu) {
                let temporary = gruus.issue(Named { key, order: binding.order });
                value.push_str(&addresses(request, aor, instance, &temporary));
            }
            (Name::Contact, value)
        };
        let entry = key.and_then(|key| Some((key, entries.get(key)?)));
        let mut headers: Vec<(Name, String)> = entry.map_or_else(Vec::new, |(key, entry)| {
            entry.live(now).map(|binding| contact(key, binding)).collect()
        });
        // RFC 3327 §5.3: the phone learns the path it is reached by.
        if result == "registered" && request.has_token(Name::Supported, "path") {
            let hops = request.values(Name::Path);
            headers.extend(
                hops.map(|hop| (Name::Path, String::from_utf8_lossy(hop).replace(['\r', '\n'], " "))),
            );
        }
        RegisterOutcome { code: 200, reason: None, headers, result }
    }
}

/// What a URI of RFC 5627 leads to.
#[derive(Debug)]
pub enum Reached<'a> {
    /// It is an ordinary URI.
    NotOne,
    /// Nobody was given it, or it has ended (§5.4).
    Invalid,
    /// Ways to that phone, the one to be tried first in front; none while it is not registered.
    Phone(Vec<&'a Binding>),
}

/// Live bindings of an entry that can be called and fit, best q first, of equal q the newest first.
fn targets(now: Instant, entry: &Entry, fits: impl Fn(&Binding) -> bool) -> Vec<&Binding> {
    let mut targets: Vec<&Binding> =
        entry.live(now).filter(|binding| binding.is_reachable() && fits(binding)).collect();
    targets.sort_by_key(|binding| std::cmp::Reverse((binding.q(), binding.order)));
    targets
}

/// The addresses of RFC 5627 §5.2 as Contact parameters.
fn addresses(request: &Message, aor: &Aor, instance: &str, temporary: &str) -> String {
    let to = request.to().ok().and_then(|to| to.uri().ok());
    let user = to.and_then(|uri| uri.user).unwrap_or_default();
    // As the phone knows us, port and all, when that names the realm.
    let host = match to {
        Some(uri) if Host::parse(uri.host).to_string() == aor.realm() => match uri.port {
            Some(port) => format!("{}:{port}", uri.host),
            None => uri.host.to_owned(),
        },
        _ => uri_host(aor.realm()).into_owned(),
    };
    let urn = escaped(instance_urn(instance));
    format!(";pub-gruu=\"sip:{user}@{host};gr={urn}\";temp-gruu=\"sip:{temporary}@{host};gr\"")
}

/// A REGISTER and how it came.
struct Arrival<'a> {
    flow: Flow,
    request: &'a Message,
    aor: &'a Aor,
}

fn streams_of(entry: &Entry) -> impl Iterator<Item = StreamId> + '_ {
    entry.bindings.iter().filter_map(|binding| stream_id(binding.flow))
}

fn stream_id(flow: Flow) -> Option<StreamId> {
    let transport = match flow.transport {
        Transport::Udp => return None,
        Transport::Tcp => 0,
        Transport::Tls => 1,
        Transport::Ws => 2,
        Transport::Wss => 3,
    };
    Some((transport, flow.socket))
}

fn view(now: Instant, aor: &Aor, binding: &Binding) -> RegistrationView {
    RegistrationView {
        aor: aor.to_string(),
        contact: binding.contact().to_owned(),
        source: format!("{} {}", binding.flow.transport, binding.flow.remote),
        expires_secs: binding.remaining_secs(now),
        q: binding.q(),
        nat: binding.nat,
        user_agent: binding.user_agent().map(str::to_owned),
    }
}
