//! The one place where a status code is chosen (`config.md` §4).

use pbx_sip::{Fault, Message, Name};

use crate::config::{Module, SwitchConfig};

/// Methods served inside a dialog; the value of Allow where a dialog is made or used.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, MESSAGE, PRACK, UPDATE, REFER, NOTIFY";
/// Body types understood.
pub(crate) const ACCEPT: &str = "application/sdp, multipart/mixed, multipart/alternative";
/// Smallest session interval, seconds (RFC 4028 §4).
pub(crate) const MIN_SE: u32 = 90;

/// Option tags understood; the value of Supported.
pub(crate) fn supported(config: &SwitchConfig) -> &'static str {
    match config.call.session_timer {
        Some(_) => "100rel, path, outbound, gruu, replaces, norefersub, timer",
        None => "100rel, path, outbound, gruu, replaces, norefersub",
    }
}

/// The same for INVITEs of ours whose provisional responses nobody would acknowledge.
pub(crate) fn without_100rel(supported: &str) -> &str {
    supported.strip_prefix("100rel, ").unwrap_or(supported)
}

/// Methods the loaded modules serve; the value of Allow outside dialogs.
pub(crate) fn allow(config: &SwitchConfig) -> &'static str {
    match (config.has_module(Module::Call), config.has_module(Module::Registrar)) {
        (true, true) => ALLOW,
        (true, false) => "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, PRACK, UPDATE, REFER, NOTIFY",
        (false, true) => "OPTIONS, REGISTER, MESSAGE",
        (false, false) => "OPTIONS, MESSAGE",
    }
}

/// Option tags of Require and Proxy-Require that we do not understand, comma-separated.
pub(crate) fn lacking_extensions(config: &SwitchConfig, message: &Message) -> String {
    let supported = supported(config);
    let tags = message.values(Name::Require).chain(message.values(Name::ProxyRequire));
    let lacking: Vec<_> = tags
        .filter(|tag| !supported.split(", ").any(|known| tag.eq_ignore_ascii_case(known.as_bytes())))
        .map(|tag| String::from_utf8_lossy(tag).into_owned())
        .collect();
    lacking.join(", ")
}

/// Why a request is not served.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// The message itself is bad.
    Malformed(Fault),
    /// Authorization that cannot be read, or that is for another target.
    Credentials,
    /// Method nobody defined.
    UnknownMethod,
    /// Method known, module not loaded or not served here.
    MethodNotAllowed,
    /// Request-URI scheme not sip, sips or tel.
    UnsupportedScheme,
    /// Option tags of Require that we lack.
    BadExtension(String),
    /// INFO of a package that the other party does not list among these.
    InfoPackage(String),
    /// The same request by another path (RFC 3261 §8.2.2.2).
    Merged,
    /// Whoever is called is registered at us again (RFC 3261 §16.3).
    Loop,
    /// Shutting down.
    Draining,
    /// A table of ours is full.
    Full(&'static str),
    /// Both hosts foreign.
    ForeignHosts,
    /// REGISTER or OPTIONS for a foreign host.
    ForeignTarget,
    /// From is no identity of the authenticated user.
    NotIdentity,
    /// To of a REGISTER is not the authenticated user's.
    NotOwner,
    /// User switched off.
    Disabled,
    /// REFER and the like outside a dialog.
    Forbidden,
    /// Max-Forwards used up.
    TooManyHops,
    /// Max-Breadth used up (RFC 5393).
    BreadthUsedUp,
    /// Body type or encoding not usable.
    MediaType,
    /// Accept leaves out SDP.
    NotAcceptable,
    /// No such user and no route.
    NotFound,
    /// User known, not registered.
    NotRegistered,
    /// The handler raised or returned nonsense.
    DecisionFailed,
    /// The handler did not answer in time.
    DecisionOverdue,
    /// Session-Expires below what any session may have.
    IntervalTooSmall,
    /// RTP ports used up, or none could be bound.
    NoPorts,
    /// No common codec.
    NoCodec,
    /// An offer before the answer, and the other party takes no UPDATE.
    NoEarlyOffer,
    /// The caller never acknowledged a reliable provisional response (RFC 3262 §3).
    Unacknowledged,
    /// Ring limit reached.
    NoAnswer,
    /// Nobody could be reached.
    Unreachable,
    /// The caller gave up.
    Cancelled,
    /// To tag without a dialog of ours.
    UnknownDialog,
    /// CSeq lower than one already seen.
    StaleCseq,
    /// INVITE while one of ours runs the other way.
    Glare,
    /// INVITE while an earlier one of the same side runs.
    Overlapping,
    /// INFO or another body we cannot relay now.
    DialogEnding,
    /// A verdict written by the administrator.
    Policy {
        /// 400–699.
        code: u16,
        /// Reason phrase.
        reason: Option<String>,
        /// Headers sent along.
        headers: Vec<(String, String)>,
    },
}

