//! Ringing targets: one INVITE per endpoint, group after group.

use std::time::{Duration, Instant};

use pbx_sip::transaction::TimerName;
use pbx_sip::{Message, Method, Name, Uri};

use super::branch::{Branch, BranchState};
use super::failure::Failure;
use super::headers;
use super::id::{Side, TimerKind, tag};
use super::plan::{Endpoint, MAX_FORKS, is_failover};
use super::state::{Call, Phase};
use crate::core::{Core, Owner, Role};
use crate::refusal::{ALLOW, Refusal, SUPPORTED};

/// Timer C (RFC 3261 §16.6 step 11) bounds ringing when nothing else does.
const TIMER_C: Duration = Duration::from_secs(180);

impl Call {
    /// Rings the next group; without one, the call fails.
    pub(super) fn dial_next(&mut self, core: &mut Core, now: Instant) {
        let Some(group) = self.plan.groups.pop_front() else {
            return self.fail(core, now);
        };
        self.phase = Phase::Ringing;
        self.group += 1;
        for endpoint in group.endpoints.iter().take(MAX_FORKS) {
            self.dial(core, now, endpoint);
        }
        if group.endpoints.len() > MAX_FORKS {
            core.counters.count("refused_total", "forks");
        }
        self.any_failure = group.any_failure;
        if !self.branches.iter().any(Branch::is_pending) {
            return self.dial_next(core, now);
        }
        let limit = self.plan.ring.unwrap_or(TIMER_C);
        core.arm(now + limit, self.id, TimerKind::Ring(self.group));
    }

    /// Sends one INVITE.
    fn dial(&mut self, core: &mut Core, now: Instant, endpoint: &Endpoint) {
        let Some(invite) = &self.invite else { return };
        let source = invite.flow.remote.ip();
        let offer =
            invite.message.sdp().map(|sdp| self.media.pass_offer(core, now, Side::Caller, sdp, source));
        let body = match offer.transpose() {
            Ok(body) => body,
            Err(refusal) => return self.note_failure(Failure::refused(&refusal)),
        };
        let call_id = core.call_id();
        let local_tag = tag(&core.token(), self.id.slot);
        let flow = endpoint.flow;
        let contact = core.contact(&flow, self.plan.caller_contact.as_deref());
        let index = self.branches.len() as u16;
        let owner = Owner { call: self.id, role: Role::Branch(index) };
        let plan = &self.plan;
        let transaction = core.request(now, flow, Method::Invite, Some(owner), |via| {
            let mut builder = pbx_sip::Builder::request("INVITE", &endpoint.uri)
                .header(Name::Via, via)
                .header(Name::MaxForwards, hops_left(&invite.message).to_string());
            for route in &endpoint.path {
                builder = builder.header(Name::Route, route);
            }
            builder = builder
                .header(Name::From, format!("{};tag={local_tag}", party(invite.message.header(Name::From))))
                .header(Name::To, party(invite.message.header(Name::To)))
                .header(Name::CallId, &call_id)
                .header(Name::CSeq, "1 INVITE")
                .header(Name::Contact, contact)
                .header(Name::Allow, ALLOW)
                .header(Name::Supported, SUPPORTED);
            if !plan.drop_original_headers {
                builder = headers::pass(builder, &invite.message);
            }
            for (name, value) in &plan.headers {
                builder = builder.raw_name(name, value.as_bytes());
            }
            match &body {
                Some(body) => builder.body("application/sdp", body),
                None => builder,
            }
        });
        match transaction {
            Some(transaction) => self.branches.push(Branch {
                transaction,
                endpoint: endpoint.clone(),
                state: BranchState::Pending,
                cancelled: false,
            }),
            None => self.note_failure(Failure::local(503)),
        }
    }

