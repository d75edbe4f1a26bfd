//! A SIP datagram socket.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::Bytes;
use rustix::io::Errno;

use crate::address::{canonical, for_socket};
use crate::bind;

/// Datagrams waiting for room in the send buffer. What does not fit is lost as on any network.
const MAX_BLOCKED: usize = 1024;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// The kernel has it.
    Sent,
    /// It waits until the socket is writable.
    Blocked,
    /// No room; retransmission covers it.
    Lost,
    /// The peer cannot be reached from here.
    Unreachable,
}

/// A bound socket and the datagrams it could not take yet.
#[derive(Debug)]
pub(crate) struct UdpListener {
    socket: UdpSocket,
    local: SocketAddr,
    blocked: VecDeque<(Bytes, SocketAddr)>,
}

impl UdpListener {
    pub(crate) fn bind(address: SocketAddr, v6_only: bool, shared: bool) -> io::Result<Self> {
        let socket = bind::udp_listener(address, v6_only, shared)?;
        Ok(Self { local: socket.local_addr()?, socket, blocked: VecDeque::new() })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether a datagram to `remote` can leave from here.
    pub(crate) fn reaches(&self, remote: SocketAddr) -> bool {
        self.local.is_ipv6() || remote.is_ipv4()
    }

    /// One datagram into `buf`; `None`: no more now. An error a past send left behind is not the end of it.
    pub(crate) fn receive(&self, buf: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            match self.socket.recv_from(buf) {
                Ok((len, remote)) => return Some((len, canonical(remote))),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Sends now, or after what is already blocked.
    pub(crate) fn send(&mut self, remote: SocketAddr, bytes: Bytes) -> Sending {
        if !self.blocked.is_empty() {
            return self.block(remote, bytes);
        }
        match self.attempt(remote, &bytes) {
            Sending::Blocked => self.block(remote, bytes),
            done => done,
        }
    }

    /// Sends what was blocked; the socket is writable again.
    pub(crate) fn flush(&mut self) {
        while let Some((bytes, remote)) = self.blocked.pop_front() {
            if self.attempt(remote, &bytes) == Sending::Blocked {
                self.blocked.push_front((bytes, remote));
                return;
            }
        }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    fn block(&mut self, remote: SocketAddr, bytes: Bytes) -> Sending {
        if self.blocked.len() >= MAX_BLOCKED {
            return Sending::Lost;
        }
        self.blocked.push_back((bytes, remote));
        Sending::Blocked
    }

    fn attempt(&self, remote: SocketAddr, bytes: &[u8]) -> Sending {
        let remote = for_socket(remote, self.local.is_ipv6());
        loop {
            match self.socket.send_to(bytes, remote) {
                Ok(_) => return Sending::Sent,
                // The kernel reports the fault of an earlier datagram once; this one has not been tried.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return classify(&error),
            }
        }
    }
}

impl AsFd for UdpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn classify(error: &io::Error) -> Sending {
    match Errno::from_io_error(error) {
        Some(Errno::AGAIN) => Sending::Blocked,
        Some(Errno::NOBUFS | Errno::NOMEM) => Sending::Lost,
        _ => Sending::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> UdpListener {
        UdpListener::bind("127.0.0.1:0".parse().unwrap(), false, false).unwrap()
    }

    #[test]
    fn unreachable_peers_do_not_stop_the_listener() {
        let mut listener = loopback();
        let nowhere = "127.0.0.1:0".parse().unwrap();
        assert_eq!(listener.send(nowhere, Bytes::from_static(b"x")), Sending::Unreachable);
        let own = listener.local();
        assert_eq!(listener.send(own, Bytes::from_static(b"y")), Sending::Sent);
        assert_eq!(listener.receive(&mut [0; 16]), Some((1, own)));
        assert_eq!(listener.receive(&mut [0; 16]), None);
    }

    #[test]
    fn lack_of_buffers_counts_as_loss_and_a_full_socket_as_waiting() {
        let error = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert_eq!(classify(&error(Errno::NOBUFS)), Sending::Lost);
        assert_eq!(classify(&error(Errno::AGAIN)), Sending::Blocked);
        assert_eq!(classify(&error(Errno::HOSTUNREACH)), Sending::Unreachable);
    }

    #[test]
    fn blocked_datagrams_keep_their_order_and_have_a_cap() {
        let mut listener = loopback();
        let own = listener.local();
        for n in 0..MAX_BLOCKED {
            assert_eq!(listener.block(own, Bytes::from(n.to_string())), Sending::Blocked);
        }
        assert_eq!(listener.send(own, Bytes::from_static(b"late")), Sending::Lost);
        listener.flush();
        assert!(!listener.is_blocked());
        let mut buf = [0; 16];
        let (len, _) = listener.receive(&mut buf).unwrap();
        assert_eq!(&buf[..len], b"0");
    }

    #[test]
    fn dual_stack_socket_shows_and_reaches_ipv4_peers() {
        let Ok(mut listener) = UdpListener::bind("[::]:0".parse().unwrap(), false, false) else { return };
        let peer = loopback();
        let port = listener.local().port();
        let mut v4 = loopback();
        v4.send(SocketAddr::new("127.0.0.1".parse().unwrap(), port), Bytes::from_static(b"hi"));
        let (_, from) = listener.receive(&mut [0; 8]).unwrap();
        assert_eq!(from, v4.local());
        assert_eq!(listener.send(peer.local(), Bytes::from_static(b"yo")), Sending::Sent);
        assert_eq!(peer.receive(&mut [0; 8]).unwrap().0, 2);
    }
}
