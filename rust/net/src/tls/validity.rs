//! Until when a certificate holds (RFC 5280 §4.1.2.5), read from its DER.

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Seconds since 1970 at which a certificate ends. `None`: it is not a certificate.
pub(crate) fn not_after(certificate: &[u8]) -> Option<u64> {
    let mut outer = Reader(certificate);
    let mut signed = Reader(Reader(outer.take(SEQUENCE)?).take(SEQUENCE)?);
    if signed.0.first() == Some(&VERSION) {
        signed.take(VERSION)?;
    }
    signed.take(INTEGER)?;
    // Signature algorithm and issuer.
    signed.take(SEQUENCE)?;
    signed.take(SEQUENCE)?;
    let mut validity = Reader(signed.take(SEQUENCE)?);
    validity.next()?;
    match validity.next()? {
        (UTC_TIME, text) => {
            let short = number(text.get(..2)?)?;
            // RFC 5280 §4.1.2.5.1: two digits mean 1950 to 2049.
            seconds(if short < 50 { 2000 + short } else { 1900 + short }, text.get(2..)?)
        }
        (GENERALIZED_TIME, text) => seconds(number(text.get(..4)?)?, text.get(4..)?),
        _ => None,
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let octets = usize::from(first & 0x7f);
            let written = rest.get(..octets).filter(|written| written.len() <= 4)?;
            length = written.iter().fold(0, |sum, &octet| (sum << 8) | usize::from(octet));
            rest = &rest[octets..];
        }
        let content = rest.get(..length)?;
        self.0 = &rest[length..];
        Some((tag, content))
    }
}

/// `MMDDHHMMSSZ` of a year; both forms of time are UTC with seconds.
fn seconds(year: u64, text: &[u8]) -> Option<u64> {
    let part = |index: usize| number(text.get(2 * index..2 * index + 2)?);
    let (month, day) = (part(0)?, part(1)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(((days(year, month, day)? * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?)
}

/// Days since 1970, counting years from March so that the leap day is the last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    before.checked_sub(719_468)
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(seconds(1970, b"0101000000Z"), Some(0));
        assert_eq!(seconds(2000, b"0229235959Z"), Some(951_868_799));
        assert_eq!(seconds(2038, b"0119031408Z"), Some(1 << 31));
        assert_eq!(seconds(2030, b"1301000000Z"), None);
    }

    #[test]
    fn anything_else_has_no_end() {
        for der in
            [&b""[..], b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00", &[0x30; 64]]
        {
            assert_eq!(not_after(der), None);
        }
    }
}
