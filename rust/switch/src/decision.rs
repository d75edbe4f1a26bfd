//! What Python may say about an INVITE. A decision is taken once.

use std::time::Duration;

use serde::Deserialize;

use crate::call::check_written;
use crate::config::MediaMode;

/// Status codes a call may be refused with.
pub(crate) const REJECTING: std::ops::Range<u16> = 400..700;
/// Longest user part of a Contact of ours (`config.md` §2.15).
const MAX_CONTACT_USER: usize = 64;

/// Verdict on one INVITE.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, tag = "action")]
pub enum Decision {
    /// Ring these targets.
    Forward(Forward),
    /// Refuse.
    Reject(Reject),
    /// Let the next source of decisions judge: static routes, then bindings.
    NotHandled {},
    /// The handler raised or returned nonsense: 500.
    Failed {},
    /// No answer within the deadline, or no room to ask: 503 + Retry-After.
    Overdue {},
}

impl Decision {
    /// Why it cannot be carried out, if it cannot. Whatever Python lets through ends here.
    pub(crate) fn fault(&self) -> Option<String> {
        match self {
            Self::Forward(forward) => forward.fault(),
            Self::Reject(reject) if !REJECTING.contains(&reject.code) => {
                Some(format!("status {} is not in 400 to 699", reject.code))
            }
            Self::Reject(reject) => bad_header(&reject.headers),
            Self::NotHandled {} | Self::Failed {} | Self::Overdue {} => None,
        }
    }
}

/// Where a call goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Targets, in order: a user of ours, or a SIP URI with a numeric host.
    pub targets: Vec<Target>,
    /// Ring all at once instead of one after the other.
    pub parallel: bool,
    /// Ring limit, seconds.
    pub ring_timeout_secs: Option<u32>,
    /// Media mode for this call.
    pub media: Option<MediaMode>,
    /// Codec list of both legs.
    pub codecs: Option<Vec<String>>,
    /// Headers added to the B-leg INVITE.
    pub headers: Vec<(String, String)>,
    /// Whether the caller's own headers pass (`with_original_headers`).
    pub drop_original_headers: bool,
    /// User part of our Contact on the B leg.
    pub caller_contact: Option<String>,
}

impl Forward {
    fn fault(&self) -> Option<String> {
        if self.ring_timeout_secs == Some(0) {
            return Some("ring timeout of 0 seconds".to_owned());
        }
        if self.caller_contact.as_deref().is_some_and(|user| !is_contact_user(user)) {
            return Some("Contact user is not 1 to 64 unreserved characters".to_owned());
        }
        bad_header(&self.headers)
    }

    /// The ring limit as a duration.
    pub fn ring_timeout(&self) -> Option<Duration> {
        self.ring_timeout_secs.map(|secs| Duration::from_secs(u64::from(secs)))
    }
}

/// One target of a forward.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// All bindings of a user of ours, in the caller's realm.
    User(String),
    /// A SIP URI dialled as written.
    Uri(String),
}

/// A refusal by policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reject {
    /// 400–699.
    pub code: u16,
    /// Reason phrase; `None`: the RFC's.
    pub reason: Option<String>,
    /// Headers sent along.
    pub headers: Vec<(String, String)>,
}

fn bad_header(headers: &[(String, String)]) -> Option<String> {
    let fault = |(name, value): &(String, String)| {
        check_written(name, value).err().map(|cause| format!("header \"{}\" {cause}", name.escape_debug()))
    };
    headers.iter().find_map(fault)
}

fn is_contact_user(user: &str) -> bool {
    let is_unreserved = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&octet);
    (1..=MAX_CONTACT_USER).contains(&user.len()) && user.bytes().all(is_unreserved)
}
