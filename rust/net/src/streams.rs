//! All stream connections and what happens to them. How they come is in `incoming`, how we make them in `outgoing`.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pbx_sip::timer::Timers;
use pbx_sip::{Fault, Flow, Limits, Message, Shard, Transport};
use pbx_switch::LogLine;
use slab::Slab;

use crate::acceptor::Acceptor;
use crate::config::NetConfig;
use crate::connection::{Connection, Deadlines, Expiry, Phase};
use crate::counters::NetCounters;
use crate::framing::Piece;
use crate::handover::Handover;
use crate::outgoing::Peer;
use crate::poller::{Interest, Poller, Ready};
use crate::sources::Sources;
use crate::tls::TlsContext;
use crate::token::Token;

/// Octets read from one connection in one turn.
const READ_SIZE: usize = 65_536;
/// Reads in one turn that may cost a signature: a millisecond each, and datagrams wait meanwhile.
const MAX_HANDSHAKES: usize = 8;
/// An id is a place in the table and, above these bits, a count of how often places were given out; on top of it all
/// stands the shard.
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
    /// A connection from there was not accepted: there are too many, in all or from the same source.
    Refused(SocketAddr),
    /// Something an operator wants to know.
    Log(LogLine),
}

/// The table of connections and its listeners.
#[derive(Debug)]
pub(crate) struct Streams {
    shard: Shard,
    pub(crate) acceptor: Acceptor,
    pub(crate) handover: Option<Handover>,
    /// What each listener speaks.
    pub(crate) transports: Vec<Transport>,
    pub(crate) tls: TlsContext,
    pub(crate) ws_path: Arc<str>,
    pub(crate) connections: Slab<Connection>,
    pub(crate) by_peer: HashMap<Peer, u32>,
    timers: Timers<u32>,
    pub(crate) events: VecDeque<StreamEvent>,
    pub(crate) pieces: VecDeque<Piece>,
    due: Vec<u32>,
    pub(crate) buf: Box<[u8]>,
    pub(crate) limits: Limits,
    deadlines: Deadlines,
    pub(crate) max_connections: usize,
    pub(crate) max_write_queue: usize,
    handshakes_left: usize,
    opened_total: u32,
}

impl Streams {
    /// Watches bound listeners of a shard.
    pub(crate) fn new(
        (shard, sources): (Shard, Arc<Sources>),
        config: &NetConfig,
        limits: Limits,
        listeners: Vec<(Transport, TcpListener)>,
        tls: TlsContext,
        poller: &Poller,
    ) -> io::Result<Self> {
        let (transports, listeners) = listeners.into_iter().unzip();
        let acceptor = Acceptor::new(listeners, sources, poller)?;
        Ok(Self {
            shard,
            acceptor,
            handover: None,
            transports,
            tls,
            ws_path: config.ws_path.as_str().into(),
            connections: Slab::new(),
            by_peer: HashMap::new(),
            timers: Timers::new(),
            events: VecDeque::new(),
            pieces: VecDeque::new(),
            due: Vec::new(),
            buf: vec![0; READ_SIZE].into_boxed_slice(),
            limits,
            deadlines: config.deadlines(),
            max_connections: config.max_connections.div_ceil(config.sip_worker_threads).min(MAX_PLACES),
            max_write_queue: config.max_write_queue,
            handshakes_left: MAX_HANDSHAKES,
            opened_total: 0,
        })
    }

    /// Takes connections of the HTTP server too.
    pub(crate) fn mount(&mut self, handover: Handover, poller: &Poller) -> rustix::io::Result<()> {
        poller.add(&handover, Token::Handover.encode(), Interest::READ)?;
        self.handover = Some(handover);
        Ok(())
    }

