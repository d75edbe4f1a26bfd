//! The real switch, its phones, and the network between them, under one virtual clock.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pbx_dns::{Hosts, Servers};
use pbx_media::relay::MediaEvent;
use pbx_sip::{Bytes, Flow};
use pbx_switch::{Command, Decision, DnsNews, Facing, Locals, LogLine, PolicyError, QueryId, SwitchConfig};

use crate::address::{SERVER, phone_address, private_address};
use crate::agent::{Account, AgentTimer, LegView, Registration, UserAgent};
use crate::decider::Decider;
use crate::hall::Hall;
use crate::media_ledger::MediaLedger;
use crate::name_server::{NameServer, RESOLVERS};
use crate::network::{Network, Wire};
use crate::scenario::{Order, Scenario};
use crate::schedule::Schedule;
use crate::streams::{Streams, Way};
use crate::tape::Tape;
use crate::unheard::Unheard;
use crate::watch::Watch;

/// Turns at one instant after which the run is taken for a loop without progress.
const MAX_TURNS_PER_INSTANT: u32 = 100_000;

/// Shards a server may have.
const MAX_SHARDS: usize = 3;

/// How long the answer to a call may be under way before what is planned for it begins.
const ANSWERING: Duration = Duration::from_secs(8);

/// Says which datagrams the network swallows: sender, addressee, octets.
pub(crate) type Cut = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) -> bool>;

/// Something due at its time.
pub(crate) enum Happening {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Bytes },
    Agent { index: usize, timer: AgentTimer },
    Decision { id: QueryId, decision: Decision },
    Media(MediaEvent),
    Segment { phone: usize, stream: u32, way: Way, bytes: Bytes },
    SendFailure(Flow),
    Dns(DnsNews),
    Order(Order),
}

struct OneAddress;

impl Facing for OneAddress {
    fn facing(&self, _remote: IpAddr) -> IpAddr {
        SERVER.ip()
    }
}

/// Everything in one run.
pub struct World<'a> {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) switch: Hall,
    pub(crate) config: SwitchConfig,
    pub(crate) schedule: Schedule<Happening>,
    pub(crate) wire: Wire,
    pub(crate) agents: Vec<UserAgent>,
    pub(crate) ledger: MediaLedger,
    pub(crate) decider: &'a mut dyn Decider,
    pub(crate) tape: Tape,
    pub(crate) watch: Watch,
    pub(crate) log: Vec<LogLine>,
    pub(crate) cut: Option<Cut>,
    pub(crate) unheard: Unheard,
    pub(crate) streams: Streams,
    pub(crate) names: NameServer,
    pub(crate) vanished: BTreeSet<usize>,
    pub(crate) broken_streams: BTreeSet<usize>,
    /// Phones that come before those called by name only.
    pub(crate) callers: usize,
}

impl<'a> World<'a> {
    /// A switch and the phones of a scenario, at rest. `tapes`: keep every datagram.
    ///
    /// # Errors
    /// A configuration the switch refuses.
    pub fn new(
        config: SwitchConfig,
        scenario: &Scenario,
        decider: &'a mut dyn Decider,
        tapes: bool,
    ) -> Result<Self, PolicyError> {
        let start = Instant::now();
        let switch = switch(start, &config, scenario.seed)?;
        let watch = Watch::new(config.media.mode, !scenario.zones.is_empty());
        let mut world = Self {
            start,
            now: start,
            switch,
            config,
            schedule: Schedule::new(),
            wire: Wire::new(scenario.network, scenario.seed),
            agents: Vec::with_capacity(scenario.phones.len()),
            ledger: MediaLedger::new(scenario.busy_ports, scenario.seed),
            decider,
            tape: Tape::new(tapes),
            watch,
            log: Vec::new(),
            cut: None,
            unheard: Unheard::default(),
            streams: Streams::default(),
            names: NameServer::new(&scenario.zones, scenario.seed),
            vanished: BTreeSet::new(),
            broken_streams: BTreeSet::new(),
            callers: scenario.callers(),
        };
        world.place_phones(scenario);
        for &(at, order) in &scenario.orders {
            world.schedule.push(start + at, Happening::Order(order));
        }
        Ok(world)
    }

