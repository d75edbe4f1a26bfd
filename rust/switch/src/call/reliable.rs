//! Provisional responses the caller has to acknowledge (RFC 3262 §3), one at a time.

use std::collections::VecDeque;
use std::time::Instant;

use pbx_sip::dialog::{Reliable1xx, RepeatVerdict};
use pbx_sip::{Bytes, Message, Name};

use super::body::with_description;
use super::headers;
use super::id::TimerKind;
use super::state::Call;
use crate::core::Core;
use crate::refusal::{ALLOW, Refusal, supported};

/// Responses that wait for their turn. Further ones are dropped, as the network might have done.
const MAX_WAITING: usize = 8;

/// What a provisional response says of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Description {
    /// Nothing.
    None,
    /// Answers the caller's offer.
    Answer,
    /// Offers, since the INVITE did not.
    Offer,
}

/// A provisional response for the caller.
pub(super) struct Progress {
    pub(super) response: Message,
    /// Its session description as the caller is to see it.
    pub(super) body: Option<Bytes>,
    pub(super) description: Description,
}

/// What was sent reliably to the caller, and what is to be.
#[derive(Default)]
pub(super) struct Reliable {
    /// RSeq of the last one; 0 before the first.
    rseq: u32,
    sent: Option<Sent>,
    waiting: VecDeque<Progress>,
    /// Offer and answer are complete, or will be with the PRACK.
    pub(super) is_answered: bool,
}

/// A response whose PRACK has not come.
struct Sent {
    repeat: Reliable1xx,
    code: u16,
    bytes: Bytes,
    description: Description,
}

impl Reliable {
    /// Numbers that begin anywhere in the lower half leave room for all that follow (RFC 3262 §3).
    pub(super) fn new(seed: u32) -> Self {
        Self { rseq: seed >> 1, ..Self::default() }
    }

    /// What the response says whose PRACK is awaited.
    pub(super) fn unacknowledged(&self) -> Option<Description> {
        self.sent.as_ref().map(|sent| sent.description)
    }

    /// Whether a 2xx has to wait (RFC 3262 §3): a description of ours may be lost.
    pub(super) fn holds_answer(&self) -> bool {
        let waits = |progress: &Progress| progress.description != Description::None;
        self.unacknowledged().is_some_and(|description| description != Description::None)
            || self.waiting.iter().any(waits)
    }

    /// A PRACK: what the response it acknowledges said, if it is the one awaited.
    pub(super) fn acknowledge(&mut self, rseq: u32) -> Option<Description> {
        self.sent.take_if(|_| self.rseq == rseq).map(|sent| sent.description)
    }

    /// The final response was sent: nothing is repeated any more. `true`: a PRACK may still come (RFC 3262 §3).
    pub(super) fn finish(&mut self) -> bool {
        self.waiting.clear();
        self.sent.is_some()
    }
}

impl Call {
    /// Sends a provisional response reliably, now or when its turn comes.
    pub(super) fn send_reliably(&mut self, core: &mut Core, now: Instant, progress: Progress) {
        let Some(reliable) = &mut self.reliable else { return };
        if reliable.waiting.len() >= MAX_WAITING {
            return core.counters.count("dropped_total", "reliable_queue");
        }
        reliable.is_answered |= progress.description != Description::None;
        reliable.waiting.push_back(progress);
        self.send_next_reliable(core, now);
    }

    /// Sends the next one, once the last was acknowledged.
    pub(super) fn send_next_reliable(&mut self, core: &mut Core, now: Instant) {
        let id = self.id;
        let supported = supported(&self.policy.config);
        let contact = self.caller.contact(core);
        let Some(inbound) = self.invite.as_ref().map(|_| ()).and(self.inbound()) else { return };
        // The borrow of the INVITE ends before the state changes: what is sent is composed first.
        let Some(reliable) = self.reliable.as_deref().filter(|reliable| reliable.sent.is_none()) else {
            return;
        };
        let Some(progress) = reliable.waiting.front() else { return };
        let (response, rseq) = (&progress.response, reliable.rseq + 1);
        let code = response.status();
        let bytes = core.respond(now, &inbound, (code, response.reason()), |builder| {
            let builder = headers::pass(builder.header(Name::Contact, contact), response)
                .header(Name::Allow, ALLOW)
                .header(Name::Supported, supported)
                .header(Name::Require, "100rel")
                .header(Name::RSeq, rseq.to_string());
            with_description(builder, response, progress.body.as_ref())
        });
        let repeat = Reliable1xx::new(now, core.settings());
        core.arm(repeat.next_at(), id, TimerKind::Reliable);
        if let Some(reliable) = &mut self.reliable {
            let description =
                reliable.waiting.pop_front().map_or(Description::None, |progress| progress.description);
            reliable.rseq = rseq;
            reliable.sent = Some(Sent { repeat, code, bytes, description });
        }
    }

    /// The response wants repeating, or its PRACK never came: then the caller gets a 5xx (RFC 3262 §3).
    pub(super) fn on_reliable_timer(&mut self, core: &mut Core, now: Instant) {
        let id = self.id;
        let Some(transaction) = self.invite.as_ref().map(|invite| invite.transaction) else { return };
        let Some(sent) = self.reliable.as_mut().and_then(|reliable| reliable.sent.as_mut()) else { return };
        match sent.repeat.handle_timeout(now) {
            RepeatVerdict::Wait => core.arm(sent.repeat.next_at(), id, TimerKind::Reliable),
            RepeatVerdict::Repeat => {
                core.arm(sent.repeat.next_at(), id, TimerKind::Reliable);
                core.transactions.respond(now, transaction, sent.code, sent.bytes.clone());
            }
            RepeatVerdict::GiveUp => {
                core.counters.count("timeouts_total", "prack");
                self.refuse(core, now, &Refusal::Unacknowledged);
            }
        }
    }
}