    /// What happened since the last call. Drain until `None` after every `handle_*`, `send` and `close`.
    pub(crate) fn poll_event(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    /// Octets of one message on connections opened from now on.
    pub(crate) fn set_max_message(&mut self, max_message: usize) {
        self.limits.max_message = max_message;
    }

    /// Reads certificates and authorities again; sessions keep what they began with.
    pub(crate) fn reload_tls(&mut self, now: Instant, config: &NetConfig) {
        let lines = self.tls.reload(now, config);
        // All shards read the same files; one speaks of it.
        if self.shard == Shard::FIRST {
            self.events.extend(lines.into_iter().map(StreamEvent::Log));
        }
    }

    /// Connections alive.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Connections by transport, and the seconds our certificate holds on.
    pub(crate) fn gauges(&self) -> Vec<(String, u64)> {
        let mut gauges = vec![("connections".to_owned(), self.len() as u64)];
        for transport in [Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss] {
            let of = self.connections.iter().filter(|(_, connection)| connection.flow.transport == transport);
            let name = transport.as_str().to_ascii_lowercase();
            gauges.push((format!("sip_connections{{{name}}}"), of.count() as u64));
        }
        gauges.extend(self.tls.expiry_secs().map(|secs| ("tls_cert_expiry_seconds".to_owned(), secs)));
        gauges
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next_at(), self.acceptor.poll_timeout(), self.tls.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// A new turn of the loop: handshakes may be served again.
    pub(crate) fn begin_turn(&mut self) {
        self.handshakes_left = MAX_HANDSHAKES;
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
        if ready.readable && self.may_read(id) {
            self.read(now, poller, counters, id);
        }
        self.settle(poller, id);
    }

    /// Handshakes beyond the bound wait for the next turn: readiness is level-triggered.
    fn may_read(&mut self, id: u32) -> bool {
        if !self.connection(id).is_some_and(|connection| connection.is_handshaking()) {
            return true;
        }
        let is_left = self.handshakes_left > 0;
        self.handshakes_left = self.handshakes_left.saturating_sub(1);
        is_left
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
        let line = self.tls.handle_timeout(now).filter(|_| self.shard == Shard::FIRST);
        self.events.extend(line.map(StreamEvent::Log));
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
        match connection.deadline(&deadlines) {
            (at, Expiry::Idle) if at <= now && is_needed(connection.flow) => connection.extend_idle(now),
            (at, Expiry::Ping) if at <= now => {
                connection.ping(now);
                if !connection.flush(now) {
                    return self.remove(poller, id);
                }
            }
            (at, expiry) if at <= now => return self.end(poller, counters, id, expiry),
            _ => {}
        }
        let at = connection.deadline(&deadlines).0;
        connection.armed_at = at;
        self.timers.arm(at, id);
        self.settle(poller, id);
    }

    fn end(&mut self, poller: &Poller, counters: &mut NetCounters, id: u32, expiry: Expiry) {
        match expiry {
            Expiry::Connect => return self.fail_connect(poller, counters, id),
            Expiry::Handshake => {
                counters.connections_closed_handshake_total += 1;
                let lacks_tls = self.connection(id).is_some_and(|connection| connection.lacks_tls());
                counters.tls_handshakes_overdue_total += u64::from(lacks_tls);
                return self.fail_connect(poller, counters, id);
            }
            Expiry::Idle => counters.connections_closed_idle_total += 1,
            Expiry::Partial => counters.connections_closed_partial_total += 1,
            Expiry::Silent => counters.connections_closed_silent_total += 1,
            Expiry::Linger | Expiry::Ping => {}
        }
        self.remove(poller, id);
    }

    /// Waits for what the connection needs now, and arms its timer when its deadline moved forward.
    pub(crate) fn settle(&mut self, poller: &Poller, id: u32) {
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

    pub(crate) fn insert(&mut self, poller: &Poller, mut connection: Connection) -> bool {
        let id = connection.flow.socket;
        connection.interest = connection.wanted();
        let token = Token::Stream(id).encode();
        if connection.prepare().is_err() || poller.add(&connection, token, connection.interest).is_err() {
            return false;
        }
        connection.armed_at = connection.deadline(&self.deadlines).0;
        self.timers.arm(connection.armed_at, id);
        self.connections.insert(connection);
        true
    }

    pub(crate) fn remove(&mut self, poller: &Poller, id: u32) {
        if self.connection(id).is_none() {
            return;
        }
        // Closing the only descriptor also ends its registration with epoll.
        let connection = self.connections.remove(place(id));
        if let Some(peer) = connection.peer.as_ref().filter(|peer| self.by_peer.get(peer) == Some(&id)) {
            self.by_peer.remove(peer);
        }
        if let Some(source) = connection.source {
            self.acceptor.release(source);
        }
        self.events.push_back(StreamEvent::Closed(connection.flow));
        self.events.extend(connection.asked.map(StreamEvent::Closed));
        self.acceptor.resume(poller);
    }

    pub(crate) fn next_flow(&mut self, transport: Transport, remote: SocketAddr) -> Flow {
        let place = self.connections.vacant_key() as u32;
        self.opened_total = self.opened_total.wrapping_add(1);
        let socket = self.shard.name((self.opened_total << PLACE_BITS) | place);
        Flow { transport, socket, remote }
    }

    pub(crate) fn connection(&mut self, id: u32) -> Option<&mut Connection> {
        self.connections.get_mut(place(id)).filter(|connection| connection.flow.socket == id)
    }
}

fn place(id: u32) -> usize {
    id as usize & MAX_PLACES
}