    /// A response to the INVITE of one branch.
    pub(super) fn on_branch_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        index: usize,
        response: &Message,
    ) {
        match response.status() {
            100 => {}
            101..=199 => self.on_progress(core, now, index, response),
            200..=299 => self.on_answer(core, now, index, response),
            _ => self.on_branch_failure(core, now, index, Failure::from_response(response)),
        }
    }

    /// No response at all, or no way to send.
    pub(super) fn on_branch_timeout(
        &mut self,
        core: &mut Core,
        now: Instant,
        index: usize,
        timer: Option<TimerName>,
    ) {
        if timer == Some(TimerName::C) {
            let branch = self.branches.get_mut(index).filter(|branch| !branch.cancelled);
            if let Some(branch) = branch {
                branch.cancelled = true;
                core.transactions.cancel(now, branch.transaction);
            }
            return;
        }
        let code = if timer.is_some() { 408 } else { 503 };
        self.on_branch_failure(core, now, index, Failure::local(code));
    }

    /// A branch is out of the race.
    pub(super) fn on_branch_failure(
        &mut self,
        core: &mut Core,
        now: Instant,
        index: usize,
        failure: Failure,
    ) {
        let Some(branch) = self.branches.get_mut(index).filter(|branch| branch.is_pending()) else { return };
        branch.state = BranchState::Over;
        if self.phase != Phase::Ringing {
            return;
        }
        let code = failure.code;
        let own_cancel = branch.cancelled && code == 487;
        if !own_cancel {
            self.note_failure(failure);
        }
        // RFC 3261 §16.7 step 5: a 6xx ends the search.
        if code >= 600 {
            self.plan.groups.clear();
            self.cancel_branches(core, now);
        }
        if self.branches.iter().any(Branch::is_pending) {
            return;
        }
        let goes_on =
            self.any_failure || own_cancel || self.best.as_ref().is_none_or(|best| is_failover(best.code));
        if goes_on { self.dial_next(core, now) } else { self.fail(core, now) }
    }

    /// The ring limit of a group is over.
    pub(super) fn on_ring_limit(&mut self, core: &mut Core, now: Instant, group: u32) {
        if self.phase != Phase::Ringing || self.group != group {
            return;
        }
        self.cancel_branches(core, now);
        if self.plan.groups.is_empty() {
            return self.refuse(core, now, &Refusal::NoAnswer);
        }
        self.dial_next(core, now);
    }

    /// Sends CANCEL on every branch still running.
    pub(super) fn cancel_branches(&mut self, core: &mut Core, now: Instant) {
        for branch in self.branches.iter_mut().filter(|branch| branch.is_pending() && !branch.cancelled) {
            branch.cancelled = true;
            core.transactions.cancel(now, branch.transaction);
        }
    }

    fn note_failure(&mut self, failure: Failure) {
        self.best = Some(failure.better(self.best.take()));
    }

    /// A provisional response: passed on once per status, with its body.
    fn on_progress(&mut self, core: &mut Core, now: Instant, index: usize, response: &Message) {
        let usable = self.branches.get(index).is_some_and(|branch| branch.is_pending() && !branch.cancelled);
        if self.phase != Phase::Ringing || !usable {
            return;
        }
        self.rung = true;
        let source = self.branches[index].endpoint.flow.remote.ip();
        let early = self.invite.as_ref().is_some_and(|invite| invite.message.sdp().is_some());
        // Early media without an offer of the caller's cannot be answered: the body stays here.
        let body = response
            .sdp()
            .filter(|_| early)
            .and_then(|sdp| self.media.pass_answer(core, Side::Callee, sdp, source).ok());
        let contact = self.caller.contact(core);
        let status = response.status();
        let Some(inbound) = self.inbound() else { return };
        core.respond(now, &inbound, (status, response.reason()), |builder| {
            let builder = headers::pass(builder.header(Name::Contact, contact), response);
            match &body {
                Some(body) => builder.body("application/sdp", body),
                None => builder,
            }
        });
    }
}

/// Max-Forwards of the B leg (§3).
fn hops_left(invite: &Message) -> u32 {
    invite.max_forwards().unwrap_or(70).saturating_sub(1)
}

/// From or To value without its tag: the other leg is a dialog of its own.
pub(super) fn party(value: Option<&[u8]>) -> String {
    let Some(address) = value.and_then(|value| pbx_sip::NameAddr::parse(value).ok()) else {
        return "<sip:anonymous@anonymous.invalid>".to_owned();
    };
    match address.display {
        Some(display) if !display.is_empty() => format!("{display} <{}>", address.uri),
        _ => format!("<{}>", address.uri),
    }
}

/// Request-URI for a peer behind NAT: its Contact with the source's host and port (§2.6.1 rule 2).
pub(super) fn through_flow(contact: &str, remote: std::net::SocketAddr) -> String {
    Uri::parse(contact).map_or_else(
        |_| contact.to_owned(),
        |uri| {
            uri.with_host_port(
                &crate::core::host_port(std::net::SocketAddr::new(remote.ip(), 0)),
                Some(remote.port()),
            )
        },
    )
}
