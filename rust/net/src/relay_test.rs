//! A media worker between two real sockets.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pbx_media::relay::{
    LegPorts, MediaCommand, MediaEvent, OpenError, PayloadTypes, Remote, SessionId, Side, StreamStats,
};
use pbx_media::sdp::Direction;

use crate::media_link::MediaLink;
use crate::own_sockets::OwnSockets;
use crate::relay_counters::MediaCounters;
use crate::relay_worker::{RelayWorker, WorkerPort};
use crate::test_support::wait_for;

const SESSION: SessionId = SessionId(7);

struct Relay {
    link: MediaLink,
    port: Arc<WorkerPort>,
    events: VecDeque<MediaEvent>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    fn start() -> Self {
        let port = Arc::new(WorkerPort::new(8, 8, 1).unwrap());
        let own = Arc::new(OwnSockets::new(vec![loopback()]));
        let worker = RelayWorker::new(Arc::clone(&port), Arc::clone(&own)).unwrap();
        let thread = Some(thread::spawn(move || worker.run()));
        Self {
            link: MediaLink::new(0, vec![Arc::clone(&port)], own, Arc::default()),
            port,
            events: VecDeque::new(),
            thread,
        }
    }

    fn open(&mut self, caller: &[u16], callee: &[u16]) -> Result<(), OpenError> {
        let legs = [caller, callee].map(|rtp| LegPorts { bind: loopback(), rtp: rtp.to_vec() });
        let command = MediaCommand::Open { session: SESSION, legs };
        match self.link.handle_command(Instant::now(), command) {
            Some(MediaEvent::Opened { session: SESSION, result }) => result,
            other => panic!("{other:?}"),
        }
    }

    fn describe(&mut self, side: Side, rtp: SocketAddr) {
        let remote = Remote {
            rtp: Some(rtp),
            rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
            rtcp_mux: false,
            signalling: loopback(),
            direction: Direction::SendRecv,
            payload_types: PayloadTypes::from_iter([0]),
            ssrcs: Vec::new(),
            latching: true,
            probation: 6,
            behind_proxy: false,
            is_secure: false,
        };
        let command = MediaCommand::Describe { session: SESSION, side, line: 0, remote };
        assert!(self.link.handle_command(Instant::now(), command).is_none());
    }

    fn close(&mut self) {
        self.link.handle_command(Instant::now(), MediaCommand::Close { session: SESSION });
    }

    fn counters(&self) -> MediaCounters {
        let mut sum = MediaCounters::default();
        self.port.counters.add_to(&mut sum);
        sum
    }

