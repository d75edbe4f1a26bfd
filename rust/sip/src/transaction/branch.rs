//! Our Via branches: where the transaction is, and that the answer comes from who got the request.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::Shard;

/// What marks the branch of an RFC 3261 element (§8.1.1.7).
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

const SLOT_DIGITS: usize = 8;
const TOKEN_DIGITS: usize = 16;
const LENGTH: usize = MAGIC_COOKIE.len() + SLOT_DIGITS + TOKEN_DIGITS;

/// `z9hG4bK`, shard and slot of the transaction and 64 unpredictable bits, in hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Branch([u8; LENGTH]);

impl Branch {
    pub(super) fn new(shard: Shard, slot: usize, token: u64) -> Self {
        let mut text = [0; LENGTH];
        let (cookie, digits) = text.split_at_mut(MAGIC_COOKIE.len());
        cookie.copy_from_slice(MAGIC_COOKIE.as_bytes());
        let (place, secret) = digits.split_at_mut(SLOT_DIGITS);
        write_hex(place, shard.name(slot as u32).into());
        write_hex(secret, token);
        Self(text)
    }

    /// The shard a response with this branch belongs to, if the branch may be one of ours.
    pub fn shard(text: &str) -> Option<Shard> {
        Self::read(text).map(|(shard, ..)| shard)
    }

    /// Shard, slot and token of a branch of ours.
    pub(super) fn read(text: &str) -> Option<(Shard, usize, u64)> {
        if text.len() != LENGTH || !text.is_ascii() {
            return None;
        }
        let digits = text.strip_prefix(MAGIC_COOKIE)?.as_bytes();
        let (place, secret) = digits.split_at(SLOT_DIGITS);
        let (shard, slot) = Shard::split(read_hex(place)? as u32);
        Some((shard, slot as usize, read_hex(secret)?))
    }

    /// The value of the Via `branch` parameter.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The token is what a stranger would have to know to answer for the callee.
        write!(f, "Branch({}…)", self.as_str().get(..MAGIC_COOKIE.len() + SLOT_DIGITS).unwrap_or_default())
    }
}

fn write_hex(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

/// Unpredictable numbers from a seed: HMAC-SHA-256 over a counter, four numbers a block.
pub(super) struct Tokens {
    mac: Hmac<Sha256>,
    counter: u64,
    pool: [u64; 4],
    left: usize,
}

impl Tokens {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let mut mac = keyed(seed);
        mac.update(b"tokens");
        Self { mac, counter: 0, pool: [0; 4], left: 0 }
    }

    pub(super) fn next(&mut self) -> u64 {
        if self.left == 0 {
            let mut mac = self.mac.clone();
            mac.update(&self.counter.to_be_bytes());
            let block = mac.finalize().into_bytes();
            for (number, bytes) in self.pool.iter_mut().zip(block.chunks_exact(8)) {
                *number = bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
            }
            self.counter += 1;
            self.left = self.pool.len();
        }
        self.left -= 1;
        self.pool[self.left]
    }
}

fn keyed(seed: &[u8; 32]) -> Hmac<Sha256> {
    // A key of the block's length is used as it is and cannot be refused.
    let mut block = sha2::digest::generic_array::GenericArray::default();
    block[..seed.len()].copy_from_slice(seed);
    Hmac::new(&block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_names_its_slot_and_token() {
        let branch = Branch::new(Shard::FIRST, 0x0234_abcd, 0xfedc_ba98_7654_3210);
        assert_eq!(branch.as_str(), "z9hG4bK0234abcdfedcba9876543210");
        assert_eq!(Branch::read(branch.as_str()), Some((Shard::FIRST, 0x0234_abcd, 0xfedc_ba98_7654_3210)));
    }

    #[test]
    fn a_branch_names_its_shard() {
        for shard in Shard::all(Shard::MAX) {
            let branch = Branch::new(shard, 0x0234_abcd, 7);
            assert_eq!(Branch::shard(branch.as_str()), Some(shard));
            assert_eq!(Branch::read(branch.as_str()), Some((shard, 0x0234_abcd, 7)));
        }
    }

    #[test]
    fn a_foreign_branch_names_nothing() {
        for text in ["", "z9hG4bK", "z9hG4bK1234abcdfedcba987654321", "z9hG4bK1234abcdfedcba98765432g0"] {
            assert_eq!(Branch::read(text), None, "{text}");
        }
        assert_eq!(Branch::read("z9hG4bK1234abcdfedcba987654321é"), None);
    }

    #[test]
    fn the_token_stays_out_of_debug_output() {
        let text = format!("{:?}", Branch::new(Shard::FIRST, 1, 0xfedc_ba98_7654_3210));
        assert_eq!(text, "Branch(z9hG4bK00000001…)");
    }

    #[test]
    fn tokens_follow_from_the_seed_alone() {
        let numbers = |seed: u8| {
            let mut tokens = Tokens::new(&[seed; 32]);
            (0..100).map(|_| tokens.next()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), numbers(1));
        let mut all = [numbers(1), numbers(2)].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
    }
}
