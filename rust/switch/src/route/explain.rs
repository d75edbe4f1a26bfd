//! Why a call goes where it goes (`pbx route explain`).

use pbx_sip::Uri;
use serde::{Deserialize, Serialize};

use super::direction::Direction;
use super::input::{Party, RouteInput};
use super::table::{Route, RouteTable, RuleVerdict};
use crate::config::{RouteAction, SwitchConfig};

/// A call to explain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainInput {
    /// From URI.
    pub from: String,
    /// Request-URI.
    pub request_uri: String,
    /// To URI; absent: the Request-URI.
    #[serde(default)]
    pub to: Option<String>,
    /// `inbound`, `outbound` or `internal`; absent: `internal`.
    #[serde(default)]
    pub direction: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

/// What happens to the call, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What is wrong with the question; everything else is empty then.
    pub error: Option<String>,
    /// Direction judged.
    pub direction: String,
    /// Rules in order of judgement, up to the one that matched.
    pub rules: Vec<RuleTrace>,
    /// Name of the rule that matched.
    pub matched: Option<String>,
    /// `forward`, `reject`, `busy`, or `bindings` when no rule matched.
    pub action: String,
    /// Address whose bindings ring, for `forward` and `bindings`.
    pub target: Option<String>,
    /// Status sent, for `reject` and `busy`.
    pub code: Option<u16>,
    /// Reason phrase sent, for `reject` and `busy`.
    pub reason: Option<String>,
    /// Ring limit of the rule, seconds.
    pub max_ring_secs: Option<u64>,
}

/// How one rule fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    /// Name of the rule.
    pub name: String,
    /// File and line.
    pub origin: String,
    /// Whether every condition held.
    pub matched: bool,
    /// The first condition that did not.
    pub failed: Option<Failure>,
}

/// A condition that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Field as written in route files, or `direction`.
    pub field: String,
    /// Pattern as written.
    pub pattern: String,
    /// Value of the call; `None`: the header is absent.
    pub value: Option<String>,
}

/// Runs the route table over a described call, on the code path of real calls.
pub fn explain(config: &SwitchConfig, invite: &ExplainInput) -> Explanation {
    try_explain(config, invite)
        .unwrap_or_else(|error| Explanation { error: Some(error), ..Explanation::default() })
}

fn try_explain(config: &SwitchConfig, invite: &ExplainInput) -> Result<Explanation, String> {
    let table = RouteTable::compile(&config.routes).map_err(|error| error.to_string())?;
    let word = invite.direction.as_deref().unwrap_or(Direction::Internal.as_str());
    let request_uri = party("request_uri", &invite.request_uri)?;
    let input = RouteInput {
        direction: Direction::parse(word)
            .ok_or_else(|| format!("direction: \"{word}\" is not one of inbound, outbound, internal"))?,
        from: party("from", &invite.from)?,
        to: party("to", invite.to.as_deref().unwrap_or(&invite.request_uri))?,
        request_uri,
        headers: &invite.headers,
    };
    let mut rules = Vec::new();
    let matched = table.decide_with(&input, |route, verdict| rules.push(trace(route, verdict, &input)));
    Ok(Explanation { direction: word.to_owned(), rules, ..outcome(matched, &input) })
}

fn party<'a>(field: &str, text: &'a str) -> Result<Party<'a>, String> {
    Uri::parse(text).map(|uri| Party::of(&uri)).map_err(|fault| format!("{field}: \"{text}\": {fault}"))
}

fn trace(route: &Route, verdict: RuleVerdict<'_>, input: &RouteInput<'_>) -> RuleTrace {
    let failed = match verdict {
        RuleVerdict::Match => None,
        RuleVerdict::Direction => Some(Failure {
            field: "direction".to_owned(),
            pattern: route.direction.map_or("", Direction::as_str).to_owned(),
            value: Some(input.direction.to_string()),
        }),
        RuleVerdict::Condition(condition) => Some(Failure {
            field: condition.field().to_string(),
            pattern: condition.written().to_owned(),
            value: condition.value(input).map(|value| String::from_utf8_lossy(&value).into_owned()),
        }),
    };
    RuleTrace {
        name: route.name.to_string(),
        origin: route.origin.to_string(),
        matched: failed.is_none(),
        failed,
    }
}

fn outcome(matched: Option<&Route>, input: &RouteInput<'_>) -> Explanation {
    let mut explanation = Explanation {
        matched: matched.map(|route| route.name.to_string()),
        max_ring_secs: matched.and_then(|route| route.max_ring).map(|limit| limit.as_secs()),
        ..Explanation::default()
    };
    let callee = input.callee();
    match matched.map(|route| &route.action) {
        None => {
            "bindings".clone_into(&mut explanation.action);
            explanation.target = Some(callee.address().to_owned());
        }
        Some(RouteAction::Forward { to_user }) => {
            "forward".clone_into(&mut explanation.action);
            let target = match to_user {
                Some(user) => callee.clone().with_user(user),
                None => callee.clone(),
            };
            explanation.target = Some(target.address().to_owned());
        }
        Some(RouteAction::Reject { code, reason, .. }) => {
            "reject".clone_into(&mut explanation.action);
            explanation.code = Some(*code);
            explanation.reason =
                Some(reason.clone().unwrap_or_else(|| pbx_sip::reason_phrase(*code).to_owned()));
        }
        Some(RouteAction::Busy) => {
            "busy".clone_into(&mut explanation.action);
            explanation.code = Some(486);
            explanation.reason = Some(pbx_sip::reason_phrase(486).to_owned());
        }
    }
    explanation
}
