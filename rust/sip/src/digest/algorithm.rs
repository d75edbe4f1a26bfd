//! Hash algorithms of the digest scheme.

use std::fmt;

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};

/// Longest hash, octets.
pub(super) const MAX_HASH: usize = 32;

/// An algorithm, weakest first. The session variants (`-sess`) are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// What old devices know, and what a missing parameter means.
    Md5,
    /// `SHA-256`
    Sha256,
    /// `SHA-512-256`
    Sha512_256,
}

impl Algorithm {
    /// The name used in challenges.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// Reads a name in any letter case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512_256]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    /// Octets of a hash.
    pub fn hash_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 | Self::Sha512_256 => 32,
        }
    }

    /// Hash over `parts` with colons between them.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Hash {
        match self {
            Self::Md5 => hash::<Md5>(parts),
            Self::Sha256 => hash::<Sha256>(parts),
            Self::Sha512_256 => hash::<Sha512_256>(parts),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn hash<D: Digest>(parts: &[&[u8]]) -> Hash {
    let mut digest = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    let output = digest.finalize();
    let mut hash = Hash { octets: [0; MAX_HASH], len: output.len() };
    hash.octets[..output.len()].copy_from_slice(&output);
    hash
}

/// A hash of some algorithm. No `Debug`: it may be as good as a password.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    octets: [u8; MAX_HASH],
    len: usize,
}

impl Hash {
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    /// Reads hexadecimal digits in any letter case; `None` unless they fill a hash of `len` octets.
    pub(super) fn from_hex(text: &str, len: usize) -> Option<Self> {
        let mut hash = Self { octets: [0; MAX_HASH], len };
        if text.len() != 2 * len || len > MAX_HASH {
            return None;
        }
        for (octet, pair) in hash.octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *octet = crate::chars::hex(pair[0])? << 4 | crate::chars::hex(pair[1])?;
        }
        Some(hash)
    }

    /// Lower-case hexadecimal digits, as the formulas want them.
    pub(super) fn hex(&self) -> Hex {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = Hex { digits: [0; 2 * MAX_HASH], len: 2 * self.len };
        for (pair, octet) in hex.digits.chunks_exact_mut(2).zip(self.octets()) {
            pair[0] = DIGITS[usize::from(octet >> 4)];
            pair[1] = DIGITS[usize::from(octet & 15)];
        }
        hex
    }
}

/// A hash in hexadecimal digits.
pub(super) struct Hex {
    digits: [u8; 2 * MAX_HASH],
    len: usize,
}

impl Hex {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    pub(super) fn into_string(self) -> String {
        self.as_bytes().iter().map(|&digit| char::from(digit)).collect()
    }
}
