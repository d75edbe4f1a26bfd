//! How a request finds its server transaction (RFC 3261 §17.2.3).

use std::hash::{DefaultHasher, Hash, Hasher};

use super::branch::{MAGIC_COOKIE, Tokens};
use crate::{Message, Name};

/// 128 bits that stand for everything §17.2.3 compares. They come from two keyed hashes, so that a peer
/// who does not know the keys cannot make two transactions meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ServerKey([u64; 2]);

/// Makes keys with secrets of its own.
pub(super) struct Keys {
    first: DefaultHasher,
    second: DefaultHasher,
}

impl Keys {
    pub(super) fn new(tokens: &mut Tokens) -> Self {
        let mut primed = || {
            let mut hasher = DefaultHasher::new();
            (tokens.next(), tokens.next()).hash(&mut hasher);
            hasher
        };
        Self { first: primed(), second: primed() }
    }

    /// The key of the transaction of `method` that a request belongs to, be it a copy, an ACK or a CANCEL.
    ///
    /// With the magic cookie the top Via and the method decide. Otherwise, and when the cookie is all
    /// there is, the rules for RFC 2543 clients hold; `to_tag` is the To tag of the request that began
    /// the transaction.
    pub(super) fn of(&self, message: &Message, method: &str, to_tag: Option<&str>) -> ServerKey {
        match message.via() {
            Ok(via) => match via.branch() {
                Some(branch) if is_unique(branch) => self.hash(|hasher| {
                    (branch, via.port, method).hash(hasher);
                    for byte in via.host.bytes() {
                        hasher.write_u8(byte.to_ascii_lowercase());
                    }
                }),
                _ => self.fallback(message, method, to_tag),
            },
            Err(_) => self.fallback(message, method, to_tag),
        }
    }

    /// A number that all responses to a request of ours share with it, and a stranger's do not.
    pub(super) fn fingerprint(&self, message: &Message) -> u64 {
        let mut hasher = self.first.clone();
        (message.call_id(), message.from_tag(), message.cseq()).hash(&mut hasher);
        hasher.finish()
    }

    fn fallback(&self, message: &Message, method: &str, to_tag: Option<&str>) -> ServerKey {
        self.hash(|hasher| {
            (method, message.request_uri(), to_tag, message.from_tag()).hash(hasher);
            (message.call_id(), message.cseq(), message.values(Name::Via).next()).hash(hasher);
        })
    }

    fn hash(&self, feed: impl Fn(&mut DefaultHasher)) -> ServerKey {
        ServerKey([&self.first, &self.second].map(|primed| {
            let mut hasher = primed.clone();
            feed(&mut hasher);
            hasher.finish()
        }))
    }
}

/// Whether the top Via of a request names its transaction by itself.
pub(super) fn has_unique_branch(message: &Message) -> bool {
    message.via().is_ok_and(|via| via.branch().is_some_and(is_unique))
}

fn is_unique(branch: &str) -> bool {
    branch.len() > MAGIC_COOKIE.len()
        && branch.get(..MAGIC_COOKIE.len()).is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
}
