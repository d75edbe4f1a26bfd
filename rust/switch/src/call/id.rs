//! Handles: calls, sides, timers, and the tags that lead from a packet to its call without a search.

pub(crate) use pbx_media::relay::Side;

use pbx_sip::Shard;

use crate::query::QueryId;

/// Shard and slot of a call, with a serial so that a stale handle finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallId {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

impl CallId {
    /// The handle as shown to operators.
    pub(crate) fn as_u64(self) -> u64 {
        (u64::from(self.serial) << 32) | u64::from(self.slot)
    }

    /// Its place in the table of its shard.
    pub(crate) fn place(self) -> usize {
        Shard::split(self.slot).1 as usize
    }

    /// Reads a handle an operator gave.
    pub(crate) fn from_u64(handle: u64) -> Self {
        Self { slot: handle as u32, serial: (handle >> 32) as u32 }
    }
}

/// A deadline of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallTimer {
    pub(crate) call: CallId,
    pub(crate) kind: TimerKind,
}

/// Why a call is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerKind {
    /// Python did not answer in time.
    Decision(QueryId),
    /// Ring limit of the group with this number.
    Ring(u32),
    /// The branch with this number has been silent for as long as it may while it has other hops.
    Silence(u16),
    /// Our 2xx on this side wants repeating, or was never acknowledged (RFC 3261 §13.3.1.4).
    Repeat(Side),
    /// The session timer of this side (RFC 4028).
    Session(Side),
    /// A reliable provisional response wants repeating, or was never acknowledged (RFC 3262 §3).
    Reliable,
    /// The re-INVITE that shows the callee our address met another one (RFC 3261 §14.1).
    Reanchor,
    /// A party is to be shown what the other one says now.
    Redescribe,
    /// The remaining party of a transfer is asked again (RFC 3261 §14.1).
    Rejoin,
    /// The far end of a transfer's target is asked again.
    Offer,
    /// The referrer's other call is asked for again.
    Reach,
    /// The referrer should have hung up by now.
    Release,
}

/// A tag of ours: 64 random bits, then shard and slot of the call, so that an in-dialog request finds its
/// call by index. The random bits, not the slot, are what a stranger cannot guess.
pub(crate) fn tag(random: &str, slot: u32) -> String {
    format!("{random}{slot:x}")
}

/// Shard named by a tag, if it has our form.
pub(crate) fn shard_of_tag(tag: &str) -> Option<Shard> {
    slot_of_tag(tag).map(|slot| Shard::split(slot).0)
}

/// Slot named by a tag, if it has our form.
pub(crate) fn slot_of_tag(tag: &str) -> Option<u32> {
    let slot = tag.get(16..)?;
    u32::from_str_radix(slot, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_leads_back_to_its_slot() {
        assert_eq!(slot_of_tag(&tag("0123456789abcdef", 0x2a)), Some(0x2a));
        assert_eq!(slot_of_tag("short"), None);
        assert_eq!(slot_of_tag("0123456789abcdefxyz"), None);
        assert_eq!(slot_of_tag("0123456789abcdeé1"), None);
    }

    #[test]
    fn a_handle_survives_its_printed_form() {
        let id = CallId { slot: 7, serial: 9 };
        assert_eq!(CallId::from_u64(id.as_u64()), id);
    }
}
