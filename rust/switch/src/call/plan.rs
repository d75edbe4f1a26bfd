//! Where a call goes: groups of targets, tried one after the other; the targets of a group ring together.

use std::collections::VecDeque;
use std::time::Duration;

use pbx_sip::Flow;

use super::way::Way;
use crate::config::MediaMode;
use crate::refusal::Refusal;

/// Forks of one call (§2.2 fixed limits); the rest are not rung.
pub(super) const MAX_FORKS: usize = 16;

/// One place to ring.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Request-URI.
    pub(super) uri: String,
    /// Way to reach it.
    pub(super) flow: Flow,
    /// How that is known.
    pub(super) way: Way,
    /// Route set from Path (RFC 3327), first hop first.
    pub(super) path: Vec<String>,
    /// Whether the flow, not the Contact, leads there.
    pub(super) nat: bool,
    /// Other flows of the same phone, tried one after the other when this one fails (RFC 5626 §5.3).
    pub(super) spare: Vec<Endpoint>,
    /// Call-ID and From tag of the request when an earlier hop got it.
    pub(super) identity: Option<(String, String)>,
    /// User whose binding it is.
    pub(super) user: Option<Box<str>>,
}

impl Endpoint {
    /// Whether another way may be tried after this one.
    pub(super) fn has_spare(&self) -> bool {
        !self.spare.is_empty() || matches!(self.way, Way::Name(_))
    }

    /// The next flow of the phone, when this one failed in a way another may not.
    pub(super) fn next_flow(&self, code: u16) -> Option<Self> {
        let (next, rest) = self.spare.split_first().filter(|_| matches!(code, 408 | 430 | 503))?;
        Some(Self {
            spare: rest.to_vec(),
            identity: self.identity.clone(),
            user: self.user.clone(),
            ..next.clone()
        })
    }
}

impl Endpoint {
    /// The URI of the first hop.
    pub(super) fn next_hop(&self) -> &str {
        self.path.first().unwrap_or(&self.uri)
    }
}

/// Endpoints that ring together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) endpoints: Vec<Endpoint>,
    /// Whether any failure leads to the next group (bindings of the same user), or only those of
    /// `formats.md` §3 (another target).
    pub(super) any_failure: bool,
}

/// The whole plan of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) groups: VecDeque<Group>,
    pub(super) ring: Option<Duration>,
    pub(super) media: Option<MediaMode>,
    pub(super) codecs: Option<Vec<String>>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) drop_original_headers: bool,
    pub(super) caller_contact: Option<String>,
    pub(super) decided_by: String,
    /// Why no endpoint was found, if none was.
    pub(super) missing: Missing,
}

impl Plan {
    /// The call is answered: what was only needed to ring is let go.
    pub(super) fn forget(&mut self) {
        self.groups = VecDeque::new();
        self.headers = Vec::new();
        self.codecs = None;
    }

    /// Leaves out what exceeds the forks of one call; `true` if there was any.
    pub(super) fn cut(&mut self) -> bool {
        let mut room = MAX_FORKS;
        let mut is_cut = false;
        for group in &mut self.groups {
            is_cut |= group.endpoints.len() > room;
            group.endpoints.truncate(room);
            room -= group.endpoints.len();
        }
        self.groups.retain(|group| !group.endpoints.is_empty());
        is_cut
    }
}

/// What an empty plan means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Missing {
    /// No such user.
    #[default]
    User,
    /// User without a binding.
    Binding,
    /// A URI we cannot reach.
    Route,
    /// All that is registered leads back to us.
    Loop,
}

impl Missing {
    /// What the caller is told.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::User => Refusal::NotFound,
            Self::Binding => Refusal::NotRegistered,
            Self::Route => Refusal::Unreachable,
            Self::Loop => Refusal::Loop,
        }
    }
}

/// Whether a failure lets the next target of a forward be tried (`formats.md` §3).
pub(super) fn is_failover(code: u16) -> bool {
    code == 408 || (500..600).contains(&code)
}
