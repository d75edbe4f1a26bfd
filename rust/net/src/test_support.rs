//! What the tests of this crate share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pbx_sip::Shard;

use crate::config::NetConfig;
use crate::sources::Sources;

/// Longest wait for anything that happens on loopback.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls `step` until it gives something.
pub(crate) fn wait_for<T>(what: &str, mut step: impl FnMut() -> Option<T>) -> T {
    let started_at = Instant::now();
    loop {
        if let Some(done) = step() {
            return done;
        }
        assert!(started_at.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
    }
}

/// A thread of its own, with its own count of sources.
pub(crate) fn whose(config: &NetConfig) -> (Shard, Arc<Sources>) {
    (Shard::FIRST, Arc::new(Sources::new(config.max_connections_per_source)))
}

/// Small caps, one TCP listener's worth.
pub(crate) fn net_config() -> NetConfig {
    NetConfig {
        udp: Vec::new(),
        tcp: Vec::new(),
        tls: Vec::new(),
        ws: Vec::new(),
        ws_path: "/ws".to_owned(),
        certificate: None,
        ca_certificates: None,
        sip_worker_threads: 1,
        media_worker_threads: 1,
        media_cmd_channel_capacity: 8,
        media_event_channel_capacity: 8,
        max_connections: 8,
        max_connections_per_source: 4,
        idle_secs: 300,
        partial_secs: 30,
        connect_secs: 5,
        handshake_secs: 10,
        ws_ping_secs: 25,
        ws_pong_secs: 60,
        max_write_queue: 1 << 20,
        max_queued_asks: 8,
        max_queued_events: 8,
        max_queued_inputs: 8,
    }
}
