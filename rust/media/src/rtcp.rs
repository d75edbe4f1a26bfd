//! RTCP packets (RFC 3550 §6), read in place.

/// Octets of the header every RTCP packet has.
const HEADER_LEN: usize = 4;

/// Kinds of RTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RtcpKind {
    /// Sender report.
    SenderReport,
    /// Receiver report.
    ReceiverReport,
    /// Source description.
    SourceDescription,
    /// Goodbye.
    Bye,
    /// Application-defined.
    App,
    /// Transport feedback (RFC 4585).
    TransportFeedback,
    /// Payload feedback (RFC 4585).
    PayloadFeedback,
    /// Extended report (RFC 3611).
    ExtendedReport,
    /// Another type in the range 192–223.
    Other(u8),
}

impl RtcpKind {
    fn of(packet_type: u8) -> Option<Self> {
        Some(match packet_type {
            200 => Self::SenderReport,
            201 => Self::ReceiverReport,
            202 => Self::SourceDescription,
            203 => Self::Bye,
            204 => Self::App,
            205 => Self::TransportFeedback,
            206 => Self::PayloadFeedback,
            207 => Self::ExtendedReport,
            192..=223 => Self::Other(packet_type),
            _ => return None,
        })
    }

    /// Octets after the header a packet of this kind must have for `count` items.
    fn min_body(self, count: u8) -> usize {
        let count = usize::from(count);
        match self {
            Self::SenderReport => 24 + count * 24,
            Self::ReceiverReport => 4 + count * 24,
            Self::SourceDescription | Self::Bye => count * 4,
            Self::App | Self::TransportFeedback | Self::PayloadFeedback => 8,
            Self::ExtendedReport => 4,
            Self::Other(_) => 0,
        }
    }
}

/// Why octets are not RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpError {
    /// Shorter than a header, or than a length or count inside says.
    Short,
    /// Version other than 2.
    Version,
    /// A packet type outside 192–223.
    Kind,
    /// Bad padding, or padding before the last packet.
    Padding,
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpPacket<'a> {
    /// What it is.
    pub kind: RtcpKind,
    /// The five bits after version and padding: a count, or a feedback format.
    pub count: u8,
    /// What follows the header, padding included.
    pub body: &'a [u8],
}

impl<'a> RtcpPacket<'a> {
    /// The sender, for the kinds that begin with it.
    pub fn ssrc(&self) -> Option<u32> {
        let head: [u8; 4] = self.body.get(..4)?.try_into().ok()?;
        Some(u32::from_be_bytes(head))
    }

    /// Reads the first packet of a compound and returns what is left.
    fn split(octets: &'a [u8]) -> Result<(Self, &'a [u8]), RtcpError> {
        let &[first, packet_type, l0, l1, ref rest @ ..] = octets else { return Err(RtcpError::Short) };
        if first >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let kind = RtcpKind::of(packet_type).ok_or(RtcpError::Kind)?;
        let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let (body, rest) = rest.split_at_checked(length).ok_or(RtcpError::Short)?;
        let count = first & 0x1f;
        let padding = if first & 0x20 == 0 { 0 } else { padding_len(body, rest)? };
        if body.len() - padding < kind.min_body(count) {
            return Err(RtcpError::Short);
        }
        Ok((Self { kind, count, body }, rest))
    }
}

/// Padding stands at the end of the last packet only (RFC 3550 §6.4.1).
fn padding_len(body: &[u8], rest: &[u8]) -> Result<usize, RtcpError> {
    let count = usize::from(body.last().copied().unwrap_or_default());
    let is_good = rest.is_empty() && count != 0 && count % 4 == 0 && count <= body.len();
    if is_good { Ok(count) } else { Err(RtcpError::Padding) }
}

/// The packets of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpCompound<'a> {
    octets: &'a [u8],
}

impl<'a> RtcpCompound<'a> {
    /// Checks every packet of a datagram that is not encrypted. Reduced-size RTCP (RFC 5506) is accepted: any
    /// kind may come first.
    pub fn parse(octets: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = RtcpPacket::split(octets)?.1;
        while !rest.is_empty() {
            rest = RtcpPacket::split(rest)?.1;
        }
        Ok(Self { octets })
    }

    /// The packets in order.
    pub fn packets(&self) -> impl Iterator<Item = RtcpPacket<'a>> {
        let mut rest = self.octets;
        std::iter::from_fn(move || {
            let (packet, left) = RtcpPacket::split(rest).ok()?;
            rest = left;
            Some(packet)
        })
    }
}

/// Whether a datagram can be SRTCP: only the first eight octets are in the clear (RFC 3711 §3.4).
pub fn is_secure_rtcp(octets: &[u8]) -> bool {
    octets.len() >= HEADER_LEN + 4 && octets[0] >> 6 == 2 && RtcpKind::of(octets[1]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];
    const BYE: [u8; 8] = [0x81, 203, 0, 1, 0, 0, 0, 7];

    #[test]
    fn a_compound_is_read_packet_by_packet() {
        let octets = [RECEIVER_REPORT, BYE].concat();
        let kinds: Vec<_> =
            RtcpCompound::parse(&octets).unwrap().packets().map(|packet| packet.kind).collect();
        assert_eq!(kinds, [RtcpKind::ReceiverReport, RtcpKind::Bye]);
    }

    #[test]
    fn every_truncation_of_a_compound_is_refused() {
        for end in 0..8 {
            assert!(RtcpCompound::parse(&BYE[..end]).is_err(), "{end}");
        }
        let octets = [RECEIVER_REPORT, BYE].concat();
        for end in 9..16 {
            assert!(RtcpCompound::parse(&octets[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn counts_beyond_the_length_are_refused() {
        let mut report = RECEIVER_REPORT;
        report[0] = 0x81;
        assert_eq!(RtcpCompound::parse(&report), Err(RtcpError::Short));
        let mut bye = BYE;
        bye[0] = 0x82;
        assert_eq!(RtcpCompound::parse(&bye), Err(RtcpError::Short));
    }

    #[test]
    fn padding_is_allowed_at_the_very_end_only() {
        let mut padded = [0xa0, 201, 0, 2, 0, 0, 0, 7, 0, 0, 0, 4];
        assert!(RtcpCompound::parse(&padded).is_ok());
        assert_eq!(RtcpCompound::parse(&[&padded[..], &BYE].concat()), Err(RtcpError::Padding));
        padded[11] = 0;
        assert_eq!(RtcpCompound::parse(&padded), Err(RtcpError::Padding));
    }

    proptest! {
        #[test]
        fn no_octets_harm_the_reader(octets in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(compound) = RtcpCompound::parse(&octets) {
                let read: usize = compound.packets().map(|packet| HEADER_LEN + packet.body.len()).sum();
                prop_assert_eq!(read, octets.len());
            }
        }
    }
}
