//! The session description of a message, which may be one part among others (RFC 5621 §8), and the body with another
//! one in its place.

use std::ops::Range;

use super::multipart::{Multipart, in_body};
use super::part::{BodyPart, field, is_sdp};
use crate::Bytes;
use crate::fault::{Cause, Fault};
use crate::message::Message;
use crate::name::Name;

/// Multipart bodies inside each other.
const MAX_DEPTH: usize = 4;

/// A body with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Value of Content-Type.
    pub content_type: Box<str>,
    /// The octets.
    pub octets: Bytes,
}

/// Where the session description stands in a body.
struct Session {
    /// Its octets.
    sdp: Range<usize>,
    /// They are compressed or the like.
    is_encoded: bool,
    /// The part another description takes the place of; `None` if it takes that of the whole body.
    part: Option<Range<usize>>,
    /// What goes if there is to be none; `None` if nothing would be left.
    cut: Option<Range<usize>>,
    /// The header lines that go with it.
    head: Vec<u8>,
}

impl Body {
    /// A session description by itself.
    pub fn sdp(octets: Bytes) -> Self {
        Self { content_type: "application/sdp".into(), octets }
    }
}

impl Message {
    /// The session description: the body if it is typed as one, or without a type but beginning like one; or the part
    /// of a multipart body that is one. `None` as well if the body is malformed, see [`Message::judge_body`].
    pub fn sdp(&self) -> Option<&[u8]> {
        let session = self.session().ok()?.filter(|session| !session.is_encoded)?;
        self.body().get(session.sdp).filter(|sdp| !sdp.is_empty())
    }

    /// The same without copying it.
    pub fn sdp_bytes(&self) -> Option<Bytes> {
        self.sdp().map(|sdp| self.bytes().slice_ref(sdp))
    }

    /// Whether the body can be read as far as its session description goes.
    ///
    /// # Errors
    /// [`Fault::Bad`]: a multipart body is malformed, nested deeper than four times, or describes two sessions.
    pub fn judge_body(&self) -> Result<(), Fault> {
        self.session().map(|_| ())
    }

    /// Whether the session description is a part that says that it is compressed or the like.
    pub fn has_encoded_session(&self) -> bool {
        matches!(self.session(), Ok(Some(session)) if session.is_encoded)
    }

    /// The body with `sdp` instead of its session description, `None`: without it. All other parts stay as they are,
    /// octet by octet. Among alternatives the choice is made: only `sdp` is left of them.
    pub fn body_with(&self, sdp: Option<&Bytes>) -> Option<Body> {
        let alone = || sdp.cloned().map(Body::sdp);
        let body = self.body();
        let Some(kind) = self.content_type().filter(|_| !body.is_empty()) else { return alone() };
        let octets = match (self.session(), sdp) {
            (Ok(None), None) => self.body_bytes(),
            (Ok(Some(session)), Some(sdp)) if body.get(session.sdp.clone()) == Some(sdp) => self.body_bytes(),
            (Ok(Some(Session { part: Some(part), head, .. })), Some(sdp)) => {
                [&body[..part.start], &head, b"\r\n", sdp, &body[part.end..]].concat().into()
            }
            (Ok(Some(Session { cut: Some(cut), .. })), None) => {
                [&body[..cut.start], &body[cut.end..]].concat().into()
            }
            _ => return alone(),
        };
        Some(Body { content_type: kind.into(), octets })
    }

    fn session(&self) -> Result<Option<Session>, Fault> {
        let body = self.body();
        let whole = || {
            let sdp = 0..body.len();
            Some(Session { sdp, is_encoded: false, part: None, cut: None, head: Vec::new() })
        };
        match self.content_type() {
            Some(kind) if is_sdp(kind.as_bytes()) => Ok(whole()),
            Some(kind) if Multipart::is(kind) && !body.is_empty() => find(kind, body, 0..body.len(), 0),
            None if self.header(Name::ContentType).is_none() && body.starts_with(b"v=0") => Ok(whole()),
            _ => Ok(None),
        }
    }
}

/// The session description among the parts of the multipart at `span`.
fn find(kind: &str, body: &[u8], span: Range<usize>, depth: usize) -> Result<Option<Session>, Fault> {
    if depth >= MAX_DEPTH {
        return Err(in_body(Cause::Depth));
    }
    let multipart = Multipart::parse(kind, &body[span.clone()])?;
    let mut found: Option<Session> = None;
    for part in multipart.parts() {
        let Some(session) = find_in(part, body, span.start, depth)? else { continue };
        match &found {
            // Of alternatives the last one that is understood counts (RFC 2046 §5.1.4).
            Some(earlier) if multipart.is_alternative() && session.is_encoded && !earlier.is_encoded => {}
            Some(_) if !multipart.is_alternative() => return Err(in_body(Cause::Number)),
            _ => found = Some(session),
        }
    }
    Ok(found.map(|mut session| {
        if multipart.is_alternative() {
            session.part = None;
        }
        if multipart.is_alternative() || multipart.parts().len() == 1 {
            session.cut = None;
        }
        session
    }))
}

fn find_in(part: &BodyPart<'_>, body: &[u8], from: usize, depth: usize) -> Result<Option<Session>, Fault> {
    let span = part.span.start + from..part.span.end + from;
    let cut = part.delimiter + from..span.end;
    let octets = span.end - part.body().len()..span.end;
    if Multipart::is(part.content_type()) && !part.is_encoded() {
        let found = find(part.content_type(), body, octets, depth + 1)?;
        return Ok(found.map(|session| Session {
            part: session.part.or(Some(span)),
            cut: session.cut.or(Some(cut)),
            ..session
        }));
    }
    let session = || Session {
        sdp: octets,
        is_encoded: part.is_encoded(),
        part: Some(span),
        cut: Some(cut),
        head: head_of(part),
    };
    Ok(part.is_session().then(session))
}

/// The header lines of a part but its length, which may change.
fn head_of(part: &BodyPart<'_>) -> Vec<u8> {
    let is_length =
        |line: &&[u8]| field(line).is_some_and(|(name, _)| Name::parse(name) == Name::ContentLength);
    part.lines().filter(|line| !is_length(line)).flatten().copied().collect()
}
