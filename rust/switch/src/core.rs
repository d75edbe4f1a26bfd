//! What every part of the switch acts through: transactions, timers, randomness, ports, counters and the output queue.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use pbx_media::relay::MediaCommand;
use pbx_sip::Builder;
use pbx_sip::timer::Timers;
use pbx_sip::transaction::{TransactionId, TransactionSettings, Transactions, Transmit};
use pbx_sip::{Bytes, Flow, Message, Method, Name, Transport};
use rand_chacha::ChaCha12Rng;
use rand_core::RngCore;

use crate::call::{CallId, CallTimer, Dismissed, Errand, TimerKind};
use crate::counters::Counters;
use crate::dispatch::Dispatch;
use crate::locals::Locals;
use crate::locate::{FailedHops, Searches};
use crate::log_budget::{LogBudget, Occasion};
use crate::nat::is_behind_nat;
use crate::output::{Event, Level, LogLine, Output};
pub(crate) use crate::owner::{Owner, Role};
use crate::peer_names::PeerNames;
use crate::policy::{Locality, Policy, is_private};
use crate::query::QueryId;
use crate::session_ports::PortSource;
use crate::shards::ShardNews;
use crate::stateless_tags::StatelessTags;

/// Bits of an id of questions and sessions below the number of its shard.
pub(crate) const SHARD_OF_ID: u32 = 56;

/// As long as any branch of ours.
const LONGEST_BRANCH: &str = "z9hG4bK0000000000000000ffffffff";

/// Tells which of our addresses a peer sees. Asking the routing table is I/O, so it is passed in.
pub trait Facing: Send {
    /// Local address used to reach `remote`.
    fn facing(&self, remote: IpAddr) -> IpAddr;
}

/// Shared services of one shard.
pub(crate) struct Core {
    pub(crate) policy: Arc<Policy>,
    pub(crate) transactions: Transactions,
    pub(crate) timers: Timers<CallTimer>,
    pub(crate) outputs: VecDeque<Output>,
    /// What calls want done to each other.
    pub(crate) errands: VecDeque<Errand>,
    pub(crate) rng: ChaCha12Rng,
    pub(crate) ports: Box<dyn PortSource>,
    pub(crate) counters: Counters,
    pub(crate) locals: Locals,
    pub(crate) locality: Locality,
    pub(crate) facing: Box<dyn Facing>,
    pub(crate) owners: HashMap<TransactionId, Owner>,
    pub(crate) next_id: u64,
    pub(crate) tags: StatelessTags,
    /// INVITEs of strangers whose refusal waits for its ACK.
    pub(crate) strangers: HashSet<TransactionId>,
    /// Dialogs ended at once, by the INVITE that made them.
    pub(crate) dismissed: HashMap<TransactionId, Vec<Dismissed>>,
    pub(crate) log_budget: LogBudget,
    pub(crate) peer_names: PeerNames,
    pub(crate) searches: Searches,
    pub(crate) failed_hops: FailedHops,
    /// The rule by which messages go to other shards, if there are any.
    pub(crate) dispatch: Option<Dispatch>,
    /// Where the message being handled came from.
    pub(crate) arrival: Option<Flow>,
    /// How many shards have handed it on.
    pub(crate) hops: u8,
}

impl Core {
    /// A number never used before in this process.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Wakes a call later.
    pub(crate) fn arm(&mut self, at: Instant, call: CallId, kind: TimerKind) {
        self.timers.arm(at, CallTimer { call, kind });
    }

    /// T1 and 64×T1 in force.
    pub(crate) fn settings(&self) -> TransactionSettings {
        TransactionSettings { t1: self.policy.config.t1(), t1x64: self.policy.config.t1x64() }
    }

