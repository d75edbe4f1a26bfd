//! RTP packets (RFC 3550 §5.1), read in place.

/// Octets before the CSRC list.
const FIXED_LEN: usize = 12;

/// The fixed header of a packet whose CSRC list is whole: all a relay needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the clock rate.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// Why a packet is not RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpError {
    /// Shorter than its header says.
    Short,
    /// Version other than 2.
    Version,
    /// The padding count is zero or more than there is.
    Padding,
}

impl RtpHeader {
    /// Reads the header of a packet.
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let &[first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3, ..] = packet else {
            return Err(RtpError::Short);
        };
        if first >> 6 != 2 {
            return Err(RtpError::Version);
        }
        if packet.len() < FIXED_LEN + usize::from(first & 0x0f) * 4 {
            return Err(RtpError::Short);
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
        })
    }
}

/// A whole packet, every length checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The fixed header.
    pub header: RtpHeader,
    /// Contributing sources, four octets each.
    pub csrcs: &'a [u8],
    /// The header extension, if there is one.
    pub extension: Option<Extension<'a>>,
    /// The payload without padding.
    pub payload: &'a [u8],
}

/// A header extension (RFC 3550 §5.3.1, RFC 8285).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The number that says what kind of extension this is.
    pub profile: u16,
    /// Its octets.
    pub octets: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet that is not encrypted.
    pub fn parse(packet: &'a [u8]) -> Result<Self, RtpError> {
        let header = RtpHeader::parse(packet)?;
        let first = packet.first().copied().unwrap_or_default();
        let rest = packet.get(FIXED_LEN..).ok_or(RtpError::Short)?;
        let (csrcs, rest) = rest.split_at_checked(usize::from(first & 0x0f) * 4).ok_or(RtpError::Short)?;
        let (extension, rest) = if first & 0x10 == 0 { (None, rest) } else { split_extension(rest)? };
        let payload = if first & 0x20 == 0 { rest } else { without_padding(rest)? };
        Ok(Self { header, csrcs, extension, payload })
    }
}

fn split_extension(rest: &[u8]) -> Result<(Option<Extension<'_>>, &[u8]), RtpError> {
    let &[p0, p1, l0, l1, ref rest @ ..] = rest else { return Err(RtpError::Short) };
    let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
    let (octets, rest) = rest.split_at_checked(length).ok_or(RtpError::Short)?;
    Ok((Some(Extension { profile: u16::from_be_bytes([p0, p1]), octets }), rest))
}

fn without_padding(rest: &[u8]) -> Result<&[u8], RtpError> {
    let count = rest.last().copied().filter(|count| *count != 0).ok_or(RtpError::Padding)?;
    let end = rest.len().checked_sub(usize::from(count)).ok_or(RtpError::Padding)?;
    Ok(rest.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: [u8; 14] = [0x80, 0x88, 0xff, 0xfe, 0, 0, 0, 9, 1, 2, 3, 4, 0xaa, 0xbb];

    #[test]
    fn header_fields_stand_where_rfc_3550_puts_them() {
        let packet = RtpPacket::parse(&PLAIN).unwrap();
        let header =
            RtpHeader { marker: true, payload_type: 8, sequence: 65_534, timestamp: 9, ssrc: 0x0102_0304 };
        assert_eq!(packet.header, header);
        assert_eq!(packet.payload, [0xaa, 0xbb]);
    }

    #[test]
    fn lengths_that_run_over_the_end_are_refused() {
        assert_eq!(RtpHeader::parse(&PLAIN[..11]), Err(RtpError::Short));
        let mut packet = PLAIN;
        packet[0] = 0x81;
        assert_eq!(RtpHeader::parse(&packet), Err(RtpError::Short));
        packet[0] = 0x90;
        assert_eq!(RtpPacket::parse(&packet), Err(RtpError::Short));
        packet[0] = 0xa0;
        assert_eq!(RtpPacket::parse(&packet), Err(RtpError::Padding));
        packet[0] = 0x40;
        assert_eq!(RtpHeader::parse(&packet), Err(RtpError::Version));
    }

    #[test]
    fn csrcs_extension_and_padding_are_taken_off_the_payload() {
        let mut packet = vec![0xb1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
        packet.extend([0, 0, 0, 5]);
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend([9, 9, 0, 0, 3]);
        let packet = RtpPacket::parse(&packet).unwrap();
        assert_eq!(packet.csrcs, [0, 0, 0, 5]);
        assert_eq!(packet.extension, Some(Extension { profile: 0xbede, octets: &[1, 2, 3, 4] }));
        assert_eq!(packet.payload, [9, 9]);
    }

    proptest! {
        #[test]
        fn no_octets_harm_the_reader(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(whole) = RtpPacket::parse(&packet) {
                prop_assert!(whole.payload.len() + FIXED_LEN <= packet.len());
            }
        }
    }
}
