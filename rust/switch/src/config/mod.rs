//! The configuration document: what Python compiles and hands over as JSON, once per generation.
//!
//! There are no defaults here and unknown keys are refused: defaults live in `pbx.config`, in Python, only.

mod identity;
mod limits;
mod media;
mod route;
mod session_timer;
mod user;

use std::time::Duration;

use serde::Deserialize;

pub use identity::{Identity, Realm};
pub use limits::Limits;
pub use media::{CodecStrategy, MediaConfig, MediaMode};
pub use route::{MatchField, Matcher, RouteAction, RouteConfig};
pub use session_timer::SessionTimerConfig;
pub use user::{Secret, UserConfig};

/// Everything the switch is told (`shared/spec/config.md`, the keys effective in this release).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchConfig {
    /// Number of the configuration generation; grows by one with each committed reload.
    pub generation: u64,
    /// Names and realms we answer to.
    pub identity: Identity,
    /// RFC 3261 T1, milliseconds.
    pub t1_ms: u64,
    /// 64×T1 or what replaces it, milliseconds.
    pub t1x64_ms: u64,
    /// Modules in order of judgement.
    pub modules: Vec<Module>,
    /// ACL rules in order; first match wins. Empty: allow all.
    pub acl: Vec<AclRule>,
    /// Users of the memory backends, in the order of the backends.
    pub users: Vec<UserConfig>,
    /// Static routes, already sorted by priority; disabled ones left out.
    pub routes: Vec<RouteConfig>,
    /// Registrar policy.
    pub registrar: RegistrarConfig,
    /// Call handling policy.
    pub call: CallConfig,
    /// Media policy.
    pub media: MediaConfig,
    /// Whether NATed peers are reached over their flow (§2.6.1).
    pub nat_fix: bool,
    /// Caps of everything a stranger can fill.
    pub limits: Limits,
}

impl SwitchConfig {
    /// Reads the JSON document.
    ///
    /// # Errors
    /// The text serde gives: which key, what was expected.
    pub fn from_json(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// T1.
    pub fn t1(&self) -> Duration {
        Duration::from_millis(self.t1_ms)
    }

    /// 64×T1.
    pub fn t1x64(&self) -> Duration {
        Duration::from_millis(self.t1x64_ms)
    }

    /// Whether a module is loaded.
    pub fn has_module(&self, module: Module) -> bool {
        self.modules.contains(&module)
    }
}

/// Modules of the pipeline (`modules` key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Module {
    /// Access lists.
    Acl,
    /// Digest authentication.
    Auth,
    /// REGISTER.
    Registrar,
    /// INVITE and everything after it.
    Call,
}

/// One written ACL rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AclRule {
    /// Whether a matching source may pass.
    pub allow: bool,
    /// Network in CIDR form, or `None` for `all`.
    pub net: Option<String>,
    /// Where the rule stands (`FILE:LINE`), for logs and `pbx acl test`.
    pub origin: String,
}

/// `registrar_expires` and its companions, seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrarConfig {
    /// Granted when the phone asks for nothing.
    pub expires_secs: u32,
    /// Cap per contact.
    pub max_expires_secs: u32,
    /// Bindings of one AoR.
    pub max_bindings: usize,
}

/// Call handling policy (§2.9, §2.16).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallConfig {
    /// Whether the callee's failure reaches the caller as it is.
    pub passthrough_failure: bool,
    /// Ring limit when the decision sets none; `None`: Timer C.
    pub max_ring_secs: Option<u32>,
    /// Whether equal-q bindings ring together; else only the newest rings.
    pub parallel_fork: bool,
    /// Whether initial INVITEs are shown to the Python router before the route table.
    pub ask_router: bool,
    /// Whether the other party is asked first to follow a REFER itself.
    pub blind_transfer_use_refer: bool,
    /// Longest wait for Python, milliseconds.
    pub decision_timeout_ms: u64,
    /// Session timers; `None`: we do not know of them.
    pub session_timer: Option<SessionTimerConfig>,
}
