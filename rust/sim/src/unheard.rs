//! Good-byes nobody heard. Until session timers exist, a BYE whose every copy is lost leaves the other end talking: that
//! is the network's fault, not the switch's.

use std::collections::{BTreeMap, BTreeSet};

use pbx_sip::{Bytes, Limits, Message};

/// BYEs by transaction, and whether any copy arrived.
#[derive(Debug, Default)]
pub(crate) struct Unheard {
    byes: BTreeMap<Bytes, bool>,
}

impl Unheard {
    /// A datagram was sent; `arrives`: at least once.
    pub(crate) fn note(&mut self, bytes: &Bytes, arrives: bool) {
        if bytes.starts_with(b"BYE ") {
            *self.byes.entry(bytes.clone()).or_default() |= arrives;
        }
    }

    /// Call-IDs of the dialogs concerned.
    pub(crate) fn call_ids(&self) -> BTreeSet<String> {
        let lost = self.byes.iter().filter(|(_, heard)| !**heard);
        lost.filter_map(|(bytes, _)| Message::parse(bytes.clone(), &Limits::default()).ok())
            .map(|message| message.call_id().to_owned())
            .collect()
    }
}
