//! One stream connection: a socket, the octet layer on it (plain or TLS), and the framing on that (SIP stream or
//! WebSocket).

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pbx_sip::{Flow, Transport};
use socket2::SockRef;

use crate::framing::{Framing, Piece};
use crate::octets::Octets;
use crate::outgoing::Peer;
use crate::poller::Interest;
use crate::write_queue::WriteQueue;

/// A peer that was told goodbye has this long to close its side, so that our last response reaches it.
const LINGER: Duration = Duration::from_secs(1);

/// How long each phase may last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) connect: Duration,
    /// TLS and the WebSocket upgrade together.
    pub(crate) handshake: Duration,
    pub(crate) idle: Duration,
    pub(crate) partial: Duration,
    /// Between two pings of a WebSocket.
    pub(crate) ping: Duration,
    /// Since the last pong of one.
    pub(crate) pong: Duration,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The peer has not accepted yet; messages wait.
    Connecting,
    /// TLS or WebSocket are being agreed on; messages wait.
    Handshaking,
    /// Messages flow both ways.
    Open,
    /// Nothing more is read as messages; what is queued still leaves.
    Closing,
    /// Our side is shut; the peer's octets are thrown away until it closes too.
    Lingering,
}

/// Why a connection ends on its own, or must do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Connect,
    Handshake,
    Idle,
    Partial,
    Linger,
    /// A ping is due.
    Ping,
    /// No pong came.
    Silent,
}

/// What one read brought.
#[derive(Debug)]
pub(crate) enum Received {
    /// Octets for the framing, or nothing new.
    Some,
    /// The peer closed, or the connection broke.
    End,
    /// TLS cannot go on.
    Broken(rustls::Error),
}

/// What a connection is made of.
pub(crate) struct Layers {
    pub(crate) socket: TcpStream,
    pub(crate) octets: Octets,
    pub(crate) framing: Framing,
}

