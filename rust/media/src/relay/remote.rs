use std::net::{IpAddr, SocketAddr};

use super::payload_types::PayloadTypes;
use crate::sdp::Direction;

/// What a peer's description, and the way it reached us, say about one media line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Address of the description; none when the line is refused (port 0). An unspecified address is a hold.
    pub rtp: Option<SocketAddr>,
    /// Where RTCP is wanted, without rtcp-mux: `a=rtcp` or the port after RTP.
    pub rtcp: Option<SocketAddr>,
    /// Whether RTCP shares the RTP port (RFC 5761), agreed by both sides.
    pub rtcp_mux: bool,
    /// Source address of the leg's signalling.
    pub signalling: IpAddr,
    /// Direction as the peer wrote it.
    pub direction: Direction,
    /// Payload types the leg may send.
    pub payload_types: PayloadTypes,
    /// Sources the description lists; empty = any.
    pub ssrcs: Vec<u32>,
    /// Whether the address is learnt from packets (`enable_latching`).
    pub latching: bool,
    /// `latching_probation_max_packets`.
    pub probation: u8,
    /// The leg's signalling came through another SIP proxy, so its source says nothing about media.
    pub behind_proxy: bool,
    /// RTP and RTCP are SRTP that we pass on unopened.
    pub is_secure: bool,
}

impl Remote {
    /// Whether the peer put the other side on hold.
    pub(super) fn is_hold(&self) -> bool {
        self.direction.is_hold() || self.rtp.is_some_and(|rtp| rtp.ip().is_unspecified())
    }

    /// Whether the peer wants media.
    pub(super) fn receives(&self) -> bool {
        self.direction.receives() && !self.rtp.is_some_and(|rtp| rtp.ip().is_unspecified())
    }
}
