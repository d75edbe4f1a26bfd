//! Comma-separated values (RFC 3261 §7.3.1).

use crate::chars;

/// The values of one field line. Commas inside quotes or angle brackets do not separate; empty values are left out.
pub(crate) struct Values<'a>(Option<&'a [u8]>);

impl<'a> Values<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Self {
        Self(Some(line))
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let Some(rest) = self.0 {
            let end = comma(rest);
            self.0 = end.map(|at| &rest[at + 1..]);
            let value = chars::trim(&rest[..end.unwrap_or(rest.len())]);
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    }
}

/// Index of the first separating comma. A quote or bracket that never closes swallows the rest.
fn comma(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr::memchr3(b',', b'"', b'<', &octets[at..])?;
        at = match octets[found] {
            b',' => return Some(found),
            b'"' => found + chars::quoted_end(&octets[found..])?,
            _ => found + memchr::memchr(b'>', &octets[found..])? + 1,
        };
    }
}
