//! The PBX as one value: fed packets, decisions and time, drained of outputs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use pbx_dns::{Hosts, Reach, Servers};
use pbx_media::relay::MediaEvent;
use pbx_sip::timer::Timers;
use pbx_sip::transaction::{TimerName, TransactionEvent, TransactionId, TransactionSettings, Transactions};
use pbx_sip::{Bytes, Fault, Flow, Message, Shard};
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use crate::auth::Authenticator;
use crate::call::{CallId, CallTimer, Calls, Pages};
use crate::command::Command;
use crate::config::SwitchConfig;
use crate::core::{Core, Facing, Owner, SHARD_OF_ID};
use crate::counters::Counters;
use crate::decision::{Decision, REJECTING};
use crate::dispatch::Dispatch;
use crate::locals::Locals;
use crate::locate::{DnsNews, FailedHops, Searches};
use crate::location::Location;
use crate::log_budget::LogBudget;
use crate::output::{Level, Output};
use crate::peer_names::PeerNames;
use crate::policy::{Locality, Policy, PolicyError};
use crate::query::QueryId;
use crate::refusal::Refusal;
use crate::shards::Place;
use crate::stateless_tags::StatelessTags;
use crate::view::{CallView, DialogView, Health, RegistrationView};

/// A whole PBX shard without I/O.
///
/// After every `handle_*`, drain [`Switch::poll_output`] until it gives `None`, then call
/// [`Switch::handle_timeout`] no later than [`Switch::poll_timeout`].
pub struct Switch {
    pub(crate) core: Core,
    pub(crate) calls: Calls,
    pub(crate) pages: Pages,
    pub(crate) location: Location,
    pub(crate) auth: Authenticator,
    pub(crate) drain: Option<Drain>,
    shards: usize,
    due: Vec<CallTimer>,
}

/// A shutdown under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    /// When what is left gets BYE.
    ends_at: Instant,
    cut: bool,
}

impl Switch {
    /// A switch at rest. `seed` feeds every random choice, so equal inputs give equal outputs.
    ///
    /// # Errors
    /// A key of the configuration that cannot be compiled.
    pub fn new(
        now: Instant,
        config: SwitchConfig,
        locals: Locals,
        facing: Box<dyn Facing>,
        seed: [u8; 32],
    ) -> Result<Self, PolicyError> {
        let place = Place::alone(&config);
        Self::at(now, config, locals, facing, seed, place)
    }

    /// A switch that is one of several shards, all of which are given the same `seed`.
    ///
    /// # Errors
    /// A key of the configuration that cannot be compiled.
    pub fn at(
        now: Instant,
        mut config: SwitchConfig,
        locals: Locals,
        facing: Box<dyn Facing>,
        seed: [u8; 32],
        place: Place,
    ) -> Result<Self, PolicyError> {
        let Place { shard, count, ports } = place;
        let mut rng = ChaCha12Rng::from_seed(seed);
        let (mut auth_seed, mut branch_seed) = (fill(&mut rng), fill(&mut rng));
        let common_key = fill(&mut rng);
        if shard != Shard::FIRST {
            rng.set_stream(shard.index() as u64);
            (auth_seed, branch_seed) = (fill(&mut rng), fill(&mut rng));
        }
        config.limits = config.limits.share(count);
        let settings = TransactionSettings { t1: config.t1(), t1x64: config.t1x64() };
        let max_transactions = config.limits.max_transactions;
        let policy = Arc::new(Policy::compile(config)?);
        let mut location = Location::new(common_key);
        if count > 1 && shard == Shard::FIRST {
            location.be_followed();
        }
        let is_loopback = locals.all().all(|(_, address)| address.ip().to_canonical().is_loopback());
        let reach = if is_loopback { Reach::Loopback } else { Reach::Network };
        let core = Core {
            policy,
            transactions: Transactions::new(settings, max_transactions, branch_seed).of_shard(shard),
            timers: Timers::new(),
            outputs: VecDeque::new(),
            errands: VecDeque::new(),
            ports,
            counters: Counters::default(),
            locality: Locality::new(locals.all().map(|(_, address)| address)),
            locals,
            facing,
            owners: HashMap::new(),
            next_id: (shard.index() as u64) << SHARD_OF_ID,
            strangers: HashSet::new(),
            tags: StatelessTags::new([rng.next_u64(), rng.next_u64()], (count > 1).then_some(shard)),
            dismissed: HashMap::new(),
            log_budget: LogBudget::default(),
            peer_names: PeerNames::default(),
            searches: Searches::new(reach, fill(&mut rng)),
            failed_hops: FailedHops::default(),
            dispatch: Dispatch::new(shard, count, &common_key),
            arrival: None,
            hops: 0,
            rng,
        };
        let auth = Authenticator::new(now, auth_seed);
        let (calls, pages) = (Calls::new(shard), Pages::default());
        Ok(Self { core, calls, pages, location, auth, drain: None, shards: count, due: Vec::new() })
    }

