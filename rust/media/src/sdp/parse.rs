use bytes::Bytes;

use super::connection::Connection;
use super::description::Sdp;
use super::error::{SdpError, SdpFault};
use super::media::Media;
use super::origin::Origin;
use super::section::{Line, Section, Text};

/// Octets of one body; the largest datagram.
pub const MAX_OCTETS: usize = 65_535;
/// Lines of one body.
pub const MAX_LINES: usize = 4_096;
/// Media lines of one body.
pub const MAX_MEDIA: usize = 64;
/// Formats of one media line.
pub const MAX_FORMATS: usize = 64;
/// Attributes of the session part, and of each media line.
pub const MAX_ATTRIBUTES: usize = 512;

impl Sdp {
    /// Reads a body.
    ///
    /// Tolerated as real peers send it: bare LF, no final line end, blank lines, blanks at line ends, lines out
    /// of order, missing `o=`, `s=`, `t=` and `c=`. Refused: what could be read in two ways, and what is over
    /// the limits of this module.
    pub fn parse(body: &[u8]) -> Result<Self, SdpError> {
        Self::parse_bytes(&Bytes::copy_from_slice(body))
    }

    /// Reads a body without copying it; see [`Sdp::parse`].
    pub fn parse_bytes(body: &Bytes) -> Result<Self, SdpError> {
        if body.len() > MAX_OCTETS {
            return Err(SdpError { line: 0, fault: SdpFault::TooLong });
        }
        Reader { sdp: Self::new(body.clone()), attributes: 0, has_version: false }.read(body)
    }
}

struct Reader {
    sdp: Sdp,
    attributes: usize,
    has_version: bool,
}

impl Reader {
    fn read(mut self, body: &Bytes) -> Result<Sdp, SdpError> {
        let mut start = 0;
        let mut number = 0;
        for raw in body.split(|octet| *octet == b'\n') {
            number += 1;
            let line = raw.strip_suffix(b"\r").unwrap_or(raw).trim_ascii_end();
            let fail = |fault| SdpError { line: number, fault };
            if number as usize > MAX_LINES {
                return Err(fail(SdpFault::TooManyLines));
            }
            if !line.is_empty() {
                self.read_line(body, start, line).map_err(fail)?;
            }
            start += raw.len() + 1;
        }
        if self.has_version { Ok(self.sdp) } else { Err(SdpError { line: 1, fault: SdpFault::Version }) }
    }

    fn read_line(&mut self, body: &Bytes, start: usize, line: &[u8]) -> Result<(), SdpFault> {
        let [letter, b'=', value @ ..] = line else { return Err(SdpFault::NoType) };
        if !letter.is_ascii_alphabetic() {
            return Err(SdpFault::NoType);
        }
        if line.iter().any(|octet| matches!(octet, 0 | b'\r')) {
            return Err(SdpFault::ControlOctet);
        }
        if !self.has_version && (*letter, value) != (b'v', b"0") {
            return Err(SdpFault::Version);
        }
        self.has_version = true;
        if *letter == b'm' {
            return self.read_media(body, start + 2, value);
        }
        check_value(*letter, value)?;
        self.count_attribute(*letter)?;
        let start = start as u32 + 2;
        let value = Text::Received { start, end: start + value.len() as u32 };
        self.section().lines.push(Line { letter: *letter, value });
        Ok(())
    }

    fn section(&mut self) -> &mut Section {
        match self.sdp.media.last_mut() {
            Some(media) => &mut media.section,
            None => &mut self.sdp.session,
        }
    }

    fn count_attribute(&mut self, letter: u8) -> Result<(), SdpFault> {
        self.attributes += usize::from(letter == b'a');
        if self.attributes > MAX_ATTRIBUTES { Err(SdpFault::TooManyAttributes) } else { Ok(()) }
    }

    fn read_media(&mut self, body: &Bytes, start: usize, value: &[u8]) -> Result<(), SdpFault> {
        if self.sdp.media.len() == MAX_MEDIA {
            return Err(SdpFault::TooManyMedia);
        }
        let media = parse_media(body, start, value)?;
        self.sdp.media.push(media);
        self.attributes = 0;
        Ok(())
    }
}

fn check_value(letter: u8, value: &[u8]) -> Result<(), SdpFault> {
    match letter {
        b'o' if Origin::parse(value).is_none() => Err(SdpFault::Origin),
        b'c' if Connection::parse(value).is_none() => Err(SdpFault::Connection),
        _ => Ok(()),
    }
}

/// Reads the text after `m=`, which begins `start` octets into the body.
fn parse_media(body: &Bytes, start: usize, value: &[u8]) -> Result<Media, SdpFault> {
    let text = std::str::from_utf8(value).map_err(|_| SdpFault::Media)?;
    let mut fields = Fields { text, at: 0 };
    let mut field = || fields.next().ok_or(SdpFault::Media);
    let (kind, port, proto) = (field()?, field()?, field()?);
    let formats = fields.rest().ok_or(SdpFault::Media)?;
    if formats.0.split_ascii_whitespace().count() > MAX_FORMATS {
        return Err(SdpFault::TooManyFormats);
    }
    let (port, port_count) = parse_port(port.0)?;
    let received = |(text, at): (&str, usize)| {
        let begin = (start + at) as u32;
        Text::Received { start: begin, end: begin + text.len() as u32 }
    };
    Ok(Media {
        kind: received(kind),
        port,
        port_count,
        proto: received(proto),
        formats: received(formats),
        section: Section::new(body.clone()),
    })
}

fn parse_port(text: &str) -> Result<(u16, u16), SdpFault> {
    let (port, count) = text.split_once('/').unwrap_or((text, "1"));
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        if is_number { text.parse().map_err(|_| SdpFault::Port) } else { Err(SdpFault::Media) }
    };
    Ok((number(port)?, number(count)?))
}

/// Blank-separated fields with their offsets.
struct Fields<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<(&'a str, usize)> {
        let (text, at) = self.rest()?;
        let field = text.split_ascii_whitespace().next()?;
        self.at = at + field.len();
        Some((field, at))
    }

    fn rest(&self) -> Option<(&'a str, usize)> {
        let left = self.text.get(self.at..)?;
        let text = left.trim_ascii();
        (!text.is_empty()).then(|| (text, self.at + left.len() - left.trim_ascii_start().len()))
    }
}
