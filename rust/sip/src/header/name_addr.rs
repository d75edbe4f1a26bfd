//! Addresses with a display name and parameters: From, To, Contact, Route … (RFC 3261 §20.10).

use std::borrow::Cow;

use super::params::{self, Params};
use crate::chars;
use crate::fault::{Cause, Fault};
use crate::uri::Uri;

/// `"Display" <uri>;params`, or an URI without brackets, whose parameters then belong to the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Display name as written, quotes kept. A name that is not UTF-8 is left out.
    pub display: Option<&'a str>,
    /// The URI as written.
    pub uri: &'a str,
    /// Parameters of the header.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason. The URI itself is judged by [`NameAddr::uri`].
    pub fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    pub(crate) fn read(value: &'a [u8]) -> Result<Self, Cause> {
        let value = chars::trim(value);
        let (display, rest) = split_display(value)?;
        let Some((b'<', bracketed)) = rest.split_first() else {
            return Self::read_addr_spec(rest);
        };
        let end = memchr::memchr(b'>', bracketed).ok_or(Cause::Bracket)?;
        let params = text(chars::trim_start(&bracketed[end + 1..]))?;
        Ok(Self {
            display: std::str::from_utf8(display).ok().filter(|name| !name.is_empty()),
            uri: some(text(chars::trim(&bracketed[..end]))?)?,
            params: Params::parse(params)?,
        })
    }

    fn read_addr_spec(value: &'a [u8]) -> Result<Self, Cause> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let uri = text(chars::trim_end(&value[..end]))?;
        if uri.contains([',', '?']) {
            return Err(Cause::NeedsBrackets);
        }
        Ok(Self { display: None, uri: some(uri)?, params: Params::parse(text(&value[end..])?)? })
    }

    /// The display name without quotes and escapes.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        self.display.map(params::unquote)
    }

    /// The URI, parsed.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason.
    pub fn uri(&self) -> Result<Uri<'a>, Fault> {
        Uri::parse(self.uri)
    }

    /// The `tag` parameter, if not empty.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }

    /// The `expires` parameter of a Contact, seconds. Malformed counts as absent (RFC 3261 §20.10).
    pub fn expires(&self) -> Option<u32> {
        chars::decimal(self.params.value("expires")?.as_bytes(), u32::MAX)
    }

    /// The `q` parameter in thousandths, 0–1000 (RFC 3261 §25.1 qvalue).
    pub fn q(&self) -> Option<u16> {
        let text = self.params.value("q")?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = chars::decimal(whole.as_bytes(), 1)?;
        if fraction.len() > 3 {
            return None;
        }
        let mut thousandths = 0;
        for place in 0..3 {
            let digit = *fraction.as_bytes().get(place).unwrap_or(&b'0');
            thousandths = thousandths * 10 + chars::decimal(&[digit], 9)?;
        }
        let q = whole * 1000 + thousandths;
        (q <= 1000).then_some(q as u16)
    }
}

/// Splits what stands before the opening bracket (or nothing) from the rest.
fn split_display(value: &[u8]) -> Result<(&[u8], &[u8]), Cause> {
    if value.first() == Some(&b'"') {
        let (display, rest) = value.split_at(chars::quoted_end(value).ok_or(Cause::Quote)?);
        let rest = chars::trim_start(rest);
        return if rest.first() == Some(&b'<') { Ok((display, rest)) } else { Err(Cause::Bracket) };
    }
    match memchr::memchr3(b'<', b'"', b';', value) {
        Some(at) if value[at] == b'<' => Ok((chars::trim_end(&value[..at]), &value[at..])),
        Some(at) if value[at] == b'"' => Err(Cause::Quote),
        _ => Ok((&[], value)),
    }
}

fn some(uri: &str) -> Result<&str, Cause> {
    if uri.is_empty() { Err(Cause::Empty) } else { Ok(uri) }
}

fn text(octets: &[u8]) -> Result<&str, Cause> {
    std::str::from_utf8(octets).map_err(|_| Cause::Utf8)
}
