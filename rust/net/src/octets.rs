//! What lies between a socket and the framing: nothing, or TLS.

use bytes::Bytes;

use crate::tls::Session;
use crate::write_queue::WriteQueue;

/// First octet of a TLS ClientHello (RFC 8446 §5.1); no HTTP request begins with it.
const HANDSHAKE_RECORD: u8 = 0x16;

/// The octet layer of a connection.
#[derive(Debug)]
pub(crate) enum Octets {
    Plain,
    /// The first octet tells whether the peer speaks TLS; here is the session for that case.
    Undecided(Box<Session>),
    Tls(Box<Session>),
}

impl Octets {
    /// Whether plaintext may pass.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Undecided(_) => false,
            Self::Tls(session) => !session.is_handshaking(),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Takes octets of the socket, gives plaintext to `deliver`, and queues what the layer itself has to say.
    /// `Ok(false)`: the peer said goodbye.
    ///
    /// # Errors
    /// Why the session is broken. An alert may have been queued.
    pub(crate) fn handle(
        &mut self,
        octets: &[u8],
        queue: &mut WriteQueue,
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<bool, rustls::Error> {
        self.decide(octets);
        if let Self::Tls(session) = self {
            let result = session.handle(octets, deliver);
            queue.extend(session.poll_transmit());
            result
        } else {
            deliver(octets);
            Ok(true)
        }
    }

    /// Queues octets of the framing.
    pub(crate) fn write(&mut self, octets: Bytes, queue: &mut WriteQueue) {
        match self {
            // Writing to memory does not fail.
            Self::Tls(session) => {
                let _ = session.write(&octets);
                queue.extend(session.poll_transmit());
            }
            _ => queue.push(octets),
        }
    }

    /// Queues what opens the layer: the ClientHello of a session of ours.
    pub(crate) fn begin(&mut self, queue: &mut WriteQueue) {
        if let Self::Tls(session) = self {
            queue.extend(session.poll_transmit());
        }
    }

    /// Queues the layer's goodbye.
    pub(crate) fn close(&mut self, queue: &mut WriteQueue) {
        if let Self::Tls(session) = self {
            session.close();
            queue.extend(session.poll_transmit());
        }
    }

    fn decide(&mut self, octets: &[u8]) {
        if let Self::Undecided(_) = self {
            *self = match std::mem::replace(self, Self::Plain) {
                Self::Undecided(session) if octets.first() == Some(&HANDSHAKE_RECORD) => Self::Tls(session),
                _ => Self::Plain,
            };
        }
    }
}
