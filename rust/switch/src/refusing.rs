//! Answers to requests that are not served, and to strangers of whom nothing is remembered.

use std::time::Instant;

use pbx_sip::{Builder, Flow, Message, Method, Name};
use rand_core::RngCore;

use crate::core::{Core, Inbound};
use crate::refusal::Refusal;

/// Refused INVITEs of strangers remembered at once.
const MAX_STRANGERS: usize = 2048;

impl Core {
    /// Refuses a request and counts it.
    pub(crate) fn refuse(&mut self, now: Instant, to: &Inbound<'_>, refusal: &Refusal) {
        self.note_refusal(now, &to.flow, refusal);
        self.answer_refusal(now, to, refusal);
    }

    /// Refuses a request without any state.
    pub(crate) fn refuse_stateless(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        refusal: &Refusal,
    ) {
        self.note_refusal(now, &flow, refusal);
        if request.method() == Method::Ack {
            return;
        }
        let (code, reason) = refusal.status();
        let headers = refusal.headers(&self.policy.config, self.rng.next_u32());
        let tag = self.tags.tag_of(request);
        let bytes = self.compose(request, flow, Some(&tag), (code, &reason), |builder| {
            with_refusal(builder, headers, refusal)
        });
        self.transmit(self.reply_flow(flow, request), bytes);
    }

    /// Refuses the request of somebody nobody has vouched for.
    pub(crate) fn refuse_stranger(&mut self, now: Instant, to: &Inbound<'_>, refusal: &Refusal) {
        if self.is_repeated_to(to) {
            return self.refuse(now, to, refusal);
        }
        self.transactions.forget(to.transaction);
        self.refuse_stateless(now, to.flow, to.request, refusal);
    }

    /// Answers a stranger and forgets him: his copies are answered anew, with the same tag (RFC 3261 §8.2.7).
    pub(crate) fn respond_stranger(
        &mut self,
        now: Instant,
        to: &Inbound<'_>,
        status: (u16, &str),
        edit: impl FnOnce(Builder) -> Builder,
    ) {
        if self.is_repeated_to(to) {
            self.respond(now, to, status, edit);
            return;
        }
        self.transactions.forget(to.transaction);
        let bytes = self.compose(to.request, to.flow, to.tag, status, edit);
        self.transmit(self.reply_flow(to.flow, to.request), bytes);
    }

    /// Whether the answer to a stranger is repeated until its ACK. A caller sends his INVITE seven times at
    /// most, too few on a lossy way; a flood must fill neither our memory nor the line of whom it names.
    fn is_repeated_to(&mut self, to: &Inbound<'_>) -> bool {
        let is_wanted = to.request.method() == Method::Invite && !to.flow.transport.is_reliable();
        let is_kept = is_wanted && self.strangers.len() < MAX_STRANGERS;
        if is_kept {
            self.strangers.insert(to.transaction);
        } else if is_wanted {
            self.counters.count("strangers_forgotten_total", "");
        }
        is_kept
    }

    /// Counts a refusal and logs the first of its source.
    pub(crate) fn note_refusal(&mut self, now: Instant, flow: &Flow, refusal: &Refusal) {
        self.counters.count("refused_total", refusal.label());
        let code = refusal.status().0;
        self.log_of(now, flow.remote.ip(), ("refused", refusal.label()), || vec![("code", code.to_string())]);
    }

    /// Sends the response of a refusal.
    pub(crate) fn answer_refusal(&mut self, now: Instant, to: &Inbound<'_>, refusal: &Refusal) {
        let (code, reason) = refusal.status();
        let headers = refusal.headers(&self.policy.config, self.rng.next_u32());
        self.respond(now, to, (code, &reason), |builder| with_refusal(builder, headers, refusal));
    }
}

/// Adds what a refusal says beyond its status.
fn with_refusal(mut builder: Builder, headers: Vec<(Name, String)>, refusal: &Refusal) -> Builder {
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    for (name, value) in refusal.written_headers() {
        builder = builder.raw_name(name, value.as_bytes());
    }
    builder
}
