//! Pictures of the state for `/health`, `/calls`, `/registrations` and the panel: plain serialisable values.

use serde::Serialize;

/// State of the switch at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Health {
    /// Configuration generation in force.
    pub generation: u64,
    /// Whether new calls are refused because we are shutting down.
    pub draining: bool,
    /// Server and client transactions alive.
    pub transactions: usize,
    /// Server transactions without a final response.
    pub server_transactions: usize,
    /// Confirmed and early dialogs.
    pub dialogs: usize,
    /// Calls alive.
    pub calls: usize,
    /// Bindings.
    pub registrations: usize,
    /// INVITEs waiting for Python.
    pub queries: usize,
    /// Media sessions alive.
    pub media_sessions: usize,
    /// RTP port pairs neither used nor quarantined.
    pub ports_free: usize,
    /// RTP port pairs in use.
    pub ports_used: usize,
    /// Named counters (`pbx_*_total` without the prefix), growing only.
    pub counters: Vec<(String, u64)>,
}

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct CallView {
    /// Handle for hang-up.
    pub id: String,
    /// Call-ID of the caller's leg.
    pub call_id: String,
    /// `deciding`, `calling`, `ringing`, `connected`, `ending`.
    pub state: &'static str,
    /// From URI.
    pub from: String,
    /// To URI.
    pub to: String,
    /// Callee URI in use, once one rings.
    pub callee: Option<String>,
    /// Source address of the caller.
    pub source: String,
    /// Seconds since the INVITE.
    pub age_secs: u64,
    /// Seconds since the answer.
    pub answered_secs: Option<u64>,
    /// `anchored`, `direct`, `bypass`, `none`.
    pub media: &'static str,
    /// Why the call is anchored.
    pub media_reason: Option<&'static str>,
    /// Rule or source that decided.
    pub decided_by: String,
    /// Call-ID of the callee's leg, once confirmed.
    pub callee_call_id: Option<String>,
}

/// One dialog of a call.
#[derive(Clone, Debug, Serialize)]
pub struct DialogView {
    /// Handle: `<call id>/a` or `/b`.
    pub id: String,
    /// `early` or `confirmed`.
    pub state: &'static str,
    /// Call-ID on that leg.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// Their tag.
    pub remote_tag: String,
    /// Peer address.
    pub source: String,
}

/// One binding.
#[derive(Clone, Debug, Serialize)]
pub struct RegistrationView {
    /// `user@realm`.
    pub aor: String,
    /// Contact as the phone wrote it.
    pub contact: String,
    /// Flow: transport and source address.
    pub source: String,
    /// Seconds left.
    pub expires_secs: u64,
    /// q in thousandths.
    pub q: u16,
    /// Whether the peer is behind NAT.
    pub nat: bool,
    /// User-Agent of the phone.
    pub user_agent: Option<String>,
}
