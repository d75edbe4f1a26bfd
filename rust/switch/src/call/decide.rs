//! Where a call goes: by Python if it is asked, else by routes and bindings (§3 step 14).

use std::time::{Duration, Instant};

use super::calls::Calls;
use super::id::CallId;
use super::plan::{Missing, Plan};
use super::resolve::Resolver;
use super::state::{Call, Phase};
use crate::config::RouteAction;
use crate::core::Core;
use crate::decision::{Decision, Forward, Target};
use crate::location::Location;
use crate::output::Level;
use crate::query::QueryId;
use crate::refusal::Refusal;
use crate::route::{Direction, Route, RouteInput};

impl Calls {
    /// Asks Python when a router is configured, else judges natively.
    pub(super) fn decide(&mut self, core: &mut Core, location: &Location, now: Instant, id: CallId) {
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
        let refusal = match self.usable(core, id, decision) {
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

    /// The decision, unless it asks for what cannot be: that is a fault of the handler.
    fn usable(&self, core: &mut Core, id: CallId, decision: Decision) -> Decision {
        let Some(cause) = decision.fault() else { return decision };
        let call_id = self.call(id).map_or_else(String::new, |call| call.caller.dialog.call_id.to_string());
        core.log(Level::Warn, "decision_unusable", vec![("cause", cause), ("call_id", call_id)]);
        Decision::Failed {}
    }

    /// Static routes, then the registered bindings of the target. A foreign target is never dialled without a
    /// route (§1).
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
                None if call.summary.direction == Direction::Outbound => {
                    return call.refuse(core, now, &Refusal::NotFound);
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
        let resolver = Resolver { policy: &self.policy, location, core, request: &invite.message, now };
        plan.missing = resolver.fill(&mut plan, forward);
        if plan.cut() {
            core.counters.count("refused_total", "forks");
        }
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
