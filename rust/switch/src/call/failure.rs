//! The best failure of all forks (RFC 3261 §16.7 step 6) and what the caller is told (§2.9 `passthrough_failure`).

use std::time::Instant;

use pbx_sip::{Bytes, Message, Name};

use super::state::Call;
use crate::core::Core;
use crate::refusal::Refusal;

/// How one target failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: u16,
    reason: String,
    headers: Vec<(Name, Bytes)>,
}

impl Failure {
    /// The callee's own words.
    pub(super) fn from_response(response: &Message) -> Self {
        let headers = [Name::Reason, Name::RetryAfter, Name::Warning]
            .into_iter()
            .flat_map(|name| response.headers(name).map(move |value| (name, Bytes::copy_from_slice(value))))
            .collect();
        Self { code: response.status(), reason: response.reason().to_owned(), headers }
    }

    /// No words: 408 for silence, 503 for a target out of reach.
    pub(super) fn local(code: u16) -> Self {
        Self { code, reason: pbx_sip::reason_phrase(code).to_owned(), headers: Vec::new() }
    }

    /// A verdict of ours on one target.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let (code, reason) = refusal.status();
        let headers =
            refusal.headers(0).into_iter().map(|(name, value)| (name, Bytes::from(value))).collect();
        Self { code, reason, headers }
    }

    /// RFC 3261 §16.7: a 6xx wins, then the lowest class; the first of a class stays, except that 4xx
    /// answers which tell the caller how to repair the request are preferred.
    pub(super) fn better(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.rank() <= self.rank() => other,
            _ => self,
        }
    }

    fn rank(&self) -> (u16, bool) {
        let class = match self.code / 100 {
            6 => 0,
            class => class,
        };
        let repairable = matches!(self.code, 401 | 407 | 415 | 420 | 484);
        (class, !repairable)
    }
}

impl Call {
    /// Answers the caller with the best failure; without one, with what is missing.
    pub(super) fn fail(&mut self, core: &mut Core, now: Instant) {
        let Some(failure) = self.best.take() else {
            return self.refuse(core, now, &self.plan.missing.refusal());
        };
        let (code, reason) = match failure.code {
            // Redirects are not followed, and a challenge meant for us is none for the caller.
            300..=399 => (480, pbx_sip::reason_phrase(480).to_owned()),
            401 | 407 => (403, pbx_sip::reason_phrase(403).to_owned()),
            _ if !self.policy.config.call.passthrough_failure => {
                (480, pbx_sip::reason_phrase(480).to_owned())
            }
            code => (code, failure.reason.clone()),
        };
        let passes = code == failure.code && self.policy.config.call.passthrough_failure;
        if let Some(inbound) = self.inbound() {
            core.respond(now, &inbound, (code, &reason), |mut builder| {
                for (name, value) in failure.headers.iter().filter(|_| passes) {
                    builder = builder.header(*name, value);
                }
                builder
            });
        }
        core.counters.count("calls_total", "failed");
        self.end_unanswered(core, now);
    }

    /// Answers the caller with a verdict of ours.
    pub(super) fn refuse(&mut self, core: &mut Core, now: Instant, refusal: &Refusal) {
        if let Some(inbound) = self.inbound() {
            core.refuse(now, &inbound, refusal);
        }
        core.counters.count("calls_total", "refused");
        self.end_unanswered(core, now);
    }
}
