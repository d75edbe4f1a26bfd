//! A new message, written into one buffer as it is composed.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;

use super::reason_phrase;
use crate::chars::{self, TOKEN, URI};
use crate::header::Via;
use crate::header::list::Values;
use crate::message::Message;
use crate::method::Method;
use crate::name::Name;

/// Room for the usual message without growing.
const USUAL_OCTETS: usize = 1024;

/// Composes a request or a response.
///
/// Nothing that is put in can break out of its place: a value with a line end is left out and counted.
#[derive(Clone, Debug)]
pub struct Builder {
    out: Vec<u8>,
    /// Place in `out` of the topmost Via value a response copied.
    top_via: Option<(usize, usize)>,
    body: Option<Vec<u8>>,
    dropped: usize,
}

impl Builder {
    /// Begins a request. Octets a method or URI cannot have are left out of the one and escaped in the other.
    pub fn request(method: &str, uri: &str) -> Self {
        let mut builder = Self::empty();
        builder.out.extend(method.bytes().filter(|&octet| chars::is(octet, TOKEN)));
        builder.out.push(b' ');
        builder.write_uri(uri);
        builder.out.extend_from_slice(b" SIP/2.0\r\n");
        builder
    }

    /// Begins a response without any header. An empty `reason` stands for the customary phrase.
    pub fn status(code: u16, reason: &str) -> Self {
        let mut builder = Self::empty();
        let code = code.clamp(100, 699);
        let reason = if reason.is_empty() { reason_phrase(code) } else { reason };
        builder.out.extend_from_slice(b"SIP/2.0 ");
        builder.write_number(usize::from(code));
        builder.out.push(b' ');
        builder.out.extend(reason.bytes().map(|octet| if octet.is_ascii_control() { b' ' } else { octet }));
        builder.out.extend_from_slice(b"\r\n");
        builder
    }

    /// Begins the response to a request (RFC 3261 §8.2.6.2): Via, From, To, Call-ID and CSeq as received; `local_tag`
    /// goes into a To without tag unless `code` is 100; Record-Route where a dialog may begin (§12.1.1); Timestamp in
    /// a 100 (§8.2.6.1).
    pub fn response(request: &Message, code: u16, reason: &str, local_tag: Option<&str>) -> Self {
        let mut builder = Self::status(code, reason);
        builder.copy_vias(request);
        builder.copy_first(request, Name::From);
        builder.copy_to(request, local_tag.filter(|_| code > 100));
        builder.copy_first(request, Name::CallId);
        builder.copy_first(request, Name::CSeq);
        if code == 100 {
            builder.copy_first(request, Name::Timestamp);
        } else if code < 300 && matches!(request.method(), Method::Invite | Method::Subscribe | Method::Refer)
        {
            builder.copy_all(request, Name::RecordRoute);
        }
        builder
    }

