//! A multipart body cut into its parts (RFC 2046 §5.1.1), in place.
//!
//! Whatever the body says, nothing outside of it is looked at: delimiters are searched for in its own octets, and a
//! body whose last delimiter is missing is bad instead of longer.

use std::borrow::Cow;

use memchr::memmem;

use super::part::BodyPart;
use crate::chars;
use crate::fault::{Cause, Fault, Part};
use crate::header::Params;
use crate::message::bad;
use crate::name::Name;

/// Parts of one multipart body. More are no use to anybody, and each costs a header block to read.
const MAX_PARTS: usize = 32;
/// Characters of a boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// A body of several parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart<'a> {
    parts: Vec<BodyPart<'a>>,
    is_alternative: bool,
}

/// A line that begins or ends parts.
struct Delimiter {
    /// Where it begins, the line end before it included.
    start: usize,
    /// Where its line ends.
    end: usize,
    /// It is the last one.
    closes: bool,
}

impl<'a> Multipart<'a> {
    /// Whether a Content-Type names a multipart body of whatever kind.
    pub fn is(content_type: &str) -> bool {
        subtype(content_type).is_some()
    }

    /// Cuts `body`, whose Content-Type is `content_type`. What stands before the first delimiter and after the last
    /// belongs to no part.
    ///
    /// # Errors
    /// [`Fault::Bad`]: the type is no multipart or has no usable boundary; there is no part, there are more than 32, the
    /// last delimiter is missing, or the header lines of a part are malformed.
    pub fn parse(content_type: &str, body: &'a [u8]) -> Result<Self, Fault> {
        let kind = subtype(content_type).ok_or(bad(Name::ContentType, Cause::Empty))?;
        let boundary = boundary(content_type).map_err(|cause| bad(Name::ContentType, cause))?;
        let mut parts = Vec::new();
        let mut begun: Option<Delimiter> = None;
        for delimiter in delimiters(body, boundary.as_bytes()) {
            if let Some(Delimiter { start, end, .. }) = begun {
                if parts.len() >= MAX_PARTS {
                    return Err(in_body(Cause::Number));
                }
                // Two delimiters in a row share a line end.
                parts.push(BodyPart::parse(body, start, end..delimiter.start.max(end))?);
            }
            if delimiter.closes {
                let is_alternative = kind.eq_ignore_ascii_case("alternative");
                let whole = Self { parts, is_alternative };
                return if whole.parts.is_empty() { Err(in_body(Cause::Empty)) } else { Ok(whole) };
            }
            begun = Some(delimiter);
        }
        Err(in_body(Cause::Unclosed))
    }

    /// The parts in order; at least one.
    pub fn parts(&self) -> &[BodyPart<'a>] {
        &self.parts
    }

    /// Whether the parts say the same in different forms, the best one last (RFC 2046 §5.1.4).
    pub fn is_alternative(&self) -> bool {
        self.is_alternative
    }
}

/// Something in the body is bad.
pub(super) const fn in_body(cause: Cause) -> Fault {
    Fault::Bad { part: Part::Body, cause }
}

/// What follows `multipart/`.
fn subtype(content_type: &str) -> Option<&str> {
    let end = content_type.find(';').unwrap_or(content_type.len());
    let (kind, subtype) = content_type[..end].split_once('/')?;
    let is_multipart = chars::trim_text(kind).eq_ignore_ascii_case("multipart");
    is_multipart.then(|| chars::trim_text(subtype))
}

fn boundary(content_type: &str) -> Result<Cow<'_, str>, Cause> {
    let params = content_type.find(';').map_or("", |at| &content_type[at..]);
    let params = Params::parse(chars::trim_text(params))?;
    let mut given = params.iter().filter(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    if given.next().is_none() || given.next().is_some() {
        return Err(Cause::Parameter);
    }
    let boundary = params.value_unquoted("boundary").ok_or(Cause::Parameter)?;
    let is_legal = |octet: u8| octet.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&octet);
    let is_good = !boundary.ends_with(' ') && boundary.bytes().all(is_legal);
    if is_good && (1..=MAX_BOUNDARY).contains(&boundary.len()) { Ok(boundary) } else { Err(Cause::Parameter) }
}

fn delimiters<'a>(body: &'a [u8], boundary: &[u8]) -> impl Iterator<Item = Delimiter> + use<'a> {
    let dashed = [b"--", boundary].concat();
    let finder = memmem::Finder::new(&dashed).into_owned();
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + finder.find(&body[from..])?;
            let after = at + dashed.len();
            from = after;
            let start = match at {
                0 => 0,
                _ if body[..at].ends_with(b"\r\n") => at - 2,
                _ => continue,
            };
            if let Some((length, closes)) = rest_of_line(&body[after..]) {
                from = after + length;
                return Some(Delimiter { start, end: from, closes });
            }
        }
    })
}

/// Length of what follows the boundary on its line, line end included, and whether it says that it is the last one;
/// `None` if the line is longer than a delimiter may be.
fn rest_of_line(octets: &[u8]) -> Option<(usize, bool)> {
    let closes = octets.starts_with(b"--");
    let dashes = if closes { 2 } else { 0 };
    let padding = octets[dashes..].iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    match &octets[dashes + padding..] {
        [b'\r', b'\n', ..] => Some((dashes + padding + 2, closes)),
        [] if closes => Some((dashes + padding, true)),
        _ => None,
    }
}
