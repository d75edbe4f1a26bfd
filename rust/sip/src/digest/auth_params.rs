//! The comma-separated parameters of the authentication headers (RFC 7235 §2.1).

use crate::chars::{self, TOKEN};
use crate::fault::Cause;

/// Parameters after the scheme; quoted values come without their quotes, escapes left in: the hashes are over them.
#[derive(Clone)]
pub(super) struct AuthParams<'a>(&'a str);

impl<'a> AuthParams<'a> {
    /// Splits the scheme off, which must be Digest.
    pub(super) fn of_digest(value: &'a [u8]) -> Result<Self, Cause> {
        let text = chars::trim_text(std::str::from_utf8(value).map_err(|_| Cause::Utf8)?);
        let end = text.bytes().position(|octet| chars::is(octet, chars::LWS)).ok_or(Cause::AuthScheme)?;
        let (scheme, rest) = text.split_at(end);
        if scheme.eq_ignore_ascii_case("Digest") { Ok(Self(rest)) } else { Err(Cause::AuthScheme) }
    }

    /// Feeds every parameter to `take`.
    pub(super) fn read_into(
        self,
        mut take: impl FnMut(&'a str, &'a str) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        let mut rest = self.0;
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
            if rest.is_empty() {
                return Ok(());
            }
            let (name, tail) = rest.split_once('=').ok_or(Cause::Parameter)?;
            let name = chars::trim_text(name);
            if !chars::all(name.as_bytes(), TOKEN) {
                return Err(Cause::Parameter);
            }
            let (value, tail) = split_value(tail.trim_start_matches([' ', '\t', '\r', '\n']))?;
            take(name, value)?;
            rest = chars::trim_text(tail);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(Cause::Parameter);
            }
        }
    }
}

fn split_value(text: &str) -> Result<(&str, &str), Cause> {
    if text.starts_with('"') {
        let end = chars::quoted_end(text.as_bytes()).ok_or(Cause::Quote)?;
        return Ok((&text[1..end - 1], &text[end..]));
    }
    let (value, tail) = text.split_at(memchr::memchr(b',', text.as_bytes()).unwrap_or(text.len()));
    let value = chars::trim_text(value);
    // A backslash would become an escape once the value is quoted.
    if chars::all(value.as_bytes(), chars::VALUE) && !value.contains('\\') {
        Ok((value, tail))
    } else {
        Err(Cause::Parameter)
    }
}

/// Keeps the first value of a parameter; a second one is a fault.
pub(super) fn once<'a>(slot: &mut Option<&'a str>, value: &'a str) -> Result<(), Cause> {
    if slot.replace(value).is_some() { Err(Cause::Parameter) } else { Ok(()) }
}

/// Text fit to stand between quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !letter.is_ascii_control()) {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}
