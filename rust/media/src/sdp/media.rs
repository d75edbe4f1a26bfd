use std::fmt;

use super::attribute::payload_and_rest;
use super::rtpmap::Rtpmap;
use super::section::{Section, Text};

/// One media description: an `m=` line and the lines after it (RFC 8866 §5.14).
#[derive(Clone)]
pub struct Media {
    pub(crate) kind: Text,
    pub(crate) port: u16,
    pub(crate) port_count: u16,
    pub(crate) proto: Text,
    pub(crate) formats: Text,
    pub(crate) section: Section,
}

/// Media types that are treated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures in motion.
    Video,
    /// Everything else: text, image (T.38), application, message …
    Other,
}

impl Media {
    /// The media type.
    pub fn kind(&self) -> MediaKind {
        match self.kind_name() {
            name if name.eq_ignore_ascii_case("audio") => MediaKind::Audio,
            name if name.eq_ignore_ascii_case("video") => MediaKind::Video,
            _ => MediaKind::Other,
        }
    }

    /// The media type as written.
    pub fn kind_name(&self) -> &str {
        self.kind.read_str(&self.section.source)
    }

    /// The port; 0 refuses or ends the stream (RFC 3264 §6).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Number of consecutive ports, 1 unless written.
    pub fn port_count(&self) -> u16 {
        self.port_count
    }

    /// The transport protocol as written, `RTP/AVP` for instance.
    pub fn proto(&self) -> &str {
        self.proto.read_str(&self.section.source)
    }

    /// Whether the port says that the stream is wanted.
    pub fn is_active(&self) -> bool {
        self.port != 0
    }

    /// Whether the formats are RTP payload types.
    pub fn is_rtp(&self) -> bool {
        self.proto().split('/').any(|part| part.eq_ignore_ascii_case("RTP"))
    }

    /// Whether the protocol is a secure RTP profile (RFC 3711, RFC 5124).
    pub fn is_secure(&self) -> bool {
        let is_secure_profile =
            |part: &str| part.eq_ignore_ascii_case("SAVP") || part.eq_ignore_ascii_case("SAVPF");
        self.proto().split('/').any(is_secure_profile)
    }

    /// The formats as written.
    pub fn formats(&self) -> impl Iterator<Item = &str> {
        self.formats.read_str(&self.section.source).split_ascii_whitespace()
    }

    /// The formats that are RTP payload types, in order of preference.
    pub fn payloads(&self) -> impl Iterator<Item = u8> {
        self.formats().filter_map(|format| format.parse().ok()).filter(|payload| *payload < 128)
    }

    /// The encoding of a payload type: its `a=rtpmap`, else the static table of RFC 3551.
    pub fn rtpmap(&self, payload: u8) -> Option<Rtpmap<'_>> {
        self.written_rtpmap(payload).or_else(|| Rtpmap::of_static(payload))
    }

    /// Every payload type with its encoding, where that is known.
    pub(crate) fn encodings(&self) -> Vec<(u8, Option<Rtpmap<'_>>)> {
        let mut encodings: Vec<_> = self.payloads().map(|payload| (payload, None)).collect();
        for (payload, map) in self.section.values("rtpmap").filter_map(payload_and_rest) {
            let unset = encodings.iter_mut().filter(|(of, known)| *of == payload && known.is_none());
            unset.for_each(|(_, known)| *known = Rtpmap::parse(map));
        }
        for (payload, known) in &mut encodings {
            *known = known.or_else(|| Rtpmap::of_static(*payload));
        }
        encodings
    }

    /// The `a=rtpmap` of a payload type.
    fn written_rtpmap(&self, payload: u8) -> Option<Rtpmap<'_>> {
        self.for_payload("rtpmap", payload).find_map(Rtpmap::parse)
    }

    /// The format parameters of a payload type.
    pub fn fmtp(&self, payload: u8) -> Option<&str> {
        self.for_payload("fmtp", payload).next()
    }

    /// Milliseconds of sound in a packet (`a=ptime`); fractions are cut off.
    pub fn ptime(&self) -> Option<u32> {
        self.section.attribute("ptime")?.trim().split('.').next()?.parse().ok()
    }

    /// Whether RTP and RTCP share a port (RFC 5761).
    pub fn has_rtcp_mux(&self) -> bool {
        self.section.has_attribute("rtcp-mux")
    }

    /// Sources this description names (`a=ssrc`, RFC 5576), each once, at most [`Media::MAX_SSRCS`].
    pub fn ssrcs(&self) -> Vec<u32> {
        let mut ssrcs = Vec::new();
        for ssrc in self.section.values("ssrc").filter_map(|value| value.split(' ').next()?.parse().ok()) {
            if ssrcs.len() < Self::MAX_SSRCS && !ssrcs.contains(&ssrc) {
                ssrcs.push(ssrc);
            }
        }
        ssrcs
    }

    /// Sources remembered of one media line; simulcast video with repair needs six.
    pub const MAX_SSRCS: usize = 16;

    /// ICE candidate lines (RFC 8839 §5.1), unparsed.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        self.section.values("candidate")
    }

    /// Whether keys are exchanged in the description (SDES, RFC 4568).
    pub fn has_crypto(&self) -> bool {
        self.section.has_attribute("crypto")
    }

    /// The lines after `m=`.
    pub fn section(&self) -> &Section {
        &self.section
    }

    fn for_payload<'a>(&'a self, name: &'static str, payload: u8) -> impl Iterator<Item = &'a str> {
        let of_payload = move |value| payload_and_rest(value).filter(|(of, _)| *of == payload);
        self.section.values(name).filter_map(of_payload).map(|(_, rest)| rest)
    }
}

impl fmt::Debug for Media {
    /// Attributes stay out: they may hold keys and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Media({} {} {} [", self.kind_name(), self.port, self.proto())?;
        f.write_str(self.formats.read_str(&self.section.source))?;
        f.write_str("])")
    }
}
