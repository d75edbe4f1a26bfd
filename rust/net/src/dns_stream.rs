//! One query over a stream, for an answer that is too large for a datagram.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use pbx_dns::StreamReply;
use socket2::Socket;

use crate::bind;

/// A connection to a resolver: first it takes the query, then it gives the reply.
#[derive(Debug)]
pub(crate) struct DnsStream {
    socket: Socket,
    unsent: Vec<u8>,
    reply: StreamReply,
}

impl DnsStream {
    pub(crate) fn open(server: SocketAddr, query: Vec<u8>) -> io::Result<Self> {
        Ok(Self { socket: bind::connecting(server)?, unsent: query, reply: StreamReply::default() })
    }

    /// Whether it waits to be written to.
    pub(crate) fn is_sending(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Goes on as far as the socket lets it; gives the reply when it is whole.
    ///
    /// # Errors
    /// The connection was refused, broke, or ended early.
    pub(crate) fn advance(&mut self, buf: &mut [u8]) -> io::Result<Option<Vec<u8>>> {
        while self.is_sending() {
            match self.socket.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if is_early(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        match self.socket.read(buf) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            // What is left is reported again by the next wait.
            Ok(length) => Ok(self.reply.handle_octets(&buf[..length])),
            Err(error) if is_early(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for DnsStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