    /// One datagram, or one message cut from a stream.
    pub fn handle_bytes(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.core.arrival = Some(flow);
        self.receive(now, flow, bytes);
        self.settle(now);
    }

    /// A stream lost its framing. The request at fault is answered if it can be; then the driver closes the stream.
    pub fn handle_framing_fault(
        &mut self,
        now: Instant,
        flow: Flow,
        fault: &Fault,
        refused: Option<&Message>,
    ) {
        self.core.counters.count("dropped_total", "framing");
        let refusal = Refusal::Malformed(*fault);
        match refused {
            Some(request) => self.answer_malformed(now, flow, *fault, Some(request)),
            None if refusal.is_size() => self.core.note_refusal(now, &flow, &refusal),
            None => {
                let occasion = ("refused", "framing");
                self.core.log_of(now, flow.remote.ip(), occasion, || vec![("fault", fault.reason())]);
            }
        }
    }

    /// A stream ended: its bindings go, its transactions fail.
    pub fn handle_flow_closed(&mut self, now: Instant, flow: Flow) {
        self.location.handle_flow_closed(now, flow);
        self.calls.on_flow_closed(flow);
        self.core.transactions.handle_transport_error(now, flow);
        self.settle(now);
    }

    /// A connection was not accepted because there are too many, in all or from there.
    pub fn handle_refused_connection(&mut self, now: Instant, source: IpAddr) {
        self.core.log_of(now, source, ("refused", "connections"), Vec::new);
    }

    /// A datagram or a connection attempt was refused by the network.
    pub fn handle_send_failure(&mut self, now: Instant, flow: Flow) {
        self.core.counters.count("send_failures_total", flow.transport.as_str());
        self.core.transactions.handle_transport_error(now, flow);
        self.settle(now);
    }

    /// Python's verdict on a call that asked.
    pub fn handle_decision(&mut self, now: Instant, id: QueryId, decision: Decision) {
        self.calls.on_decision(&mut self.core, &self.location, now, id, decision);
        self.settle(now);
    }

    /// News from a media worker.
    pub fn handle_media(&mut self, now: Instant, event: &MediaEvent) {
        self.calls.on_media(&mut self.core, now, event);
        self.settle(now);
    }

    /// Whom to ask about names, and the names that need no asking; before anything else is handled.
    pub fn set_resolvers(&mut self, servers: Servers, hosts: Hosts) {
        self.core.searches.set_servers(servers, hosts);
    }

    /// News from a resolver, about an attempt asked for with [`Output::Dns`].
    pub fn handle_dns(&mut self, now: Instant, news: DnsNews) {
        self.core.searches.handle_news(now, news);
        self.settle(now);
    }

    /// An operator's wish. `false`: there is no such call.
    pub fn handle_command(&mut self, now: Instant, command: &Command) -> bool {
        let known = match *command {
            Command::Hangup { call, code } => {
                // An operator can refuse a call, never answer it.
                let code = code.filter(|code| REJECTING.contains(code)).unwrap_or(480);
                let refusal = Refusal::Policy { code, reason: None, headers: Vec::new() };
                self.calls.hang_up(&mut self.core, now, CallId::from_u64(call), &refusal)
            }
            Command::Drain { limit } => {
                self.drain = Some(Drain { ends_at: now + limit, cut: false });
                self.core.log(Level::Info, "draining", vec![("calls", self.calls.len().to_string())]);
                true
            }
        };
        self.settle(now);
        known
    }

    /// The name the TLS peer of an asked flow must prove. `None`: its address.
    pub fn peer_name(&self, flow: Flow) -> Option<Arc<str>> {
        self.core.peer_names.name(flow.name()?)
    }

    /// The next configuration generation; running calls keep theirs.
    ///
    /// # Errors
    /// A key that cannot be compiled; then nothing changes.
    pub fn handle_config(&mut self, _now: Instant, mut config: SwitchConfig) -> Result<(), PolicyError> {
        config.limits = config.limits.share(self.shards);
        let settings = TransactionSettings { t1: config.t1(), t1x64: config.t1x64() };
        let policy = Policy::compile(config)?;
        self.core.transactions.set_settings(settings);
        let media = &policy.config.media;
        self.core.ports.lend().set_range(media.rtp_start_port, media.rtp_end_port);
        self.core.policy = Arc::new(policy);
        Ok(())
    }

