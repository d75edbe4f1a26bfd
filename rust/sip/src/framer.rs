//! Messages out of a stream of octets (RFC 3261 §18.3, RFC 5626 §4.4.1).

use bytes::{Buf, Bytes, BytesMut};

use crate::chars::{self, TOKEN};
use crate::fault::Fault;
use crate::limits::Limits;
use crate::message::Message;
use crate::name::Name;
use crate::parse;

/// What stood next in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message: head and body, nothing after it.
    Message(Bytes),
    /// A double CRLF: the peer wants a CRLF back (RFC 5626 §4.4.1). Its first half was already told as a [`Frame::Pong`],
    /// since nobody can know whether a second half follows.
    Ping,
    /// A single CRLF.
    Pong,
}

/// Cuts a stream into frames. What comes out does not depend on how the octets arrive.
#[derive(Debug)]
pub struct StreamFramer {
    limits: Limits,
    buf: BytesMut,
    /// Octets in which no empty line begins.
    searched: usize,
    /// Length of the message being received, once its head is complete.
    expected: Option<usize>,
    after_pong: bool,
    dead: bool,
    refused: Option<Box<Message>>,
}

impl StreamFramer {
    /// A framer at the beginning of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buf: BytesMut::new(),
            searched: 0,
            expected: None,
            after_pong: false,
            dead: false,
            refused: None,
        }
    }

    /// Takes octets that arrived. After a fault they are thrown away.
    pub fn push(&mut self, octets: &[u8]) {
        if !self.dead {
            self.buf.extend_from_slice(octets);
        }
    }

    /// The next complete frame, if there is one. A fault is told once, and nothing after it: where the next message
    /// begins is unknown then, so the connection must be closed. Call it until it returns `None`, or the buffer grows.
    ///
    /// # Errors
    /// The fault of the message head, or of its length.
    pub fn next_frame(&mut self) -> Option<Result<Frame, Fault>> {
        if self.dead {
            return None;
        }
        let frame = self.read();
        if let Err(fault) = frame {
            self.dead = true;
            self.buf = BytesMut::new();
            return Some(Err(fault));
        }
        frame.transpose()
    }

    /// Octets waiting for the rest of their message.
    pub fn buffered(&self) -> usize {
        self.buf.len()
    }

    /// Whether a message has begun and not ended.
    pub fn has_partial(&self) -> bool {
        !self.buf.is_empty()
    }

    /// After a fault: the request at fault as far as it was read, if it can be answered.
    pub fn take_refused(&mut self) -> Option<Box<Message>> {
        self.refused.take()
    }

    fn read(&mut self) -> Result<Option<Frame>, Fault> {
        if self.expected.is_none() {
            match self.buf.first() {
                None => return Ok(None),
                Some(b'\r') => return self.read_line_end(),
                Some(&octet) if !chars::is(octet, TOKEN) => return Err(Fault::NotSip),
                Some(_) => self.expected = self.read_head()?,
            }
        }
        match self.expected {
            Some(length) if length <= self.buf.len() => Ok(Some(Frame::Message(self.cut(length)))),
            _ => Ok(None),
        }
    }

    fn cut(&mut self, length: usize) -> Bytes {
        self.expected = None;
        self.searched = 0;
        self.after_pong = false;
        let frame = self.buf.split_to(length).freeze();
        if self.buf.is_empty() {
            // An idle connection holds no buffer.
            self.buf = BytesMut::new();
        }
        frame
    }

    fn read_line_end(&mut self) -> Result<Option<Frame>, Fault> {
        match self.buf.get(1) {
            None => Ok(None),
            Some(b'\n') => {
                self.buf.advance(2);
                self.after_pong = !self.after_pong;
                Ok(Some(if self.after_pong { Frame::Pong } else { Frame::Ping }))
            }
            Some(_) => Err(Fault::NotSip),
        }
    }

    /// Length of the whole message, once its head is there.
    fn read_head(&mut self) -> Result<Option<usize>, Fault> {
        let max_head = self.limits.max_head.min(u16::MAX as usize);
        let window = &self.buf[..self.buf.len().min(max_head)];
        let Some(found) = memchr::memmem::find(&window[self.searched..], b"\r\n\r\n") else {
            if self.buf.len() >= max_head {
                return Err(self.refuse(self.buf.len(), Fault::HeadTooLarge));
            }
            self.searched = self.buf.len().saturating_sub(3);
            return Ok(None);
        };
        let head_length = self.searched + found + 4;
        let head = Bytes::copy_from_slice(&self.buf[..head_length]);
        // What is wrong with the start line or with other headers does not put the length in doubt: the message is cut
        // out, and refused when it is parsed.
        let (message, faults) = parse::index(head, &self.limits)?;
        let length = match faults.lines.map_or_else(|| body_length(&message), Err) {
            Ok(length) => head_length.saturating_add(length),
            Err(fault) => return Err(self.refuse(head_length, fault)),
        };
        if length > self.limits.max_message {
            return Err(self.refuse(head_length, Fault::TooLarge));
        }
        Ok(Some(length))
    }

    /// Keeps what can be told to the sender before the connection is closed.
    fn refuse(&mut self, length: usize, fault: Fault) -> Fault {
        let head = self.buf.split_to(length.min(self.buf.len())).freeze();
        self.refused = match parse::message(head, &self.limits) {
            // A missing Content-Length is a fault on streams only.
            Ok(message) => Some(Box::new(message)),
            Err(error) => error.partial,
        };
        fault
    }
}

/// A stream has no other sign of where a message ends, so Content-Length must be there (RFC 3261 §18.3).
fn body_length(message: &Message) -> Result<usize, Fault> {
    let mut values = message.headers(Name::ContentLength);
    let value = values.next().ok_or(Fault::Missing(Name::ContentLength))?;
    if values.next().is_some() {
        return Err(Fault::Duplicate(Name::ContentLength));
    }
    parse::content_length(value)
}
