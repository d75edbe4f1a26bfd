//! Connections that another server took and that turned out to be SIP over WebSocket: the HTTP server hands over the
//! socket and the request it has read.
//!
//! One packet for each connection: the client's address, a line feed, and the request head; the socket rides along
//! (`SCM_RIGHTS`). Only who was given the other end can send one.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, recvmsg,
    socketpair,
};

use crate::address::canonical;

/// Octets of a packet; a longer one is cut, and its request is refused as incomplete.
const MAX_PACKET: usize = 16_384;

/// Our end.
#[derive(Debug)]
pub(crate) struct Handover {
    socket: OwnedFd,
}

/// What a look at our end gave.
#[derive(Debug)]
pub(crate) enum Taken {
    Connection(Handed),
    /// A packet that brings no connection.
    Nonsense,
    /// Nothing waits.
    Nothing,
    /// The other end is closed.
    End,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) socket: TcpStream,
    /// The client, which a trusted proxy may have named.
    pub(crate) remote: SocketAddr,
    pub(crate) head: Vec<u8>,
}

impl Handover {
    /// Our end, and the one to give away.
    pub(crate) fn new() -> rustix::io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self { socket }, theirs))
    }

    /// The next of what waits.
    pub(crate) fn receive(&self) -> Taken {
        let mut packet = [0; MAX_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut packet)];
        let received = recvmsg(&self.socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC);
        let length = match received {
            Ok(received) if received.bytes > 0 => received.bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Taken::Nothing,
            _ => return Taken::End,
        };
        let socket = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        parse(&packet[..length], socket).map_or(Taken::Nonsense, Taken::Connection)
    }
}

impl AsFd for Handover {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn parse(packet: &[u8], socket: Option<OwnedFd>) -> Option<Handed> {
    let end = packet.iter().position(|&octet| octet == b'\n')?;
    let remote: SocketAddr = std::str::from_utf8(&packet[..end]).ok()?.parse().ok()?;
    let head = packet[end + 1..].to_vec();
    Some(Handed { socket: TcpStream::from(socket?), remote: canonical(remote), head })
}
