//! Starting: bind everything, then run it.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use pbx_sip::{Limits, Transport};
use pbx_switch::{Event, Level, Locals, LogLine, Switch, SwitchConfig};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::bind;
use crate::bridge::{Bridge, BridgeItem};
use crate::config::{Document, NetConfig};
use crate::driver::{Driver, Parts, ShardPort};
use crate::engine::Engine;
use crate::facing::Routes;
use crate::media_link::MediaLink;
use crate::names;
use crate::own_sockets::OwnSockets;
use crate::poller::Poller;
use crate::relay_worker::{RelayWorker, WorkerPort};
use crate::start_error::StartError;
use crate::streams::Streams;
use crate::tls::TlsContext;
use crate::udp::UdpListener;

/// Sockets bound before anything runs.
struct Bound {
    udp: Vec<UdpListener>,
    streams: Vec<(Transport, TcpListener)>,
    locals: Locals,
}

pub(crate) fn launch(document: Document) -> Result<Engine, StartError> {
    let Document { net, switch: config } = document;
    let bound = bind_all(&net)?;
    let locals = bound.locals.clone();
    let own = Arc::new(own_sockets(&config, &locals));
    let system = StartError::system;
    let bridge = Arc::new(
        Bridge::new(net.max_queued_asks, net.max_queued_events).map_err(system("making the bridge"))?,
    );
    let port = Arc::new(ShardPort::new(net.max_queued_inputs).map_err(system("making the inbox"))?);
    let workers = (0..net.media_worker_threads.max(1))
        .map(|_| {
            WorkerPort::new(net.media_cmd_channel_capacity, net.media_event_channel_capacity).map(Arc::new)
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(system("making media queues"))?;
    let media = MediaLink::new(workers.clone(), Arc::clone(&own));
    let mut driver = driver(&net, config, bound, media, (&bridge, &port))?;
    let handover = driver.mount().map_err(system("making the handover"))?;
    let relays = workers
        .iter()
        .map(|worker| RelayWorker::new(Arc::clone(worker), Arc::clone(&own)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(system("making a media worker"))?;

    let engine = Engine {
        locals,
        port,
        bridge,
        workers,
        threads: Mutex::default(),
        handover: Mutex::new(Some(handover)),
    };
    for (index, relay) in relays.into_iter().enumerate() {
        let thread = spawn(format!("pbx-media-{index}"), &engine.bridge, move || relay.run())?;
        engine.keep(thread);
    }
    let thread = spawn("pbx-sip".to_owned(), &engine.bridge, move || driver.run())?;
    engine.keep(thread);
    Ok(engine)
}

fn driver(
    net: &NetConfig,
    config: SwitchConfig,
    bound: Bound,
    media: MediaLink,
    (bridge, port): (&Arc<Bridge>, &Arc<ShardPort>),
) -> Result<Driver, StartError> {
    let mut seed = [0; 32];
    getrandom(&mut seed, GetRandomFlags::empty()).map_err(StartError::system("asking for random octets"))?;
    let limits = Limits { max_message: config.limits.max_message_size, ..Limits::default() };
    let mut switch = Switch::new(Instant::now(), config, bound.locals, Box::<Routes>::default(), seed)
        .map_err(StartError::Policy)?;
    let (servers, hosts) = names::read()?;
    switch.set_resolvers(servers, hosts);
    let poller = Poller::new().map_err(StartError::system("making an epoll instance"))?;
    let tls = TlsContext::new(Instant::now(), net)?;
    if !net.tls.is_empty() && !tls.has_pair() {
        return Err(StartError::Tls("a TLS listener needs ssl_certificate and ssl_private_key".to_owned()));
    }
    let streams = Streams::new(net, limits, bound.streams, tls, &poller)
        .map_err(|cause| StartError::System { what: "watching the listeners", cause })?;
    let (bridge, port) = (Arc::clone(bridge), Arc::clone(port));
    Driver::new(Parts { switch, poller, udp: bound.udp, streams, media, bridge, port })
        .map_err(StartError::system("watching the sockets"))
}

fn bind_all(net: &NetConfig) -> Result<Bound, StartError> {
    let mut bound = Bound { udp: Vec::new(), streams: Vec::new(), locals: Locals::default() };
    for &address in &net.udp {
        let error = |cause| StartError::Bind { transport: Transport::Udp, address, cause };
        let listener = UdpListener::bind(address, bind::is_v6_only(address, &net.udp)).map_err(error)?;
        bound.locals.udp.push(listener.local());
        bound.udp.push(listener);
    }
    bound.listen(Transport::Tcp, &net.tcp)?;
    bound.listen(Transport::Tls, &net.tls)?;
    bound.listen(Transport::Ws, &net.ws)?;
    Ok(bound)
}

impl Bound {
    fn listen(&mut self, transport: Transport, addresses: &[SocketAddr]) -> Result<(), StartError> {
        for &address in addresses {
            let error = |cause| StartError::Bind { transport, address, cause };
            let v6_only = bind::is_v6_only(address, addresses);
            let listener = bind::tcp_listener(address, v6_only).map_err(error)?;
            let local = listener.local_addr().map_err(error)?;
            match transport {
                Transport::Tls => self.locals.tls.push(local),
                Transport::Ws | Transport::Wss => self.locals.ws.push(local),
                Transport::Udp | Transport::Tcp => self.locals.tcp.push(local),
            }
            self.streams.push((transport, listener));
        }
        Ok(())
    }
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
