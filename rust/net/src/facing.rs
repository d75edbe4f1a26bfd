//! Which of our addresses faces a peer: asked of the routing table through a connected datagram socket.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use pbx_switch::Facing;

/// Peers remembered. At the cap all are forgotten: asking again costs three system calls.
const MAX_ROUTES: usize = 4096;
/// Routes change; an answer is asked for again after this time.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The routing table's answers, remembered.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    known: RefCell<HashMap<IpAddr, (IpAddr, Instant)>>,
}

impl Facing for Routes {
    fn facing(&self, remote: IpAddr) -> IpAddr {
        let now = Instant::now();
        let mut known = self.known.borrow_mut();
        if let Some(&(local, asked_at)) = known.get(&remote)
            && now.saturating_duration_since(asked_at) < MAX_AGE
        {
            return local;
        }
        if known.len() >= MAX_ROUTES {
            known.clear();
        }
        let local = ask(remote).unwrap_or_else(|| loopback(remote));
        known.insert(remote, (local, now));
        local
    }
}

/// Connecting a datagram socket sends nothing; it only makes the kernel choose a source address.
fn ask(remote: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match remote {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(remote, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn loopback(remote: IpAddr) -> IpAddr {
    match remote {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_faces_loopback() {
        let routes = Routes::default();
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(routes.facing("127.0.0.1".parse().unwrap()), local);
        assert_eq!(routes.facing("127.0.0.1".parse().unwrap()), local);
        assert_eq!(routes.known.borrow().len(), 1);
    }

    #[test]
    fn memory_of_peers_is_bounded() {
        let routes = Routes::default();
        for n in 0..(MAX_ROUTES as u32 + 10) {
            routes.facing(Ipv4Addr::from_bits(0x7f00_0001 + n).into());
        }
        assert!(routes.known.borrow().len() <= MAX_ROUTES);
    }
}
