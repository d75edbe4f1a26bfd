//! From bytes to [`Message`]: one pass for the index, then the judgement of the mandatory headers.

use bytes::Bytes;

use crate::chars::{self, LWS, TOKEN, URI};
use crate::fault::{Cause, Fault};
use crate::header::list::Values;
use crate::header::{NameAddr, Via, cseq};
use crate::limits::Limits;
use crate::message::{Message, ParseError, Piece, Span, bad};
use crate::method::Method;
use crate::name::Name;
use crate::start_line::{self, StartLine};
use crate::uri::Uri;

/// Fields most messages stay below, so that the index is allocated once.
const USUAL_FIELDS: usize = 24;

/// Reads and judges a whole message.
pub(crate) fn message(buf: Bytes, limits: &Limits) -> Result<Message, ParseError> {
    let (mut message, faults) = index(buf, limits).map_err(|fault| ParseError { fault, partial: None })?;
    let fault = faults.first().or_else(|| find_body(&mut message).err());
    let judged = judge(&mut message);
    match fault.or(judged.err()) {
        None => Ok(message),
        Some(fault) => {
            let answerable = message.is_request() && message.method != Method::Ack && message.via().is_ok();
            Err(ParseError { fault, partial: answerable.then(|| Box::new(message)) })
        }
    }
}

/// Faults of a message whose method and Via may still be known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    start_line: Option<Fault>,
    /// The lines themselves are in doubt, so that a length they tell cannot be trusted.
    pub(crate) lines: Option<Fault>,
    duplicate: Option<Fault>,
}

impl Faults {
    fn first(self) -> Option<Fault> {
        self.start_line.or(self.lines).or(self.duplicate)
    }
}

/// Finds the lines. An `Err` leaves nothing to answer; faults beside a message leave one that may be answered.
pub(crate) fn index(buf: Bytes, limits: &Limits) -> Result<(Message, Faults), Fault> {
    let start = leading_line_ends(&buf);
    let window = &buf[..buf.len().min(limits.max_head).min(u16::MAX as usize)];
    let (line_end, mut at) = line(window, start).map_err(|_| Fault::NotSip)?;
    let (start_line, start_fault) = start_line::read(&window[start..line_end])?;
    let mut fault = (buf.len() > limits.max_message).then_some(Fault::TooLarge);
    let mut fields = Fields::default();
    let ended = loop {
        match fields.read(window, at, limits.max_headers) {
            Line::Field(next) => at = next,
            Line::Bad(next, found) => {
                fault = fault.or(Some(found));
                at = next;
            }
            Line::Empty(next) => break Ok(next),
            Line::Stop(found) => break Err(found),
        }
    };
    let body_start = match ended {
        Ok(next) => next,
        Err(found) => {
            let cut = found == Fault::NoEmptyLine && window.len() < buf.len();
            fault = fault.or(Some(if cut { Fault::HeadTooLarge } else { found }));
            buf.len()
        }
    };
    let faults =
        Faults { start_line: start_fault, lines: fault, duplicate: fields.duplicate.map(Fault::Duplicate) };
    Ok((assemble(buf, start, &start_line, fields, body_start), faults))
}

fn assemble(buf: Bytes, start: usize, line: &StartLine, fields: Fields, body_start: usize) -> Message {
    let piece = |(from, to): (usize, usize)| ((start + from) as u16, (start + to) as u16);
    Message {
        method: line.method,
        cseq_method: Method::Other,
        status: line.status,
        start: start as u16,
        method_text: piece((0, line.method_end)),
        start_text: piece(line.text),
        from_tag: (0, 0),
        to_tag: (0, 0),
        cseq: 0,
        body: (body_start, buf.len()),
        spans: fields.spans,
        first: fields.first,
        buf,
    }
}

/// Senders may put empty lines before a message (RFC 3261 §7.5); a few are passed over.
fn leading_line_ends(buf: &[u8]) -> usize {
    const MAX_EMPTY_LINES: usize = 8;
    buf.chunks_exact(2).take(MAX_EMPTY_LINES).take_while(|pair| pair == b"\r\n").count() * 2
}

