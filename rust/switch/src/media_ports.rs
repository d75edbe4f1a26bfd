//! RTP ports of the shard: taken for a session, resting after it, never forgotten.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use pbx_media::relay::SessionId;
use rand_core::RngCore;

use crate::core::Core;

impl Core {
    /// A pair of ports for a session, at random (they must not be guessable); `None`: all are in use.
    pub(crate) fn take_port(&mut self, now: Instant, session: SessionId) -> Option<u16> {
        let entropy = self.rng.next_u64();
        let port = self.ports.take(now, entropy)?;
        self.sessions.entry(session).or_default().push(port);
        Some(port)
    }

    /// Another process holds this pair: it rests before it is tried again.
    pub(crate) fn drop_busy_port(&mut self, now: Instant, session: SessionId, port: u16) {
        if let Some(ports) = self.sessions.get_mut(&session) {
            ports.retain(|&taken| taken != port);
        }
        self.ports.mark_busy(now, port);
    }

    /// The sockets of a session are closed: its ports rest, then serve again.
    pub(crate) fn release_session(&mut self, now: Instant, session: SessionId) {
        for port in self.sessions.remove(&session).unwrap_or_default() {
            self.ports.free(now, port);
        }
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
