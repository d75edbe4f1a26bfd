//! Starting: bind everything, then run it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use pbx_sip::{Limits, Shard};
use pbx_switch::{Event, Level, Locals, LogLine, Place, Switch, SwitchConfig};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::bridge::{Bridge, BridgeItem};
use crate::call_flows::{Board, CallFlows};
use crate::config::{Document, NetConfig};
use crate::driver::{Driver, Parts, ShardPort};
use crate::engine::Engine;
use crate::facing::Routes;
use crate::listeners::{Listeners, bind_all};
use crate::media_link::{BoundLines, MediaLink};
use crate::names;
use crate::neighbours::Neighbours;
use crate::own_sockets::OwnSockets;
use crate::poller::Poller;
use crate::relay_worker::{RelayWorker, WorkerPort};
use crate::shared_ports::SharedPorts;
use crate::sources::Sources;
use crate::start_error::StartError;
use crate::streams::Streams;
use crate::tls::TlsContext;

/// What the signalling threads have in common.
struct Common {
    bridge: Arc<Bridge>,
    ports: Vec<Arc<ShardPort>>,
    workers: Vec<Arc<WorkerPort>>,
    own: Arc<OwnSockets>,
    bound_lines: BoundLines,
    rtp_ports: SharedPorts,
    sources: Arc<Sources>,
    board: Board,
    seed: [u8; 32],
}

pub(crate) fn launch(document: Document) -> Result<Engine, StartError> {
    let Document { net, switch: config } = document;
    let listeners = bind_all(&net)?;
    let locals = listeners.first().map(|first| first.locals.clone()).unwrap_or_default();
    let common = common(&net, &config, &locals)?;
    let system = StartError::system;
    let mut drivers = Vec::with_capacity(listeners.len());
    for (shard, listeners) in Shard::all(listeners.len()).zip(listeners) {
        drivers.push(driver(shard, &net, config.clone(), listeners, &common)?);
    }
    let handover =
        drivers.first_mut().map(Driver::mount).transpose().map_err(system("making the handover"))?;
    let relays = common
        .workers
        .iter()
        .map(|worker| RelayWorker::new(Arc::clone(worker), Arc::clone(&common.own)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(system("making a media worker"))?;

    let Common { bridge, ports, workers, .. } = common;
    let (threads, handover) = (Mutex::default(), Mutex::new(handover));
    let engine = Engine { locals, ports, bridge, workers, threads, handover };
    for (index, relay) in relays.into_iter().enumerate() {
        let thread = spawn(format!("pbx-media-{index}"), &engine.bridge, move || relay.run())?;
        engine.keep(thread);
    }
    for (index, driver) in drivers.into_iter().enumerate() {
        let thread = spawn(format!("pbx-sip-{index}"), &engine.bridge, move || driver.run())?;
        engine.keep(thread);
    }
    Ok(engine)
}

fn common(net: &NetConfig, config: &SwitchConfig, locals: &Locals) -> Result<Common, StartError> {
    let system = StartError::system;
    let shards = net.sip_worker_threads;
    let bridge =
        Bridge::new(net.max_queued_asks, net.max_queued_events).map_err(system("making the bridge"))?;
    let ports = (0..shards)
        .map(|_| ShardPort::new(net.max_queued_inputs).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()
        .map_err(system("making the inbox"))?;
    let (commands, events) = (net.media_cmd_channel_capacity, net.media_event_channel_capacity);
    let workers = (0..net.media_worker_threads.max(1))
        .map(|_| WorkerPort::new(commands, events, shards).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()
        .map_err(system("making media queues"))?;
    let mut seed = [0; 32];
    getrandom(&mut seed, GetRandomFlags::empty()).map_err(system("asking for random octets"))?;
    Ok(Common {
        bridge: Arc::new(bridge),
        ports,
        workers,
        own: Arc::new(own_sockets(config, locals)),
        bound_lines: BoundLines::default(),
        rtp_ports: SharedPorts::new(config.media.rtp_start_port, config.media.rtp_end_port),
        sources: Arc::new(Sources::new(net.max_connections_per_source)),
        board: Board::default(),
        seed,
    })
}

fn driver(
    shard: Shard,
    net: &NetConfig,
    config: SwitchConfig,
    listeners: Listeners,
    common: &Common,
) -> Result<Driver, StartError> {
    let count = common.ports.len();
    let limits = Limits { max_message: config.limits.max_message_size, ..Limits::default() };
    let place = Place { shard, count, ports: Box::new(common.rtp_ports.clone()) };
    let place = if count > 1 { place } else { Place::alone(&config) };
    let mut switch =
        Switch::at(Instant::now(), config, listeners.locals, Box::<Routes>::default(), common.seed, place)
            .map_err(StartError::Policy)?;
    let (servers, hosts) = names::read()?;
    switch.set_resolvers(servers, hosts);
    let poller = Poller::new().map_err(StartError::system("making an epoll instance"))?;
    let tls = TlsContext::new(Instant::now(), net)?;
    if !net.tls.is_empty() && !tls.has_pair() {
        return Err(StartError::Tls("a TLS listener needs ssl_certificate and ssl_private_key".to_owned()));
    }
    let whose = (shard, Arc::clone(&common.sources));
    let streams = Streams::new(whose, net, limits, listeners.streams, tls, &poller)
        .map_err(|cause| StartError::System { what: "watching the listeners", cause })?;
    let (own, lines) = (Arc::clone(&common.own), Arc::clone(&common.bound_lines));
    let parts = Parts {
        switch,
        poller,
        udp: listeners.udp,
        streams,
        media: MediaLink::new(shard.index(), common.workers.clone(), own, lines),
        bridge: Arc::clone(&common.bridge),
        port: Arc::clone(&common.ports[shard.index()]),
        neighbours: Neighbours::new(shard, common.ports.clone()),
        call_flows: CallFlows::new(Arc::clone(&common.board), shard.index(), count),
    };
    Driver::new(parts).map_err(StartError::system("watching the sockets"))
}

/// A media socket bound to one address can be reached by that one only; one bound to all, by any of ours.
fn own_sockets(config: &SwitchConfig, locals: &Locals) -> OwnSockets {
    let mut ips: Vec<IpAddr> = config.media.bind_ips.clone();
    ips.extend(&config.identity.external_ips);
    ips.extend(locals.udp.iter().map(SocketAddr::ip));
    if ips.iter().any(IpAddr::is_unspecified) {
        ips.extend(&config.identity.machine_ips);
    }
    let own = OwnSockets::new(ips);
    for address in &locals.udp {
        own.insert(address.port());
    }
    own
}

fn spawn(
    name: String,
    bridge: &Arc<Bridge>,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let alarm = Alarm { bridge: Arc::clone(bridge), thread: name.clone() };
    let body = move || {
        let _alarm = alarm;
        run();
    };
    Builder::new()
        .name(name)
        .spawn(body)
        .map_err(|cause| StartError::System { what: "starting a thread", cause })
}

/// Tells Python that a thread died, which is a fault of ours and ends the service.
struct Alarm {
    bridge: Arc<Bridge>,
    thread: String,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let fields = vec![("thread", self.thread.clone())];
            let line = LogLine { level: Level::Error, event: "thread_panicked", fields };
            self.bridge.push_from(&mut vec![BridgeItem::Event(Event::Log(line))], &mut Vec::new());
        }
    }
}
