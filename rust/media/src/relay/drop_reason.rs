/// Why a packet was not relayed; the label of `pbx_rtp_dropped_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Neither RTP nor RTCP, or broken.
    NotRtp,
    /// RTCP that is broken, early, or on a socket it was not negotiated for.
    Rtcp,
    /// From an address that is not the peer's.
    Source,
    /// From an RTP source the description does not list.
    Ssrc,
    /// A payload type that was not negotiated.
    Payload,
    /// A copy of the packet before.
    Duplicate,
    /// From a candidate that is not the most likely one.
    Probing,
    /// The receiver does not want media now.
    Held,
    /// The line is refused, not described yet, or has no address to send to.
    Idle,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::NotRtp,
        Self::Rtcp,
        Self::Source,
        Self::Ssrc,
        Self::Payload,
        Self::Duplicate,
        Self::Probing,
        Self::Held,
        Self::Idle,
    ];

    /// The label counters use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRtp => "not_rtp",
            Self::Rtcp => "rtcp",
            Self::Source => "source",
            Self::Ssrc => "ssrc",
            Self::Payload => "payload",
            Self::Duplicate => "duplicate",
            Self::Probing => "probing",
            Self::Held => "held",
            Self::Idle => "idle",
        }
    }
}
