//! Media policy (§2.1 ports, §2.6, §5–§7).

use std::net::IpAddr;

use serde::Deserialize;

/// `media_proxy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaMode {
    /// Anchor when addresses or kinds require it.
    Auto,
    /// Anchor every call.
    All,
    /// Pass bodies byte for byte.
    None,
    /// Anchor for NAT only.
    Nat,
    /// Rewrite but never anchor.
    Bypass,
}

/// `codec_strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodecStrategy {
    /// Offer nothing the caller did not offer.
    Performance,
    /// Add codecs and transcode.
    Quality,
}

/// Media keys of one generation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaConfig {
    /// Decision mode.
    pub mode: MediaMode,
    /// First RTP port, inclusive.
    pub rtp_start_port: u16,
    /// Last RTP port, inclusive.
    pub rtp_end_port: u16,
    /// Addresses media sockets are bound to, one per family; unspecified = all interfaces.
    pub bind_ips: Vec<IpAddr>,
    /// Preference and allow-list, lower-case encoding names.
    pub audio_codecs: Vec<String>,
    /// How the callee's offer is made.
    pub codec_strategy: CodecStrategy,
    /// Whether the remote address is learnt (§6).
    pub enable_latching: bool,
    /// Upper bound of packets seen before a source is chosen.
    pub latching_probation_max_packets: u8,
}
