//! The part of the configuration document that concerns sockets, threads and queues.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pbx_switch::SwitchConfig;
use serde::Deserialize;

use crate::connection::Deadlines;

/// Everything the engine is started with. There are no defaults and unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Sockets, threads, queues.
    pub net: NetConfig,
    /// The switch.
    pub switch: SwitchConfig,
}

impl Document {
    /// Reads the JSON document.
    ///
    /// # Errors
    /// The text serde gives: which key, what was expected.
    pub fn from_json(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }
}

/// Listeners, threads, deadlines and the caps of every queue (config.md §2.2, §2.11). Fixed until restart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetConfig {
    /// UDP listeners; the index of an address is `Flow::socket`. Port 0: the OS chooses.
    pub udp: Vec<SocketAddr>,
    /// TCP listeners. Port 0: the OS chooses.
    pub tcp: Vec<SocketAddr>,
    /// TLS listeners; they need a certificate.
    pub tls: Vec<SocketAddr>,
    /// WebSocket listeners, which take TLS too when there is a certificate.
    pub ws: Vec<SocketAddr>,
    /// Path of SIP over WebSocket.
    pub ws_path: String,
    /// Our certificate chain and its key. Live: a reload may name others.
    pub certificate: Option<PairFiles>,
    /// PEM file of the authorities trusted when we connect over TLS; `None`: the system's. Live.
    pub ca_certificates: Option<PathBuf>,
    /// Signalling threads, 1–64.
    pub sip_worker_threads: usize,
    /// Media worker threads, 1–64.
    pub media_worker_threads: usize,
    /// Commands waiting for one media worker.
    pub media_cmd_channel_capacity: usize,
    /// Events of one media worker waiting for the switch.
    pub media_event_channel_capacity: usize,
    /// Stream connections in all.
    pub max_connections: usize,
    /// Accepted stream connections of one source: an IPv4 address or an IPv6 /64.
    pub max_connections_per_source: usize,
    /// A connection that carries nothing for this long is closed, seconds.
    pub idle_secs: u64,
    /// A started message must be complete within this time, seconds.
    pub partial_secs: u64,
    /// An outgoing connection must be up within this time, seconds.
    pub connect_secs: u64,
    /// TLS and the upgrade to WebSocket must be agreed on within this time, seconds.
    pub handshake_secs: u64,
    /// Time between two pings of a WebSocket, seconds.
    pub ws_ping_secs: u64,
    /// A WebSocket whose last pong is older than this is closed, seconds.
    pub ws_pong_secs: u64,
    /// Octets waiting for one slow stream peer; past it the connection is closed.
    pub max_write_queue: usize,
    /// Questions waiting to be taken by Python; past it a call gets the verdict `Overdue`.
    pub max_queued_asks: usize,
    /// Log lines and other news waiting to be taken; past it the newest are dropped.
    pub max_queued_events: usize,
    /// Decisions, commands and requests waiting for the switch; past it they are refused.
    pub max_queued_inputs: usize,
}

impl NetConfig {
    pub(crate) fn deadlines(&self) -> Deadlines {
        Deadlines {
            connect: Duration::from_secs(self.connect_secs),
            handshake: Duration::from_secs(self.handshake_secs),
            idle: Duration::from_secs(self.idle_secs),
            partial: Duration::from_secs(self.partial_secs),
            ping: Duration::from_secs(self.ws_ping_secs),
            pong: Duration::from_secs(self.ws_pong_secs),
        }
    }
}

/// `ssl_certificate` and `ssl_private_key`: PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairFiles {
    /// The chain, our certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
}
