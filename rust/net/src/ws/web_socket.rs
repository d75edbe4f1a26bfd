//! One WebSocket: SIP messages in and out of frames.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pbx_sip::Fault;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::Utf8Bytes;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::boundary::Boundary;
use super::upgrade::{self, Upgrade};
use crate::framing::Piece;

/// Octets read ahead; a larger frame gets the room it needs.
const READ_BUFFER: usize = 1024;

/// Server side of one connection.
pub(crate) struct WebSocket {
    state: State,
    path: Arc<str>,
    max_message: usize,
    boundary: Boundary,
    /// When the peer last answered a ping, or began.
    pub(crate) heard_at: Instant,
    /// When we last sent a ping, or began.
    pub(crate) pinged_at: Instant,
}

enum State {
    /// The request head so far.
    Upgrading(Vec<u8>),
    Open(Box<WebSocketContext>),
    Over,
}

impl WebSocket {
    pub(crate) fn new(now: Instant, path: Arc<str>, max_message: usize) -> Self {
        let state = State::Upgrading(Vec::new());
        Self { state, path, max_message, boundary: Boundary::default(), heard_at: now, pinged_at: now }
    }

    /// Whether messages may be sent.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether a frame or a message in fragments has begun and not ended.
    pub(crate) fn has_partial(&self) -> bool {
        self.is_open() && !self.boundary.is_at_end()
    }

    /// Takes octets; what comes of them is appended to `pieces`.
    pub(crate) fn handle(&mut self, now: Instant, octets: &[u8], pieces: &mut VecDeque<Piece>) {
        match &mut self.state {
            State::Upgrading(head) => {
                head.extend_from_slice(octets);
                let rest = match upgrade::judge(head, &self.path) {
                    Upgrade::Waiting => return,
                    Upgrade::Refused(response) => {
                        pieces.extend([Piece::Reply(response), Piece::End { is_fault: true }]);
                        self.state = State::Over;
                        return;
                    }
                    Upgrade::Accepted { response, length } => {
                        pieces.push_back(Piece::Reply(response));
                        head.split_off(length)
                    }
                };
                (self.heard_at, self.pinged_at) = (now, now);
                self.state = State::Open(Box::new(context(self.max_message)));
                self.read(now, &rest, pieces);
            }
            State::Open(_) => self.read(now, octets, pieces),
            State::Over => {}
        }
    }

    /// A message as a frame: text if it can be (RFC 7118 §5).
    pub(crate) fn write(&mut self, message: Bytes) -> Bytes {
        let message = match Utf8Bytes::try_from(message.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(message),
        };
        self.emit(|context, pipe| context.write(pipe, message))
    }

    /// A ping the peer has to answer.
    pub(crate) fn ping(&mut self, now: Instant) -> Bytes {
        self.pinged_at = now;
        self.emit(|context, pipe| context.write(pipe, Message::Ping(Bytes::new())))
    }

    /// A close frame, if one may still be sent.
    pub(crate) fn close(&mut self, code: CloseCode) -> Bytes {
        let frame = CloseFrame { code, reason: Utf8Bytes::default() };
        let octets = self.emit(|context, pipe| context.close(pipe, Some(frame)));
        self.state = State::Over;
        octets
    }

    fn emit(
        &mut self,
        act: impl FnOnce(&mut WebSocketContext, &mut Pipe<'_>) -> tungstenite::Result<()>,
    ) -> Bytes {
        let mut pipe = Pipe { incoming: &[], outgoing: Vec::new() };
        if let State::Open(context) = &mut self.state {
            // After a close frame nothing more may be said; the connection ends soon.
            let _ = act(context, &mut pipe).and_then(|()| context.flush(&mut pipe));
        }
        pipe.outgoing.into()
    }

    fn read(&mut self, now: Instant, octets: &[u8], pieces: &mut VecDeque<Piece>) {
        let State::Open(context) = &mut self.state else { return };
        let mut pipe = Pipe { incoming: octets, outgoing: Vec::new() };
        self.boundary.pass(octets);
        let end = loop {
            match context.read(&mut pipe) {
                Ok(Message::Pong(_)) => self.heard_at = now,
                Ok(Message::Text(text)) => pieces.push_back(piece(text.into())),
                Ok(Message::Binary(octets)) => pieces.push_back(piece(octets)),
                // The library answers pings and the peer's close itself.
                Ok(Message::Ping(_) | Message::Close(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break None,
                Err(error) => break Some(error),
            }
        };
        if !pipe.outgoing.is_empty() {
            pieces.push_back(Piece::Reply(pipe.outgoing.into()));
        }
        if let Some(error) = end {
            let broken = fault(&error);
            let farewell = broken.map_or_else(Bytes::new, |(code, _)| self.close(code));
            self.state = State::Over;
            let end = broken.map_or(Piece::End { is_fault: false }, |(_, fault)| Piece::Fault(fault, None));
            pieces.extend([Piece::Reply(farewell), end]);
        }
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}

fn context(max_message: usize) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    WebSocketContext::new(Role::Server, Some(config))
}

/// Keep-alives of RFC 5626 may come in frames too (RFC 7118 §6).
fn piece(octets: Bytes) -> Piece {
    match &octets[..] {
        b"\r\n\r\n" => Piece::Ping,
        b"\r\n" | b"" => Piece::Pong,
        _ => Piece::Message(octets),
    }
}

/// What a peer that broke the rules is told (RFC 6455 §7.4.1), and we note. `None`: the connection is over already.
fn fault(error: &Error) -> Option<(CloseCode, Fault)> {
    match error {
        Error::Capacity(_) => Some((CloseCode::Size, Fault::TooLarge)),
        Error::Utf8(_) => Some((CloseCode::Invalid, Fault::NotSip)),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some((CloseCode::Protocol, Fault::NotSip)),
        _ => None,
    }
}

/// The library reads what has arrived, and what it writes is collected.
struct Pipe<'a> {
    incoming: &'a [u8],
    outgoing: Vec<u8>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // An empty buffer means that more may come; 0 would be the end.
        if self.incoming.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { self.incoming.read(buf) }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.outgoing.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
