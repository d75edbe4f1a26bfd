use std::fmt;
use std::io::Write as _;

use bytes::Bytes;

use super::description::Sdp;
use super::media::Media;
use super::section::Section;

impl Sdp {
    /// Appends the description, every line ended by CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_section(&self.session, out);
        for media in &self.media {
            write_media(media, out);
            write_section(&media.section, out);
        }
    }

    /// The description as a body.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.session.source.len() + 64);
        self.write(&mut out);
        Bytes::from(out)
    }
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl PartialEq for Sdp {
    /// Descriptions are equal when they are written the same.
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Eq for Sdp {}

fn write_section(section: &Section, out: &mut Vec<u8>) {
    for (letter, value) in section.lines() {
        out.extend_from_slice(&[letter, b'=']);
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

fn write_media(media: &Media, out: &mut Vec<u8>) {
    let source = &media.section.source;
    out.extend_from_slice(b"m=");
    out.extend_from_slice(media.kind.read(source));
    // Writing to a vector cannot fail.
    let _ = match media.port_count {
        1 => write!(out, " {} ", media.port),
        count => write!(out, " {}/{count} ", media.port),
    };
    out.extend_from_slice(media.proto.read(source));
    out.push(b' ');
    out.extend_from_slice(media.formats.read(source));
    out.extend_from_slice(b"\r\n");
}
