//! One TLS session: a state machine between octets of the socket and octets of the framing.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};

/// Gives and takes octets; what is to be written to the socket is fetched with [`poll_transmit`](Self::poll_transmit).
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
}

impl Session {
    pub(crate) fn accept(config: Arc<ServerConfig>) -> Result<Self, Error> {
        ServerConnection::new(config).map(|connection| Self::new(connection.into()))
    }

    pub(crate) fn connect(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        ClientConnection::new(config, name).map(|connection| Self::new(connection.into()))
    }

    fn new(mut connection: Connection) -> Self {
        // What a slow peer has not taken is bounded where it waits for the socket.
        connection.set_buffer_limit(None);
        Self { connection }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Takes octets of the socket and gives the plaintext to `deliver`. `Ok(false)`: the peer said goodbye.
    ///
    /// # Errors
    /// The session is broken. An alert may wait to be sent.
    pub(crate) fn handle(
        &mut self,
        mut octets: &[u8],
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<bool, Error> {
        let mut is_open = true;
        while !octets.is_empty() && is_open {
            let taken =
                self.connection.read_tls(&mut octets).map_err(|error| Error::General(error.to_string()))?;
            is_open = taken > 0 && !self.connection.process_new_packets()?.peer_has_closed();
            while let Ok(plain) = self.connection.reader().fill_buf() {
                let length = plain.len();
                if length == 0 {
                    break;
                }
                deliver(plain);
                self.connection.reader().consume(length);
            }
        }
        Ok(is_open)
    }

    /// Encrypts. Before the handshake is over nothing leaves.
    pub(crate) fn write(&mut self, plain: &[u8]) -> io::Result<()> {
        self.connection.writer().write_all(plain)
    }

    /// Says goodbye (RFC 8446 §6.1), so that the peer can tell the end from a cut.
    pub(crate) fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// Records to be sent now.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        if !self.connection.wants_write() {
            return None;
        }
        let mut records = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut records).ok()?;
        }
        Some(records.into())
    }
}