    fn place_phones(&mut self, scenario: &Scenario) {
        let has_foreign_bodies = scenario.calls.iter().any(|call| call.body.is_some());
        for (index, phone) in scenario.phones.iter().enumerate() {
            let is_hidden = phone.natted || phone.private_media;
            let account = Account {
                index,
                address: if phone.natted { private_address(index) } else { phone_address(index) },
                public: phone_address(index),
                media: if is_hidden { private_address(index).ip() } else { phone_address(index).ip() },
                transport: phone.transport,
                server: SERVER,
                user: phone.user.clone(),
                password: phone.password.clone(),
            };
            let calls = scenario.calls.iter().filter(|call| call.phone == index).cloned().collect();
            let seed = scenario.seed.wrapping_mul(1_000).wrapping_add(index as u64);
            let messages =
                scenario.messages.iter().filter(|message| message.phone == index).cloned().collect();
            let mut agent = UserAgent::new(self.start, account, phone, (calls, messages), seed);
            agent.refer_until(self.start + scenario.last_deed() + ANSWERING);
            if has_foreign_bodies {
                agent.expect_foreign_bodies();
            }
            self.agents.push(agent);
            self.drain_agent(index);
        }
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// The switch, to be looked at.
    pub fn switch(&self) -> &Hall {
        &self.switch
    }

    /// What was sent, if the run is taped.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Log lines of the switch.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// Media sessions the workers hold.
    pub fn media_sessions(&self) -> usize {
        self.ledger.open_total()
    }

    /// What was seen on the way out of the switch.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Call-IDs of dialogs whose BYE was lost in every copy.
    pub(crate) fn unheard(&self) -> &Unheard {
        &self.unheard
    }

    pub(crate) fn agents(&self) -> &[UserAgent] {
        &self.agents
    }

    pub(crate) fn media_faults(&self) -> &[String] {
        &self.ledger.faults
    }

    /// Calls as the phones see them.
    pub fn legs(&self) -> Vec<LegView> {
        self.agents.iter().flat_map(UserAgent::legs).collect()
    }

    /// Whether the network loses datagrams.
    pub(crate) fn has_losses(&self) -> bool {
        self.wire.network.loss > 0.0
    }

    /// Whether a phone lost its network for good.
    pub(crate) fn is_vanished(&self, phone: usize) -> bool {
        self.vanished.contains(&phone)
    }

    /// Whether a phone was out of reach for a while: gone for good, or its stream was broken.
    pub(crate) fn was_cut_off(&self, phone: usize) -> bool {
        self.is_vanished(phone) || self.broken_streams.contains(&phone)
    }

    /// Whether nothing is being changed in any call.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.agents.iter().any(UserAgent::is_changing) && self.switch.health().server_transactions == 0
    }

    /// Another network from now on.
    pub fn set_network(&mut self, network: Network) {
        self.wire.network = network;
    }

    /// Swallows, from now on, the datagrams `cut` picks, besides those lost by chance.
    pub fn cut(&mut self, cut: impl FnMut(SocketAddr, SocketAddr, &[u8]) -> bool + 'static) {
        self.cut = Some(Box::new(cut));
    }

    /// How registering went for a phone.
    pub fn registration(&self, phone: usize) -> Option<&Registration> {
        self.agents.get(phone).map(|agent| &agent.registration)
    }

    /// What the rules of the wire and of the media ports say so far.
    pub fn broken_rules(&self) -> Vec<String> {
        self.watch.broken.iter().chain(&self.ledger.faults).cloned().collect()
    }

    /// Delivers a datagram to the switch at once, as if `from` had sent it.
    pub fn inject(&mut self, from: SocketAddr, bytes: Bytes) {
        self.note(from, SERVER, 1, &bytes);
        self.deliver(from, SERVER, bytes);
        self.drain();
    }

    /// Sends a command to the switch.
    pub fn command(&mut self, command: &Command) -> bool {
        let known = self.switch.handle_command(self.now, command);
        self.drain();
        known
    }

    /// The process dies and starts again: calls, bindings and keys are gone.
    ///
    /// # Errors
    /// A configuration the switch refuses.
    pub fn restart(&mut self, seed: u64) -> Result<(), PolicyError> {
        self.switch = switch(self.now, &self.config, seed)?;
        Ok(())
    }

    /// Lets every phone end its calls and stop refreshing.
    pub fn finish(&mut self) {
        for index in 0..self.agents.len() {
            self.agents[index].finish(self.now);
            self.drain_agent(index);
        }
    }

    /// Runs the clock to a moment counted from the start.
    pub fn run_until(&mut self, end: Duration) {
        let end = self.start + end;
        let mut turns = 0;
        loop {
            let due = self.schedule.next_at();
            let timeout = self.switch.poll_timeout();
            let Some(next) = [due, timeout].into_iter().flatten().min().filter(|&next| next <= end) else {
                break;
            };
            turns = if next > self.now { 0 } else { turns + 1 };
            if turns > MAX_TURNS_PER_INSTANT {
                self.watch.stalled = true;
                break;
            }
            self.now = self.now.max(next);
            if timeout.is_some_and(|at| at <= self.now) {
                self.switch.handle_timeout(self.now);
                self.drain();
            } else if let Some((_, what)) = self.schedule.pop() {
                self.happen(what);
            }
        }
        self.now = end;
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Datagram { from, to, bytes } => self.deliver(from, to, bytes),
            Happening::Agent { index, timer } => {
                self.agents[index].handle_timer(self.now, timer);
                return self.drain_agent(index);
            }
            Happening::Decision { id, decision } => self.switch.handle_decision(self.now, id, decision),
            Happening::Media(event) => self.switch.handle_media(self.now, &event),
            Happening::Segment { phone, stream, way, bytes } => {
                return self.deliver_segment(phone, stream, way, bytes);
            }
            Happening::SendFailure(flow) => self.switch.handle_send_failure(self.now, flow),
            Happening::Dns(news) => {
                if self.names.is_awaited(&news) {
                    self.switch.handle_dns(self.now, news);
                }
            }
            Happening::Order(order) => self.obey(order),
        }
        self.drain();
    }
}

/// One, two or three shards: nobody outside may notice.
fn switch(now: Instant, config: &SwitchConfig, seed: u64) -> Result<Hall, PolicyError> {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_le_bytes());
    let locals = Locals { udp: vec![SERVER], tcp: vec![SERVER], ..Locals::default() };
    let facing = || Box::new(OneAddress) as Box<dyn Facing>;
    let mut hall = Hall::new(now, config, &locals, facing, octets, 1 + seed as usize % MAX_SHARDS)?;
    hall.for_each(|switch| switch.set_resolvers(Servers::parse(RESOLVERS), Hosts::default()));
    Ok(hall)
}