    /// Sends bytes that belong to no transaction.
    pub(crate) fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.outputs.push_back(Output::Transmit(Transmit { flow, bytes }));
    }

    /// Tells Python that an answer is no longer wanted.
    pub(crate) fn forget(&mut self, query: QueryId) {
        self.outputs.push_back(Output::Forget(query));
    }

    /// Tells the other shards that dialogs have ended which some of them may still look for here.
    pub(crate) fn tell_ended(&mut self, tags: &[Box<str>]) {
        let Some(dispatch) = self.dispatch.as_ref().filter(|_| !tags.is_empty()) else { return };
        for to in dispatch.others() {
            self.outputs.push_back(Output::Shard { to, news: ShardNews::Ended(tags.to_vec()) });
        }
    }

    /// Hands work to the media workers.
    pub(crate) fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }

    /// Where responses to a request go (RFC 3261 §18.2.2, RFC 3581): its source; without `rport`, the
    /// port its Via names, unless the peer is behind NAT (§2.6.1 rule 4).
    pub(crate) fn reply_flow(&self, flow: Flow, request: &Message) -> Flow {
        if flow.transport.is_reliable() || !request.is_request() {
            return flow;
        }
        let Ok(via) = request.via() else { return flow };
        if via.rport().is_some() || (self.policy.config.nat_fix && is_behind_nat(request, &flow)) {
            return flow;
        }
        Flow { remote: SocketAddr::new(flow.remote.ip(), via.port.unwrap_or(5060)), ..flow }
    }

    /// The way to a host known by `name`: a connection that is reused only if it was opened for that name and
    /// whose TLS peer proves to be it (RFC 5922 §7.1); on UDP the first socket. When no place for a name is
    /// left, the peer must prove its address instead, which a host known by a name hardly can.
    pub(crate) fn named_flow(&self, transport: Transport, remote: SocketAddr, name: &str) -> Flow {
        match transport {
            Transport::Udp => Flow { transport, socket: self.locals.first_udp(remote), remote },
            Transport::Tls | Transport::Wss => Flow::asked(transport, remote, self.peer_names.place(name)),
            Transport::Tcp | Transport::Ws => Flow::asked(transport, remote, None),
        }
    }

    /// 64 random bits as hex (RFC 3261 §19.3 asks for 32).
    pub(crate) fn token(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }

    /// A Call-ID of ours: `<128 random bits>@<callid_suffix>`.
    pub(crate) fn call_id(&mut self) -> String {
        let bits = (u128::from(self.rng.next_u64()) << 64) | u128::from(self.rng.next_u64());
        match self.policy.config.identity.callid_suffix.as_str() {
            "" => format!("{bits:032x}"),
            suffix => format!("{bits:032x}@{suffix}"),
        }
    }

    /// The address `remote` should use for us (`external_ip`, §2.1).
    pub(crate) fn advertised(&self, remote: IpAddr, bound: Option<IpAddr>) -> IpAddr {
        let remote = remote.to_canonical();
        let external = self.policy.config.identity.external_ips.iter().copied();
        if let Some(address) = external
            .filter(|address| address.is_ipv4() == remote.is_ipv4())
            .find(|&address| is_private(address) || !is_private(remote))
        {
            return address;
        }
        match bound {
            Some(address) if !address.is_unspecified() => address,
            _ => self.facing.facing(remote),
        }
    }

    /// Host and port of ours as the peer of `flow` should see them.
    pub(crate) fn local(&self, flow: &Flow) -> SocketAddr {
        let bound = self.locals.facing(flow);
        let ip = self.advertised(flow.remote.ip(), bound.map(SocketAddr::ip));
        SocketAddr::new(ip, bound.map_or(0, SocketAddr::port))
    }

    /// A Via value for a request on `flow`. `rport` is always asked for (RFC 3581).
    pub(crate) fn via(&self, flow: &Flow, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch};rport", flow.transport, host_port(self.local(flow)))
    }

    /// Our Contact value on `flow`, `sips` when the request or its first hop is (RFC 3261 §8.1.1.8, §12.1.1).
    pub(crate) fn contact(&self, flow: &Flow, user: Option<&str>, next_hop: &str) -> String {
        let user = user.unwrap_or(&self.policy.config.identity.contact_username);
        let address = host_port(self.local(flow));
        let scheme = next_hop.trim_start_matches('<').split(':').next();
        let is_secure = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips"));
        match flow.transport {
            Transport::Udp => format!("<sip:{user}@{address}>"),
            Transport::Tls if is_secure => format!("<sips:{user}@{address}>"),
            Transport::Wss if is_secure => format!("<sips:{user}@{address};transport=ws>"),
            other => format!("<sip:{user}@{address};transport={}>", other.param()),
        }
    }

    /// Sends a response to `request` through its server transaction.
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        to: &Inbound<'_>,
        status: (u16, &str),
        edit: impl FnOnce(Builder) -> Builder,
    ) -> Bytes {
        let bytes = self.compose(to.request, to.flow, to.tag, status, edit);
        self.transactions.respond(now, to.transaction, status.0, bytes.clone());
        bytes
    }

    /// Builds a response without sending it.
    pub(crate) fn compose(
        &self,
        request: &Message,
        flow: Flow,
        tag: Option<&str>,
        (code, reason): (u16, &str),
        edit: impl FnOnce(Builder) -> Builder,
    ) -> Bytes {
        let builder = Builder::response(request, code, reason, tag).source(flow.remote);
        let builder = match self.policy.config.identity.user_agent.as_str() {
            "" => builder,
            agent => builder.header(Name::Server, agent),
        };
        edit(builder).finish()
    }

    /// Opens a client transaction, lets `build` compose the request around its Via, and sends it.
    /// `None`: the table is full.
    pub(crate) fn request(
        &mut self,
        now: Instant,
        flow: Flow,
        method: Method,
        owner: Option<Owner>,
        build: impl FnOnce(&str) -> Builder,
    ) -> Option<TransactionId> {
        let Some(opening) = self.transactions.open(now, flow) else {
            self.counters.count("refused_total", "transactions");
            return None;
        };
        let via = self.via(&flow, opening.branch.as_str());
        let builder = self.signed(build(&via));
        if let Some(owner) = owner {
            self.owners.insert(opening.id, owner);
        }
        self.transactions.send(now, opening.id, method, builder.finish());
        Some(opening.id)
    }

    /// Octets a request would have on `flow`.
    pub(crate) fn length(&self, flow: &Flow, build: impl FnOnce(&str) -> Builder) -> usize {
        self.signed(build(&self.via(flow, LONGEST_BRANCH))).finish().len()
    }

    fn signed(&self, builder: Builder) -> Builder {
        match self.policy.config.identity.user_agent.as_str() {
            "" => builder,
            agent => builder.header(Name::UserAgent, agent),
        }
    }

    /// Logs what any stranger can cause: the first line of each source and reason in a minute, the others are
    /// counted only.
    pub(crate) fn log_of(
        &mut self,
        now: Instant,
        source: IpAddr,
        (event, reason): Occasion,
        fields: impl FnOnce() -> Vec<(&'static str, String)>,
    ) {
        if !self.log_budget.take(now, source, (event, reason)) {
            return self.counters.count("log_suppressed_total", "");
        }
        let mut line = vec![("source", source.to_canonical().to_string()), ("reason", reason.to_owned())];
        line.extend(fields());
        self.log(Level::Info, event, line);
    }

    /// Sends a request that has no transaction: an ACK, or a BYE when the table is full. Nobody repeats it.
    pub(crate) fn send_once(&mut self, flow: Flow, build: impl FnOnce(&str) -> Builder) -> Bytes {
        let branch = format!("z9hG4bK{}", self.token());
        let bytes = build(&self.via(&flow, &branch)).finish();
        self.transmit(flow, bytes.clone());
        bytes
    }

    /// Puts a line into the log.
    pub(crate) fn log(&mut self, level: Level, event: &'static str, fields: Vec<(&'static str, String)>) {
        self.outputs.push_back(Output::Event(Event::Log(LogLine { level, event, fields })));
    }
}

/// A request of a peer together with what is needed to answer it.
#[derive(Clone, Copy)]
pub(crate) struct Inbound<'a> {
    pub(crate) transaction: TransactionId,
    pub(crate) flow: Flow,
    pub(crate) request: &'a Message,
    /// Our To tag.
    pub(crate) tag: Option<&'a str>,
}

/// `host:port` with IPv6 in brackets; no port when it is 0.
pub(crate) fn host_port(address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    match address.port() {
        0 => host,
        port => format!("{host}:{port}"),
    }
}
