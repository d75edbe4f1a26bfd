//! Static routes as compiled by Python: patterns are regular expressions or literals by then.

use serde::Deserialize;

use super::MediaMode;

/// One rule, in order of judgement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Merge key, shown in explain and call records.
    pub name: String,
    /// File and line, for explain.
    pub origin: String,
    /// `inbound`, `outbound`, `internal`; `None`: any.
    pub direction: Option<String>,
    /// Conditions; all must hold.
    pub matchers: Vec<Matcher>,
    /// What happens then.
    pub action: RouteAction,
    /// Ring limit per candidate.
    pub max_ring_secs: Option<u32>,
    /// Codec list replacing `audio_codecs`.
    pub codecs: Option<Vec<String>>,
    /// Media mode replacing `media_proxy`.
    pub media: Option<MediaMode>,
}

/// One condition on one field.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// Field looked at.
    pub field: MatchField,
    /// Pattern of `formats.md` §0, as written.
    pub pattern: String,
}

/// Fields a route can look at (`formats.md` §3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchField {
    /// From URI as user@host.
    From,
    /// From user.
    FromUser,
    /// From host.
    FromHost,
    /// To URI as user@host.
    To,
    /// To user.
    ToUser,
    /// To host.
    ToHost,
    /// To port as text.
    ToPort,
    /// Request-URI user.
    RequestUriUser,
    /// Request-URI host.
    RequestUriHost,
    /// Request-URI port as text.
    RequestUriPort,
    /// From user@host.
    Caller,
    /// Request-URI (else To) user@host.
    Callee,
    /// A header by name, all values joined by `, `.
    Header(String),
}

/// `action` with its fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, tag = "kind")]
pub enum RouteAction {
    /// To the registered bindings of the target.
    Forward {
        /// Replaces the target user, when given (`rewrite`, literal only in this release).
        to_user: Option<String>,
    },
    /// Refused with a status.
    Reject {
        /// 400–699.
        code: u16,
        /// Reason phrase; `None`: the RFC's.
        reason: Option<String>,
        /// Headers sent along.
        headers: Vec<(String, String)>,
    },
    /// 486.
    Busy,
}
