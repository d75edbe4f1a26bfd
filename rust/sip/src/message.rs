//! A received message: one buffer and the places of its parts.

use std::fmt;

use bytes::Bytes;

use crate::chars;
use crate::fault::{Cause, Fault, Part};
use crate::header::list::Values;
use crate::header::{Contact, NameAddr, SessionExpires, Via};
use crate::limits::Limits;
use crate::method::Method;
use crate::name::Name;
use crate::parse;

/// A header field line as offsets into the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) id: Name,
    pub(crate) start: u16,
    pub(crate) name_end: u16,
    pub(crate) value: u16,
    pub(crate) value_end: u16,
    /// After the line end.
    pub(crate) end: u16,
}

/// A piece of the buffer.
pub(crate) type Piece = (u16, u16);

/// A SIP message that was received: its bytes and an index over them. Cloning is cheap.
#[derive(Clone)]
pub struct Message {
    pub(crate) buf: Bytes,
    pub(crate) spans: Vec<Span>,
    /// Place of the first field of each name, counted from 1; 0 is absent, 255 is "at 255 or later".
    pub(crate) first: [u8; Name::COUNT],
    pub(crate) method: Method,
    pub(crate) cseq_method: Method,
    pub(crate) status: u16,
    pub(crate) start: u16,
    pub(crate) method_text: Piece,
    /// Request-URI or reason phrase.
    pub(crate) start_text: Piece,
    pub(crate) from_tag: Piece,
    pub(crate) to_tag: Piece,
    pub(crate) cseq: u32,
    pub(crate) body: (usize, usize),
}

/// A header field as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, if known.
    pub id: Name,
    /// The name as written.
    pub name: &'a [u8],
    /// The value, trimmed; folding as received.
    pub value: &'a [u8],
    /// The whole line or folded lines, line end included, byte for byte.
    pub raw: &'a [u8],
}

/// A message that was refused.
#[derive(Clone, Debug)]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// The message as far as it could be read, if it is a request other than ACK whose Via can be answered.
    pub partial: Option<Box<Message>>,
}

impl Message {
    /// Reads a datagram or a framed message: start line, header lines, body length; then judges what every message must
    /// have (RFC 3261 §8.1.1, §16.3; `config.md` §3 step 3). Octets after the body are ignored.
    ///
    /// # Errors
    /// The first fault found, the start line before the header lines before their values.
    pub fn parse(buf: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        parse::message(buf, limits)
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        self.status == 0
    }

    /// Method of the request, or the one CSeq names for a response.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The same as written.
    pub fn method_text(&self) -> &str {
        self.piece_text(self.method_text)
    }

    /// Request-URI as written; empty for responses.
    pub fn request_uri(&self) -> &str {
        if self.is_request() { self.piece_text(self.start_text) } else { "" }
    }

    /// Status code; 0 for requests.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Reason phrase; empty for requests, and for phrases that are not UTF-8.
    pub fn reason(&self) -> &str {
        if self.is_request() { "" } else { self.piece_text(self.start_text) }
    }

    /// Value of the first field called `name`, trimmed, folding as received.
    pub fn header(&self, name: Name) -> Option<&[u8]> {
        self.first_span(name).map(|span| self.value(span))
    }

