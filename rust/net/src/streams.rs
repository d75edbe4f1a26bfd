//! All stream connections and what happens to them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use bytes::Bytes;
use pbx_sip::timer::Timers;
use pbx_sip::{Fault, Flow, Frame, Limits, Message, Transport};
use slab::Slab;

use crate::acceptor::{Accepted, Acceptor};
use crate::bind;
use crate::config::NetConfig;
use crate::connection::{Connection, Deadlines, Expiry, Phase, Received};
use crate::counters::NetCounters;
use crate::poller::{Poller, Ready};
use crate::token::Token;

/// Connections taken from one listener in one turn.
const MAX_ACCEPTS: usize = 64;
/// Octets read from one connection in one turn.
const READ_SIZE: usize = 65_536;
/// An id is a place in the table and, above these bits, a count of how often places were given out.
const PLACE_BITS: u32 = 17;
const MAX_PLACES: usize = (1 << PLACE_BITS) - 1;

/// News for the switch.
#[derive(Debug)]
pub(crate) enum StreamEvent {
    /// A whole message.
    Message(Flow, Bytes),
    /// The stream is no longer framed; the request at fault comes along if it can be answered. The connection is
    /// closed after the switch has had its say.
    Fault(Flow, Fault, Option<Box<Message>>),
    /// The connection is gone.
    Closed(Flow),
    /// What was sent on this flow did not leave.
    SendFailed(Flow),
}

/// The table of connections and its listeners.
#[derive(Debug)]
pub(crate) struct Streams {
    acceptor: Acceptor,
    connections: Slab<Connection>,
    by_remote: HashMap<SocketAddr, u32>,
    timers: Timers<u32>,
    events: VecDeque<StreamEvent>,
    due: Vec<u32>,
    buf: Box<[u8]>,
    limits: Limits,
    deadlines: Deadlines,
    max_connections: usize,
    max_write_queue: usize,
    opened_total: u32,
}

impl Streams {
    /// Watches bound listeners.
    pub(crate) fn new(
        config: &NetConfig,
        limits: Limits,
        listeners: Vec<TcpListener>,
        poller: &Poller,
    ) -> io::Result<Self> {
        let acceptor = Acceptor::new(listeners, config.max_connections_per_source, poller)?;
        Ok(Self {
            acceptor,
            connections: Slab::new(),
            by_remote: HashMap::new(),
            timers: Timers::new(),
            events: VecDeque::new(),
            due: Vec::new(),
            buf: vec![0; READ_SIZE].into_boxed_slice(),
            limits,
            deadlines: Deadlines {
                connect: config.connect(),
                idle: config.idle(),
                partial: config.partial(),
            },
            max_connections: config.max_connections.min(MAX_PLACES),
            max_write_queue: config.max_write_queue,
            opened_total: 0,
        })
    }

    /// What happened since the last call. Drain until `None` after every `handle_*`, `send` and `close`.
    pub(crate) fn poll_event(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    /// Octets of one message on connections opened from now on.
    pub(crate) fn set_max_message(&mut self, max_message: usize) {
        self.limits.max_message = max_message;
    }

    /// Connections alive.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next_at(), self.acceptor.poll_timeout()].into_iter().flatten().min()
    }

    /// Takes waiting connections, up to a bound.
    pub(crate) fn handle_acceptable(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        listener: u32,
    ) {
        for _ in 0..MAX_ACCEPTS {
            match self.acceptor.accept(now, poller, listener) {
                Accepted::Peer(socket, remote) => self.admit(now, poller, counters, socket, remote),
                Accepted::Nobody => return,
                Accepted::Paused => {
                    counters.accept_paused_total += 1;
                    return;
                }
            }
        }
    }

    /// Reads, writes or ends one connection.
    pub(crate) fn handle_ready(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        (id, ready): (u32, Ready),
    ) {
        let Some(connection) = self.connection(id) else { return };
        if connection.phase == Phase::Connecting {
            if !connection.complete_connect(now) {
                return self.fail_connect(poller, counters, id);
            }
            if !connection.flush(now) {
                return self.remove(poller, id);
            }
        } else if ready.writable && !connection.flush(now) {
            return self.remove(poller, id);
        }
        if ready.readable {
            self.read(now, poller, counters, id);
        }
        self.settle(poller, id);
    }