    /// Serves every deadline up to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.transactions.handle_timeout(now);
        self.core.searches.handle_timeout(now);
        self.settle(now);
        let mut due = std::mem::take(&mut self.due);
        self.core.timers.poll(now, &mut due);
        for timer in due.drain(..) {
            self.calls.on_timer(&mut self.core, now, timer);
            self.settle(now);
        }
        self.due = due;
        self.location.handle_timeout(now);
        self.calls.handle_timeout(now);
        self.tell_bindings();
        self.cut_off(now);
    }

    /// When the next deadline is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let drain = self.drain.filter(|drain| !drain.cut).map(|drain| drain.ends_at);
        [
            self.core.transactions.poll_timeout(),
            self.core.timers.next_at(),
            self.core.searches.poll_timeout(),
            self.location.poll_timeout(),
            self.calls.poll_timeout(),
            drain,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.core.outputs.pop_front() {
            return Some(output);
        }
        let transmit = self.core.transactions.poll_transmit().map(Output::Transmit);
        transmit.or_else(|| self.core.searches.poll_output().map(Output::Dns))
    }

    /// Carries news of transactions and searches to their owners until there are none.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.tell_bindings();
        self.settle_transactions(now);
        while let Some(found) = self.core.searches.poll_found() {
            self.calls.on_found(&mut self.core, now, &found);
            self.settle_transactions(now);
        }
    }

    fn settle_transactions(&mut self, now: Instant) {
        loop {
            self.calls.run_errands(&mut self.core, &self.location, now);
            let Some(event) = self.core.transactions.poll_event() else { return };
            match event {
                TransactionEvent::Timeout { id, timer } => self.unanswered(now, id, Some(timer)),
                TransactionEvent::TransportError { id } => self.unanswered(now, id, None),
                TransactionEvent::Terminated { id } => {
                    self.core.owners.remove(&id);
                    self.core.dismissed.remove(&id);
                    self.core.strangers.remove(&id);
                    self.calls.forget_invite(id);
                }
            }
        }
    }

    /// A transaction ended without an answer; without a timer, because its flow broke.
    fn unanswered(&mut self, now: Instant, id: TransactionId, timer: Option<TimerName>) {
        match self.core.owners.get(&id) {
            Some(&Owner::Page(page)) => self.pages.on_timeout(&mut self.core, now, (page, id), timer),
            _ => self.calls.on_timeout(&mut self.core, now, id, timer),
        }
    }

    /// Ends what outlived the drain limit.
    fn cut_off(&mut self, now: Instant) {
        let Some(drain) = self.drain.as_mut().filter(|drain| !drain.cut && drain.ends_at <= now) else {
            return;
        };
        drain.cut = true;
        for id in self.calls.ids() {
            self.calls.hang_up(&mut self.core, now, id, &Refusal::Draining);
            self.settle(now);
        }
    }

    /// Whether no call and no unanswered request is left.
    pub fn is_idle(&self) -> bool {
        self.calls.len() == 0 && self.core.transactions.server_len() == 0
    }

    /// Connections that dialogs live on. A walk over all calls: not for every packet.
    pub fn call_flows(&self) -> HashSet<Flow> {
        self.calls.stream_flows()
    }

    /// Whether a phone registered through this connection.
    pub fn has_binding(&self, flow: Flow) -> bool {
        self.location.has_stream(flow)
    }

    /// State for `/health`.
    pub fn health(&self) -> Health {
        let ports = self.core.ports.lend().usage();
        let mut counters = self.core.counters.all();
        counters.extend(self.core.searches.counters());
        if self.core.dispatch.is_some() {
            counters.push(("dialogs_elsewhere".to_owned(), self.calls.dialogs_elsewhere() as u64));
        }
        counters.push(("hops_failed".to_owned(), self.core.failed_hops.len() as u64));
        Health {
            generation: self.core.policy.config.generation,
            draining: self.drain.is_some(),
            transactions: self.core.transactions.len(),
            server_transactions: self.core.transactions.server_len(),
            dialogs: self.calls.dialogs(),
            calls: self.calls.len(),
            registrations: self.location.len(),
            queries: self.calls.queries(),
            media_sessions: ports.sessions,
            ports_free: ports.free,
            ports_used: ports.used,
            counters,
        }
    }

    /// Up to `limit` calls after the handle `after`.
    pub fn calls(&self, now: Instant, limit: usize, after: Option<u64>) -> Vec<CallView> {
        self.calls.views(now, limit, after)
    }

    /// Dialogs of up to `limit` calls after the handle `after`.
    pub fn dialogs(&self, limit: usize, after: Option<u64>) -> Vec<DialogView> {
        self.calls.dialog_views(limit, after)
    }

    /// Up to `limit` bindings after the AoR `after`.
    pub fn registrations(&self, now: Instant, limit: usize, after: Option<&str>) -> Vec<RegistrationView> {
        self.location.views(now, limit, after)
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

fn fill(rng: &mut ChaCha12Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    seed
}
