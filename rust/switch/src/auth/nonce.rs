//! Nonces: nothing is stored when one is handed out (`config.md` §10.3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rand_core::RngCore;
use sha2::Sha256;

/// How long a nonce is good, milliseconds.
const LIFETIME_MS: u64 = 300_000;
/// Octets of time; 48 bits of milliseconds outlast any process.
const TIME: usize = 6;
/// Octets of randomness, so that nonces of one millisecond differ (RFC 7616 §3.3, spec A10).
const RANDOM: usize = 8;
/// Octets of the keyed hash.
const MAC: usize = 16;
/// Octets of the key: one block of the hash.
pub(super) const KEY: usize = 64;
const BODY: usize = TIME + RANDOM;
/// Octets of a nonce; a multiple of three needs no padding.
const NONCE: usize = BODY + MAC;
/// Characters of a nonce.
const TEXT: usize = NONCE / 3 * 4;

/// What tells one nonce of ours from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NonceId {
    /// Milliseconds from the start of the process to its making.
    pub(super) issued_ms: u64,
    random: u64,
}

#[cfg(test)]
impl NonceId {
    pub(super) fn new(issued_ms: u64, random: u64) -> Self {
        Self { issued_ms, random }
    }
}

/// What a nonce that came back is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NonceState {
    /// Ours, and not too old.
    Valid(NonceId),
    /// Ours, too old.
    Expired,
    /// Not made by this process, or made for another realm.
    Foreign,
}

/// Makes and recognises nonces.
pub(super) struct NonceMint {
    mac: Hmac<Sha256>,
}

impl NonceMint {
    pub(super) fn new(key: &[u8; KEY]) -> Self {
        Self { mac: <Hmac<Sha256> as Mac>::new(key.into()) }
    }

    /// A nonce for one challenge.
    pub(super) fn issue(&self, now_ms: u64, random: &mut impl RngCore, realm: &str) -> String {
        let mut nonce = [0; NONCE];
        nonce[..TIME].copy_from_slice(&now_ms.to_be_bytes()[8 - TIME..]);
        random.fill_bytes(&mut nonce[TIME..BODY]);
        let mac = self.keyed(&nonce[..BODY], realm).finalize().into_bytes();
        nonce[BODY..].copy_from_slice(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Judges a nonce.
    pub(super) fn recognise(&self, now_ms: u64, text: &str, realm: &str) -> NonceState {
        let mut nonce = [0; NONCE];
        let is_whole = text.len() == TEXT && URL_SAFE_NO_PAD.decode_slice(text, &mut nonce) == Ok(NONCE);
        let (body, mac) = nonce.split_at(BODY);
        if !is_whole || self.keyed(body, realm).verify_truncated_left(mac).is_err() {
            return NonceState::Foreign;
        }
        let number =
            |octets: &[u8]| octets.iter().fold(0, |number: u64, &octet| number << 8 | u64::from(octet));
        let id = NonceId { issued_ms: number(&body[..TIME]), random: number(&body[TIME..]) };
        if now_ms.saturating_sub(id.issued_ms) > LIFETIME_MS {
            NonceState::Expired
        } else {
            NonceState::Valid(id)
        }
    }

    fn keyed(&self, body: &[u8], realm: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(body);
        mac.update(realm.as_bytes());
        mac
    }
}

/// Whether a nonce made then has ended by now.
pub(super) fn has_ended(issued_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(issued_ms) > LIFETIME_MS
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn mint(key: u8) -> (NonceMint, ChaCha12Rng) {
        (NonceMint::new(&[key; KEY]), ChaCha12Rng::seed_from_u64(1))
    }

    #[test]
    fn nonce_is_good_for_five_minutes_in_its_realm() {
        let (mint, mut random) = mint(1);
        let nonce = mint.issue(1_000, &mut random, "lab.test");
        assert!(
            matches!(mint.recognise(1_000, &nonce, "lab.test"), NonceState::Valid(id) if id.issued_ms == 1_000)
        );
        assert!(matches!(mint.recognise(301_000, &nonce, "lab.test"), NonceState::Valid(_)));
        assert_eq!(mint.recognise(301_001, &nonce, "lab.test"), NonceState::Expired);
        assert_eq!(mint.recognise(1_000, &nonce, "b.test"), NonceState::Foreign);
    }

    #[test]
    fn nonce_of_another_process_or_altered_is_foreign() {
        let (one, mut random) = mint(1);
        let nonce = one.issue(0, &mut random, "lab.test");
        assert_eq!(mint(2).0.recognise(0, &nonce, "lab.test"), NonceState::Foreign);
        for position in 0..nonce.len() {
            let mut altered = nonce.clone().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(one.recognise(0, &altered, "lab.test"), NonceState::Foreign, "{position}");
        }
        for text in ["", "A", "\u{e9}", &nonce[1..], &format!("{nonce}A"), &"=".repeat(TEXT)] {
            assert_eq!(one.recognise(0, text, "lab.test"), NonceState::Foreign, "{text}");
        }
    }

    #[test]
    fn ten_thousand_nonces_of_one_millisecond_differ() {
        let (mint, mut random) = mint(1);
        let nonces: HashSet<String> = (0..10_000).map(|_| mint.issue(5, &mut random, "lab.test")).collect();
        assert_eq!(nonces.len(), 10_000);
    }
}
