//! Connections we open, and what is sent on any.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pbx_sip::{Flow, Transport};
use pbx_switch::{Level, LogLine};

use crate::bind;
use crate::connection::{Connection, Layers, Phase};
use crate::counters::NetCounters;
use crate::framing::Framing;
use crate::octets::Octets;
use crate::poller::Poller;
use crate::streams::{StreamEvent, Streams};

/// Whom a connection leads to. A TLS connection on which one name was proved says nothing about another name at the
/// same address (RFC 5922 §7.1, RFC 5923 §5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
    /// The name proved; `None`: the address itself, or nothing.
    pub(crate) name: Option<Arc<str>>,
}

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) flow: Flow,
    /// The name the peer of an asked flow must prove.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) bytes: Bytes,
}

impl Streams {
    /// Sends on a connection, or on the one to the peer asked for, opened when there is none.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        Outgoing { flow, name, bytes }: Outgoing,
    ) {
        let id =
            if flow.is_asked() { self.reach(now, poller, counters, flow, name) } else { Some(flow.socket) };
        let max = self.max_write_queue;
        let Some((id, connection)) = id.and_then(|id| Some((id, self.connection(id)?))) else {
            return self.events.push_back(StreamEvent::SendFailed(flow));
        };
        if !matches!(connection.phase, Phase::Connecting | Phase::Handshaking | Phase::Open)
            || connection.flow.remote != flow.remote
        {
            return self.events.push_back(StreamEvent::SendFailed(flow));
        }
        if flow.is_asked() {
            connection.asked = Some(flow);
        }
        if connection.queued() + bytes.len() > max {
            counters.connections_closed_slow_total += 1;
            return self.remove(poller, id);
        }
        if connection.send(now, bytes) {
            counters.count_sent(flow.transport);
            self.settle(poller, id);
        } else {
            self.remove(poller, id);
        }
    }

    /// The connection to a peer, opened when there is none.
    fn reach(
        &mut self,
        now: Instant,
        poller: &Poller,
        counters: &mut NetCounters,
        asked: Flow,
        name: Option<Arc<str>>,
    ) -> Option<u32> {
        let peer = Peer { transport: asked.transport, remote: asked.remote, name };
        if let Some(&id) = self.by_peer.get(&peer) {
            return Some(id);
        }
        if self.connections.len() >= self.max_connections {
            counters.connections_refused_total += 1;
            return None;
        }
        let Some(layers) = self.outgoing_layers(&peer) else {
            counters.connects_failed_total += 1;
            return None;
        };
        let flow = self.next_flow(asked.transport, asked.remote);
        counters.connections_opened_total += 1;
        let mut connection = Connection::connecting(now, layers, flow, asked);
        connection.peer = Some(peer.clone());
        if !self.insert(poller, connection) {
            return None;
        }
        self.by_peer.insert(peer, flow.socket);
        Some(flow.socket)
    }

    /// Nobody can be called over WebSocket (RFC 7118 §3).
    fn outgoing_layers(&mut self, peer: &Peer) -> Option<Layers> {
        let octets = match peer.transport {
            Transport::Tcp => Octets::Plain,
            Transport::Tls => match self.tls.connect(peer.remote, peer.name.as_deref()) {
                Ok(session) => Octets::Tls(Box::new(session)),
                Err(cause) => {
                    self.events.push_back(StreamEvent::Log(refused_peer(peer, cause)));
                    return None;
                }
            },
            Transport::Udp | Transport::Ws | Transport::Wss => return None,
        };
        let socket: TcpStream = bind::connecting(peer.remote).map(Into::into).ok()?;
        Some(Layers { socket, octets, framing: Framing::stream(self.limits) })
    }

    /// Says why a peer is not the one we meant to reach.
    pub(crate) fn log_refused_peer(&mut self, id: u32, error: &rustls::Error) {
        let Some(peer) = self.connection(id).and_then(|connection| connection.peer.clone()) else { return };
        self.events.push_back(StreamEvent::Log(refused_peer(&peer, error.to_string())));
    }

    /// A connection that never opened is over.
    pub(crate) fn fail_connect(&mut self, poller: &Poller, counters: &mut NetCounters, id: u32) {
        let asked = self.connection(id).and_then(|connection| connection.asked);
        if let Some(asked) = asked {
            counters.connects_failed_total += 1;
            self.events.push_back(StreamEvent::SendFailed(asked));
        }
        self.remove(poller, id);
    }
}

fn refused_peer(peer: &Peer, cause: String) -> LogLine {
    let name = peer.name.as_deref().map_or_else(|| peer.remote.ip().to_string(), str::to_owned);
    let fields = vec![("remote", peer.remote.to_string()), ("name", name), ("cause", cause)];
    LogLine { level: Level::Warn, event: "tls_peer_refused", fields }
}
