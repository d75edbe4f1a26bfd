//! Requests that are too large for a datagram (RFC 3261 §18.1.1).
//!
//! They go to the same address over TCP first, and over UDP when nobody takes them there. Where only a flow leads to
//! the peer (NAT, Path, `ob`), there is no address to try: the datagram is sent in fragments, as it is to a peer whose
//! server of TCP is silent.

use pbx_sip::{Builder, Flow, Transport};

use super::plan::Endpoint;
use super::way::Way;
use crate::core::Core;

/// Octets a datagram may have where the path is not known.
const MAX_DATAGRAM: usize = 1300;

/// The endpoint by the transport that suits the length of the request.
pub(super) fn way_of(core: &mut Core, endpoint: &Endpoint, build: impl FnOnce(&str) -> Builder) -> Endpoint {
    let is_free = endpoint.way == Way::Address && !core.locals.tcp.is_empty();
    if !is_free || endpoint.flow.transport != Transport::Udp {
        return endpoint.clone();
    }
    if core.length(&endpoint.flow, build) <= MAX_DATAGRAM {
        return endpoint.clone();
    }
    core.counters.count("large_requests_total", "tcp");
    let mut spare = vec![Endpoint { way: Way::Settled, spare: Vec::new(), ..endpoint.clone() }];
    spare.extend(endpoint.spare.iter().cloned());
    let flow = Flow::asked(Transport::Tcp, endpoint.flow.remote, None);
    Endpoint { flow, way: Way::Trial, spare, ..endpoint.clone() }
}
