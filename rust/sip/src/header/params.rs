//! Parameters after a semicolon: `;tag=abc;lr` (RFC 3261 §25.1 generic-param).

use std::borrow::Cow;

use crate::chars::{self, TOKEN, VALUE};
use crate::fault::Cause;

/// The parameters of a header value or of a URI: the text from the first semicolon on, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// Checks `text`, which is empty or begins with a semicolon.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Cause> {
        let mut rest = text.as_bytes();
        while let [b';', after @ ..] = rest {
            rest = match plain(after) {
                Some(tail) => tail,
                None => check(after)?,
            };
        }
        if rest.is_empty() { Ok(Self(text)) } else { Err(Cause::Parameter) }
    }

    /// Takes text whose grammar somebody else has checked.
    pub(crate) fn trusted(text: &'a str) -> Self {
        Self(text)
    }

    /// The text, first semicolon included.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order. Quoted values keep their quotes.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let text = rest.strip_prefix(';')?;
            let length = split(text.as_bytes()).map_or(text.len(), |(param, _)| param.len());
            let (param, tail) = text.split_at_checked(length)?;
            rest = tail;
            Some(match param.bytes().position(|octet| octet == b'=') {
                Some(at) => (chars::trim_text(&param[..at]), Some(chars::trim_text(&param[at + 1..]))),
                None => (chars::trim_text(param), None),
            })
        })
    }

    /// The first parameter called `name`: absent, present without a value, or with one.
    pub fn get(&self, name: &str) -> Option<Option<&'a str>> {
        self.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether a parameter called `name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of the first parameter called `name`, as written.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.get(name).flatten()
    }

    /// The same without the quotes and escapes of a quoted string.
    pub fn value_unquoted(&self, name: &str) -> Option<Cow<'a, str>> {
        self.value(name).map(unquote)
    }
}

/// Removes the quotes and backslashes of a quoted string; other text stays as it is.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    unquote_inner(inner)
}

/// Removes the backslashes from what stands between the quotes of a quoted string.
pub(crate) fn unquote_inner(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    Cow::Owned(plain)
}

/// Splits at the next semicolon outside quotes; `None` if a quoted string never ends.
fn split(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        match memchr::memchr2(b';', b'"', &octets[at..]) {
            None => return Some((octets, &[])),
            Some(found) if octets[at + found] == b';' => return Some(octets.split_at(at + found)),
            Some(found) => at += found + chars::quoted_end(&octets[at + found..])?,
        }
    }
}

/// What follows a parameter without quotes and white space; `None` if it is not that plain.
fn plain(octets: &[u8]) -> Option<&[u8]> {
    let mut end = run(octets, TOKEN);
    let mut whole = end > 0;
    if octets.get(end) == Some(&b'=') {
        let value = run(&octets[end + 1..], VALUE);
        end += 1 + value;
        whole &= value > 0;
    }
    let rest = &octets[end..];
    (whole && matches!(rest, [] | [b';', ..])).then_some(rest)
}

fn run(octets: &[u8], class: u8) -> usize {
    octets.iter().position(|&octet| !chars::is(octet, class)).unwrap_or(octets.len())
}

/// What follows any other parameter.
fn check(octets: &[u8]) -> Result<&[u8], Cause> {
    let (param, tail) = split(octets).ok_or(Cause::Quote)?;
    let param = chars::trim(param);
    let name_length = run(param, TOKEN);
    if name_length == 0 {
        return Err(Cause::Parameter);
    }
    match chars::trim_start(&param[name_length..]) {
        [] => Ok(tail),
        [b'=', value @ ..] => check_value(chars::trim_start(value)).map(|()| tail),
        _ => Err(Cause::Parameter),
    }
}

fn check_value(value: &[u8]) -> Result<(), Cause> {
    let good = match value {
        [] => true,
        [b'"', ..] => chars::quoted_end(value) == Some(value.len()),
        _ => chars::all(value, VALUE),
    };
    if good { Ok(()) } else { Err(Cause::Parameter) }
}