impl Refusal {
    /// Status code and reason phrase.
    pub(crate) fn status(&self) -> (u16, String) {
        let code = match self {
            Self::Malformed(fault) => return (fault.status(), fault.reason()),
            Self::Policy { code, reason, .. } => {
                return (*code, reason.clone().unwrap_or_else(|| pbx_sip::reason_phrase(*code).to_owned()));
            }
            Self::Credentials => return (400, "Bad Authorization".to_owned()),
            Self::UnknownMethod => 501,
            Self::MethodNotAllowed => 405,
            Self::UnsupportedScheme => 416,
            Self::BadExtension(_) => 420,
            Self::InfoPackage(_) => 469,
            Self::Merged | Self::Loop => 482,
            Self::Draining | Self::Full(_) | Self::DecisionOverdue | Self::NoPorts | Self::Unreachable => 503,
            Self::ForeignHosts | Self::NotIdentity | Self::NotOwner | Self::Disabled | Self::Forbidden => 403,
            Self::TooManyHops => 483,
            Self::BreadthUsedUp => 440,
            Self::MediaType => 415,
            Self::IntervalTooSmall => 422,
            Self::NotAcceptable => 406,
            Self::NotFound | Self::ForeignTarget => 404,
            Self::NotRegistered | Self::NoAnswer => 480,
            Self::NoCodec | Self::NoEarlyOffer => 488,
            Self::Unacknowledged => 504,
            Self::Cancelled => 487,
            Self::UnknownDialog | Self::DialogEnding => 481,
            Self::Glare => 491,
            Self::DecisionFailed | Self::StaleCseq | Self::Overlapping => 500,
        };
        (code, pbx_sip::reason_phrase(code).to_owned())
    }

    /// Headers that go with the status. `jitter` spreads retries (§0.1 Retry-After, RFC 3261 §14.2).
    pub(crate) fn headers(&self, config: &SwitchConfig, jitter: u32) -> Vec<(Name, String)> {
        match self {
            Self::UnknownMethod | Self::MethodNotAllowed => vec![(Name::Allow, allow(config).to_owned())],
            Self::BadExtension(tags) => vec![(Name::Unsupported, tags.clone())],
            Self::InfoPackage(listed) => vec![(Name::RecvInfo, listed.clone())],
            Self::IntervalTooSmall => vec![(Name::MinSe, MIN_SE.to_string())],
            Self::MediaType => {
                vec![(Name::Accept, ACCEPT.to_owned()), (Name::AcceptEncoding, "identity".to_owned())]
            }
            Self::NotAcceptable => {
                vec![(Name::Warning, "399 pbx \"SDP is not acceptable to the caller\"".to_owned())]
            }
            Self::NoEarlyOffer => {
                vec![(Name::Warning, "399 pbx \"The other party takes no UPDATE\"".to_owned())]
            }
            Self::NoCodec => vec![(Name::Warning, "305 pbx \"No common codec\"".to_owned())],
            Self::NoAnswer => vec![(Name::Reason, "Q.850;cause=19;text=\"No answer\"".to_owned())],
            Self::Draining | Self::Full(_) | Self::DecisionOverdue | Self::NoPorts => {
                vec![(Name::RetryAfter, (2 + jitter % 7).to_string())]
            }
            Self::Overlapping => vec![(Name::RetryAfter, (jitter % 11).to_string())],
            _ => Vec::new(),
        }
    }

    /// Whether the message is larger than we take.
    pub(crate) fn is_size(&self) -> bool {
        matches!(self, Self::Malformed(fault) if fault.status() == 513)
    }

    /// Headers an administrator wrote, by name.
    pub(crate) fn written_headers(&self) -> &[(String, String)] {
        match self {
            Self::Policy { headers, .. } => headers,
            _ => &[],
        }
    }

    /// Label of `pbx_refused_total`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Malformed(_) if self.is_size() => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Credentials => "credentials",
            Self::UnknownMethod | Self::MethodNotAllowed => "method",
            Self::UnsupportedScheme => "scheme",
            Self::BadExtension(_) => "extension",
            Self::InfoPackage(_) => "info_package",
            Self::Merged => "merged",
            Self::Loop => "loop",
            Self::Draining => "draining",
            Self::Full(table) => table,
            Self::ForeignHosts | Self::ForeignTarget => "foreign_domain",
            Self::NotIdentity | Self::NotOwner => "identity",
            Self::Disabled => "disabled",
            Self::Forbidden => "forbidden",
            Self::TooManyHops => "max_forwards",
            Self::BreadthUsedUp => "breadth",
            Self::MediaType | Self::NotAcceptable => "body",
            Self::IntervalTooSmall => "session_interval",
            Self::NotFound => "not_found",
            Self::NotRegistered => "not_registered",
            Self::DecisionFailed => "decision_failed",
            Self::DecisionOverdue => "decision_overdue",
            Self::NoPorts => "rtp_ports",
            Self::NoCodec => "codec",
            Self::NoEarlyOffer => "early_offer",
            Self::Unacknowledged => "prack",
            Self::NoAnswer => "ring_limit",
            Self::Unreachable => "unreachable",
            Self::Cancelled => "cancelled",
            Self::UnknownDialog | Self::DialogEnding => "unknown_dialog",
            Self::StaleCseq => "cseq",
            Self::Glare | Self::Overlapping => "glare",
            Self::Policy { .. } => "route",
        }
    }
}
