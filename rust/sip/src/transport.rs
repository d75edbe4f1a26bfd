//! Flows: how a message reached us and how it goes back (RFC 5626 §3).

use std::fmt;
use std::net::SocketAddr;

use crate::Shard;

/// Transport protocols a SIP message travels over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams (RFC 3261 §18).
    Udp,
    /// Plain streams.
    Tcp,
    /// TLS streams.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// Whether the transport itself delivers, so that transactions need no retransmission.
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// The name used in Via (`UDP`, `TCP`, …).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The value of the `transport` URI parameter (`udp`, `tcp`, …). WebSocket over TLS is `ws` too (RFC 7118 §5.4).
    pub fn param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// Reads either spelling, in any letter case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|transport| transport.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Transport, local socket and remote address: the way back to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Protocol spoken on the flow.
    pub transport: Transport,
    /// UDP: index of our listener. Streams: id of the connection, [`Flow::NEW`], or as [`Flow::asked`] makes it.
    pub socket: u32,
    /// Address the packets really come from.
    pub remote: SocketAddr,
}

impl Flow {
    /// On a stream transport: reuse a connection to `remote`, or open one. A TLS peer must prove that it is that
    /// very address.
    pub const NEW: u32 = u32::MAX;
    /// No id of a connection has all of these bits set.
    const ASKED: u32 = (1 << 17) - 1;
    /// Names that flows can carry.
    pub const MAX_NAMES: u32 = Self::NEW >> 17;

    /// A connection to `remote` that is asked for; a TLS peer must prove that it is the one with this name
    /// (RFC 5922), `None` and places from [`MAX_NAMES`](Self::MAX_NAMES) on: that it is `remote`.
    pub fn asked(transport: Transport, remote: SocketAddr, name: Option<u32>) -> Self {
        let name = name.filter(|&place| place < Self::MAX_NAMES);
        let socket = name.map_or(Self::NEW, |place| (place << 17) | Self::ASKED);
        Self { transport, socket, remote }
    }

    /// Whether a connection is asked for, not named by its id.
    pub fn is_asked(&self) -> bool {
        self.transport.is_reliable() && self.socket & Self::ASKED == Self::ASKED
    }

    /// The shard that has the connection; `None`: datagrams, or a connection that is asked for.
    pub fn shard(&self) -> Option<Shard> {
        (self.transport.is_reliable() && !self.is_asked()).then(|| Shard::split(self.socket).0)
    }

    /// Place of the name an asked connection must prove.
    pub fn name(&self) -> Option<u32> {
        (self.is_asked() && self.socket != Self::NEW).then_some(self.socket >> 17)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_flow_carries_its_name() {
        let remote: SocketAddr = "192.0.2.1:5061".parse().unwrap();
        for place in [0, 1, Flow::MAX_NAMES - 1] {
            let flow = Flow::asked(Transport::Tls, remote, Some(place));
            assert!(flow.is_asked());
            assert_eq!(flow.name(), Some(place));
        }
        for name in [None, Some(Flow::MAX_NAMES), Some(u32::MAX)] {
            let flow = Flow::asked(Transport::Tls, remote, name);
            assert_eq!((flow.socket, flow.name()), (Flow::NEW, None));
        }
        let connection = Flow { transport: Transport::Tls, socket: (5 << 17) | 3, remote };
        assert!(!connection.is_asked() && connection.name().is_none());
    }

    #[test]
    fn only_a_connection_belongs_to_a_shard() {
        let remote: SocketAddr = "192.0.2.1:5061".parse().unwrap();
        let shard = Shard::new(3).unwrap();
        let flow = |transport| Flow { transport, socket: shard.name(7), remote };
        assert_eq!(flow(Transport::Tcp).shard(), Some(shard));
        assert_eq!(flow(Transport::Udp).shard(), None);
        assert_eq!(Flow::asked(Transport::Tcp, remote, None).shard(), None);
    }
}
