//! A new INVITE: judged, answered 100, and decided — by Python if it is asked, else by routes and bindings (§3 step 14).

use std::time::{Duration, Instant};

use pbx_sip::dialog::Dialog;
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Flow, Message, Name};

use rand_core::RngCore;

use super::calls::Calls;
use super::id::{CallId, TimerKind, tag};
use super::leg::Leg;
use super::media::CallMedia;
use super::plan::{Missing, Plan};
use super::state::{Call, Invite, Phase, Summary};
use crate::config::RouteAction;
use crate::core::{Core, Inbound};
use crate::decision::{Decision, Forward, Target};
use crate::location::Location;
use crate::nat::is_behind_nat;
use crate::output::{Level, Output};
use crate::query::{InviteView, Query, QueryId};
use crate::refusal::Refusal;
use crate::route::{Direction, Route, RouteInput};

/// An INVITE that passed admission and authentication.
pub(crate) struct Admitted {
    pub(crate) transaction: TransactionId,
    pub(crate) flow: Flow,
    pub(crate) message: Message,
    /// Name of the authenticated user.
    pub(crate) user: Option<String>,
    pub(crate) direction: Direction,
}

impl Calls {
    /// Begins a call, or refuses it.
    pub(crate) fn start(&mut self, core: &mut Core, location: &Location, now: Instant, admitted: Admitted) {
        let local_tag = tag(&core.token(), self.slots.vacant_key() as u32);
        let inbound = Inbound {
            transaction: admitted.transaction,
            flow: admitted.flow,
            request: &admitted.message,
            tag: Some(&local_tag),
        };
        if let Err(refusal) = self.judge(core, &admitted.message) {
            return core.refuse(now, &inbound, &refusal);
        }
        let dialog = match Dialog::uas(&admitted.message, &local_tag, admitted.flow) {
            Ok(dialog) => dialog,
            Err(fault) => return core.refuse(now, &inbound, &Refusal::Malformed(fault)),
        };
        core.respond(now, &inbound, (100, "Trying"), |builder| builder);
        let id = self.insert(core, now, admitted, dialog);
        self.decide(core, location, now, id);
    }

    /// What any INVITE must meet, whoever sent it.
    fn judge(&self, core: &Core, invite: &Message) -> Result<(), Refusal> {
        let limits = &core.policy.config.limits;
        if invite.max_forwards() == Some(0) {
            return Err(Refusal::TooManyHops);
        }
        if self.is_merged(invite) {
            return Err(Refusal::Merged);
        }
        if !invite.body().is_empty() && invite.sdp().is_none() {
            return Err(Refusal::MediaType);
        }
        if !accepts_sdp(invite) {
            return Err(Refusal::NotAcceptable);
        }
        if self.len() >= limits.max_calls {
            return Err(Refusal::Full("calls"));
        }
        Ok(())
    }

    fn insert(&mut self, core: &mut Core, now: Instant, admitted: Admitted, dialog: Dialog) -> CallId {
        self.serial = self.serial.wrapping_add(1);
        let message = admitted.message;
        let origin = self.origin(&message);
        let entry = self.slots.vacant_entry();
        let id = CallId { slot: entry.key() as u32, serial: self.serial };
        let behind_nat = core.policy.config.nat_fix && is_behind_nat(&message, &admitted.flow);
        let summary = Summary {
            from: message.from().map_or("", |from| from.uri).into(),
            to: message.to().map_or("", |to| to.uri).into(),
            callee: None,
            source: admitted.flow.remote,
            origin,
            user: admitted.user.map(Into::into),
            direction: admitted.direction,
        };
        self.invites.insert(admitted.transaction, id);
        self.origins.insert(origin, id);
        entry.insert(Box::new(Call {
            id,
            policy: core.policy.clone(),
            phase: Phase::Ringing,
            invite: Some(Invite { message, transaction: admitted.transaction, flow: admitted.flow }),
            caller: Leg::new(dialog, behind_nat),
            callee: None,
            branches: Vec::new(),
            plan: Plan::default(),
            group: 0,
            any_failure: false,
            rung: false,
            media: CallMedia::new([core.rng.next_u64(), core.rng.next_u64()]),
            relays: Vec::new(),
            reanchor_due: false,
            reanchor: None,
            best: None,
            byes: 0,
            started_at: now,
            answered_at: None,
            summary,
        }));
        id
    }

