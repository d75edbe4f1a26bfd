//! How the address of an endpoint is known, which says what may be tried besides.

use std::net::SocketAddr;

use pbx_dns::{Name, Scheme, ServerTransport, Wanted};
use pbx_sip::{Transport, Uri};

use super::leg::transport_of;

/// Where an endpoint's address comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The flow itself: a connection, a hole in a NAT, or a hop somebody else chose. Nothing else leads there.
    Flow,
    /// An address: large requests may take another transport there (RFC 3261 §18.1.1).
    Address,
    /// An address that large requests take the given transport to all the same.
    Settled,
    /// Another transport to an address, before the one that was asked for.
    Trial,
    /// A name whose servers have to be found first.
    Name(Box<Wanted>),
}

/// What to look for when the host of a URI is a name. `None`: it is an address, no name, or nobody can be called
/// over its transport.
pub(super) fn wanted(uri: &Uri<'_>) -> Option<Wanted> {
    let transport = match transport_of(uri)? {
        Transport::Udp => ServerTransport::Udp,
        Transport::Tcp => ServerTransport::Tcp,
        Transport::Tls => ServerTransport::Tls,
        Transport::Ws | Transport::Wss => return None,
    };
    Some(Wanted {
        host: Name::parse(uri.host)?,
        port: uri.port,
        transport: uri.params.has("transport").then_some(transport),
        scheme: if uri.scheme == pbx_sip::Scheme::Sips { Scheme::Sips } else { Scheme::Sip },
    })
}

/// Our name of a transport.
pub(super) fn transport(of: ServerTransport) -> Transport {
    match of {
        ServerTransport::Udp => Transport::Udp,
        ServerTransport::Tcp => Transport::Tcp,
        ServerTransport::Tls => Transport::Tls,
    }
}

/// The flow of an endpoint whose address is not known yet; nothing is ever sent there.
pub(super) fn nowhere() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 0))
}