    fn event(&mut self) -> MediaEvent {
        wait_for("event", || {
            if self.events.is_empty() {
                self.port.events[0].drain(&mut self.events);
            }
            self.events.pop_front()
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.port.stop();
        let stopped = self.thread.take().map(JoinHandle::join);
        assert!(matches!(stopped, Some(Ok(()))), "the worker panicked");
    }
}

fn loopback() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::new(loopback(), port)
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind(address(0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

/// Even ports below those the kernel gives out by itself, each with its odd neighbour free.
fn free_pairs<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 1000) as u16 * 10;
    let mut pairs = std::iter::repeat_with(|| start + 2 * NEXT.fetch_add(1, Ordering::Relaxed))
        .filter(|port| [*port, port + 1].iter().all(|port| UdpSocket::bind(address(*port)).is_ok()));
    std::array::from_fn(|_| pairs.next().unwrap())
}

fn rtp(seq: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([seq as u8; 160]);
    packet
}

fn received(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buf = [0; 2048];
    let (len, from) = socket.recv_from(&mut buf).unwrap();
    (buf[..len].to_vec(), from)
}

#[test]
fn packets_cross_unchanged_both_ways_and_latch() {
    let mut relay = Relay::start();
    let (alice, bob) = (phone(), phone());
    let [a, b] = free_pairs();
    relay.open(&[a], &[b]).unwrap();
    relay.describe(Side::Caller, alice.local_addr().unwrap());
    relay.describe(Side::Callee, bob.local_addr().unwrap());
    for seq in 0..10 {
        let (up, down) = (rtp(seq, 0xA), rtp(seq, 0xB));
        alice.send_to(&up, address(a)).unwrap();
        assert_eq!(received(&bob), (up, address(b)));
        bob.send_to(&down, address(b)).unwrap();
        assert_eq!(received(&alice), (down, address(a)));
    }
    for _ in 0..2 {
        assert!(matches!(relay.event(), MediaEvent::Latched { session: SESSION, .. }));
    }
    wait_for("twenty packets", || (relay.counters().packets_total == 20).then_some(()));
    assert_eq!(relay.counters().octets_total, 20 * 172);
    relay.close();
    let MediaEvent::Closed { session: SESSION, stats } = relay.event() else { panic!("not closed") };
    let packets = |stream: &StreamStats| stream.counters.packets_total;
    assert_eq!(stats.streams.iter().map(packets).collect::<Vec<_>>(), [10, 10]);
}

#[test]
fn source_other_than_described_is_learnt() {
    let mut relay = Relay::start();
    let (alice, bob) = (phone(), phone());
    let [a, b] = free_pairs();
    relay.open(&[a], &[b]).unwrap();
    // Behind NAT the description names an address nobody listens on.
    let [private] = free_pairs();
    relay.describe(Side::Caller, address(private));
    relay.describe(Side::Callee, bob.local_addr().unwrap());
    for seq in 0..8 {
        alice.send_to(&rtp(seq, 0xA), address(a)).unwrap();
        received(&bob);
    }
    let MediaEvent::Latched { latched, .. } = relay.event() else { panic!("not latched") };
    assert_eq!(latched.addr, alice.local_addr().unwrap());
    let down = rtp(1, 0xB);
    bob.send_to(&down, address(b)).unwrap();
    assert_eq!(received(&alice).0, down);
}

#[test]
fn ports_are_free_when_closed_is_told() {
    let mut relay = Relay::start();
    let [a, b] = free_pairs();
    relay.open(&[a], &[b]).unwrap();
    wait_for("sockets", || (relay.counters().sockets == 4).then_some(()));
    assert!(UdpSocket::bind(address(a)).is_err());
    relay.close();
    assert!(matches!(relay.event(), MediaEvent::Closed { session: SESSION, .. }));
    for port in [a, a + 1, b, b + 1] {
        UdpSocket::bind(address(port)).unwrap();
    }
    wait_for("gauges", || (relay.counters().sockets == 0 && relay.counters().sessions == 0).then_some(()));
}

#[test]
fn taken_port_is_named_and_nothing_stays_bound() {
    let mut relay = Relay::start();
    let [a, b] = free_pairs();
    let _taken = UdpSocket::bind(address(b + 1)).unwrap();
    let error = relay.open(&[a], &[b]).unwrap_err();
    assert_eq!(error, OpenError { side: Side::Callee, port: b, is_busy: true });
    UdpSocket::bind(address(a)).unwrap();
    UdpSocket::bind(address(b)).unwrap();
}

#[test]
fn later_lines_are_bound_beside_the_first() {
    let mut relay = Relay::start();
    let [a, b, video_a, video_b] = free_pairs();
    relay.open(&[a], &[b]).unwrap();
    relay.open(&[a, video_a], &[b, video_b]).unwrap();
    wait_for("sockets", || (relay.counters().sockets == 8).then_some(()));
    relay.close();
    assert!(matches!(relay.event(), MediaEvent::Closed { .. }));
    wait_for("gauges", || (relay.counters().sockets == 0).then_some(()));
}

#[test]
fn media_is_never_sent_to_ourselves() {
    let mut relay = Relay::start();
    let alice = phone();
    let [a, b] = free_pairs();
    relay.open(&[a], &[b]).unwrap();
    relay.describe(Side::Caller, alice.local_addr().unwrap());
    relay.describe(Side::Callee, address(a));
    for seq in 0..10 {
        alice.send_to(&rtp(seq, 0xA), address(a)).unwrap();
    }
    wait_for("drops", || {
        let dropped: u64 = relay.counters().dropped_total.iter().map(|(_, count)| count).sum();
        (dropped == 10).then_some(())
    });
    assert_eq!(relay.counters().packets_total, 0);
}

#[test]
fn full_command_queue_delays_but_loses_nothing() {
    let port = Arc::new(WorkerPort::new(2, 64, 1).unwrap());
    let own = Arc::new(OwnSockets::new(vec![loopback()]));
    let mut link = MediaLink::new(0, vec![Arc::clone(&port)], Arc::clone(&own), Arc::default());
    let now = Instant::now();
    for session in 0..20 {
        link.handle_command(now, MediaCommand::Close { session: SessionId(session) });
    }
    assert!(link.flush(now).is_some());
    let worker = RelayWorker::new(Arc::clone(&port), own).unwrap();
    let thread = thread::spawn(move || worker.run());
    let mut closed = VecDeque::new();
    let mut total = 0;
    wait_for("every command", || {
        link.flush(Instant::now());
        port.events[0].drain(&mut closed);
        total += closed.drain(..).count();
        (total == 20).then_some(())
    });
    port.stop();
    thread.join().unwrap();
}

#[test]
fn stuck_worker_gets_no_new_session() {
    let port = Arc::new(WorkerPort::new(1, 1, 1).unwrap());
    let own = Arc::new(OwnSockets::new(vec![loopback()]));
    let mut link = MediaLink::new(0, vec![port], own, Arc::default());
    let now = Instant::now();
    for session in 0..3 {
        link.handle_command(now, MediaCommand::Close { session: SessionId(session) });
    }
    let [a, b] = free_pairs();
    let legs = [a, b].map(|port| LegPorts { bind: loopback(), rtp: vec![port] });
    let open = MediaCommand::Open { session: SESSION, legs };
    let answer = |event| matches!(event, Some(MediaEvent::Opened { result: Ok(()), .. }));
    assert!(answer(link.handle_command(now + Duration::from_secs(4), open.clone())));
    link.handle_command(now, MediaCommand::Close { session: SESSION });
    let [a, b] = free_pairs();
    let legs = [a, b].map(|port| LegPorts { bind: loopback(), rtp: vec![port] });
    let open = MediaCommand::Open { session: SessionId(8), legs };
    assert!(!answer(link.handle_command(now + Duration::from_secs(6), open)));
}
