use std::net::IpAddr;

use crate::decide::{KindsDiffer, PathFacts};
use crate::net_set::is_private;
use crate::sdp::Sdp;

/// What one leg's description tells the `media_proxy` decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaFacts {
    /// N1: a media address is private and not where the signalling comes from.
    pub private_differs: bool,
    /// N2: a media address is not where the signalling comes from.
    pub source_differs: bool,
    /// Whether one of the addresses N2 compares is private.
    pub near_private: bool,
    /// The peer is a WebRTC endpoint.
    pub webrtc: bool,
    /// Media is SRTP.
    pub srtp: bool,
    /// Media is received over IPv6.
    pub ipv6: bool,
}

impl MediaFacts {
    /// Looks at every active line. Lines on hold by address name no address, so they tell nothing about it.
    pub fn of(sdp: &Sdp, signalling_source: IpAddr) -> Self {
        let source = signalling_source.to_canonical();
        let mut facts =
            Self { webrtc: sdp.is_webrtc(), srtp: sdp.is_srtp(), ipv6: sdp.is_ipv6(), ..Self::default() };
        let addresses = (0..sdp.media().len()).filter_map(|line| sdp.remote(line)).map(|remote| remote.ip());
        for address in addresses.filter(|address| !address.is_unspecified()) {
            let differs = address != source;
            facts.source_differs |= differs;
            facts.private_differs |= differs && is_private(address);
            facts.near_private |= differs && (is_private(address) || is_private(source));
        }
        facts
    }

    /// How two legs differ in kind; the first difference that matters.
    pub fn kinds_differ(&self, other: &Self) -> Option<KindsDiffer> {
        match () {
            () if self.webrtc != other.webrtc => Some(KindsDiffer::Webrtc),
            () if self.srtp != other.srtp => Some(KindsDiffer::Srtp),
            () if self.ipv6 != other.ipv6 => Some(KindsDiffer::Family),
            () => None,
        }
    }

    /// Adds what this leg shows about addresses to the facts of the call.
    pub fn add_to(&self, facts: &mut PathFacts) {
        facts.private_differs |= self.private_differs;
        facts.source_differs |= self.source_differs;
        facts.near_private |= self.near_private;
    }
}
