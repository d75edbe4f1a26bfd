//! Several switches that serve as one, each a shard, with everything between them done at once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::DerefMut;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pbx_dns::ResolverOutput;
use pbx_media::relay::{MediaCommand, MediaEvent, SessionId};
use pbx_sip::{Bytes, Fault, Flow, Message, Shard};
use pbx_switch::{
    CallView, Command, Decision, DnsNews, Facing, Health, Locals, Output, Place, PolicyError, PortSource,
    QueryId, RegistrationView, SessionPorts, Switch, SwitchConfig, shard_of_call, shard_of_session,
};

/// Tokens of resolvers' attempts, below the number of the shard.
const SHARD_OF_TOKEN: u32 = 48;

/// The switches, used like one. Which of them reads a datagram follows from where it comes from, as with sockets the
/// system deals datagrams out to.
pub struct Hall {
    switches: Vec<Switch>,
    now: Instant,
    /// Who asked for the sockets of which session.
    openers: HashMap<SessionId, usize>,
}

impl Hall {
    /// `count` shards of one server.
    ///
    /// # Errors
    /// A key of the configuration that cannot be compiled.
    pub fn new(
        now: Instant,
        config: &SwitchConfig,
        locals: &Locals,
        facing: impl Fn() -> Box<dyn Facing>,
        seed: [u8; 32],
        count: usize,
    ) -> Result<Self, PolicyError> {
        let ports = SessionPorts::new(config.media.rtp_start_port, config.media.rtp_end_port);
        let ports = CommonPorts(Arc::new(Mutex::new(ports)));
        let switches = Shard::all(count)
            .map(|shard| {
                let place = Place { shard, count, ports: Box::new(ports.clone()) };
                Switch::at(now, config.clone(), locals.clone(), facing(), seed, place)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { switches, now, openers: HashMap::new() })
    }

    /// All of them.
    pub fn switches(&self) -> &[Switch] {
        &self.switches
    }

    /// Changes each of them.
    pub fn for_each(&mut self, act: impl FnMut(&mut Switch)) {
        self.switches.iter_mut().for_each(act);
    }

    /// See [`Switch::handle_bytes`].
    pub fn handle_bytes(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.now = now;
        let reader = self.reader(flow);
        self.switches[reader].handle_bytes(now, flow, bytes);
    }

    /// See [`Switch::handle_framing_fault`].
    pub fn handle_framing_fault(
        &mut self,
        now: Instant,
        flow: Flow,
        fault: &Fault,
        refused: Option<&Message>,
    ) {
        self.now = now;
        let reader = self.reader(flow);
        self.switches[reader].handle_framing_fault(now, flow, fault, refused);
    }

    /// See [`Switch::handle_flow_closed`].
    pub fn handle_flow_closed(&mut self, now: Instant, flow: Flow) {
        self.now = now;
        self.for_each(|switch| switch.handle_flow_closed(now, flow));
    }

    /// See [`Switch::handle_send_failure`].
    pub fn handle_send_failure(&mut self, now: Instant, flow: Flow) {
        self.now = now;
        self.for_each(|switch| switch.handle_send_failure(now, flow));
    }

    /// See [`Switch::handle_decision`].
    pub fn handle_decision(&mut self, now: Instant, id: QueryId, decision: Decision) {
        self.now = now;
        if let Some(switch) = id.shard().and_then(|shard| self.switches.get_mut(shard.index())) {
            switch.handle_decision(now, id, decision);
        }
    }

    /// See [`Switch::handle_media`]. Whoever asked for sockets hears of them.
    pub fn handle_media(&mut self, now: Instant, event: &MediaEvent) {
        self.now = now;
        let hearer = match event {
            MediaEvent::Opened { session, .. } => self.openers.remove(session).unwrap_or_default(),
            MediaEvent::Latched { session, .. } | MediaEvent::Closed { session, .. } => {
                shard_of_session(*session).index()
            }
        };
        if let Some(switch) = self.switches.get_mut(hearer) {
            switch.handle_media(now, event);
        }
    }

    /// See [`Switch::handle_dns`].
    pub fn handle_dns(&mut self, now: Instant, news: DnsNews) {
        self.now = now;
        let token = match &news {
            DnsNews::Reply { token, .. } | DnsNews::Failed { token } => *token,
        };
        let own = token & ((1 << SHARD_OF_TOKEN) - 1);
        let news = match news {
            DnsNews::Reply { bytes, .. } => DnsNews::Reply { token: own, bytes },
            DnsNews::Failed { .. } => DnsNews::Failed { token: own },
        };
        if let Some(switch) = self.switches.get_mut((token >> SHARD_OF_TOKEN) as usize) {
            switch.handle_dns(now, news);
        }
    }

    /// See [`Switch::handle_command`].
    pub fn handle_command(&mut self, now: Instant, command: &Command) -> bool {
        self.now = now;
        match command {
            Command::Hangup { call, .. } => {
                let switch = self.switches.get_mut(shard_of_call(*call).index());
                switch.is_some_and(|switch| switch.handle_command(now, command))
            }
            Command::Drain { .. } => self
                .switches
                .iter_mut()
                .fold(false, |known, switch| switch.handle_command(now, command) | known),
        }
    }

    /// See [`Switch::handle_config`].
    ///
    /// # Errors
    /// A key that cannot be compiled; then nothing changes.
    pub fn handle_config(&mut self, now: Instant, config: &SwitchConfig) -> Result<(), PolicyError> {
        self.switches.iter_mut().try_for_each(|switch| switch.handle_config(now, config.clone()))
    }

    /// See [`Switch::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.for_each(|switch| {
            if switch.poll_timeout().is_some_and(|at| at <= now) {
                switch.handle_timeout(now);
            }
        });
    }

    /// See [`Switch::poll_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.switches.iter().filter_map(Switch::poll_timeout).min()
    }

    /// See [`Switch::poll_output`]. What is for another shard goes there at once.
    pub fn poll_output(&mut self) -> Option<Output> {
        for index in 0..self.switches.len() {
            while let Some(output) = self.switches[index].poll_output() {
                match output {
                    Output::Shard { to, news } => {
                        let now = self.now;
                        self.switches[to.index()].handle_shard(now, news);
                        // The other may have to act first.
                        if to.index() < index {
                            return self.poll_output();
                        }
                    }
                    output => {
                        if let Output::Media(MediaCommand::Open { session, .. }) = &output {
                            self.openers.insert(*session, index);
                        }
                        return Some(named(output, index));
                    }
                }
            }
        }
        None
    }

    /// State of all of them.
    pub fn health(&self) -> Health {
        Health::merge(self.switches.iter().map(Switch::health).collect())
    }

    /// See [`Switch::calls`].
    pub fn calls(&self, now: Instant, limit: usize, after: Option<u64>) -> Vec<CallView> {
        let all = self.switches.iter().flat_map(|switch| switch.calls(now, limit, after));
        all.take(limit).collect()
    }

    /// See [`Switch::registrations`]. All shards have the same.
    pub fn registrations(&self, now: Instant, limit: usize, after: Option<&str>) -> Vec<RegistrationView> {
        self.switches.first().map_or_else(Vec::new, |first| first.registrations(now, limit, after))
    }

    /// See [`Switch::is_idle`].
    pub fn is_idle(&self) -> bool {
        self.switches.iter().all(Switch::is_idle)
    }

    fn reader(&self, flow: Flow) -> usize {
        let count = self.switches.len();
        match flow.shard() {
            Some(shard) => shard.index() % count,
            None => spread(flow.remote) % count,
        }
    }
}

/// Tells the attempts of different resolvers apart.
fn named(output: Output, index: usize) -> Output {
    let name = |token: u64| token | (index as u64) << SHARD_OF_TOKEN;
    match output {
        Output::Dns(ResolverOutput::Send { token, server, bytes }) => {
            Output::Dns(ResolverOutput::Send { token: name(token), server, bytes })
        }
        Output::Dns(ResolverOutput::Stream { token, server, bytes }) => {
            Output::Dns(ResolverOutput::Stream { token: name(token), server, bytes })
        }
        Output::Dns(ResolverOutput::Close { token }) => {
            Output::Dns(ResolverOutput::Close { token: name(token) })
        }
        other => other,
    }
}

fn spread(remote: SocketAddr) -> usize {
    (usize::from(remote.port()) ^ (usize::from(remote.port()) >> 5)).wrapping_mul(0x9e37_79b1) >> 7
}

/// RTP ports of the whole server.
#[derive(Clone)]
struct CommonPorts(Arc<Mutex<SessionPorts>>);

impl PortSource for CommonPorts {
    fn lend(&self) -> Box<dyn DerefMut<Target = SessionPorts> + '_> {
        Box::new(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
