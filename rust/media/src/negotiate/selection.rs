//! Which payload types of an audio line may be offered on, and edits of one media line.

use super::codec::AudioCodec;
use super::policy::CodecPolicy;
use crate::sdp::{Direction, Media, MediaKind, Rtpmap};

/// How a media line is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// RTP audio: codecs are filtered.
    Filter,
    /// Passed as it is.
    Pass,
    /// The other leg cannot carry it.
    Refuse,
}

impl Treatment {
    pub(super) fn of(media: &Media, policy: &CodecPolicy<'_>) -> Self {
        match media.kind() {
            MediaKind::Audio if media.is_rtp() => Self::Filter,
            MediaKind::Video if media.is_rtp() => Self::Pass,
            _ if policy.same_kind => Self::Pass,
            _ => Self::Refuse,
        }
    }
}

/// The payload types of an audio line that both legs allow, in the order of the leg offered to; then
/// telephone-event. Empty without a codec in common.
pub(super) fn select(media: &Media, policy: &CodecPolicy<'_>) -> Vec<u8> {
    let offered: Vec<(u8, Rtpmap<'_>)> =
        media.encodings().into_iter().filter_map(|(payload, map)| Some((payload, map?))).collect();
    let mut selected = Vec::with_capacity(offered.len());
    let mut clocks = Vec::new();
    let allowed = policy
        .answerer
        .iter()
        .filter(|codec| **codec != AudioCodec::TelephoneEvent && policy.offerer.contains(codec));
    for codec in allowed {
        for (payload, map) in &offered {
            if codec.is_encoding(map) && !selected.contains(payload) {
                selected.push(*payload);
                clocks.push(map.clock);
            }
        }
    }
    if !selected.is_empty() {
        append_events(&offered, &clocks, &mut selected);
    }
    selected
}

/// One telephone-event for each clock rate of the codecs. Where the offer has none of a fitting rate the first
/// one is kept: phones that offer Opus with events at 8000 Hz are common and understood.
fn append_events(offered: &[(u8, Rtpmap<'_>)], clocks: &[u32], selected: &mut Vec<u8>) {
    let is_event = |(_, map): &&(u8, Rtpmap<'_>)| AudioCodec::TelephoneEvent.is_encoding(map);
    let mut events: Vec<(u8, u32)> = Vec::new();
    for (payload, map) in offered.iter().filter(is_event) {
        if clocks.contains(&map.clock) && events.iter().all(|(_, clock)| *clock != map.clock) {
            events.push((*payload, map.clock));
        }
    }
    if events.is_empty() {
        events.extend(offered.iter().find(is_event).map(|(payload, map)| (*payload, map.clock)));
    }
    selected.extend(events.into_iter().map(|(payload, _)| payload));
}

impl Media {
    /// Makes `payloads` the formats and removes what is said about others.
    pub(super) fn keep_payloads(&mut self, payloads: &[u8]) {
        if !self.payloads().eq(payloads.iter().copied()) || self.formats().count() != payloads.len() {
            let formats: Vec<String> = payloads.iter().map(ToString::to_string).collect();
            self.set_formats(&formats.join(" "));
        }
        self.section.retain_attributes(|attribute| match attribute.name {
            "rtpmap" | "fmtp" | "rtcp-fb" => {
                attribute.for_payload().is_none_or(|(of, _)| payloads.contains(&of))
            }
            _ => true,
        });
    }

    /// Refuses the line (RFC 3264 §6): port 0, and of its attributes only the name others refer to it by.
    pub(super) fn refuse(&mut self) {
        self.port = 0;
        self.port_count = 1;
        self.section.lines.retain(|line| line.letter == b'a');
        self.section.retain_attributes(|attribute| attribute.name == "mid");
    }

    /// Writes a direction of its own for the line.
    pub(super) fn set_direction(&mut self, direction: Direction) {
        self.section.retain_attributes(|attribute| Direction::parse(attribute.name).is_none());
        self.section.push_attribute(direction.as_str());
    }
}
