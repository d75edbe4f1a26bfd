//! The real switch, its phones, and the network between them, under one virtual clock.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use pbx_media::relay::MediaEvent;
use pbx_sip::{Bytes, Flow, Transport};
use pbx_switch::{
    Command, Decision, Event, Facing, Locals, LogLine, Output, PolicyError, QueryId, Switch, SwitchConfig,
};

use crate::agent::{Account, AgentTimer, LegView, Registration, UserAgent};
use crate::decider::Decider;
use crate::media_ledger::MediaLedger;
use crate::network::{Network, Wire};
use crate::scenario::{Order, Scenario};
use crate::schedule::Schedule;
use crate::streams::{Streams, Way};
use crate::tape::{Sighting, Tape};
use crate::unheard::Unheard;
use crate::watch::Watch;

/// Address of the switch.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), 5060);

/// Turns at one instant after which the run is taken for a loop without progress.
const MAX_TURNS_PER_INSTANT: u32 = 100_000;

/// Says which datagrams the network swallows: sender, addressee, octets.
type Cut = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) -> bool>;

/// Something due at its time.
enum Happening {
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Bytes },
    Agent { index: usize, timer: AgentTimer },
    Decision { id: QueryId, decision: Decision },
    Media(MediaEvent),
    Segment { phone: usize, stream: u32, way: Way, bytes: Bytes },
    SendFailure(Flow),
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
    start: Instant,
    now: Instant,
    switch: Switch,
    config: SwitchConfig,
    schedule: Schedule<Happening>,
    wire: Wire,
    agents: Vec<UserAgent>,
    ledger: MediaLedger,
    decider: &'a mut dyn Decider,
    tape: Tape,
    watch: Watch,
    log: Vec<LogLine>,
    cut: Option<Cut>,
    unheard: Unheard,
    streams: Streams,
    vanished: BTreeSet<usize>,
    broken_streams: BTreeSet<usize>,
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
        let switch = switch(start, config.clone(), scenario.seed)?;
        let watch = Watch::new(config.media.mode);
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
            vanished: BTreeSet::new(),
            broken_streams: BTreeSet::new(),
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
            let account = Account {
                index,
                address: if phone.natted { private_address(index) } else { phone_address(index) },
                public: phone_address(index),
                media: match phone.natted || phone.private_media {
                    true => private_address(index).ip(),
                    false => phone_address(index).ip(),
                },
                transport: phone.transport,
                server: SERVER,
                user: phone.user.clone(),
                password: phone.password.clone(),
            };
            let calls = scenario.calls.iter().filter(|call| call.phone == index).cloned().collect();
            let seed = scenario.seed.wrapping_mul(1_000).wrapping_add(index as u64);
            let mut agent = UserAgent::new(self.start, account, phone, calls, seed);
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
    pub fn switch(&self) -> &Switch {
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
        self.switch = switch(self.now, self.config.clone(), seed)?;
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
            Happening::Order(order) => self.obey(order),
        }
        self.drain();
    }

    fn obey(&mut self, order: Order) {
        let command = match order {
            Order::Drain(limit) => Command::Drain { limit },
            Order::HangUp => {
                let oldest = self.switch.calls(self.now, 1, None);
                let Some(call) = oldest.first().and_then(|call| call.id.parse().ok()) else { return };
                Command::Hangup { call, code: None }
            }
            Order::BreakStreams => return self.break_streams(),
            Order::Vanish(phone) => {
                self.vanished.insert(phone);
                return;
            }
            Order::Reload => {
                self.config.generation += 1;
                if let Err(error) = self.switch.handle_config(self.now, self.config.clone()) {
                    self.watch.broken.push(format!("reload refused: {error}"));
                }
                return;
            }
        };
        self.switch.handle_command(self.now, &command);
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        if to == SERVER {
            let flow = Flow { transport: Transport::Udp, socket: 0, remote: from };
            self.switch.handle_bytes(self.now, flow, bytes);
        } else if let Some(index) = phone_index(to).filter(|&index| index < self.agents.len()) {
            self.agents[index].handle_datagram(self.now, from, bytes);
            self.drain_agent(index);
        }
    }

    /// Carries out what the switch wants.
    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    self.watch.see(self.now, &transmit.bytes, &self.ledger);
                    self.transmit(transmit.flow, &transmit.bytes);
                }
                Output::Ask(query) => {
                    if let Some((delay, decision)) = self.decider.decide(&query) {
                        let what = Happening::Decision { id: query.id, decision };
                        self.schedule.push(self.now + delay, what);
                    }
                }
                Output::Media(command) => {
                    if let Some(event) = self.ledger.handle(&command) {
                        self.schedule.push(self.now, Happening::Media(event));
                    }
                }
                Output::Event(Event::Log(line)) => self.log.push(line),
                Output::Forget(_) | Output::CloseFlow(_) => {}
            }
        }
    }

    fn drain_agent(&mut self, index: usize) {
        let from = self.agents[index].account.public;
        let mut sends = std::mem::take(&mut self.agents[index].out.sends);
        let is_stream = self.agents[index].account.transport.is_reliable();
        for (to, bytes) in sends.drain(..) {
            if is_stream {
                self.stream(index, Way::ToSwitch, &bytes);
            } else {
                self.send(from, to, &bytes);
            }
        }
        let out = &mut self.agents[index].out;
        out.sends = sends;
        for (at, timer) in out.timers.drain(..) {
            self.schedule.push(at, Happening::Agent { index, timer });
        }
    }

    /// Sends what the switch wants sent.
    fn transmit(&mut self, flow: Flow, bytes: &Bytes) {
        if flow.transport == Transport::Udp {
            return self.send(SERVER, flow.remote, bytes);
        }
        let open = phone_index(flow.remote).filter(|&phone| match self.streams.of(phone) {
            Some(id) => matches!(flow.socket, Flow::NEW) || flow.socket == id,
            None => false,
        });
        match open {
            Some(phone) => self.stream(phone, Way::ToPhone, bytes),
            None => self.schedule.push(self.now, Happening::SendFailure(flow)),
        }
    }

    /// Puts a message on the stream of a phone.
    fn stream(&mut self, phone: usize, way: Way, bytes: &Bytes) {
        let stream = self.streams.connect(self.now, phone);
        let at = self.now + self.wire.lag();
        let at = self.streams.arrival(phone, way, at);
        let (from, to) = match way {
            Way::ToSwitch => (phone_address(phone), SERVER),
            Way::ToPhone => (SERVER, phone_address(phone)),
        };
        self.note(from, to, 1, bytes);
        if !self.is_vanished(phone) {
            self.unheard.note(bytes, false);
        }
        self.schedule.push(at, Happening::Segment { phone, stream, way, bytes: bytes.clone() });
    }

    /// What arrives on a stream, unless it was closed meanwhile.
    fn deliver_segment(&mut self, phone: usize, stream: u32, way: Way, bytes: Bytes) {
        if self.streams.of(phone) != Some(stream) || self.is_vanished(phone) {
            return;
        }
        self.unheard.note(&bytes, true);
        match way {
            Way::ToSwitch => {
                let remote = phone_address(phone);
                let flow = Flow { transport: Transport::Tcp, socket: stream, remote };
                self.switch.handle_bytes(self.now, flow, bytes);
                self.drain();
            }
            Way::ToPhone => {
                self.agents[phone].handle_datagram(self.now, SERVER, bytes);
                self.drain_agent(phone);
            }
        }
    }

    fn break_streams(&mut self) {
        for (phone, stream) in self.streams.close_all() {
            self.broken_streams.insert(phone);
            let flow = Flow { transport: Transport::Tcp, socket: stream, remote: phone_address(phone) };
            self.switch.handle_flow_closed(self.now, flow);
            self.drain();
            self.agents[phone].handle_stream_closed(self.now);
            self.drain_agent(phone);
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &Bytes) {
        let mut arrivals = self.wire.carry(self.now);
        let is_cut_off = [from, to].into_iter().filter_map(phone_index).any(|phone| self.is_vanished(phone));
        if is_cut_off {
            return;
        }
        if self.cut.as_mut().is_some_and(|cut| cut(from, to, bytes)) {
            arrivals = [None, None];
        }
        self.note(from, to, arrivals.iter().flatten().count(), bytes);
        self.unheard.note(bytes, arrivals.iter().any(Option::is_some));
        for at in arrivals.into_iter().flatten() {
            self.schedule.push(at, Happening::Datagram { from, to, bytes: bytes.clone() });
        }
    }

    fn note(&mut self, from: SocketAddr, to: SocketAddr, copies: usize, bytes: &Bytes) {
        let at = self.now - self.start;
        self.tape.record(|| Sighting { at, from, to, copies, bytes: bytes.clone() });
    }
}

/// Address of the phone with this number.
pub fn phone_address(index: usize) -> SocketAddr {
    let octets = (index as u16).to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(198, 51, octets[0], octets[1]).into(), 5060)
}

/// The address a phone behind NAT believes to have.
fn private_address(index: usize) -> SocketAddr {
    let octets = (index as u16).to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(10, 0, octets[0], octets[1]).into(), 5060)
}

fn phone_index(address: SocketAddr) -> Option<usize> {
    match address.ip() {
        IpAddr::V4(ip) if ip.octets()[..2] == [198, 51] => {
            Some(usize::from(u16::from_be_bytes([ip.octets()[2], ip.octets()[3]])))
        }
        _ => None,
    }
}

fn switch(now: Instant, config: SwitchConfig, seed: u64) -> Result<Switch, PolicyError> {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_le_bytes());
    let locals = Locals { udp: vec![SERVER], tcp: vec![SERVER] };
    Switch::new(now, config, locals, Box::new(OneAddress), octets)
}
