//! The best failure of all forks (RFC 3261 §16.7 step 6) and what the caller is told (§2.9 `passthrough_failure`).

use std::time::Instant;

use pbx_sip::{Bytes, Message, Name};
use rand_core::RngCore;

use super::headers;
use super::state::Call;
use crate::core::{Core, Inbound};
use crate::refusal::Refusal;

/// How one target failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: u16,
    reason: String,
    headers: Vec<(Name, Bytes)>,
    /// Label of a verdict of ours, which `passthrough_failure` does not hide.
    verdict: Option<&'static str>,
}

impl Failure {
    /// The callee's own words.
    pub(super) fn from_response(response: &Message) -> Self {
        let headers = [Name::Reason, Name::RetryAfter, Name::Warning]
            .into_iter()
            .flat_map(|name| response.headers(name).map(move |value| (name, headers::unfolded_octets(value))))
            .collect();
        Self { code: response.status(), reason: response.reason().to_owned(), headers, verdict: None }
    }

    /// No words: 408 for silence, 503 for a target out of reach.
    pub(super) fn local(code: u16) -> Self {
        Self { code, reason: pbx_sip::reason_phrase(code).to_owned(), headers: Vec::new(), verdict: None }
    }

    /// A verdict of ours on one target.
    pub(super) fn refused(core: &mut Core, refusal: &Refusal) -> Self {
        let (code, reason) = refusal.status();
        let headers = refusal.headers(&core.policy.config, core.rng.next_u32());
        let headers = headers.into_iter().map(|(name, value)| (name, Bytes::from(value))).collect();
        Self { code, reason, headers, verdict: Some(refusal.label()) }
    }

    /// RFC 3261 §16.7: a 6xx wins, then the lowest class; the first of a class stays, except that 4xx
    /// answers which tell the caller how to repair the request are preferred.
    pub(super) fn better(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.rank() <= self.rank() => other,
            _ => self,
        }
    }

    /// Tells whoever asked; `passthrough` is `passthrough_failure`.
    pub(super) fn answer(&self, core: &mut Core, now: Instant, inbound: &Inbound<'_>, passthrough: bool) {
        if let Some(label) = self.verdict {
            core.counters.count("refused_total", label);
        }
        let shown = self.verdict.is_some() || passthrough;
        let code = if shown { passable(self.code) } else { 480 };
        let passes = code == self.code && shown;
        let reason = if passes { &self.reason } else { pbx_sip::reason_phrase(code) };
        core.respond(now, inbound, (code, reason), |builder| {
            let passed = self.headers.iter().filter(|_| passes);
            passed.fold(builder, |builder, (name, value)| builder.header(*name, value))
        });
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
            let rang = !self.branches.is_empty();
            let refusal = if rang { Refusal::NoAnswer } else { self.plan.missing.refusal() };
            return self.refuse(core, now, &refusal);
        };
        if let Some(inbound) = self.inbound() {
            failure.answer(core, now, &inbound, self.policy.config.call.passthrough_failure);
        }
        self.fail_target(core, failure.code);
        core.counters.count("calls_total", "failed");
        self.end_unanswered(core, now, None);
    }

    /// Answers the caller with a verdict of ours.
    pub(super) fn refuse(&mut self, core: &mut Core, now: Instant, refusal: &Refusal) {
        if let Some(inbound) = self.inbound() {
            core.refuse(now, &inbound, refusal);
        }
        self.fail_target(core, refusal.status().0);
        core.counters.count("calls_total", "refused");
        self.end_unanswered(core, now, None);
    }
}

/// What the other party is told of a failure: redirects are not followed, and a challenge meant for us is none
/// for it (§2.9).
pub(super) fn passable(code: u16) -> u16 {
    match code {
        300..=399 => 480,
        401 | 407 => 403,
        code => code,
    }
}
