//! Where messages begin and end in the octets of a connection: a SIP stream, or WebSocket frames.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pbx_sip::{Fault, Frame, Limits, Message, StreamFramer};
use tungstenite::protocol::frame::coding::CloseCode;

use crate::ws::WebSocket;

/// What stood next in what a peer sent.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A whole message.
    Message(Bytes),
    /// A double CRLF, which wants a CRLF back (RFC 5626 §4.4.1).
    Ping,
    /// A single CRLF.
    Pong,
    /// Octets, framed already, that go back at once.
    Reply(Bytes),
    /// The stream is no longer framed; the request at fault comes along if it can be answered.
    Fault(Fault, Option<Box<Message>>),
    /// Nothing more is read; what is queued still leaves.
    End {
        /// The peer broke the rules.
        is_fault: bool,
    },
}

/// One of the two.
#[derive(Debug)]
pub(crate) enum Framing {
    Stream(StreamFramer),
    WebSocket(Box<WebSocket>),
}

impl Framing {
    pub(crate) fn stream(limits: Limits) -> Self {
        Self::Stream(StreamFramer::new(limits))
    }

    pub(crate) fn upgrade(now: Instant, path: Arc<str>, limits: &Limits) -> Self {
        Self::WebSocket(Box::new(WebSocket::new(now, path, limits.max_message)))
    }

    /// Whether messages may be sent.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Stream(_) => true,
            Self::WebSocket(socket) => socket.is_open(),
        }
    }

    /// Whether something has begun and not ended.
    pub(crate) fn has_partial(&self) -> bool {
        match self {
            Self::Stream(framer) => framer.has_partial(),
            Self::WebSocket(socket) => socket.has_partial(),
        }
    }

    /// Takes octets; what comes of them is appended to `pieces`.
    pub(crate) fn handle(&mut self, now: Instant, octets: &[u8], pieces: &mut VecDeque<Piece>) {
        match self {
            Self::Stream(framer) => {
                framer.push(octets);
                while let Some(frame) = framer.next_frame() {
                    pieces.push_back(match frame {
                        Ok(Frame::Message(bytes)) => Piece::Message(bytes),
                        Ok(Frame::Ping) => Piece::Ping,
                        Ok(Frame::Pong) => Piece::Pong,
                        Err(fault) => Piece::Fault(fault, framer.take_refused()),
                    });
                }
            }
            Self::WebSocket(socket) => socket.handle(now, octets, pieces),
        }
    }

    /// A message as it goes out.
    pub(crate) fn write(&mut self, message: Bytes) -> Bytes {
        match self {
            Self::Stream(_) => message,
            Self::WebSocket(socket) => socket.write(message),
        }
    }

    /// What says goodbye, if anything does.
    pub(crate) fn close(&mut self) -> Option<Bytes> {
        match self {
            Self::Stream(_) => None,
            Self::WebSocket(socket) => {
                Some(socket.close(CloseCode::Normal)).filter(|octets| !octets.is_empty())
            }
        }
    }

    pub(crate) fn web_socket(&self) -> Option<&WebSocket> {
        match self {
            Self::Stream(_) => None,
            Self::WebSocket(socket) => Some(socket),
        }
    }

    pub(crate) fn as_web_socket(&mut self) -> Option<&mut WebSocket> {
        match self {
            Self::Stream(_) => None,
            Self::WebSocket(socket) => Some(socket),
        }
    }
}
