//! Ports and addresses media is sent to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use pbx_media::relay::SessionId;
use rand_core::RngCore;

use crate::core::Core;

impl Core {
    /// A pair of ports for a session, at random; `None`: all are in use.
    pub(crate) fn take_port(&mut self, now: Instant, session: SessionId) -> Option<u16> {
        let entropy = self.rng.next_u64();
        self.ports.lend().take(now, session, entropy)
    }

    /// Address a peer is told to send media to.
    pub(crate) fn media_address(&self, peer: IpAddr) -> IpAddr {
        self.advertised(peer, Some(self.media_bind(peer)))
    }

    /// Address media sockets towards a peer are bound to.
    pub(crate) fn media_bind(&self, peer: IpAddr) -> IpAddr {
        let ipv4 = peer.to_canonical().is_ipv4();
        let configured = self.policy.config.media.bind_ips.iter().copied().find(|ip| ip.is_ipv4() == ipv4);
        configured.unwrap_or(if ipv4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() })
    }
}
