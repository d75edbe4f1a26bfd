//! Ringing targets: one INVITE per endpoint, group after group.

use std::time::Instant;

use pbx_sip::{Builder, Message, Method, Name, Uri};

use super::body::with_description;
use super::branch::{Branch, BranchState};
use super::failure::Failure;
use super::headers;
use super::id::{Side, TimerKind, tag};
use super::identity;
use super::large;
use super::plan::Endpoint;
use super::session_timer::{Asked, SessionTimer};
use super::state::{Call, Phase};
use super::way::Way;
use crate::core::{Core, Owner, Role};
use crate::refusal::{ALLOW, supported, without_100rel};

/// Branches an INVITE may be split into where it says nothing, and the most we make of it (RFC 5393 §5.3.3).
const MAX_BREADTH: usize = 60;

impl Call {
    /// Rings the next group; without one, the call fails.
    pub(super) fn dial_next(&mut self, core: &mut Core, now: Instant) {
        let Some(group) = self.plan.groups.pop_front() else {
            return self.fail(core, now);
        };
        if !self.any_failure {
            // Another target, not more of the same user: what counts is the last cause (`formats.md` §3).
            self.best = None;
        }
        self.phase = Phase::Ringing;
        self.group += 1;
        self.any_failure = group.any_failure;
        let breadth = self.invite.as_ref().map_or(0, |invite| breadth(&invite.message));
        let rung = group.endpoints.len().min(breadth);
        if rung < group.endpoints.len() {
            core.counters.count("refused_total", "breadth");
        }
        let has_spare = group.endpoints.iter().any(Endpoint::has_spare);
        self.is_sole = rung == 1 && self.group == 1 && self.plan.groups.is_empty() && !has_spare;
        for (index, endpoint) in group.endpoints.iter().take(rung).enumerate() {
            self.dial(core, now, endpoint, share(breadth, rung, index), Asked::default());
        }
        if !self.is_awaiting() {
            return self.dial_next(core, now);
        }
        // Without a limit of its own a branch rings until Timer C of its transaction.
        if let Some(limit) = self.plan.ring {
            core.arm(now + limit, self.id, TimerKind::Ring(self.group));
        }
    }

    /// Sends one INVITE, once it is known where to.
    pub(super) fn dial(
        &mut self,
        core: &mut Core,
        now: Instant,
        endpoint: &Endpoint,
        breadth: usize,
        asked: Asked,
    ) {
        if let Way::Name(_) = endpoint.way {
            return self.search(core, now, endpoint, breadth, asked);
        }
        let Some(invite) = &self.invite else { return };
        headers::count_excess(core, &invite.message);
        let source = invite.flow.remote.ip();
        let offer =
            invite.message.sdp().map(|sdp| self.media.pass_offer(core, now, Side::Caller, sdp, source));
        let body = match offer.transpose() {
            Ok(body) => body,
            Err(refusal) => return self.note_failure(Failure::refused(core, &refusal)),
        };
        let (call_id, local_tag) =
            endpoint.identity.clone().unwrap_or_else(|| (core.call_id(), tag(&core.token(), self.id.slot)));
        let owner = Owner::Call { call: self.id, role: Role::Branch(self.branches.len() as u16) };
        let plan = &self.plan;
        let config = &self.policy.config;
        let session = SessionTimer::new(config.call.session_timer, asked);
        let supported = supported(config);
        let supported = if self.may_be_reliable() { supported } else { without_100rel(supported) };
        let user = plan.caller_contact.as_deref();
        let contact = core.contact(&endpoint.flow, user, endpoint.next_hop());
        let write = |endpoint: &Endpoint, contact: &str, via: &str| {
            let shown = invite.shown.clone().unwrap_or_else(|| identity::from(&invite.message));
            let from = format!("{shown};tag={local_tag}");
            let mut builder = begin(Method::Invite, &invite.message, endpoint, (via, breadth))
                .header(Name::From, from)
                .header(Name::To, party(invite.message.header(Name::To)))
                .header(Name::CallId, &call_id)
                .header(Name::CSeq, "1 INVITE")
                .header(Name::Contact, contact)
                .header(Name::Allow, ALLOW)
                .header(Name::Supported, supported);
            builder = session.ask(builder);
            if let Some(asserted) =
                identity::asserted(&invite.message, invite.asserted.as_deref(), &plan.headers)
            {
                builder = builder.header(Name::PAssertedIdentity, asserted);
            }
            if !plan.drop_original_headers {
                builder = headers::pass(builder, &invite.message);
            }
            for (name, value) in &plan.headers {
                builder = builder.raw_name(name, value.as_bytes());
            }
            with_description(builder, &invite.message, body.as_ref())
        };
        let mut endpoint = large::way_of(core, endpoint, |via| write(endpoint, &contact, via));
        let flow = endpoint.flow;
        let contact = core.contact(&flow, user, endpoint.next_hop());
        let transaction =
            core.request(now, flow, Method::Invite, Some(owner), |via| write(&endpoint, &contact, via));
        endpoint.identity = (endpoint.way != Way::Flow).then_some((call_id, local_tag));
        match transaction {
            Some(transaction) => {
                self.limit_silence(core, now, &endpoint);
                self.branches.push(Branch {
                    transaction,
                    endpoint,
                    breadth,
                    state: BranchState::Pending,
                    asked,
                    is_heard: false,
                    cancelled: false,
                });
            }
            None => self.note_failure(Failure::local(503)),
        }
    }
}

/// Start of a forked request: where it goes, and what limits its travel.
pub(super) fn begin(
    method: Method,
    received: &Message,
    endpoint: &Endpoint,
    (via, breadth): (&str, usize),
) -> Builder {
    let builder = Builder::request(method.as_str(), &endpoint.uri)
        .header(Name::Via, via)
        .header(Name::MaxForwards, hops_left(received).to_string())
        .header(Name::MaxBreadth, breadth.to_string());
    endpoint.path.iter().fold(builder, |builder, route| builder.header(Name::Route, route))
}

/// Share of the fork `index` of `rung`: all of them add up to what we were given (RFC 5393 §5.3.3.1).
pub(super) fn share(breadth: usize, rung: usize, index: usize) -> usize {
    breadth / rung + usize::from(index < breadth % rung)
}

/// Max-Breadth of a request; malformed counts as absent.
pub(super) fn breadth(received: &Message) -> usize {
    received.number(Name::MaxBreadth).map_or(MAX_BREADTH, |breadth| MAX_BREADTH.min(breadth as usize))
}

/// Max-Forwards of the B leg (§3).
fn hops_left(received: &Message) -> u32 {
    received.max_forwards().unwrap_or(70).saturating_sub(1)
}

/// From or To value without its tag: the other leg is a dialog of its own.
pub(super) fn party(value: Option<&[u8]>) -> String {
    let Some(address) = value.and_then(|value| pbx_sip::NameAddr::parse(value).ok()) else {
        return "<sip:anonymous@anonymous.invalid>".to_owned();
    };
    match address.display {
        // A folded name is one line from here on (RFC 3261 §7.3.1).
        Some(display) if !display.is_empty() => format!("{} <{}>", headers::unfolded(display), address.uri),
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
