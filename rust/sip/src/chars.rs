//! Character classes of the SIP grammar (RFC 3261 §25.1), one table look-up each.

/// Characters of a `token`.
pub(crate) const TOKEN: u8 = 1;
/// Characters of a host name, bracketed IPv6 aside. Underscores are common in the field.
pub(crate) const HOST: u8 = 2;
/// `unreserved` characters: the ones that mean the same escaped or not.
pub(crate) const UNRESERVED: u8 = 4;
/// Visible characters and UTF-8 octets that may stand in a bare parameter value.
pub(crate) const VALUE: u8 = 8;
/// Octets that may stand inside a URI.
pub(crate) const URI: u8 = 16;
/// Linear white space, line ends of folded lines included.
pub(crate) const LWS: u8 = 32;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = class(octet as u8);
        octet += 1;
    }
    table
}

const fn class(octet: u8) -> u8 {
    let alphanumeric = octet.is_ascii_alphanumeric();
    let mut class = 0;
    if alphanumeric || matches!(octet, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~') {
        class |= TOKEN;
    }
    if alphanumeric || matches!(octet, b'-' | b'.' | b'_') {
        class |= HOST;
    }
    if alphanumeric || matches!(octet, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')') {
        class |= UNRESERVED;
    }
    if octet > b' ' && octet != 0x7f {
        if !matches!(octet, b'"' | b';' | b',') {
            class |= VALUE;
        }
        if !matches!(octet, b'"' | b'<' | b'>') {
            class |= URI;
        }
    }
    if matches!(octet, b' ' | b'\t' | b'\r' | b'\n') {
        class |= LWS;
    }
    class
}

/// Whether `octet` belongs to one of `classes`.
#[inline]
pub(crate) fn is(octet: u8, classes: u8) -> bool {
    CLASSES[octet as usize] & classes != 0
}

/// Whether `octets` is not empty and made of `classes` only.
#[inline]
pub(crate) fn all(octets: &[u8], classes: u8) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| is(octet, classes))
}

/// `octets` without white space at either end.
#[inline]
pub(crate) fn trim(octets: &[u8]) -> &[u8] {
    trim_start(trim_end(octets))
}

/// `octets` without leading white space.
#[inline]
pub(crate) fn trim_start(mut octets: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = octets
        && is(*first, LWS)
    {
        octets = rest;
    }
    octets
}

/// `octets` without trailing white space.
#[inline]
pub(crate) fn trim_end(mut octets: &[u8]) -> &[u8] {
    while let [rest @ .., last] = octets
        && is(*last, LWS)
    {
        octets = rest;
    }
    octets
}

/// [`trim`] for text.
#[inline]
pub(crate) fn trim_text(text: &str) -> &str {
    let text = trim_text_start(text);
    &text[..trim_end(text.as_bytes()).len()]
}

/// [`trim_start`] for text.
#[inline]
pub(crate) fn trim_text_start(text: &str) -> &str {
    &text[text.len() - trim_start(text.as_bytes()).len()..]
}

/// Reads all of `octets` as a decimal number no larger than `max`. Leading zeros are fine.
pub(crate) fn decimal(octets: &[u8], max: u32) -> Option<u32> {
    if octets.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for &octet in octets {
        if !octet.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u64::from(octet - b'0');
        if number > u64::from(max) {
            return None;
        }
    }
    Some(number as u32)
}

/// Value of a hexadecimal digit.
pub(crate) fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// Index of the first octet after the quoted string that begins at `octets[0]`; `None` if it never ends.
pub(crate) fn quoted_end(octets: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let next = at + memchr::memchr2(b'"', b'\\', octets.get(at..)?)?;
        if octets[next] == b'"' {
            return Some(next + 1);
        }
        at = next + 2;
    }
}
