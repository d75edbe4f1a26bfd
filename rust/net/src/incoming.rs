//! Connections that come to us, and what is read from any.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use bytes::Bytes;
use pbx_sip::Transport;

use crate::acceptor::Accepted;
use crate::connection::{Connection, Layers, Received};
use crate::counters::NetCounters;
use crate::framing::{Framing, Piece};
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
                    if self.admit(now, poller, socket, (transport, remote)) {
                        counters.connections_accepted_total += 1;
                    } else {
                        counters.connections_refused_total += 1;
                    }
                }
                Accepted::Nobody => return,
                Accepted::Paused => {
                    counters.accept_paused_total += 1;
                    return;
                }
            }
        }
    }

    fn admit(
        &mut self,
        now: Instant,
        poller: &Poller,
        socket: TcpStream,
        (transport, remote): (Transport, SocketAddr),
    ) -> bool {
        if self.connections.len() >= self.max_connections {
            return false;
        }
        let Some(layers) = self.layers(now, socket, transport) else { return false };
        let Some(source) = self.acceptor.claim(remote) else { return false };
        let flow = self.next_flow(transport, remote);
        let mut connection = Connection::accepted(now, layers, flow, source);
        // Over TCP the source address is the peer's, whatever its Via and Contact say (RFC 5923 §5); over TLS
        // it has not proved any name.
        if transport == Transport::Tcp {
            let peer = Peer { transport, remote, name: None };
            self.by_peer.insert(peer.clone(), flow.socket);
            connection.peer = Some(peer);
        }
        let is_in = self.insert(poller, connection);
        if !is_in {
            self.by_peer.retain(|_, id| *id != flow.socket);
            self.acceptor.release(source);
        }
        is_in
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
        for piece in pieces.drain(..) {
            self.handle_piece(now, counters, id, piece);
        }
        (self.pieces, self.buf) = (pieces, buf);
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