    /// Sends on a connection, or on the one to the flow's remote address, opened when there is none.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        (flow, bytes): (Flow, Bytes),
    ) {
        let id = match flow.socket {
            Flow::NEW => self.reach(now, poller, counters, flow.remote),
            id => Some(id),
        };
        let max = self.max_write_queue;
        let Some((id, connection)) = id.and_then(|id| Some((id, self.connection(id)?))) else {
            return self.events.push_back(StreamEvent::SendFailed(flow));
        };
        if !matches!(connection.phase, Phase::Connecting | Phase::Open)
            || connection.flow.remote != flow.remote
        {
            return self.events.push_back(StreamEvent::SendFailed(flow));
        }
        connection.has_new_flow |= flow.socket == Flow::NEW;
        if connection.queued() + bytes.len() > max {
            counters.connections_closed_slow_total += 1;
            return self.remove(poller, id);
        }
        if connection.send(now, bytes) {
            counters.tcp_sent_total += 1;
            self.settle(poller, id);
        } else {
            self.remove(poller, id);
        }
    }

    /// Closes a connection after what is queued on it.
    pub(crate) fn close(&mut self, now: Instant, poller: &Poller, flow: Flow) {
        let id = flow.socket;
        let Some(connection) = self.connection(id) else { return };
        if connection.close(now) {
            self.settle(poller, id);
        } else {
            self.remove(poller, id);
        }
    }

    /// Ends what is overdue. `is_needed`: whether a binding or a dialog lives on an idle flow.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        mut is_needed: impl FnMut(Flow) -> bool,
    ) {
        self.acceptor.handle_timeout(now, poller);
        let mut due = std::mem::take(&mut self.due);
        self.timers.poll(now, &mut due);
        for id in due.drain(..) {
            self.expire(now, poller, counters, id, &mut is_needed);
        }
        self.due = due;
    }

    fn expire(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        id: u32,
        is_needed: &mut impl FnMut(Flow) -> bool,
    ) {
        let deadlines = self.deadlines;
        let Some(connection) = self.connection(id) else { return };
        if connection.armed_at > now {
            return;
        }
        let (at, expiry) = connection.deadline(&deadlines);
        if at <= now && expiry == Expiry::Idle && is_needed(connection.flow) {
            connection.extend_idle(now);
        } else if at <= now {
            return self.end(poller, counters, id, expiry);
        }
        let at = connection.deadline(&deadlines).0;
        connection.armed_at = at;
        self.timers.arm(at, id);
    }

    fn end(&mut self, poller: &Poller, counters: &mut NetCounters, id: u32, expiry: Expiry) {
        match expiry {
            Expiry::Connect => return self.fail_connect(poller, counters, id),
            Expiry::Idle => counters.connections_closed_idle_total += 1,
            Expiry::Partial => counters.connections_closed_partial_total += 1,
            Expiry::Linger => {}
        }
        self.remove(poller, id);
    }

    fn admit(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        socket: TcpStream,
        remote: SocketAddr,
    ) {
        let is_full = self.connections.len() >= self.max_connections;
        let Some(source) = Some(remote).filter(|_| !is_full).and_then(|remote| self.acceptor.claim(remote))
        else {
            counters.connections_refused_total += 1;
            return;
        };
        let flow = self.next_flow(remote);
        let connection = Connection::accepted(now, socket, flow, source, &self.limits);
        if self.insert(poller, connection) {
            counters.connections_accepted_total += 1;
        } else {
            self.acceptor.release(source);
        }
    }

    /// The connection to `remote`, opened when there is none.
    fn reach(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        remote: SocketAddr,
    ) -> Option<u32> {
        if let Some(&id) = self.by_remote.get(&remote) {
            return Some(id);
        }
        if self.connections.len() >= self.max_connections {
            counters.connections_refused_total += 1;
            return None;
        }
        let socket: Option<TcpStream> = bind::connecting(remote).map(Into::into).ok();
        let Some(socket) = socket else {
            counters.connects_failed_total += 1;
            return None;
        };
        let flow = self.next_flow(remote);
        counters.connections_opened_total += 1;
        self.insert(poller, Connection::connecting(now, socket, flow, &self.limits)).then_some(flow.socket)
    }

    fn read(&mut self, now: Instant, poller: &Poller, counters: &mut NetCounters, id: u32) {
        let place = place(id);
        let Some(connection) = self.connections.get_mut(place) else { return };
        let received = connection.read(now, &mut self.buf);
        let flow = connection.flow;
        while let Some(frame) = connection.next_frame(now) {
            match frame {
                Ok(Frame::Message(bytes)) => {
                    counters.tcp_received_total += 1;
                    self.events.push_back(StreamEvent::Message(flow, bytes));
                }
                // RFC 5626 §4.4.1: a double CRLF is answered by one.
                Ok(Frame::Ping) => {
                    if connection.queued() < self.max_write_queue {
                        connection.send(now, Bytes::from_static(b"\r\n"));
                    }
                }
                Ok(Frame::Pong) => {}
                Err(fault) => {
                    counters.connections_closed_fault_total += 1;
                    let refused = connection.take_refused();
                    self.events.push_back(StreamEvent::Fault(flow, fault, refused));
                    break;
                }
            }
        }
        if matches!(received, Received::End) {
            self.remove(poller, id);
        }
    }

    /// Waits for what the connection needs now, and arms its timer when its deadline moved forward.
    fn settle(&mut self, poller: &Poller, id: u32) {
        let Some(connection) = self.connections.get_mut(place(id)).filter(|it| it.flow.socket == id) else {
            return;
        };
        let wanted = connection.wanted();
        if wanted != connection.interest {
            connection.interest = wanted;
            let _ = poller.modify(&*connection, Token::Stream(id).encode(), wanted);
        }
        let (at, _) = connection.deadline(&self.deadlines);
        if at < connection.armed_at {
            connection.armed_at = at;
            self.timers.arm(at, id);
        }
    }

    fn insert(&mut self, poller: &Poller, mut connection: Connection) -> bool {
        let id = connection.flow.socket;
        connection.interest = connection.wanted();
        let token = Token::Stream(id).encode();
        if connection.prepare().is_err() || poller.add(&connection, token, connection.interest).is_err() {
            return false;
        }
        connection.armed_at = connection.deadline(&self.deadlines).0;
        self.timers.arm(connection.armed_at, id);
        self.by_remote.insert(connection.flow.remote, id);
        self.connections.insert(connection);
        true
    }

    fn fail_connect(&mut self, poller: &Poller, counters: &mut NetCounters, id: u32) {
        counters.connects_failed_total += 1;
        if let Some(connection) = self.connection(id) {
            let flow = Flow { socket: Flow::NEW, ..connection.flow };
            self.events.push_back(StreamEvent::SendFailed(flow));
        }
        self.remove(poller, id);
    }

    fn remove(&mut self, poller: &Poller, id: u32) {
        if self.connection(id).is_none() {
            return;
        }
        // Closing the only descriptor also ends its registration with epoll.
        let connection = self.connections.remove(place(id));
        let flow = connection.flow;
        if self.by_remote.get(&flow.remote) == Some(&id) {
            self.by_remote.remove(&flow.remote);
        }
        if let Some(source) = connection.source {
            self.acceptor.release(source);
        }
        self.events.push_back(StreamEvent::Closed(flow));
        if connection.has_new_flow {
            self.events.push_back(StreamEvent::Closed(Flow { socket: Flow::NEW, ..flow }));
        }
        self.acceptor.resume(poller);
    }

    fn next_flow(&mut self, remote: SocketAddr) -> Flow {
        let place = self.connections.vacant_key() as u32;
        self.opened_total = self.opened_total.wrapping_add(1);
        Flow { transport: Transport::Tcp, socket: (self.opened_total << PLACE_BITS) | place, remote }
    }

    fn connection(&mut self, id: u32) -> Option<&mut Connection> {
        self.connections.get_mut(place(id)).filter(|connection| connection.flow.socket == id)
    }
}

fn place(id: u32) -> usize {
    id as usize & MAX_PLACES
}
