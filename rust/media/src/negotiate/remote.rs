use std::net::IpAddr;

use crate::relay::{PayloadTypes, Remote};
use crate::sdp::Sdp;

/// What the relay must know about a leg beyond its description.
#[derive(Clone, Copy, Debug)]
pub struct RemoteSource {
    /// Source address of the leg's signalling.
    pub signalling: IpAddr,
    /// `enable_latching`.
    pub latching: bool,
    /// `latching_probation_max_packets`.
    pub probation: u8,
    /// The leg's signalling came through another SIP proxy.
    pub behind_proxy: bool,
}

impl RemoteSource {
    /// What to tell the relay about one media line of a leg, from the description the leg wrote (`theirs`) and
    /// the one it was given (`ours`); none for a line neither has.
    pub fn remote(&self, theirs: &Sdp, ours: &Sdp, line: usize) -> Option<Remote> {
        let (media, given) = (theirs.media().get(line)?, ours.media().get(line)?);
        let is_active = media.is_active() && given.is_active();
        let payload_types: PayloadTypes = media.payloads().chain(given.payloads()).collect();
        Some(Remote {
            rtp: theirs.remote(line).filter(|_| is_active),
            rtcp: theirs.remote_rtcp(line).filter(|_| is_active),
            rtcp_mux: media.has_rtcp_mux() && given.has_rtcp_mux(),
            signalling: self.signalling,
            direction: theirs.direction(line),
            payload_types,
            ssrcs: media.ssrcs(),
            latching: self.latching,
            probation: self.probation,
            behind_proxy: self.behind_proxy,
            is_secure: media.is_secure() || media.has_crypto(),
        })
    }
}
