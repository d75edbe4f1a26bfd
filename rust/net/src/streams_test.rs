//! Rules of stream connections, with the real kernel and a clock that is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pbx_sip::{Flow, Limits, Transport};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::bind;
use crate::config::NetConfig;
use crate::counters::NetCounters;
use crate::outgoing::Outgoing;
use crate::poller::Poller;
use crate::streams::{StreamEvent, Streams};
use crate::test_support::{net_config, wait_for, whose};
use crate::tls::TlsContext;
use crate::token::Token;

const MESSAGE: &str = "OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

struct World {
    streams: Streams,
    poller: Poller,
    counters: NetCounters,
    address: SocketAddr,
    now: Instant,
    seen: Vec<StreamEvent>,
}

impl World {
    fn new(config: &NetConfig) -> Self {
        let listener = bind::tcp_listener("127.0.0.1:0".parse().unwrap(), false, false).unwrap();
        let address = listener.local_addr().unwrap();
        let poller = Poller::new().unwrap();
        let (counters, now) = (NetCounters::default(), Instant::now());
        let tls = TlsContext::new(now, config).unwrap();
        let listeners = vec![(Transport::Tcp, listener)];
        let streams =
            Streams::new(whose(config), config, Limits::default(), listeners, tls, &poller).unwrap();
        Self { streams, poller, counters, address, now, seen: Vec::new() }
    }

    fn connect(&self) -> TcpStream {
        let peer = TcpStream::connect(self.address).unwrap();
        peer.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        peer
    }

