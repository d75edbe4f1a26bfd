//! Globally routable addresses of one phone (RFC 5627).
//!
//! Nothing is stored for them. A public one names the instance; a temporary one holds, sealed, the binding it was
//! handed out with, and ends when that binding ends or begins a new Call-ID (§5.4). Two of them tell a stranger
//! neither whose they are nor that they are of one phone.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use pbx_sip::Uri;
use sha2::Sha256;

/// Begins the user part of temporary addresses.
const TEMPORARY: &str = "tgruu.";
const NONCE: usize = 8;
/// A slot of the table and an order.
const BODY: usize = 4 + 8;
const MAC: usize = 10;
const SEALED: usize = NONCE + BODY + MAC;

/// The binding a temporary address was handed out with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: usize,
    pub(super) order: u64,
}

/// What a URI with `gr` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gruu<'a> {
    /// The instance, percent escapes decoded.
    Public(Cow<'a, str>),
    /// A sealed binding.
    Temporary(&'a str),
}

impl<'a> Gruu<'a> {
    /// `None`: an ordinary URI.
    pub(super) fn of(uri: &Uri<'a>) -> Option<Self> {
        match (uri.params.get("gr")?, uri.user) {
            (Some(instance), _) if !instance.is_empty() => Some(Self::Public(unescaped(instance))),
            (_, Some(user)) => user.strip_prefix(TEMPORARY).map(Self::Temporary),
            _ => None,
        }
    }
}

/// Makes and opens temporary addresses.
#[derive(Clone, Debug)]
pub(super) struct GruuMint {
    mac: Hmac<Sha256>,
    issued_total: u64,
}

impl GruuMint {
    /// `key` must be secret and new for each start.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut padded = [0; 64];
        padded[..32].copy_from_slice(key);
        Self { mac: <Hmac<Sha256> as Mac>::new(&padded.into()), issued_total: 0 }
    }

    /// The user part of a new address for a binding.
    pub(super) fn issue(&mut self, named: Named) -> String {
        self.issued_total += 1;
        let mut sealed = [0; SEALED];
        sealed[..NONCE].copy_from_slice(&self.digest(b"n", &self.issued_total.to_be_bytes())[..NONCE]);
        sealed[NONCE..NONCE + 4].copy_from_slice(&(named.key as u32).to_be_bytes());
        sealed[NONCE + 4..NONCE + BODY].copy_from_slice(&named.order.to_be_bytes());
        self.mask(&mut sealed);
        let mac = self.digest(b"m", &sealed[..NONCE + BODY]);
        sealed[NONCE + BODY..].copy_from_slice(&mac[..MAC]);
        [TEMPORARY, &URL_SAFE_NO_PAD.encode(sealed)].concat()
    }

    /// The binding sealed in what follows the prefix. `None`: not made by this process.
    pub(super) fn open(&self, text: &str) -> Option<Named> {
        let mut sealed: [u8; SEALED] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (body, mac) = sealed.split_at(NONCE + BODY);
        self.keyed(b"m", body).verify_truncated_left(mac).ok()?;
        self.mask(&mut sealed);
        let number =
            |octets: &[u8]| octets.iter().fold(0, |number: u64, &octet| number << 8 | u64::from(octet));
        Some(Named {
            key: number(&sealed[NONCE..NONCE + 4]) as usize,
            order: number(&sealed[NONCE + 4..NONCE + BODY]),
        })
    }

    /// Hides the body, or shows it again.
    fn mask(&self, sealed: &mut [u8; SEALED]) {
        let (nonce, rest) = sealed.split_at_mut(NONCE);
        let stream = self.digest(b"k", nonce);
        rest.iter_mut().take(BODY).zip(stream).for_each(|(octet, mask)| *octet ^= mask);
    }

    fn digest(&self, purpose: &[u8], text: &[u8]) -> [u8; 32] {
        self.keyed(purpose, text).finalize().into_bytes().into()
    }

    fn keyed(&self, purpose: &[u8], text: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(purpose);
        mac.update(text);
        mac
    }
}

/// The URN of `+sip.instance` as written, without quotes and brackets.
pub(super) fn instance_urn(written: &str) -> &str {
    written.trim_matches('"').trim_start_matches('<').trim_end_matches('>')
}

/// A URN as the value of `gr`.
pub(super) fn escaped(urn: &str) -> String {
    crate::policy::escaped(urn, b"-_.!~*'()[]/:&+$")
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    // Escapes of a parameter are those of a user part, which a colon ends.
    let uri = ["sip:", &text.replace(':', "%3A"), "@x"].concat();
    Uri::parse(&uri).map_or(Cow::Borrowed(text), |uri| Cow::Owned(uri.user_decoded().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_address_opens_only_as_it_was_made() {
        let mut mint = GruuMint::new(&[1; 32]);
        let named = Named { key: 7, order: 99 };
        let (one, two) = (mint.issue(named), mint.issue(named));
        let sealed = one.strip_prefix(TEMPORARY).unwrap();
        assert_eq!(mint.open(sealed), Some(named));
        assert_eq!(GruuMint::new(&[2; 32]).open(sealed), None);
        for position in 0..sealed.len() {
            let mut altered = sealed.to_owned().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(mint.open(std::str::from_utf8(&altered).unwrap()), None, "{position}");
        }
        for text in ["", "A", "\u{e9}", &sealed[1..]] {
            assert_eq!(mint.open(text), None, "{text}");
        }
        let alike = one.bytes().zip(two.bytes()).skip(TEMPORARY.len()).filter(|(left, right)| left == right);
        assert!(alike.count() < 16, "two addresses of one phone look alike: {one} {two}");
    }

    #[test]
    fn instance_survives_its_way_through_a_parameter() {
        for urn in ["urn:uuid:58ff49c1-61e3", "urn:x:a;b=c d%e"] {
            let text = format!("sip:u@lab.test;gr={}", escaped(urn));
            let uri = Uri::parse(&text).unwrap();
            assert_eq!(Gruu::of(&uri), Some(Gruu::Public(Cow::Borrowed(urn))), "{text}");
        }
        assert_eq!(Gruu::of(&Uri::parse("sip:u@lab.test").unwrap()), None);
        assert_eq!(instance_urn("\"<urn:uuid:00>\""), "urn:uuid:00");
    }
}
