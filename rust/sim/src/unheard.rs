//! Good-byes and news nobody heard. A BYE whose every copy is lost leaves an end without a session timer talking, and
//! a NOTIFY one waiting: that is the network's fault, not the switch's.

use std::collections::{BTreeMap, BTreeSet};

use pbx_sip::{Bytes, Limits, Message};

/// BYEs and NOTIFYs by transaction, and whether any copy arrived.
#[derive(Debug, Default)]
pub(crate) struct Unheard {
    byes: BTreeMap<Bytes, bool>,
    notifies: BTreeMap<Bytes, bool>,
}

impl Unheard {
    /// A datagram was sent; `arrives`: at least once.
    pub(crate) fn note(&mut self, bytes: &Bytes, arrives: bool) {
        if bytes.starts_with(b"BYE ") {
            *self.byes.entry(bytes.clone()).or_default() |= arrives;
        } else if bytes.starts_with(b"NOTIFY ") {
            *self.notifies.entry(bytes.clone()).or_default() |= arrives;
        }
    }

    /// Call-IDs of dialogs with a BYE nobody heard.
    pub(crate) fn call_ids(&self) -> BTreeSet<String> {
        unheard(&self.byes)
    }

    /// Call-IDs of dialogs with a NOTIFY nobody heard.
    pub(crate) fn notified_call_ids(&self) -> BTreeSet<String> {
        unheard(&self.notifies)
    }
}

fn unheard(sent: &BTreeMap<Bytes, bool>) -> BTreeSet<String> {
    let lost = sent.iter().filter(|(_, heard)| !**heard);
    lost.filter_map(|(bytes, _)| Message::parse(bytes.clone(), &Limits::default()).ok())
        .map(|message| message.call_id().to_owned())
        .collect()
}
