use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::connection::Connection;
use super::direction::Direction;
use super::media::Media;
use super::origin::Origin;
use super::section::Section;

/// A session description (RFC 8866): every line as it came, with typed views.
///
/// Media lines are named by their index, which an answer shares with its offer (RFC 3264 §6).
#[derive(Clone)]
pub struct Sdp {
    pub(crate) session: Section,
    pub(crate) media: Vec<Media>,
}

impl Sdp {
    /// The lines before the first `m=`.
    pub fn session(&self) -> &Section {
        &self.session
    }

    /// The media descriptions, in order.
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The `o=` line; none if it is missing.
    pub fn origin(&self) -> Option<Origin<'_>> {
        Origin::parse(self.session.line(b'o')?)
    }

    /// The `c=` line that holds for a media line: its own, else that of the session.
    pub fn connection(&self, line: usize) -> Option<Connection<'_>> {
        let own = self.media.get(line)?.section.line(b'c');
        Connection::parse(own.or_else(|| self.session.line(b'c'))?)
    }

    /// Where a media line is to be sent to; none for port 0, without `c=`, or with a host name.
    pub fn remote(&self, line: usize) -> Option<SocketAddr> {
        let media = self.media.get(line).filter(|media| media.is_active())?;
        Some(SocketAddr::new(self.connection(line)?.ip()?.to_canonical(), media.port()))
    }

    /// Where RTCP of a media line is to be sent to unless both sides agree on rtcp-mux: `a=rtcp` (RFC 3605),
    /// else the port after RTP.
    pub fn remote_rtcp(&self, line: usize) -> Option<SocketAddr> {
        let rtp = self.remote(line)?;
        let media = self.media.get(line)?;
        let written = media.section.attribute("rtcp").and_then(|value| parse_rtcp(value, rtp.ip()));
        written.or_else(|| Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?)))
    }

    /// Direction of a media line: its own, else that of the session, else `sendrecv`.
    pub fn direction(&self, line: usize) -> Direction {
        let written = |section: &Section| section.find_direction();
        let own = self.media.get(line).and_then(|media| written(&media.section));
        own.or_else(|| written(&self.session)).unwrap_or_default()
    }

    /// The direction that is meant: an unspecified address says that the writer does not receive (RFC 3264 §8.4).
    pub fn meant_direction(&self, line: usize) -> Direction {
        let written = self.direction(line);
        let deaf = self.connection(line).is_some_and(|connection| connection.is_unspecified());
        Direction::new(written.sends(), written.receives() && !deaf)
    }

    /// Whether the writer holds this media line: `sendonly`, `inactive` or an unspecified address.
    pub fn is_held(&self, line: usize) -> bool {
        self.meant_direction(line).is_hold()
    }

    /// Whether the peer is a WebRTC endpoint: ICE and a DTLS fingerprint on some active line.
    pub fn is_webrtc(&self) -> bool {
        let has =
            |media: &Media, name: &str| media.section.has_attribute(name) || self.session.has_attribute(name);
        self.media.iter().any(|media| has(media, "ice-ufrag") && has(media, "fingerprint"))
    }

    /// Whether some active media line is secured: a secure profile or SDES keys.
    pub fn is_srtp(&self) -> bool {
        self.media.iter().any(|media| media.is_active() && (media.is_secure() || media.has_crypto()))
    }

    /// Whether some active media line is received at an IPv6 address.
    pub fn is_ipv6(&self) -> bool {
        (0..self.media.len()).any(|line| self.remote(line).is_some_and(|remote| remote.is_ipv6()))
    }

    pub(crate) fn new(source: Bytes) -> Self {
        Self { session: Section::new(source), media: Vec::new() }
    }
}

/// Reads `port [IN family address]`.
fn parse_rtcp(value: &str, default: IpAddr) -> Option<SocketAddr> {
    let mut fields = value.split_ascii_whitespace();
    let port = fields.next()?.parse().ok().filter(|port| *port != 0)?;
    let address = match (fields.next(), fields.next(), fields.next()) {
        (Some(_net), Some(family), Some(address)) => Connection::of(family, address)?.ip()?,
        _ => default,
    };
    Some(SocketAddr::new(address.to_canonical(), port))
}

impl fmt::Debug for Sdp {
    /// Attributes stay out: they may hold keys and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sdp").field(&self.media).finish()
    }
}