    /// Values of all fields called `name`, one per field.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.spans_of(name).map(|span| self.value(span))
    }

    /// Comma-separated values over all fields called `name`. Quotes and angle brackets protect commas.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.headers(name).flat_map(Values::new)
    }

    /// Values of all fields of that name in any letter case, full or compact.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let id = Name::parse(name.as_bytes());
        let unknown = id == Name::Other;
        self.spans
            .iter()
            .filter(move |span| {
                span.id == id && (!unknown || self.name(span).eq_ignore_ascii_case(name.as_bytes()))
            })
            .map(|span| self.value(span))
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.spans.iter().map(|span| self.field(span))
    }

    /// [`Message::header`] as text, if it is UTF-8.
    pub fn text(&self, name: Name) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// Only for the partial message of a [`ParseError`].
    pub fn via(&self) -> Result<Via<'_>, Fault> {
        self.vias().next().ok_or(Fault::Missing(Name::Via))?
    }

    /// All Via values, topmost first. Only the first one was judged by the parser.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, Fault>> {
        self.values(Name::Via).map(|value| Via::read(value).map_err(|cause| bad(Name::Via, cause)))
    }

    /// From.
    ///
    /// # Errors
    /// Only for the partial message of a [`ParseError`].
    pub fn from(&self) -> Result<NameAddr<'_>, Fault> {
        self.name_addr(Name::From)
    }

    /// To.
    ///
    /// # Errors
    /// Only for the partial message of a [`ParseError`].
    pub fn to(&self) -> Result<NameAddr<'_>, Fault> {
        self.name_addr(Name::To)
    }

    /// The first value of a field that holds addresses: Refer-To, Route, P-Asserted-Identity …
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Bad`] with that name.
    pub fn name_addr(&self, name: Name) -> Result<NameAddr<'_>, Fault> {
        let value = self.header(name).ok_or(Fault::Missing(name))?;
        NameAddr::read(value).map_err(|cause| bad(name, cause))
    }

    /// Tag of From; absent in requests of RFC 2543.
    pub fn from_tag(&self) -> Option<&str> {
        Some(self.piece_text(self.from_tag)).filter(|tag| !tag.is_empty())
    }

    /// Tag of To.
    pub fn to_tag(&self) -> Option<&str> {
        Some(self.piece_text(self.to_tag)).filter(|tag| !tag.is_empty())
    }

    /// Call-ID; empty only in the partial message of a [`ParseError`].
    pub fn call_id(&self) -> &str {
        self.text(Name::CallId).unwrap_or("")
    }

    /// Sequence number.
    pub fn cseq(&self) -> u32 {
        self.cseq
    }

    /// Method named by CSeq.
    pub fn cseq_method(&self) -> Method {
        self.cseq_method
    }

    /// Contact values, URIs judged.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, Fault>> {
        self.values(Name::Contact)
            .map(|value| Contact::read(value).map_err(|cause| bad(Name::Contact, cause)))
    }

    /// Max-Forwards.
    pub fn max_forwards(&self) -> Option<u32> {
        self.number(Name::MaxForwards)
    }

    /// Expires, seconds. Malformed counts as absent.
    pub fn expires(&self) -> Option<u32> {
        self.number(Name::Expires)
    }

    /// Session-Expires (RFC 4028 §4).
    ///
    /// # Errors
    /// [`Fault::Bad`] with that name.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, Fault> {
        let value = self.header(Name::SessionExpires);
        value.map(SessionExpires::read).transpose().map_err(|cause| bad(Name::SessionExpires, cause))
    }

    /// Min-SE, seconds (RFC 4028 §5). Malformed counts as absent.
    pub fn min_se(&self) -> Option<u32> {
        self.number(Name::MinSe)
    }

    /// The number a field begins with, parameters and comments ignored; `None` if absent, malformed or over 32 bits.
    pub fn number(&self, name: Name) -> Option<u32> {
        let value = self.header(name)?;
        let end = value.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(value.len());
        let (digits, rest) = value.split_at(end);
        let clean = matches!(chars::trim_start(rest), [] | [b';' | b'(', ..]);
        chars::decimal(digits, u32::MAX).filter(|_| clean)
    }

    /// Whether a list such as Require, Supported or Allow names `token`, in any letter case.
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The body as far as Content-Length says, or all that follows the empty line.
    pub fn body(&self) -> &[u8] {
        self.buf.get(self.body.0..self.body.1).unwrap_or_default()
    }

    /// The body without copying it.
    pub fn body_bytes(&self) -> Bytes {
        self.buf.slice(self.body.0.min(self.buf.len())..self.body.1.min(self.buf.len()))
    }

    /// Content-Type as written.
    pub fn content_type(&self) -> Option<&str> {
        self.text(Name::ContentType)
    }

    /// Everything that was received, octets after the body included.
    pub fn bytes(&self) -> &Bytes {
        &self.buf
    }

    /// The start line with its line end, byte for byte.
    pub fn start_line(&self) -> &[u8] {
        let end = self.spans.first().map_or(self.head_end(), |span| span.start as usize);
        self.buf.get(self.start as usize..end).unwrap_or_default()
    }

    fn head_end(&self) -> usize {
        self.body.0.saturating_sub(2)
    }

    pub(crate) fn first_span(&self, name: Name) -> Option<&Span> {
        match self.first[name as usize] {
            0 => None,
            u8::MAX => self.spans.iter().find(|span| span.id == name),
            place => self.spans.get(place as usize - 1),
        }
    }

    pub(crate) fn spans_of(&self, name: Name) -> impl Iterator<Item = &Span> {
        let from = match self.first[name as usize] {
            0 => self.spans.len(),
            place => place as usize - 1,
        };
        self.spans.get(from..).unwrap_or_default().iter().filter(move |span| span.id == name)
    }

    pub(crate) fn field(&self, span: &Span) -> Field<'_> {
        Field {
            id: span.id,
            name: self.name(span),
            value: self.value(span),
            raw: self.slice((span.start, span.end)),
        }
    }

    fn name(&self, span: &Span) -> &[u8] {
        self.slice((span.start, span.name_end))
    }

    pub(crate) fn value(&self, span: &Span) -> &[u8] {
        self.slice((span.value, span.value_end))
    }

    fn slice(&self, (start, end): Piece) -> &[u8] {
        self.buf.get(start as usize..end as usize).unwrap_or_default()
    }

    fn piece_text(&self, piece: Piece) -> &str {
        std::str::from_utf8(self.slice(piece)).unwrap_or("")
    }
}

/// Shows what the message is, never its values: they may hold credentials.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("method", &self.method_text())
            .field("status", &self.status)
            .field("call_id", &self.call_id())
            .field("cseq", &self.cseq)
            .field("octets", &self.buf.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for ParseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}

pub(crate) fn bad(name: Name, cause: Cause) -> Fault {
    Fault::Bad { part: Part::Header(name), cause }
}
