use std::hash::{DefaultHasher, Hasher};
use std::net::IpAddr;

use crate::sdp::Sdp;

/// Our `o=` line towards one leg: the same session for the whole dialog, a new version for a changed body
/// (RFC 3264 §8).
#[derive(Clone, Debug)]
pub struct LocalOrigin {
    session_id: u64,
    version: u64,
    last_body: Option<u64>,
}

impl LocalOrigin {
    /// An origin for a new leg. Session identifiers stay below 2⁶³: some phones read them as signed.
    pub fn new(session_id: u64) -> Self {
        Self { session_id: session_id >> 1, version: 1, last_body: None }
    }

    /// The version last written.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Writes the `o=` line; the version goes up if anything else of the body changed since the last time.
    pub fn stamp(&mut self, sdp: &mut Sdp, username: &str, address: IpAddr) {
        sdp.set_origin(username, [self.session_id, 0], address);
        let mut hasher = DefaultHasher::new();
        hasher.write(&sdp.to_bytes());
        let body = hasher.finish();
        if self.last_body.replace(body).is_some_and(|last| last != body) {
            self.version += 1;
        }
        sdp.set_origin(username, [self.session_id, self.version], address);
    }
}