    fn turn(&mut self) {
        let mut ready = Vec::new();
        self.poller.wait(Some(Duration::from_millis(1)), &mut ready);
        for event in ready {
            match Token::decode(event.token).unwrap() {
                Token::Listener(index) => {
                    self.streams.handle_acceptable(self.now, &self.poller, &mut self.counters, index);
                }
                Token::Stream(id) => {
                    self.streams.handle_ready(self.now, &self.poller, &mut self.counters, (id, event));
                }
                other => panic!("{other:?}"),
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(event) = self.streams.poll_event() {
            self.seen.push(event);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.streams.handle_timeout(self.now, &self.poller, &mut self.counters, |_| false);
        self.collect();
    }

    fn send(&mut self, flow: Flow, bytes: &'static [u8]) {
        let message = Outgoing { flow, name: None, bytes: Bytes::from_static(bytes) };
        self.streams.send(self.now, &self.poller, &mut self.counters, message);
        self.collect();
    }

    fn until<T>(&mut self, what: &str, mut check: impl FnMut(&mut Self) -> Option<T>) -> T {
        wait_for(what, || {
            self.turn();
            check(self)
        })
    }

    fn message(&mut self) -> (Flow, Bytes) {
        self.until("message", |world| {
            world.seen.iter().find_map(|event| match event {
                StreamEvent::Message(flow, bytes) => Some((*flow, bytes.clone())),
                _ => None,
            })
        })
    }

    fn closed(&mut self) -> Vec<Flow> {
        let is_closed = |event: &StreamEvent| match event {
            StreamEvent::Closed(flow) => Some(*flow),
            _ => None,
        };
        self.until("close", |world| {
            let flows: Vec<Flow> = world.seen.iter().filter_map(is_closed).collect();
            (!flows.is_empty()).then_some(flows)
        })
    }
}

fn reads_end(peer: &mut TcpStream) -> bool {
    let mut buf = [0; 4096];
    match peer.read(&mut buf) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

fn new_flow(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Tcp, socket: Flow::NEW, remote }
}

#[test]
fn message_cut_anywhere_arrives_whole() {
    let mut world = World::new(&net_config());
    let mut peer = world.connect();
    for octet in MESSAGE.as_bytes() {
        peer.write_all(&[*octet]).unwrap();
        world.turn();
    }
    let (flow, bytes) = world.message();
    assert_eq!(bytes, MESSAGE);
    assert_eq!(flow.remote, peer.local_addr().unwrap());
    world.send(flow, b"SIP/2.0 200 OK\r\n\r\n");
    let mut answer = [0; 18];
    peer.set_read_timeout(None).unwrap();
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"SIP/2.0 200 OK\r\n\r\n");
}

#[test]
fn double_crlf_is_answered_by_crlf() {
    let mut world = World::new(&net_config());
    let mut peer = world.connect();
    peer.write_all(b"\r\n\r\n").unwrap();
    let mut answer = [0; 2];
    world.until("pong", |_| peer.read_exact(&mut answer).ok());
    assert_eq!(&answer, b"\r\n");
    assert!(world.seen.is_empty());
}

#[test]
fn peer_that_does_not_read_is_closed_at_the_cap() {
    let mut world = World::new(&NetConfig { max_write_queue: 1 << 20, ..net_config() });
    let mut peer = world.connect();
    peer.write_all(MESSAGE.as_bytes()).unwrap();
    let (flow, _) = world.message();
    const CHUNK: &[u8] = &[b'x'; 65_536];
    let mut sent = 0;
    while world.counters.connections_closed_slow_total == 0 {
        world.send(flow, CHUNK);
        sent += CHUNK.len();
        assert!(sent < 32 << 20, "never closed");
    }
    assert_eq!(world.closed(), [flow]);
    assert_eq!(world.streams.len(), 0);
}

#[test]
fn unfinished_message_ends_the_connection() {
    let mut world = World::new(&net_config());
    let mut peer = world.connect();
    peer.write_all(b"OPTIONS").unwrap();
    world.until("octets", |world| {
        (world.streams.poll_timeout()? < world.now + Duration::from_secs(60)).then_some(())
    });
    world.pass(Duration::from_secs(29));
    assert_eq!(world.streams.len(), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.counters.connections_closed_partial_total, 1);
    assert!(reads_end(&mut peer));
}

#[test]
fn silent_connection_is_closed_after_the_idle_time() {
    let mut world = World::new(&net_config());
    let _peer = world.connect();
    world.until("accept", |world| (world.streams.len() == 1).then_some(()));
    world.pass(Duration::from_secs(299));
    assert_eq!(world.streams.len(), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.streams.len(), 0);
    assert_eq!(world.counters.connections_closed_idle_total, 1);
}

#[test]
fn flow_that_is_needed_outlives_the_idle_time() {
    let mut world = World::new(&net_config());
    let _peer = world.connect();
    world.until("accept", |world| (world.streams.len() == 1).then_some(()));
    for _ in 0..3 {
        world.now += Duration::from_secs(301);
        world.streams.handle_timeout(world.now, &world.poller, &mut world.counters, |_| true);
    }
    assert_eq!(world.streams.len(), 1);
    world.pass(Duration::from_secs(301));
    assert_eq!(world.streams.len(), 0);
}

#[test]
fn one_source_has_a_share_of_the_connections() {
    let mut world = World::new(&NetConfig { max_connections_per_source: 2, ..net_config() });
    let mut peers: Vec<TcpStream> = (0..3).map(|_| world.connect()).collect();
    world.until("refusal", |world| (world.counters.connections_refused_total == 1).then_some(()));
    assert_eq!(world.streams.len(), 2);
    assert!(reads_end(&mut peers[2]));
    drop(peers.remove(0));
    world.closed();
    peers.push(world.connect());
    world.until("accept", |world| (world.counters.connections_accepted_total == 3).then_some(()));
}

#[test]
fn connection_is_opened_once_and_reused() {
    let mut world = World::new(&net_config());
    let callee = TcpListener::bind("127.0.0.1:0").unwrap();
    let flow = new_flow(callee.local_addr().unwrap());
    world.send(flow, b"INVITE");
    world.send(flow, b" again");
    let (mut accepted, _) = callee.accept().unwrap();
    world.until("connect", |world| (world.counters.tcp_sent_total == 2).then_some(()));
    world.turn();
    let mut buf = [0; 12];
    accepted.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"INVITE again");
    assert_eq!(world.counters.connections_opened_total, 1);
    drop(accepted);
    assert_eq!(world.closed().iter().filter(|closed| **closed == flow).count(), 1);
}

#[test]
fn refused_connection_fails_what_was_sent() {
    let mut world = World::new(&net_config());
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.send(new_flow(unused), b"INVITE");
    world.until("failure", |world| {
        world
            .seen
            .iter()
            .find(|event| matches!(event, StreamEvent::SendFailed(flow) if flow.remote == unused))?;
        Some(())
    });
    assert_eq!(world.streams.len(), 0);
}

#[test]
fn framing_fault_lets_the_last_answer_out_before_the_end() {
    let mut world = World::new(&net_config());
    let mut peer = world.connect();
    peer.write_all(b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\nOPTIONS").unwrap();
    let flow = world.until("fault", |world| match world.seen.first() {
        Some(StreamEvent::Fault(flow, _, _)) => Some(*flow),
        _ => None,
    });
    world.send(flow, b"SIP/2.0 400 Bad\r\n\r\n");
    world.streams.close(world.now, &world.poller, flow);
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "SIP/2.0 400 Bad\r\n\r\n");
    world.pass(Duration::from_secs(2));
    assert_eq!(world.closed(), [flow]);
}

#[test]
fn stale_connection_id_reaches_nobody() {
    let mut world = World::new(&net_config());
    let mut peer = world.connect();
    peer.write_all(MESSAGE.as_bytes()).unwrap();
    let (flow, _) = world.message();
    drop(peer);
    world.closed();
    let _other = world.connect();
    world.until("accept", |world| (world.streams.len() == 1).then_some(()));
    world.send(flow, b"late");
    assert!(matches!(world.seen.last(), Some(StreamEvent::SendFailed(failed)) if *failed == flow));
}

/// Alone in its process: it takes the descriptors away from everybody. `cargo test` runs it in a child.
#[test]
fn lack_of_descriptors_pauses_accepting() {
    const CHILD: &str = "PBX_NET_WITHOUT_DESCRIPTORS";
    if std::env::var_os(CHILD).is_none() {
        let name = "streams_test::lack_of_descriptors_pauses_accepting";
        let exe = std::env::current_exe().unwrap();
        let child = std::process::Command::new(exe).args(["--exact", name]).env(CHILD, "1").output().unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    let mut world = World::new(&net_config());
    let _first = world.connect();
    world.until("accept", |world| (world.streams.len() == 1).then_some(()));
    let _waiting = world.connect();
    let limits = getrlimit(Resource::Nofile);
    let none = Rlimit { current: Some(0), ..limits };
    setrlimit(Resource::Nofile, none).unwrap();
    world.until("pause", |world| (world.counters.accept_paused_total == 1).then_some(()));
    for _ in 0..50 {
        world.turn();
    }
    assert_eq!(world.counters.accept_paused_total, 1, "accepting spins");
    setrlimit(Resource::Nofile, limits).unwrap();
    world.pass(Duration::from_millis(101));
    world.until("accept", |world| (world.streams.len() == 2).then_some(()));
}
