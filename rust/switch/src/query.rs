//! What Python is asked: one question per undecided INVITE.

use std::net::SocketAddr;
use std::time::Duration;

use pbx_sip::{Shard, Transport};

use crate::core::SHARD_OF_ID;

/// Handle of a waiting call. Stale handles are ignored when answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(pub u64);

impl QueryId {
    /// The shard that asks.
    pub fn shard(self) -> Option<Shard> {
        Shard::new((self.0 >> SHARD_OF_ID) as usize)
    }
}

/// A question on its way to the decision loop.
#[derive(Clone, Debug)]
pub struct Query {
    /// Handle to answer with.
    pub id: QueryId,
    /// How long the call waits before the fallback verdict (503 + Retry-After).
    pub timeout: Duration,
    /// The request.
    pub invite: InviteView,
}

/// A read-only picture of the INVITE: text as received, credentials left out.
#[derive(Clone, Debug)]
pub struct InviteView {
    /// Call-ID of the caller's leg.
    pub call_id: String,
    /// Request-URI.
    pub request_uri: String,
    /// From header value.
    pub from: String,
    /// To header value.
    pub to: String,
    /// User part of From, percent-decoded once.
    pub from_user: String,
    /// Host of From, lower case.
    pub from_host: String,
    /// User part of the Request-URI, percent-decoded once.
    pub to_user: String,
    /// Host of the Request-URI, lower case.
    pub to_host: String,
    /// All other headers in order, credentials left out.
    pub headers: Vec<(String, String)>,
    /// Where the packet came from.
    pub source: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// Authenticated user, if any.
    pub user: Option<String>,
    /// `internal`, `inbound` or `outbound` (§1).
    pub direction: &'static str,
    /// Body, lossily decoded.
    pub body: String,
}
