//! Connections that come to us, and what is read from any.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use bytes::Bytes;
use pbx_sip::Transport;

use crate::acceptor::Accepted;
use crate::connection::{Connection, Layers, Received};
use crate::counters::NetCounters;
use crate::framing::{Framing, Piece};
use crate::handover::{Handed, Handover, Taken};
use crate::octets::Octets;
use crate::outgoing::Peer;
use crate::poller::Poller;
use crate::streams::{StreamEvent, Streams};

/// Connections taken from one listener in one turn.
const MAX_ACCEPTS: usize = 64;

impl Streams {
    /// Takes waiting connections, up to a bound.
    pub(crate) fn handle_acceptable(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        listener: u32,
    ) {
        let Some(&transport) = self.transports.get(listener as usize) else { return };
        for _ in 0..MAX_ACCEPTS {
            match self.acceptor.accept(now, poller, listener) {
                Accepted::Peer(socket, remote) => {
                    let layers = self.layers(now, socket, transport);
                    self.admit(now, poller, counters, layers, (transport, remote));
                }
                Accepted::Nobody => return,
                Accepted::Paused => {
                    counters.accept_paused_total += 1;
                    return;
                }
            }
        }
    }

    /// Takes connections of the HTTP server, up to a bound. What it has read of them comes along.
    pub(crate) fn handle_handover(&mut self, now: Instant, poller: &Poller, counters: &mut NetCounters) {
        for _ in 0..MAX_ACCEPTS {
            match self.handover.as_ref().map_or(Taken::Nothing, Handover::receive) {
                Taken::Connection(handed) => self.adopt(now, poller, counters, handed),
                Taken::Nonsense => counters.connections_refused_total += 1,
                Taken::Nothing => return,
                // Closing the descriptor also ends its registration with epoll.
                Taken::End => self.handover = None,
            }
        }
    }

    fn adopt(&mut self, now: Instant, poller: &Poller, counters: &mut NetCounters, handed: Handed) {
        let Handed { socket, remote, head } = handed;
        let framing = Framing::upgrade(now, self.ws_path.clone(), &self.limits);
        let layers = Layers { socket, octets: Octets::Plain, framing };
        let Some(id) = self.admit(now, poller, counters, Some(layers), (Transport::Ws, remote)) else {
            return;
        };
        let mut pieces = std::mem::take(&mut self.pieces);
        let Some(connection) = self.connection(id) else { return };
        let received = connection.handle(now, &head, &mut pieces);
        self.serve(now, poller, counters, id, (received, pieces));
        self.settle(poller, id);
    }

    fn admit(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        layers: Option<Layers>,
        (transport, remote): (Transport, SocketAddr),
    ) -> Option<u32> {
        let is_full = self.connections.len() >= self.max_connections;
        let layers = layers.filter(|_| !is_full);
        let Some((layers, source)) = layers.and_then(|layers| Some((layers, self.acceptor.claim(remote)?)))
        else {
            counters.connections_refused_total += 1;
            self.events.push_back(StreamEvent::Refused(remote));
            return None;
        };
        let flow = self.next_flow(transport, remote);
        let mut connection = Connection::accepted(now, layers, flow, source);
        // Over TCP the source address is the peer's, whatever its Via and Contact say (RFC 5923 §5); over TLS
        // it has not proved any name.
        connection.peer = (transport == Transport::Tcp).then_some(Peer { transport, remote, name: None });
        let peer = connection.peer.clone();
        if !self.insert(poller, connection) {
            self.acceptor.release(source);
            return None;
        }
        self.by_peer.extend(peer.map(|peer| (peer, flow.socket)));
        counters.connections_accepted_total += 1;
        Some(flow.socket)
    }

    fn layers(&self, now: Instant, socket: TcpStream, transport: Transport) -> Option<Layers> {
        let session = || self.tls.accept().map(Box::new);
        let (octets, framing) = match transport {
            Transport::Udp => return None,
            Transport::Tcp => (Octets::Plain, Framing::stream(self.limits)),
            Transport::Tls => (Octets::Tls(session()?), Framing::stream(self.limits)),
            Transport::Ws | Transport::Wss => (
                session().map_or(Octets::Plain, Octets::Undecided),
                Framing::upgrade(now, self.ws_path.clone(), &self.limits),
            ),
        };
        Some(Layers { socket, octets, framing })
    }

    pub(crate) fn read(&mut self, now: Instant, poller: &Poller, counters: &mut NetCounters, id: u32) {
        let (mut pieces, mut buf) = (std::mem::take(&mut self.pieces), std::mem::take(&mut self.buf));
        let mut received = Received::End;
        if let Some(connection) = self.connection(id) {
            let had_tls = connection.has_tls();
            received = connection.read(now, &mut buf, &mut pieces);
            counters.tls_handshakes_ok_total += u64::from(!had_tls && connection.has_tls());
        }
        self.buf = buf;
        self.serve(now, poller, counters, id, (received, pieces));
    }

    /// Carries out what was read.
    fn serve(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        id: u32,
        (received, mut pieces): (Received, VecDeque<Piece>),
    ) {
        for piece in pieces.drain(..) {
            self.handle_piece(now, counters, id, piece);
        }
        self.pieces = pieces;
        let Some(connection) = self.connection(id) else { return };
        let is_alive = connection.flush(now);
        match received {
            Received::Some if is_alive => {}
            Received::Some => self.remove(poller, id),
            Received::End | Received::Broken(_) => self.finish(poller, counters, id, received),
        }
    }

    fn handle_piece(&mut self, now: Instant, counters: &mut NetCounters, id: u32, piece: Piece) {
        let max = self.max_write_queue;
        let Some(connection) = self.connection(id) else { return };
        let flow = connection.flow;
        match piece {
            Piece::Message(bytes) => {
                counters.count_received(flow.transport);
                self.events.push_back(StreamEvent::Message(flow, bytes));
            }
            // A peer that pings and does not read gets no more answers.
            Piece::Ping if connection.queued() < max => {
                connection.send(now, Bytes::from_static(b"\r\n"));
            }
            Piece::Reply(octets) if connection.queued() < max => connection.reply(octets),
            Piece::Ping | Piece::Reply(_) | Piece::Pong => {}
            Piece::Fault(fault, refused) => {
                counters.connections_closed_fault_total += 1;
                self.events.push_back(StreamEvent::Fault(flow, fault, refused));
            }
            Piece::End { is_fault } => {
                counters.connections_closed_fault_total += u64::from(is_fault);
                connection.close(now);
            }
        }
    }

    /// The peer closed, or TLS broke.
    fn finish(&mut self, poller: &Poller, counters: &mut NetCounters, id: u32, received: Received) {
        let Some(connection) = self.connection(id) else { return };
        if connection.lacks_tls() {
            counters.tls_handshakes_failed_total += 1;
        }
        if connection.asked.is_some() && connection.is_handshaking() {
            if let Received::Broken(error) = received {
                self.log_refused_peer(id, &error);
            }
            return self.fail_connect(poller, counters, id);
        }
        self.remove(poller, id);
    }
}
