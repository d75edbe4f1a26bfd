//! One stream connection.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pbx_sip::{Fault, Flow, Frame, Limits, Message, StreamFramer};
use socket2::SockRef;

use crate::poller::Interest;
use crate::write_queue::WriteQueue;

/// A peer that was told goodbye has this long to close its side, so that our last response reaches it.
const LINGER: Duration = Duration::from_secs(1);

/// How long each phase may last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) connect: Duration,
    pub(crate) idle: Duration,
    pub(crate) partial: Duration,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The peer has not accepted yet; messages are queued.
    Connecting,
    /// Messages flow both ways.
    Open,
    /// Nothing more is read as messages; what is queued still leaves.
    Closing,
    /// Our side is shut; the peer's octets are thrown away until it closes too.
    Lingering,
}

/// Why a connection ends on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Connect,
    Idle,
    Partial,
    Linger,
}

/// What one read brought.
#[derive(Debug)]
pub(crate) enum Received {
    /// Octets for the framer, or nothing new.
    Some,
    /// The peer closed, or the connection broke.
    End,
}

#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    framer: StreamFramer,
    queue: WriteQueue,
    pub(crate) flow: Flow,
    pub(crate) phase: Phase,
    /// Whom an accepted connection counts against.
    pub(crate) source: Option<IpAddr>,
    /// Messages were sent with `Flow::NEW`, so their senders know the connection by that name only.
    pub(crate) has_new_flow: bool,
    pub(crate) interest: Interest,
    /// The earliest timer entry that still counts.
    pub(crate) armed_at: Instant,
    phase_at: Instant,
    active_at: Instant,
    partial_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn accepted(
        now: Instant,
        socket: TcpStream,
        flow: Flow,
        source: IpAddr,
        limits: &Limits,
    ) -> Self {
        Self::new(now, socket, flow, Phase::Open, Some(source), limits)
    }

    pub(crate) fn connecting(now: Instant, socket: TcpStream, flow: Flow, limits: &Limits) -> Self {
        Self::new(now, socket, flow, Phase::Connecting, None, limits)
    }

    fn new(
        now: Instant,
        socket: TcpStream,
        flow: Flow,
        phase: Phase,
        source: Option<IpAddr>,
        limits: &Limits,
    ) -> Self {
        Self {
            socket,
            framer: StreamFramer::new(*limits),
            queue: WriteQueue::default(),
            flow,
            phase,
            source,
            has_new_flow: phase == Phase::Connecting,
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
            Phase::Open if pending => Interest::BOTH,
            Phase::Open | Phase::Lingering => Interest::READ,
            Phase::Closing => Interest::WRITE,
        }
    }

    /// The connect attempt is over; whether the peer accepted.
    pub(crate) fn complete_connect(&mut self, now: Instant) -> bool {
        let is_up = matches!(self.socket.take_error(), Ok(None)) && self.socket.peer_addr().is_ok();
        if is_up {
            self.phase = Phase::Open;
            self.phase_at = now;
            self.active_at = now;
        }
        is_up
    }

    /// Reads once. The framer then has frames to take.
    pub(crate) fn read(&mut self, now: Instant, buf: &mut [u8]) -> Received {
        match self.socket.read(buf) {
            Ok(0) => Received::End,
            Ok(len) => {
                if self.phase == Phase::Open {
                    self.active_at = now;
                    self.framer.push(&buf[..len]);
                }
                Received::Some
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Received::Some
            }
            Err(_) => Received::End,
        }
    }

    /// After a framing fault: the request at fault, if it can be answered.
    pub(crate) fn take_refused(&mut self) -> Option<Box<Message>> {
        self.framer.take_refused()
    }

    /// Takes the next whole frame. Notes when a started message began to wait for its rest.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<Result<Frame, Fault>> {
        if self.phase != Phase::Open {
            return None;
        }
        let frame = self.framer.next_frame();
        match &frame {
            Some(_) => self.partial_at = None,
            None if !self.framer.has_partial() => self.partial_at = None,
            None => {
                self.partial_at.get_or_insert(now);
            }
        }
        frame
    }

    /// Queues a message and writes what the peer takes. `false`: the connection broke.
    pub(crate) fn send(&mut self, now: Instant, bytes: Bytes) -> bool {
        self.active_at = now;
        let is_behind = !self.queue.is_empty();
        self.queue.push(bytes);
        is_behind || self.phase != Phase::Open || self.queue.flush(&mut self.socket).is_ok()
    }

    /// Writes what waits. `false`: the connection broke, or nothing is left to do on a closing one.
    pub(crate) fn flush(&mut self, now: Instant) -> bool {
        if self.queue.flush(&mut self.socket).is_err() {
            return false;
        }
        if self.phase == Phase::Closing && self.queue.is_empty() {
            self.phase = Phase::Lingering;
            self.phase_at = now;
            return self.socket.shutdown(Shutdown::Write).is_ok();
        }
        true
    }

    /// Says goodbye after what is queued. `false`: it may be dropped at once.
    pub(crate) fn close(&mut self, now: Instant) -> bool {
        match self.phase {
            Phase::Connecting => false,
            Phase::Open => {
                self.phase = Phase::Closing;
                self.phase_at = now;
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
        self.queue.octets()
    }

    /// When the connection ends if nothing happens.
    pub(crate) fn deadline(&self, deadlines: &Deadlines) -> (Instant, Expiry) {
        match self.phase {
            Phase::Connecting => (self.phase_at + deadlines.connect, Expiry::Connect),
            Phase::Closing | Phase::Lingering => (self.phase_at + LINGER, Expiry::Linger),
            Phase::Open => {
                let idle = (self.active_at + deadlines.idle, Expiry::Idle);
                match self.partial_at.map(|at| (at + deadlines.partial, Expiry::Partial)) {
                    Some(partial) if partial.0 <= idle.0 => partial,
                    _ => idle,
                }
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