/// Why a line could not be found.
enum NoLine {
    /// The window ends before the line does.
    Cut,
    /// CR or LF stands alone at this place.
    Bare(usize),
}

/// End of the line that begins at `from`, and where the next one begins.
fn line(window: &[u8], from: usize) -> Result<(usize, usize), NoLine> {
    let found = window.get(from..).and_then(|rest| memchr::memchr2(b'\r', b'\n', rest)).ok_or(NoLine::Cut)?;
    let end = from + found;
    match (window[end], window.get(end + 1)) {
        (b'\r', Some(b'\n')) => Ok((end, end + 2)),
        (b'\r', None) => Err(NoLine::Cut),
        _ => Err(NoLine::Bare(end)),
    }
}

/// What [`Fields::read`] found.
enum Line {
    /// A field; the next line begins there.
    Field(usize),
    /// No field; the next line begins there.
    Bad(usize, Fault),
    /// The empty line; the body begins there.
    Empty(usize),
    /// Nothing more can be read.
    Stop(Fault),
}

/// Header fields found so far.
struct Fields {
    spans: Vec<Span>,
    first: [u8; Name::COUNT],
    duplicate: Option<Name>,
}

impl Default for Fields {
    fn default() -> Self {
        Self { spans: Vec::with_capacity(USUAL_FIELDS), first: [0; Name::COUNT], duplicate: None }
    }
}

impl Fields {
    fn read(&mut self, window: &[u8], at: usize, max: usize) -> Line {
        let (mut line_end, mut next) = match line(window, at) {
            Ok(found) => found,
            Err(stop) => return after_bad_line_end(window, &stop),
        };
        if line_end == at {
            return Line::Empty(next);
        }
        let Some((name_end, colon, id)) = name(&window[at..line_end]) else {
            return Line::Bad(next, Fault::HeaderLine { offset: at as u32 });
        };
        let (name_end, colon) = (at + name_end, at + colon);
        if self.spans.len() >= max {
            return Line::Stop(Fault::TooManyHeaders);
        }
        // A line that begins with white space continues the field (RFC 3261 §7.3.1).
        while matches!(window.get(next), Some(b' ' | b'\t')) {
            match line(window, next) {
                Ok(found) => (line_end, next) = found,
                Err(stop) => return after_bad_line_end(window, &stop),
            }
        }
        let value = trim(window, colon + 1, line_end);
        self.push(Span {
            id,
            start: at as u16,
            name_end: name_end as u16,
            value: value.0,
            value_end: value.1,
            end: next as u16,
        });
        Line::Field(next)
    }

    fn push(&mut self, span: Span) {
        let first = &mut self.first[span.id as usize];
        if *first == 0 {
            *first = u8::try_from(self.spans.len() + 1).unwrap_or(u8::MAX);
        } else if span.id.is_single() {
            self.duplicate = self.duplicate.or(Some(span.id));
        }
        self.spans.push(span);
    }
}

/// A bare CR or LF spoils its line only: what follows is read so that the sender can be told.
fn after_bad_line_end(window: &[u8], stop: &NoLine) -> Line {
    match *stop {
        NoLine::Cut => Line::Stop(Fault::NoEmptyLine),
        NoLine::Bare(at) => match memchr::memmem::find(&window[at..], b"\r\n") {
            Some(end) => Line::Bad(at + end + 2, Fault::LineEnd { offset: at as u32 }),
            None => Line::Stop(Fault::LineEnd { offset: at as u32 }),
        },
    }
}

/// End of the name, place of the colon, and the name. Blanks may stand between the two.
fn name(line: &[u8]) -> Option<(usize, usize, Name)> {
    let colon = memchr::memchr(b':', line)?;
    let mut end = colon;
    while end > 0 && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    let id = Name::parse(&line[..end]);
    // A known name is a token; any other must show that it is.
    (id != Name::Other || chars::all(&line[..end], TOKEN)).then_some((end, colon, id))
}

fn trim(window: &[u8], mut from: usize, mut to: usize) -> Piece {
    while from < to && chars::is(window[from], LWS) {
        from += 1;
    }
    while to > from && chars::is(window[to - 1], LWS) {
        to -= 1;
    }
    (from as u16, to as u16)
}

