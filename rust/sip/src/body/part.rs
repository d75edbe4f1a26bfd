//! One part of a multipart body: its header lines and its octets.

use std::ops::Range;

use super::multipart::in_body;
use crate::chars;
use crate::fault::{Cause, Fault};
use crate::name::Name;

/// A part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyPart<'a> {
    /// Where header lines and octets stand in the whole body.
    pub(super) span: Range<usize>,
    /// Where the delimiter before them begins.
    pub(super) delimiter: usize,
    head: &'a [u8],
    body: &'a [u8],
    content_type: Option<&'a str>,
    disposition: Option<&'a str>,
    is_encoded: bool,
}

impl<'a> BodyPart<'a> {
    /// Reads the part at `span`, which lies in `whole` after the delimiter at `delimiter`.
    pub(super) fn parse(whole: &'a [u8], delimiter: usize, span: Range<usize>) -> Result<Self, Fault> {
        let octets = &whole[span.clone()];
        let (head, body) = match memchr::memmem::find(octets, b"\r\n\r\n") {
            _ if octets.starts_with(b"\r\n") => (&octets[..0], &octets[2..]),
            Some(at) => (&octets[..at + 2], &octets[at + 4..]),
            None => (octets, &octets[octets.len()..]),
        };
        let mut part =
            Self { span, delimiter, head, body, content_type: None, disposition: None, is_encoded: false };
        part.read_head().map_err(in_body)?;
        Ok(part)
    }

    /// The header lines with their line ends; the empty line after them is left out.
    pub fn head(&self) -> &'a [u8] {
        self.head
    }

    /// The octets of the part.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Its Content-Type as written; `text/plain` if it has none (RFC 2046 §5.1).
    pub fn content_type(&self) -> &'a str {
        self.content_type.unwrap_or("text/plain")
    }

    /// What it is for. A session description without a word describes the session (RFC 3261 §20.11).
    pub fn disposition(&self) -> &'a str {
        match self.disposition {
            Some(value) => chars::trim_text(&value[..value.find(';').unwrap_or(value.len())]),
            None if is_sdp(self.content_type().as_bytes()) => "session",
            None => "render",
        }
    }

    /// Whether its octets are something else than they seem: compressed, or written in another alphabet.
    pub fn is_encoded(&self) -> bool {
        self.is_encoded
    }

    /// Whether it describes the session.
    pub(super) fn is_session(&self) -> bool {
        !self.body.is_empty()
            && is_sdp(self.content_type().as_bytes())
            && self.disposition().eq_ignore_ascii_case("session")
    }

    /// Header lines with their folded rest, line ends included.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.head;
        std::iter::from_fn(move || {
            let mut end = 0;
            while end < rest.len() {
                end = memchr::memmem::find(&rest[end..], b"\r\n").map_or(rest.len(), |at| end + at + 2);
                if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                    break;
                }
            }
            let (line, tail) = rest.split_at(end);
            rest = tail;
            (!line.is_empty()).then_some(line)
        })
    }

    /// A field that stands twice, or a lone line end, would let two readers see two different parts.
    fn read_head(&mut self) -> Result<(), Cause> {
        let lone = |at: usize| match self.head[at] {
            b'\r' => self.head.get(at + 1) != Some(&b'\n'),
            _ => at == 0 || self.head[at - 1] != b'\r',
        };
        if memchr::memchr2_iter(b'\r', b'\n', self.head).any(lone) {
            return Err(Cause::Character);
        }
        for line in self.lines() {
            let (name, value) = field(line).ok_or(Cause::Character)?;
            let text = || std::str::from_utf8(value).map_err(|_| Cause::Utf8);
            match Name::parse(name) {
                Name::ContentType => set_once(&mut self.content_type, text()?)?,
                Name::ContentDisposition => set_once(&mut self.disposition, text()?)?,
                Name::ContentEncoding => self.is_encoded |= !value.eq_ignore_ascii_case(b"identity"),
                _ if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") => {
                    let is_plain = |plain: &&[u8]| value.eq_ignore_ascii_case(plain);
                    self.is_encoded |= ![&b"binary"[..], b"8bit", b"7bit"].iter().any(is_plain);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Name and value of a header line.
pub(super) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let name = chars::trim_end(&line[..colon]);
    chars::all(name, chars::TOKEN).then(|| (name, chars::trim(&line[colon + 1..])))
}

/// Whether a Content-Type names a session description.
pub(super) fn is_sdp(content_type: &[u8]) -> bool {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    chars::trim(&content_type[..end]).eq_ignore_ascii_case(b"application/sdp")
}

fn set_once<'a>(slot: &mut Option<&'a str>, value: &'a str) -> Result<(), Cause> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Cause::Number),
    }
}
