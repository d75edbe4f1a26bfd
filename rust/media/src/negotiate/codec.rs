use crate::sdp::Rtpmap;

/// Audio encodings the allow-lists may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// Opus (RFC 7587).
    Opus,
    /// G.729 (RFC 3551 §4.5.6).
    G729,
    /// G.722; its RTP clock is 8000 Hz by historical accident (RFC 3551 §4.5.2).
    G722,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// Keys and tones (RFC 4733); allowed always, never a codec by itself.
    TelephoneEvent,
    /// AMR narrow band.
    Amr,
    /// AMR wide band.
    AmrWb,
    /// EVS.
    Evs,
    /// G.726 at 32 kbit/s.
    G726,
    /// GSM full rate.
    Gsm,
    /// iLBC.
    Ilbc,
    /// Linear PCM, any rate.
    L16,
    /// Speex, any rate.
    Speex,
}

impl AudioCodec {
    /// Every encoding.
    pub const ALL: [Self; 14] = [
        Self::Opus,
        Self::G729,
        Self::G722,
        Self::Pcmu,
        Self::Pcma,
        Self::TelephoneEvent,
        Self::Amr,
        Self::AmrWb,
        Self::Evs,
        Self::G726,
        Self::Gsm,
        Self::Ilbc,
        Self::L16,
        Self::Speex,
    ];

    /// What is allowed when nothing is configured, best first.
    pub const DEFAULT: [Self; 5] = [Self::Opus, Self::G729, Self::G722, Self::Pcmu, Self::Pcma];

    /// Reads a name in any letter case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.as_str().eq_ignore_ascii_case(name))
    }

    /// The encoding name, lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G729 => "g729",
            Self::G722 => "g722",
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
            Self::TelephoneEvent => "telephone-event",
            Self::Amr => "amr",
            Self::AmrWb => "amr-wb",
            Self::Evs => "evs",
            Self::G726 => "g726-32",
            Self::Gsm => "gsm",
            Self::Ilbc => "ilbc",
            Self::L16 => "l16",
            Self::Speex => "speex",
        }
    }

    /// The RTP clock rate in Hz, where the encoding has one only.
    pub fn clock(self) -> Option<u32> {
        match self {
            Self::Opus => Some(48_000),
            Self::AmrWb | Self::Evs => Some(16_000),
            Self::TelephoneEvent | Self::L16 | Self::Speex => None,
            _ => Some(8_000),
        }
    }

    /// Whether an encoding of a description is this one: name in any letter case, and clock rate.
    pub fn is_encoding(self, map: &Rtpmap<'_>) -> bool {
        map.name.eq_ignore_ascii_case(self.as_str()) && self.clock().is_none_or(|clock| clock == map.clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_round_trip() {
        for codec in AudioCodec::ALL {
            assert_eq!(AudioCodec::parse(&codec.as_str().to_ascii_uppercase()), Some(codec));
        }
        assert_eq!(AudioCodec::parse("CN"), None);
    }

    #[test]
    fn encodings_need_the_right_clock() {
        let map = |name, clock| Rtpmap { name, clock, channels: 1 };
        assert!(AudioCodec::Pcmu.is_encoding(&map("pcmu", 8_000)));
        assert!(!AudioCodec::Pcmu.is_encoding(&map("PCMU", 16_000)));
        assert!(AudioCodec::Speex.is_encoding(&map("SPEEX", 16_000)));
    }
}
