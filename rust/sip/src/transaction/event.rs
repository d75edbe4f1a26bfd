//! What goes into and comes out of the transaction layer.

use bytes::Bytes;

use super::branch::Branch;
use super::id::TransactionId;
use super::step::TimerName;
use crate::Message;
use crate::transport::Flow;

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Bytes,
}

/// A client transaction that awaits its request.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The transaction.
    pub id: TransactionId,
    /// The branch its top Via must carry.
    pub branch: Branch,
}

/// What a message that arrived is to the user of the layer.
#[derive(Debug)]
pub enum Incoming {
    /// A new request; answer it with `respond`.
    Request {
        /// Its server transaction.
        id: TransactionId,
        /// The request.
        message: Message,
    },
    /// An ACK to a 2xx, or to nothing known.
    Ack(Message),
    /// A CANCEL. It is answered itself; what becomes of the INVITE is the user's to decide.
    Cancel {
        /// The CANCEL's own server transaction.
        id: TransactionId,
        /// The INVITE it is for, if there is one.
        invite: Option<TransactionId>,
        /// The CANCEL.
        message: Message,
    },
    /// A response to a request of ours.
    Response {
        /// The client transaction.
        id: TransactionId,
        /// The response.
        message: Message,
    },
    /// A copy, or an ACK or answer that the machines deal with.
    Absorbed,
    /// A response that belongs to no transaction of ours.
    Stray(Message),
    /// A new request beyond the cap on transactions; it has none, so it is answered statelessly.
    Refused {
        /// The request.
        message: Message,
    },
}

/// What happens to a transaction without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEvent {
    /// A timer fired. All but timer C end the transaction.
    Timeout {
        /// The transaction.
        id: TransactionId,
        /// Which timer.
        timer: TimerName,
    },
    /// The transport could not deliver (RFC 3261 §17.1.4, §17.2.4).
    TransportError {
        /// The transaction.
        id: TransactionId,
    },
    /// The transaction is over; its id names nothing any more. Always the last event of a transaction.
    Terminated {
        /// The transaction.
        id: TransactionId,
    },
}
