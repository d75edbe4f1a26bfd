//! Where we listen.

use std::net::SocketAddr;

use pbx_sip::{Flow, Transport};

/// Bound addresses of the listeners.
#[derive(Clone, Debug, Default)]
pub struct Locals {
    /// UDP sockets; the index is `Flow::socket`.
    pub udp: Vec<SocketAddr>,
    /// TCP listeners.
    pub tcp: Vec<SocketAddr>,
    /// TLS listeners.
    pub tls: Vec<SocketAddr>,
    /// WebSocket listeners, which take TLS too when there is a certificate.
    pub ws: Vec<SocketAddr>,
}

impl Locals {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (Transport, SocketAddr)> + '_ {
        let lists = [
            (Transport::Udp, &self.udp),
            (Transport::Tcp, &self.tcp),
            (Transport::Tls, &self.tls),
            (Transport::Ws, &self.ws),
        ];
        lists.into_iter().flat_map(|(transport, list)| list.iter().map(move |&address| (transport, address)))
    }

    /// The UDP socket from which whoever has no flow of his own is called: the first of his family.
    pub(crate) fn first_udp(&self, remote: SocketAddr) -> u32 {
        let is_alike = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
        self.udp.iter().position(is_alike).unwrap_or(0) as u32
    }

    /// What a peer reached over `flow` should be shown: for a stream, the first listener of its kind that serves
    /// the peer's family.
    pub(crate) fn facing(&self, flow: &Flow) -> Option<&SocketAddr> {
        let list = match flow.transport {
            Transport::Udp => return self.udp.get(flow.socket as usize),
            Transport::Tcp => &self.tcp,
            Transport::Tls => &self.tls,
            Transport::Ws | Transport::Wss => &self.ws,
        };
        let serves = |address: &&SocketAddr| {
            let ip = address.ip();
            ip.is_ipv4() == flow.remote.ip().to_canonical().is_ipv4() || (ip.is_ipv6() && ip.is_unspecified())
        };
        list.iter().find(serves).or(list.first())
    }
}