/// Cuts the body to Content-Length (RFC 3261 §18.3).
fn find_body(message: &mut Message) -> Result<(), Fault> {
    let Some(value) = message.header(Name::ContentLength) else { return Ok(()) };
    let length = content_length(value)?;
    let (start, end) = message.body;
    if length > end - start {
        return Err(Fault::BodyTruncated);
    }
    message.body.1 = start + length;
    Ok(())
}

/// Reads a Content-Length value.
pub(crate) fn content_length(value: &[u8]) -> Result<usize, Fault> {
    let length = chars::decimal(value, u32::MAX).ok_or(bad(Name::ContentLength, Cause::Number))?;
    Ok(length as usize)
}

/// Reads what every message must have, filling the index as far as it can, and returns the first fault.
fn judge(message: &mut Message) -> Result<(), Fault> {
    let from = judge_address(message, Name::From);
    let to = judge_address(message, Name::To);
    message.from_tag = *from.as_ref().unwrap_or(&(0, 0));
    message.to_tag = *to.as_ref().unwrap_or(&(0, 0));
    let cseq = judge_cseq(message);
    judge_via(message)?;
    from?;
    to?;
    judge_call_id(message)?;
    cseq?;
    judge_max_forwards(message)
}

fn judge_via(message: &Message) -> Result<(), Fault> {
    let value = message
        .header(Name::Via)
        .and_then(|line| Values::new(line).next())
        .ok_or(Fault::Missing(Name::Via))?;
    match Via::read(value) {
        Ok(via) if via.version == "2.0" => Ok(()),
        Ok(_) => Err(bad(Name::Via, Cause::Protocol)),
        Err(cause) => Err(bad(Name::Via, cause)),
    }
}

/// The place of the tag, if there is one.
fn judge_address(message: &Message, name: Name) -> Result<Piece, Fault> {
    let span = message.first_span(name).ok_or(Fault::Missing(name))?;
    let value = message.value(span);
    let address = NameAddr::read(value).map_err(|cause| bad(name, cause))?;
    Uri::read(address.uri).map_err(|cause| bad(name, cause))?;
    match address.params.get("tag") {
        None => Ok((0, 0)),
        Some(Some(tag)) if chars::all(tag.as_bytes(), URI) => {
            // Both slices come from the buffer, so their distance is the offset.
            let start = span.value as usize + (tag.as_ptr().addr() - value.as_ptr().addr());
            Ok((start as u16, (start + tag.len()) as u16))
        }
        Some(_) => Err(bad(name, Cause::Parameter)),
    }
}

fn judge_call_id(message: &Message) -> Result<(), Fault> {
    let value = message.header(Name::CallId).ok_or(Fault::Missing(Name::CallId))?;
    let visible = |octet: &u8| *octet > b' ' && *octet != 0x7f;
    if value.is_empty() {
        return Err(bad(Name::CallId, Cause::Empty));
    }
    if !value.iter().all(visible) {
        return Err(bad(Name::CallId, Cause::Character));
    }
    std::str::from_utf8(value).map(|_| ()).map_err(|_| bad(Name::CallId, Cause::Utf8))
}

fn judge_cseq(message: &mut Message) -> Result<(), Fault> {
    let span = *message.first_span(Name::CSeq).ok_or(Fault::Missing(Name::CSeq))?;
    let (number, method) = cseq::read(message.value(&span)).map_err(|cause| bad(Name::CSeq, cause))?;
    let method_text = (span.value_end - method.len() as u16, span.value_end);
    let same = !message.is_request() || method == message.method_text().as_bytes();
    let method = Method::parse(method);
    message.cseq = number;
    message.cseq_method = method;
    if !message.is_request() {
        (message.method, message.method_text) = (method, method_text);
    }
    if same { Ok(()) } else { Err(Fault::MethodMismatch) }
}

/// 0–255 (RFC 3261 §20.22). Requests of RFC 2543 have none.
fn judge_max_forwards(message: &Message) -> Result<(), Fault> {
    match message.header(Name::MaxForwards) {
        Some(value) if chars::decimal(value, u8::MAX.into()).is_none() => {
            Err(bad(Name::MaxForwards, Cause::Number))
        }
        _ => Ok(()),
    }
}