#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    octets: Octets,
    framing: Framing,
    queue: WriteQueue,
    /// Messages until the connection is open.
    waiting: WriteQueue,
    pub(crate) flow: Flow,
    pub(crate) phase: Phase,
    /// Whom an accepted connection counts against.
    pub(crate) source: Option<IpAddr>,
    /// The flow by which senders know the connection that asked for one.
    pub(crate) asked: Option<Flow>,
    /// The peer it leads to, if others may use it too.
    pub(crate) peer: Option<Peer>,
    pub(crate) interest: Interest,
    /// The earliest timer entry that still counts.
    pub(crate) armed_at: Instant,
    phase_at: Instant,
    active_at: Instant,
    partial_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn accepted(now: Instant, layers: Layers, flow: Flow, source: IpAddr) -> Self {
        let mut connection = Self::new(now, layers, flow, Phase::Handshaking);
        connection.source = Some(source);
        connection.open_if_ready(now);
        connection
    }

    pub(crate) fn connecting(now: Instant, layers: Layers, flow: Flow, asked: Flow) -> Self {
        let mut connection = Self::new(now, layers, flow, Phase::Connecting);
        connection.asked = Some(asked);
        connection
    }

    fn new(now: Instant, layers: Layers, flow: Flow, phase: Phase) -> Self {
        let Layers { socket, octets, framing } = layers;
        Self {
            socket,
            octets,
            framing,
            queue: WriteQueue::default(),
            waiting: WriteQueue::default(),
            flow,
            phase,
            source: None,
            asked: None,
            peer: None,
            interest: Interest::NONE,
            armed_at: now,
            phase_at: now,
            active_at: now,
            partial_at: None,
        }
    }

    /// Small messages leave at once, and a peer that vanished is noticed.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        self.socket.set_nodelay(true)?;
        SockRef::from(&self.socket).set_keepalive(true)
    }

    /// What readiness to wait for in the present state.
    pub(crate) fn wanted(&self) -> Interest {
        let pending = !self.queue.is_empty();
        match self.phase {
            Phase::Connecting => Interest::WRITE,
            Phase::Handshaking | Phase::Open if pending => Interest::BOTH,
            Phase::Handshaking | Phase::Open | Phase::Lingering => Interest::READ,
            Phase::Closing => Interest::WRITE,
        }
    }

    /// Whether the next octets may cost a signature.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.phase == Phase::Handshaking
    }

    /// Whether TLS is agreed on.
    pub(crate) fn has_tls(&self) -> bool {
        self.octets.is_tls() && self.octets.is_open()
    }

    /// Whether TLS was begun and is not agreed on.
    pub(crate) fn lacks_tls(&self) -> bool {
        self.octets.is_tls() && !self.octets.is_open()
    }

    /// The connect attempt is over; whether the peer accepted.
    pub(crate) fn complete_connect(&mut self, now: Instant) -> bool {
        let is_up = matches!(self.socket.take_error(), Ok(None)) && self.socket.peer_addr().is_ok();
        if is_up {
            self.enter(now, Phase::Handshaking);
            self.octets.begin(&mut self.queue);
            self.open_if_ready(now);
        }
        is_up
    }

    /// Reads once. What comes of it is appended to `pieces`.
    pub(crate) fn read(&mut self, now: Instant, buf: &mut [u8], pieces: &mut VecDeque<Piece>) -> Received {
        let octets = match self.socket.read(buf) {
            Ok(0) => return Received::End,
            Ok(length) => &buf[..length],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Received::Some;
            }
            Err(_) => return Received::End,
        };
        self.handle(now, octets, pieces)
    }

    /// Takes octets that were read. What comes of them is appended to `pieces`.
    pub(crate) fn handle(&mut self, now: Instant, octets: &[u8], pieces: &mut VecDeque<Piece>) -> Received {
        if !matches!(self.phase, Phase::Handshaking | Phase::Open) {
            return Received::Some;
        }
        let framing = &mut self.framing;
        let result = self.octets.handle(octets, &mut self.queue, |plain| framing.handle(now, plain, pieces));
        self.note_progress(now, !pieces.is_empty());
        match result {
            Ok(true) => Received::Some,
            Ok(false) => Received::End,
            Err(error) => Received::Broken(error),
        }
    }

    /// Notes when a started message began to wait for its rest.
    fn note_progress(&mut self, now: Instant, has_pieces: bool) {
        if has_pieces {
            self.active_at = now;
            self.partial_at = None;
        }
        if !self.framing.has_partial() {
            self.partial_at = None;
        } else if self.partial_at.is_none() {
            self.partial_at = Some(now);
        }
        if self.flow.transport == Transport::Ws && self.octets.is_tls() {
            self.flow.transport = Transport::Wss;
        }
        self.open_if_ready(now);
    }

    fn open_if_ready(&mut self, now: Instant) {
        if self.phase == Phase::Handshaking && self.octets.is_open() && self.framing.is_open() {
            self.enter(now, Phase::Open);
            while let Some(message) = self.waiting.pop() {
                self.put(message);
            }
        }
    }

    /// Queues a message and writes what the peer takes. `false`: the connection broke.
    pub(crate) fn send(&mut self, now: Instant, message: Bytes) -> bool {
        self.active_at = now;
        if matches!(self.phase, Phase::Connecting | Phase::Handshaking) {
            self.waiting.push(message);
            return true;
        }
        let is_behind = !self.queue.is_empty();
        self.put(message);
        is_behind || self.queue.flush(&mut self.socket).is_ok()
    }

    /// Queues octets that are framed already.
    pub(crate) fn reply(&mut self, octets: Bytes) {
        self.octets.write(octets, &mut self.queue);
    }

    /// Queues what keeps a WebSocket alive.
    pub(crate) fn ping(&mut self, now: Instant) {
        if let Some(socket) = self.framing.as_web_socket() {
            let ping = socket.ping(now);
            self.reply(ping);
        }
    }

    fn put(&mut self, message: Bytes) {
        let octets = self.framing.write(message);
        self.octets.write(octets, &mut self.queue);
    }

    /// Writes what waits. `false`: the connection broke, or nothing is left to do on a closing one.
    pub(crate) fn flush(&mut self, now: Instant) -> bool {
        if self.queue.flush(&mut self.socket).is_err() {
            return false;
        }
        if self.phase == Phase::Closing && self.queue.is_empty() {
            self.enter(now, Phase::Lingering);
            return self.socket.shutdown(Shutdown::Write).is_ok();
        }
        true
    }

    /// Says goodbye after what is queued. `false`: it may be dropped at once.
    pub(crate) fn close(&mut self, now: Instant) -> bool {
        match self.phase {
            Phase::Connecting => false,
            Phase::Handshaking | Phase::Open => {
                if let Some(farewell) = self.framing.close() {
                    self.reply(farewell);
                }
                self.octets.close(&mut self.queue);
                self.enter(now, Phase::Closing);
                self.flush(now)
            }
            Phase::Closing | Phase::Lingering => true,
        }
    }

    /// Something lives on the flow: another idle period begins.
    pub(crate) fn extend_idle(&mut self, now: Instant) {
        self.active_at = now;
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.octets() + self.waiting.octets()
    }

    /// When the connection ends, or must act, if nothing happens.
    pub(crate) fn deadline(&self, deadlines: &Deadlines) -> (Instant, Expiry) {
        match self.phase {
            Phase::Connecting => (self.phase_at + deadlines.connect, Expiry::Connect),
            Phase::Handshaking => (self.phase_at + deadlines.handshake, Expiry::Handshake),
            Phase::Closing | Phase::Lingering => (self.phase_at + LINGER, Expiry::Linger),
            Phase::Open => {
                let socket = self.framing.web_socket();
                let candidates = [
                    Some((self.active_at + deadlines.idle, Expiry::Idle)),
                    self.partial_at.map(|at| (at + deadlines.partial, Expiry::Partial)),
                    socket.map(|socket| (socket.heard_at + deadlines.pong, Expiry::Silent)),
                    socket.map(|socket| (socket.pinged_at + deadlines.ping, Expiry::Ping)),
                ];
                let idle = (self.active_at + deadlines.idle, Expiry::Idle);
                candidates.into_iter().flatten().min_by_key(|(at, _)| *at).unwrap_or(idle)
            }
        }
    }

    fn enter(&mut self, now: Instant, phase: Phase) {
        self.phase = phase;
        self.phase_at = now;
        if phase == Phase::Open {
            self.active_at = now;
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
