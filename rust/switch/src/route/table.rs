//! The rules in order of judgement.

use std::time::Duration;

use super::condition::Condition;
use super::direction::Direction;
use super::input::RouteInput;
use crate::call::check_written;
use crate::config::{MediaMode, RouteAction, RouteConfig};
use crate::decision::REJECTING;
use crate::policy::PolicyError;

/// One compiled rule.
#[derive(Clone, Debug)]
pub struct Route {
    /// Merge key, shown in explain and call records.
    pub name: Box<str>,
    /// File and line.
    pub origin: Box<str>,
    /// Direction it applies to; `None`: any.
    pub direction: Option<Direction>,
    /// Conditions; all must hold.
    pub conditions: Box<[Condition]>,
    /// What happens then.
    pub action: RouteAction,
    /// Ring limit per candidate.
    pub max_ring: Option<Duration>,
    /// Codec list replacing `audio_codecs`.
    pub codecs: Option<Vec<String>>,
    /// Media mode replacing `media_proxy`.
    pub media: Option<MediaMode>,
}

impl Route {
    /// Compiles a written rule.
    ///
    /// # Errors
    /// The first value that cannot be used, with its key.
    pub fn compile(config: &RouteConfig) -> Result<Self, PolicyError> {
        let key = |field: &dyn std::fmt::Display| format!("routes[\"{}\"].{field}", config.name);
        let direction = config
            .direction
            .as_deref()
            .map(|text| {
                Direction::parse(text).ok_or_else(|| {
                    PolicyError::new(key(&"direction"), text, "is not one of inbound, outbound, internal")
                })
            })
            .transpose()?;
        if let RouteAction::Reject { code, headers, .. } = &config.action {
            if !REJECTING.contains(code) {
                return Err(PolicyError::new(key(&"reject.code"), code.to_string(), "is not in 400 to 699"));
            }
            for (name, value) in headers {
                check_written(name, value)
                    .map_err(|cause| PolicyError::new(key(&"reject.headers"), name, cause))?;
            }
        }
        let condition = |(index, matcher): (usize, &crate::config::Matcher)| {
            Condition::compile(matcher).map_err(|cause| {
                PolicyError::new(key(&format_args!("match[{index}]")), &matcher.pattern, cause)
            })
        };
        Ok(Self {
            name: config.name.as_str().into(),
            origin: config.origin.as_str().into(),
            direction,
            conditions: config.matchers.iter().enumerate().map(condition).collect::<Result<_, _>>()?,
            action: config.action.clone(),
            max_ring: config.max_ring_secs.map(|secs| Duration::from_secs(secs.into())),
            codecs: config.codecs.clone(),
            media: config.media,
        })
    }

    /// Whether the rule applies to calls of that direction.
    pub fn fits_direction(&self, direction: Direction) -> bool {
        self.direction.is_none_or(|own| own == direction)
    }

    /// The first condition that does not hold.
    pub fn first_failing(&self, input: &RouteInput<'_>) -> Option<&Condition> {
        self.conditions.iter().find(|condition| !condition.holds(input))
    }
}

/// All rules, highest priority first.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
}

impl RouteTable {
    /// Compiles the rules, which come in order of judgement.
    ///
    /// # Errors
    /// The first value that cannot be used, with its key.
    pub fn compile(configs: &[RouteConfig]) -> Result<Self, PolicyError> {
        Ok(Self { routes: configs.iter().map(Route::compile).collect::<Result<_, _>>()? })
    }

    /// The first rule whose every condition holds.
    pub fn decide(&self, input: &RouteInput<'_>) -> Option<&Route> {
        self.decide_with(input, |_, _| {})
    }

    /// Decides, and tells of each rule looked at how it fared. This is what `decide` runs, so that an
    /// explanation cannot differ from what happens to calls.
    pub fn decide_with<'a>(
        &'a self,
        input: &RouteInput<'_>,
        mut watch: impl FnMut(&'a Route, RuleVerdict<'a>),
    ) -> Option<&'a Route> {
        for route in &self.routes {
            if !route.fits_direction(input.direction) {
                watch(route, RuleVerdict::Direction);
            } else if let Some(condition) = route.first_failing(input) {
                watch(route, RuleVerdict::Condition(condition));
            } else {
                watch(route, RuleVerdict::Match);
                return Some(route);
            }
        }
        None
    }

    /// The rules in order of judgement.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

/// How one rule fared.
#[derive(Clone, Copy, Debug)]
pub enum RuleVerdict<'a> {
    /// It applies to calls of another direction.
    Direction,
    /// This condition does not hold.
    Condition(&'a Condition),
    /// Every condition holds.
    Match,
}
