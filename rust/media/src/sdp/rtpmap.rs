/// What a payload type stands for: an `a=rtpmap` line or the static table of RFC 3551 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtpmap<'a> {
    /// Encoding name, in the writer's letter case.
    pub name: &'a str,
    /// RTP clock rate in Hz.
    pub clock: u32,
    /// Audio channels; 1 when not given.
    pub channels: u8,
}

impl<'a> Rtpmap<'a> {
    /// Reads `name/clock[/channels]`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let clock = parts.next()?.trim().parse().ok()?;
        let channels = parts.next().map_or(Some(1), |count| count.trim().parse().ok())?;
        Some(Self { name, clock, channels })
    }

    /// Whether two descriptions name the same encoding: names in any letter case, clock, channels.
    pub fn is_same(&self, other: &Rtpmap<'_>) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
            && self.clock == other.clock
            && self.channels == other.channels
    }

    /// The meaning of a payload type without `a=rtpmap` (RFC 3551 tables 4 and 5).
    pub fn of_static(payload: u8) -> Option<Rtpmap<'static>> {
        let (name, clock, channels) = match payload {
            0 => ("PCMU", 8000, 1),
            2 => ("G726-32", 8000, 1),
            3 => ("GSM", 8000, 1),
            4 => ("G723", 8000, 1),
            5 => ("DVI4", 8000, 1),
            6 => ("DVI4", 16000, 1),
            7 => ("LPC", 8000, 1),
            8 => ("PCMA", 8000, 1),
            9 => ("G722", 8000, 1),
            10 => ("L16", 44100, 2),
            11 => ("L16", 44100, 1),
            12 => ("QCELP", 8000, 1),
            13 => ("CN", 8000, 1),
            14 => ("MPA", 90000, 1),
            15 => ("G728", 8000, 1),
            16 => ("DVI4", 11025, 1),
            17 => ("DVI4", 22050, 1),
            18 => ("G729", 8000, 1),
            25 => ("CelB", 90000, 1),
            26 => ("JPEG", 90000, 1),
            28 => ("nv", 90000, 1),
            31 => ("H261", 90000, 1),
            32 => ("MPV", 90000, 1),
            33 => ("MP2T", 90000, 1),
            34 => ("H263", 90000, 1),
            _ => return None,
        };
        Some(Rtpmap { name, clock, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_compare_by_name_in_any_case_clock_and_channels() {
        let opus = Rtpmap::parse("opus/48000/2").unwrap();
        assert!(opus.is_same(&Rtpmap::parse("OPUS/48000/2").unwrap()));
        assert!(!opus.is_same(&Rtpmap::parse("opus/48000").unwrap()));
        assert!(Rtpmap::of_static(0).unwrap().is_same(&Rtpmap::parse("pcmu/8000").unwrap()));
    }

    #[test]
    fn broken_maps_are_refused() {
        for text in ["", "PCMU", "/8000", "PCMU/", "PCMU/x", "PCMU/99999999999", "PCMU/8000/x"] {
            assert_eq!(Rtpmap::parse(text), None, "{text}");
        }
    }
}