    /// Asks Python when a router is configured, else judges natively.
    fn decide(&mut self, core: &mut Core, location: &Location, now: Instant, id: CallId) {
        if !core.policy.config.call.ask_router {
            return self.decide_natively(core, location, now, id);
        }
        let room = self.queries() < core.policy.config.limits.max_queries;
        self.with(core, now, id, |call, core| {
            if room {
                call.ask(core, now);
            } else {
                core.counters.count("decisions_total", "no_room");
                call.refuse(core, now, &Refusal::DecisionOverdue);
            }
        });
    }

    /// Python's verdict.
    pub(crate) fn on_decision(
        &mut self,
        core: &mut Core,
        location: &Location,
        now: Instant,
        query: QueryId,
        decision: Decision,
    ) {
        let Some(&id) = self.queries.get(&query) else {
            return core.counters.count("decisions_total", "stale");
        };
        let refusal = match decision {
            Decision::NotHandled {} => {
                core.counters.count("decisions_total", "not_handled");
                return self.decide_natively(core, location, now, id);
            }
            Decision::Forward(forward) => {
                core.counters.count("decisions_total", "forward");
                return self
                    .with(core, now, id, |call, core| call.follow(core, location, now, &forward, "router"));
            }
            Decision::Reject(reject) => {
                core.counters.count("decisions_total", "reject");
                Refusal::Policy { code: reject.code, reason: reject.reason, headers: reject.headers }
            }
            Decision::Failed {} => {
                core.counters.count("decisions_total", "failed");
                Refusal::DecisionFailed
            }
            Decision::Overdue {} => {
                core.counters.count("decisions_total", "overdue");
                Refusal::DecisionOverdue
            }
        };
        self.with(core, now, id, |call, core| call.refuse(core, now, &refusal));
    }

    /// Static routes, then the registered bindings of the target.
    fn decide_natively(&mut self, core: &mut Core, location: &Location, now: Instant, id: CallId) {
        self.with(core, now, id, |call, core| {
            let Some(invite) = &call.invite else { return };
            let policy = call.policy.clone();
            let input = RouteInput::of(&invite.message, call.summary.direction);
            let route = input.and_then(|input| policy.routes.decide(&input));
            let forward = match route.map(|route| &route.action) {
                Some(RouteAction::Busy) => {
                    let busy = Refusal::Policy { code: 486, reason: None, headers: Vec::new() };
                    return call.refuse(core, now, &busy);
                }
                Some(RouteAction::Reject { code, reason, headers }) => {
                    let (reason, headers) = (reason.clone(), headers.clone());
                    return call.refuse(core, now, &Refusal::Policy { code: *code, reason, headers });
                }
                Some(RouteAction::Forward { to_user }) => {
                    route.map(|route| forward(route, to_user.as_deref()))
                }
                None => None,
            };
            let decided_by =
                route.map_or_else(|| "bindings".to_owned(), |route| format!("route:{}", route.name));
            let forward = forward.unwrap_or_default();
            call.follow(core, location, now, &forward, &decided_by);
        });
    }
}

impl Call {
    /// Shows the INVITE to Python and starts the deadline.
    fn ask(&mut self, core: &mut Core, now: Instant) {
        let Some(invite) = &self.invite else { return };
        let query = QueryId(core.next_id());
        let timeout = Duration::from_millis(self.policy.config.call.decision_timeout_ms);
        let view = view_of(&invite.message, &invite.flow, &self.summary);
        core.outputs.push_back(Output::Ask(Query { id: query, timeout, invite: view }));
        core.arm(now + timeout, self.id, TimerKind::Decision(query));
        self.phase = Phase::Deciding(query);
    }

