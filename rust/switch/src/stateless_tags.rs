//! To tags of answers nothing is remembered of.

use std::hash::{DefaultHasher, Hash, Hasher};

use pbx_sip::{Message, Shard};

use crate::call::tag;

/// The place of no call.
const NO_PLACE: u32 = u32::MAX;

/// Gives copies of a request the tag the first one got (RFC 3261 §8.2.7). The hash is keyed, so that a tag tells
/// a stranger no more than a random one would.
#[derive(Clone, Debug)]
pub(crate) struct StatelessTags {
    primed: DefaultHasher,
    /// Leads an ACK back to the shard that refused, where there are several.
    shard: Option<Shard>,
}

impl StatelessTags {
    /// `key` must be secret and new for each start.
    pub(crate) fn new(key: [u64; 2], shard: Option<Shard>) -> Self {
        let mut primed = DefaultHasher::new();
        key.hash(&mut primed);
        Self { primed, shard }
    }

    /// The tag for a request.
    pub(crate) fn tag_of(&self, request: &Message) -> String {
        let mut hasher = self.primed.clone();
        (request.call_id(), request.from_tag(), request.cseq()).hash(&mut hasher);
        request.via().ok().and_then(|via| via.branch()).hash(&mut hasher);
        let random = format!("{:016x}", hasher.finish());
        match self.shard {
            Some(shard) => tag(&random, shard.name(NO_PLACE)),
            None => random,
        }
    }
}
