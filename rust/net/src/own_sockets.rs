//! Which addresses are sockets of ours, so that media is never sent to ourselves.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

const WORDS: usize = (u16::MAX as usize + 1) / 64;

/// Addresses of this machine and the datagram ports bound on them. Written when sockets come and go, read
/// for each description of a peer.
#[derive(Debug)]
pub(crate) struct OwnSockets {
    ips: Vec<IpAddr>,
    ports: Box<[AtomicU64]>,
}

impl OwnSockets {
    /// `ips`: what we are reached by. An unspecified one stands for every loopback address too.
    pub(crate) fn new(ips: Vec<IpAddr>) -> Self {
        Self { ips, ports: (0..WORDS).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(crate) fn insert(&self, port: u16) {
        let (word, bit) = self.slot(port);
        word.fetch_or(bit, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, port: u16) {
        let (word, bit) = self.slot(port);
        word.fetch_and(!bit, Ordering::Relaxed);
    }

    /// Whether a packet sent to `address` would come back to us.
    pub(crate) fn contains(&self, address: SocketAddr) -> bool {
        let (word, bit) = self.slot(address.port());
        word.load(Ordering::Relaxed) & bit != 0 && self.is_local(address.ip().to_canonical())
    }

    fn is_local(&self, ip: IpAddr) -> bool {
        self.ips.iter().any(|own| *own == ip || (own.is_unspecified() && ip.is_loopback()))
    }

    fn slot(&self, port: u16) -> (&AtomicU64, u64) {
        (&self.ports[usize::from(port) / 64], 1 << (port % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bound_ports_of_this_machine_are_ours() {
        let own = OwnSockets::new(vec!["0.0.0.0".parse().unwrap(), "192.0.2.1".parse().unwrap()]);
        own.insert(12_000);
        let is_own = |address: &str| own.contains(address.parse().unwrap());
        assert!(is_own("192.0.2.1:12000"));
        assert!(is_own("127.0.0.9:12000"));
        assert!(is_own("[::ffff:192.0.2.1]:12000"));
        assert!(!is_own("192.0.2.1:12001"));
        assert!(!is_own("192.0.2.2:12000"));
        own.remove(12_000);
        assert!(!is_own("192.0.2.1:12000"));
    }
}