    /// Turns a decision into endpoints and begins to ring them.
    fn follow(
        &mut self,
        core: &mut Core,
        location: &Location,
        now: Instant,
        forward: &Forward,
        decided_by: &str,
    ) {
        self.phase = Phase::Ringing;
        let max_ring = self.policy.config.call.max_ring_secs.map(|secs| Duration::from_secs(secs.into()));
        let mut plan = Plan {
            ring: forward.ring_timeout().or(max_ring),
            media: forward.media,
            codecs: forward.codecs.clone(),
            headers: forward.headers.clone(),
            drop_original_headers: forward.drop_original_headers,
            caller_contact: forward.caller_contact.clone(),
            decided_by: decided_by.to_owned(),
            ..Plan::default()
        };
        let Some(invite) = &self.invite else { return };
        let resolver =
            super::resolve::Resolver { policy: &self.policy, location, locals: &core.locals, invite, now };
        plan.missing = resolver.fill(&mut plan, forward);
        if plan.missing == Missing::Route {
            let fields = vec![("call_id", invite.message.call_id().to_owned())];
            core.log(Level::Warn, "target_unresolved", fields);
        }
        self.plan = plan;
        if self.plan.groups.is_empty() {
            return self.fail(core, now);
        }
        match self.prepare_media(core, now) {
            Ok(true) => self.dial_next(core, now),
            Ok(false) => self.phase = Phase::Opening,
            Err(refusal) => self.refuse(core, now, &refusal),
        }
    }
}

/// What a rule of action forward asks for.
fn forward(route: &Route, to_user: Option<&str>) -> Forward {
    Forward {
        targets: to_user.map(|user| Target::User(user.to_owned())).into_iter().collect(),
        ring_timeout_secs: route.max_ring.map(|limit| limit.as_secs() as u32),
        media: route.media,
        codecs: route.codecs.clone(),
        ..Forward::default()
    }
}

/// Whether the caller takes SDP: an Accept without it says no (RFC 3261 §20.1).
fn accepts_sdp(invite: &Message) -> bool {
    let mut present = false;
    let accepted = invite.values(Name::Accept).any(|value| {
        present = true;
        let kind = value.split(|&octet| octet == b';').next().unwrap_or_default().trim_ascii();
        [&b"application/sdp"[..], b"application/*", b"*/*"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known))
    });
    accepted || !present
}

/// The picture Python sees. Credentials stay here.
fn view_of(invite: &Message, flow: &Flow, summary: &Summary) -> InviteView {
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let (from_user, from_host) =
        invite.from().map_or_else(|_| Default::default(), |from| user_and_host(from.uri));
    let (to_user, to_host) = user_and_host(invite.request_uri());
    InviteView {
        call_id: invite.call_id().to_owned(),
        request_uri: invite.request_uri().to_owned(),
        from: text(invite.header(Name::From)),
        to: text(invite.header(Name::To)),
        from_user,
        from_host,
        to_user,
        to_host,
        headers: invite
            .fields()
            .filter(|field| !matches!(field.id, Name::Authorization | Name::ProxyAuthorization))
            .map(|field| (text(Some(field.name)), text(Some(field.value))))
            .collect(),
        source: flow.remote,
        transport: flow.transport,
        user: summary.user.as_deref().map(str::to_owned),
        direction: summary.direction.as_str(),
        body: text(Some(invite.body())),
    }
}

fn user_and_host(uri: &str) -> (String, String) {
    pbx_sip::Uri::parse(uri).map_or_else(
        |_| Default::default(),
        |uri| (uri.user_decoded().into_owned(), uri.host.to_ascii_lowercase()),
    )
}
