//! To tags of answers nothing is remembered of.

use std::hash::{DefaultHasher, Hash, Hasher};

use pbx_sip::Message;

/// Gives copies of a request the tag the first one got (RFC 3261 §8.2.7). The hash is keyed, so that a tag tells
/// a stranger no more than a random one would.
#[derive(Clone, Debug)]
pub(crate) struct StatelessTags {
    primed: DefaultHasher,
}

impl StatelessTags {
    /// `key` must be secret and new for each start.
    pub(crate) fn new(key: [u64; 2]) -> Self {
        let mut primed = DefaultHasher::new();
        key.hash(&mut primed);
        Self { primed }
    }

    /// The tag for a request.
    pub(crate) fn tag_of(&self, request: &Message) -> String {
        let mut hasher = self.primed.clone();
        (request.call_id(), request.from_tag(), request.cseq()).hash(&mut hasher);
        request.via().ok().and_then(|via| via.branch()).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}
