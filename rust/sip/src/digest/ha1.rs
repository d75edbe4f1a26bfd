//! H(user:realm:password): all a server needs to check a user.

use std::fmt;

use super::algorithm::{Algorithm, Hash};

/// A user's secret for one realm and algorithm (RFC 7616 §3.4.2).
#[derive(Clone, Copy)]
pub struct Ha1 {
    algorithm: Algorithm,
    hash: Hash,
}

impl Ha1 {
    /// From a password.
    pub fn new(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Self {
        let hash = algorithm.hash(&[user.as_bytes(), realm.as_bytes(), password.as_bytes()]);
        Self { algorithm, hash }
    }

    /// From stored hexadecimal digits, if there are as many as the algorithm makes.
    pub fn from_hex(algorithm: Algorithm, digits: &str) -> Option<Self> {
        Some(Self { algorithm, hash: Hash::from_hex(digits, algorithm.hash_len())? })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Response to a challenge (RFC 7616 §3.4.1). `qop`: nonce count digits and client nonce when `auth` was chosen.
    pub(super) fn response(&self, nonce: &str, qop: Option<(&str, &str)>, method: &str, uri: &str) -> Hash {
        let ha1 = self.hash.hex();
        let ha2 = self.algorithm.hash(&[method.as_bytes(), uri.as_bytes()]).hex();
        match qop {
            Some((count, cnonce)) => self.algorithm.hash(&[
                ha1.as_bytes(),
                nonce.as_bytes(),
                count.as_bytes(),
                cnonce.as_bytes(),
                b"auth",
                ha2.as_bytes(),
            ]),
            None => self.algorithm.hash(&[ha1.as_bytes(), nonce.as_bytes(), ha2.as_bytes()]),
        }
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ha1").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
