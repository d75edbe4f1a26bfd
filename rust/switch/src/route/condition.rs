//! One condition of a route.

use std::borrow::Cow;
use std::fmt;

use super::input::RouteInput;
use crate::config::{MatchField, Matcher};
use crate::policy::{Pattern, Scope};

/// A field and the pattern it must fit.
#[derive(Clone, Debug)]
pub struct Condition {
    field: MatchField,
    written: Box<str>,
    pattern: Pattern,
}

impl Condition {
    /// Compiles a matcher.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn compile(matcher: &Matcher) -> Result<Self, String> {
        Ok(Self {
            pattern: Pattern::compile(&matcher.pattern, scope(&matcher.field))?,
            written: matcher.pattern.as_str().into(),
            field: matcher.field.clone(),
        })
    }

    /// Whether the condition holds. An absent header fits no pattern.
    pub fn holds(&self, input: &RouteInput<'_>) -> bool {
        self.value(input).is_some_and(|value| self.pattern.is_match(&value))
    }

    /// The value the condition looks at.
    pub fn value<'a>(&self, input: &'a RouteInput<'_>) -> Option<Cow<'a, [u8]>> {
        Some(match &self.field {
            MatchField::From | MatchField::Caller => Cow::Borrowed(input.from.address().as_bytes()),
            MatchField::FromUser => Cow::Borrowed(input.from.user.as_bytes()),
            MatchField::FromHost => Cow::Borrowed(input.from.host.as_bytes()),
            MatchField::To => Cow::Borrowed(input.to.address().as_bytes()),
            MatchField::ToUser => Cow::Borrowed(input.to.user.as_bytes()),
            MatchField::ToHost => Cow::Borrowed(input.to.host.as_bytes()),
            MatchField::ToPort => bytes(input.to.port()),
            MatchField::RequestUriUser => Cow::Borrowed(input.request_uri.user.as_bytes()),
            MatchField::RequestUriHost => Cow::Borrowed(input.request_uri.host.as_bytes()),
            MatchField::RequestUriPort => bytes(input.request_uri.port()),
            MatchField::Callee => Cow::Borrowed(input.callee().address().as_bytes()),
            MatchField::Header(name) => Cow::Owned(input.headers.joined(name)?),
        })
    }

    /// The pattern as written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The field as written in a route file.
    pub fn field(&self) -> impl fmt::Display + '_ {
        FieldName(&self.field)
    }
}

fn scope(field: &MatchField) -> Scope {
    match field {
        MatchField::From | MatchField::To | MatchField::Caller | MatchField::Callee => Scope::UserAtHost,
        MatchField::FromHost | MatchField::ToHost | MatchField::RequestUriHost => Scope::Host,
        MatchField::FromUser
        | MatchField::ToUser
        | MatchField::RequestUriUser
        | MatchField::ToPort
        | MatchField::RequestUriPort
        | MatchField::Header(_) => Scope::Exact,
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

struct FieldName<'a>(&'a MatchField);

impl fmt::Display for FieldName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            MatchField::From => "from",
            MatchField::FromUser => "from.user",
            MatchField::FromHost => "from.host",
            MatchField::To => "to",
            MatchField::ToUser => "to.user",
            MatchField::ToHost => "to.host",
            MatchField::ToPort => "to.port",
            MatchField::RequestUriUser => "request_uri.user",
            MatchField::RequestUriHost => "request_uri.host",
            MatchField::RequestUriPort => "request_uri.port",
            MatchField::Caller => "caller",
            MatchField::Callee => "callee",
            MatchField::Header(name) => return write!(f, "header.{name}"),
        })
    }
}
