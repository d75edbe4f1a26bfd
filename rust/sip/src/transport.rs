//! Flows: how a message reached us and how it goes back (RFC 5626 §3).

use std::fmt;
use std::net::SocketAddr;

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

    /// The value of the `transport` URI parameter (`udp`, `tcp`, …).
    pub fn param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
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
    /// UDP: index of our listener. Streams: id of the connection, or [`Flow::NEW`].
    pub socket: u32,
    /// Address the packets really come from.
    pub remote: SocketAddr,
}

impl Flow {
    /// On a stream transport: reuse a connection to `remote`, or open one.
    pub const NEW: u32 = u32::MAX;
}
