//! What kind of packet arrived on a media port, judged by its first octets (RFC 7983, RFC 5761).

/// Protocols that share a media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketClass {
    /// STUN (first octet 0–3).
    Stun,
    /// ZRTP (16–19).
    Zrtp,
    /// DTLS (20–63).
    Dtls,
    /// TURN channel data (64–79).
    TurnChannel,
    /// RTP or SRTP (128–191).
    Rtp,
    /// RTCP or SRTCP (128–191, second octet 192–223).
    Rtcp,
    /// Nothing we know, or nothing at all.
    Unknown,
}

/// Classifies a packet; says nothing about its validity.
pub fn classify(packet: &[u8]) -> PacketClass {
    match packet {
        [0..=3, ..] => PacketClass::Stun,
        [16..=19, ..] => PacketClass::Zrtp,
        [20..=63, ..] => PacketClass::Dtls,
        [64..=79, ..] => PacketClass::TurnChannel,
        [128..=191, 192..=223, ..] => PacketClass::Rtcp,
        [128..=191, ..] => PacketClass::Rtp,
        _ => PacketClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_octet_decides_as_rfc_7983_says() {
        let class = |first: u8| classify(&[first, 0]);
        for first in 0..=255_u8 {
            let expected = match first {
                0..=3 => PacketClass::Stun,
                16..=19 => PacketClass::Zrtp,
                20..=63 => PacketClass::Dtls,
                64..=79 => PacketClass::TurnChannel,
                128..=191 => PacketClass::Rtp,
                _ => PacketClass::Unknown,
            };
            assert_eq!(class(first), expected, "{first}");
        }
        assert_eq!(classify(&[]), PacketClass::Unknown);
    }

    #[test]
    fn second_octet_parts_rtcp_from_rtp() {
        for second in 0..=255_u8 {
            let expected = if (192..=223).contains(&second) { PacketClass::Rtcp } else { PacketClass::Rtp };
            assert_eq!(classify(&[0x80, second]), expected, "{second}");
        }
    }
}