    /// Completes the topmost Via of a response with where the request really came from: `received` when sent-by says
    /// otherwise or `rport` is asked for, and `rport` (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn source(mut self, source: SocketAddr) -> Self {
        if let Some((start, end)) = self.top_via
            && let Some(value) = complete_via(&self.out[start..end], source)
        {
            self.out.splice(start..end, value);
            self.top_via = None;
        }
        self
    }

    /// Appends a header. Content-Length is written by [`Builder::finish`] alone and dropped here.
    pub fn header(mut self, name: Name, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        if matches!(name, Name::ContentLength | Name::Other) || !is_one_line(value) {
            self.dropped += 1;
            return self;
        }
        self.write_field(name.as_str().as_bytes(), value);
        self
    }

    /// Appends a header of any name.
    pub fn raw_name(mut self, name: &str, value: &[u8]) -> Self {
        let known = Name::parse(name.as_bytes());
        if known == Name::ContentLength || !chars::all(name.as_bytes(), TOKEN) || !is_one_line(value) {
            self.dropped += 1;
            return self;
        }
        self.write_field(name.as_bytes(), value);
        self
    }

    /// Appends whole field lines byte for byte, such as [`crate::Field::raw`].
    pub fn raw_line(mut self, line: &[u8]) -> Self {
        if is_field(line) {
            self.out.extend_from_slice(line);
        } else {
            self.dropped += 1;
        }
        self
    }

    /// Sets the body and its type; an empty type writes no Content-Type.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        if !content_type.is_empty() {
            self = self.header(Name::ContentType, content_type);
        }
        self.body = Some(body.to_vec());
        self
    }

    /// How many headers were left out because their name or value cannot stand in a message.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Ends the head with Content-Length and appends the body.
    pub fn finish(mut self) -> Bytes {
        let body = self.body.take().unwrap_or_default();
        self.out.extend_from_slice(b"Content-Length: ");
        self.write_number(body.len());
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out.extend_from_slice(&body);
        // Transactions keep what they sent for half a minute, and there are many.
        self.out.shrink_to_fit();
        Bytes::from(self.out)
    }

    fn empty() -> Self {
        Self { out: Vec::with_capacity(USUAL_OCTETS), top_via: None, body: None, dropped: 0 }
    }

    fn write_field(&mut self, name: &[u8], value: &[u8]) {
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
    }

    fn write_uri(&mut self, uri: &str) {
        for octet in uri.bytes() {
            if chars::is(octet, URI) {
                self.out.push(octet);
            } else {
                self.out.extend_from_slice(format!("%{octet:02X}").as_bytes());
            }
        }
    }

    fn write_number(&mut self, number: usize) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn copy_vias(&mut self, request: &Message) {
        for span in request.spans_of(Name::Via) {
            let begin = self.out.len();
            self.out.extend_from_slice(request.field(span).raw);
            if self.top_via.is_none() {
                let offset = begin + usize::from(span.value - span.start);
                let top = Values::new(request.value(span)).next().map_or(0, <[u8]>::len);
                self.top_via = Some((offset, offset + top));
            }
        }
    }

    fn copy_first(&mut self, request: &Message, name: Name) {
        if let Some(span) = request.first_span(name) {
            self.out.extend_from_slice(request.field(span).raw);
        }
    }

    fn copy_all(&mut self, request: &Message, name: Name) {
        for span in request.spans_of(name) {
            self.out.extend_from_slice(request.field(span).raw);
        }
    }

    fn copy_to(&mut self, request: &Message, local_tag: Option<&str>) {
        let Some(span) = request.first_span(Name::To) else { return };
        let field = request.field(span);
        let Some(tag) =
            local_tag.filter(|tag| request.to_tag().is_none() && chars::all(tag.as_bytes(), TOKEN))
        else {
            self.out.extend_from_slice(field.raw);
            return;
        };
        let (before, after) = field.raw.split_at(usize::from(span.value_end - span.start));
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(b";tag=");
        self.out.extend_from_slice(tag.as_bytes());
        self.out.extend_from_slice(after);
    }
}

/// The Via value with `received` and `rport`; `None` if nothing needs to be said.
fn complete_via(value: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let via = Via::parse(value).ok()?;
    let address = source.ip().to_canonical();
    let asked = via.rport().is_some();
    if !asked && via.ip().map(|ip| ip.to_canonical()) == Some(address) && via.received().is_none() {
        return None;
    }
    let params = via.params.as_str();
    let mut text = String::with_capacity(value.len() + 64);
    text.push_str(std::str::from_utf8(&value[..value.len() - params.len()]).ok()?.trim_end());
    for (name, param) in via.params.iter() {
        if name.eq_ignore_ascii_case("received") {
            continue;
        }
        text.extend([";", name]);
        if name.eq_ignore_ascii_case("rport") {
            write!(text, "={}", source.port()).ok()?;
        } else if let Some(param) = param {
            text.extend(["=", param]);
        }
    }
    write!(text, ";received={address}").ok()?;
    Some(text.into_bytes())
}

/// Whether a value stays within its line. NUL would only ever serve to confuse a peer.
fn is_one_line(value: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, value).is_none()
}

/// Whether `line` is one header field: a name, a colon, and line ends only before a continuation or at the end.
fn is_field(line: &[u8]) -> bool {
    let Some(text) = line.strip_suffix(b"\r\n") else { return false };
    let name_end = text.iter().position(|&octet| !chars::is(octet, TOKEN)).unwrap_or(text.len());
    let named = name_end > 0 && chars::trim_start(&text[name_end..]).first() == Some(&b':');
    named && Name::parse(&text[..name_end]) != Name::ContentLength && is_folded(text)
}

fn is_folded(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'\r', b'\n', text).all(|at| match text[at] {
        b'\r' => text.get(at + 1) == Some(&b'\n') && matches!(text.get(at + 2), Some(b' ' | b'\t')),
        _ => at > 0 && text[at - 1] == b'\r',
    })
}
