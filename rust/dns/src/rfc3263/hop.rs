//! One address to try.

use std::net::SocketAddr;

/// Transports a server can be dialled over. WebSocket servers never are (RFC 7118 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerTransport {
    /// Datagrams.
    Udp,
    /// Plain streams.
    Tcp,
    /// TLS streams.
    Tls,
}

impl ServerTransport {
    /// Port of servers that name none (RFC 3261 §19.1.2).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// Prefix of its SRV name (RFC 3263 §4.2).
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Udp => "_sip._udp",
            Self::Tcp => "_sip._tcp",
            Self::Tls => "_sips._tcp",
        }
    }
}

/// One address to try. What a TLS peer must prove is the host of the URI, never the name of an SRV target, which
/// anybody between us and the zone can set (RFC 5922 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// How.
    pub transport: ServerTransport,
    /// Where.
    pub address: SocketAddr,
}
