//! What every part of the switch acts through: transactions, timers, randomness, ports, counters and the output queue.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use pbx_media::ports::PortPool;
use pbx_media::relay::{MediaCommand, SessionId, Side};
use pbx_sip::Builder;
use pbx_sip::timer::Timers;
use pbx_sip::transaction::{TransactionId, TransactionSettings, Transactions, Transmit};
use pbx_sip::{Bytes, Flow, Message, Method, Name, Transport};
use rand_chacha::ChaCha12Rng;
use rand_core::RngCore;

use crate::call::{CallId, CallTimer, Dismissed, Errand, PageId, TimerKind};
use crate::counters::Counters;
use crate::locals::Locals;
use crate::locate::Searches;
use crate::log_budget::{LogBudget, Occasion};
use crate::nat::is_behind_nat;
use crate::output::{Event, Level, LogLine, Output};
use crate::peer_names::PeerNames;
use crate::policy::{Locality, Policy, is_private};
use crate::query::QueryId;
use crate::refusal::Refusal;
use crate::stateless_tags::StatelessTags;

/// Refused INVITEs of strangers remembered at once.
const MAX_STRANGERS: usize = 2048;

/// As long as any branch of ours.
const LONGEST_BRANCH: &str = "z9hG4bK0000000000000000ffffffff";

/// Tells which of our addresses a peer sees. Asking the routing table is I/O, so it is passed in.
pub trait Facing: Send {
    /// Local address used to reach `remote`.
    fn facing(&self, remote: IpAddr) -> IpAddr;
}

/// Who is told about the responses and timeouts of a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A call.
    Call {
        /// Which one.
        call: CallId,
        /// What for.
        role: Role,
    },
    /// A MESSAGE outside dialogs.
    Page(PageId),
}

/// What a client transaction of a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// INVITE to one target; index into the call's branches.
    Branch(u16),
    /// Request relayed inside the dialog of the other side.
    Relayed,
    /// PRACK for a reliable response of a callee.
    Prack,
    /// Our own re-INVITE to the callee.
    Reanchor,
    /// Our own refresh of the session of a side.
    Refresh(Side),
    /// Our re-INVITE to the party that remains of a transfer.
    Rejoin,
    /// Our re-INVITE to the far end of a transfer's target.
    Target,
    /// NOTIFY of a transfer.
    Notify,
    /// BYE towards a side.
    Bye,
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
    pub(crate) ports: PortPool,
    pub(crate) counters: Counters,
    pub(crate) locals: Locals,
    pub(crate) locality: Locality,
    pub(crate) facing: Box<dyn Facing>,
    pub(crate) owners: HashMap<TransactionId, Owner>,
    pub(crate) next_id: u64,
    pub(crate) tags: StatelessTags,
    /// INVITEs of strangers whose refusal waits for its ACK.
    pub(crate) strangers: HashSet<TransactionId>,
    /// RTP ports of the media sessions whose sockets are not closed yet.
    pub(crate) sessions: HashMap<SessionId, Vec<u16>>,
    /// Dialogs ended at once, by the INVITE that made them.
    pub(crate) dismissed: HashMap<TransactionId, Vec<Dismissed>>,
    pub(crate) log_budget: LogBudget,
    pub(crate) peer_names: PeerNames,
    pub(crate) searches: Searches,
    /// Where the message being handled came from.
    pub(crate) arrival: Option<Flow>,
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
    fn compose(
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

    /// Refuses a request and counts it.
    pub(crate) fn refuse(&mut self, now: Instant, to: &Inbound<'_>, refusal: &Refusal) {
        self.note_refusal(now, &to.flow, refusal);
        self.answer_refusal(now, to, refusal);
    }

    /// Refuses a request without any state.
    pub(crate) fn refuse_stateless(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        refusal: &Refusal,
    ) {
        self.note_refusal(now, &flow, refusal);
        if request.method() == Method::Ack {
            return;
        }
        let (code, reason) = refusal.status();
        let headers = refusal.headers(&self.policy.config, self.rng.next_u32());
        let tag = self.tags.tag_of(request);
        let bytes = self.compose(request, flow, Some(&tag), (code, &reason), |builder| {
            with_refusal(builder, headers, refusal)
        });
        self.transmit(self.reply_flow(flow, request), bytes);
    }

    /// Refuses the request of somebody nobody has vouched for.
    pub(crate) fn refuse_stranger(&mut self, now: Instant, to: &Inbound<'_>, refusal: &Refusal) {
        if self.is_repeated_to(to) {
            return self.refuse(now, to, refusal);
        }
        self.transactions.forget(to.transaction);
        self.refuse_stateless(now, to.flow, to.request, refusal);
    }

    /// Answers a stranger and forgets him: his copies are answered anew, with the same tag (RFC 3261 §8.2.7).
    pub(crate) fn respond_stranger(
        &mut self,
        now: Instant,
        to: &Inbound<'_>,
        status: (u16, &str),
        edit: impl FnOnce(Builder) -> Builder,
    ) {
        if self.is_repeated_to(to) {
            self.respond(now, to, status, edit);
            return;
        }
        self.transactions.forget(to.transaction);
        let bytes = self.compose(to.request, to.flow, to.tag, status, edit);
        self.transmit(self.reply_flow(to.flow, to.request), bytes);
    }

    /// Whether the answer to a stranger is repeated until its ACK. A caller sends his INVITE seven times at
    /// most, too few on a lossy way; a flood must fill neither our memory nor the line of whom it names.
    fn is_repeated_to(&mut self, to: &Inbound<'_>) -> bool {
        let is_wanted = to.request.method() == Method::Invite && !to.flow.transport.is_reliable();
        let is_kept = is_wanted && self.strangers.len() < MAX_STRANGERS;
        if is_kept {
            self.strangers.insert(to.transaction);
        } else if is_wanted {
            self.counters.count("strangers_forgotten_total", "");
        }
        is_kept
    }

    /// Counts a refusal and logs the first of its source.
    pub(crate) fn note_refusal(&mut self, now: Instant, flow: &Flow, refusal: &Refusal) {
        self.counters.count("refused_total", refusal.label());
        let code = refusal.status().0;
        self.log_of(now, flow.remote.ip(), ("refused", refusal.label()), || vec![("code", code.to_string())]);
    }

    /// Sends the response of a refusal.
    pub(crate) fn answer_refusal(&mut self, now: Instant, to: &Inbound<'_>, refusal: &Refusal) {
        let (code, reason) = refusal.status();
        let headers = refusal.headers(&self.policy.config, self.rng.next_u32());
        self.respond(now, to, (code, &reason), |builder| with_refusal(builder, headers, refusal));
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

/// Adds what a refusal says beyond its status.
fn with_refusal(mut builder: Builder, headers: Vec<(Name, String)>, refusal: &Refusal) -> Builder {
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    for (name, value) in refusal.written_headers() {
        builder = builder.raw_name(name, value.as_bytes());
    }
    builder
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
