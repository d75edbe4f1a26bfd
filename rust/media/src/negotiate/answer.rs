use super::codec::AudioCodec;
use super::error::NegotiationError;
use super::policy::CodecPolicy;
use super::selection::{Treatment, select};
use crate::sdp::{Media, Rtpmap, Sdp};

/// Makes the answer for the leg that offered from the answer of the other leg: the lines of the offer in their
/// order (RFC 3264 §6), the answerer's codecs in its order, refused lines with port 0.
///
/// `offer` is the offer as the offerer sent it, `policy` the one its offer was passed on with. What a sloppy
/// answerer adds beyond the offer is left out; lines it forgets count as refused.
pub fn answer_for_offerer(
    offer: &Sdp,
    answer: &Sdp,
    policy: &CodecPolicy<'_>,
) -> Result<Sdp, NegotiationError> {
    let mut out = Sdp { session: answer.session.clone(), media: Vec::with_capacity(offer.media.len()) };
    let mut is_offered = false;
    for (line, offered) in offer.media.iter().enumerate() {
        let (passed_on, media) = answer_line(offered, answer.media.get(line), policy)?;
        is_offered |= passed_on;
        out.media.push(media.unwrap_or_else(|| refused(offered)));
    }
    if is_offered && !out.media.iter().any(Media::is_active) {
        return Err(NegotiationError::NothingAccepted);
    }
    out.put_in_order();
    Ok(out)
}

/// Whether the line was offered on, and its answer unless it is refused.
fn answer_line(
    offered: &Media,
    answered: Option<&Media>,
    policy: &CodecPolicy<'_>,
) -> Result<(bool, Option<Media>), NegotiationError> {
    if !offered.is_active() {
        return Ok((false, None));
    }
    let payloads = match Treatment::of(offered, policy) {
        Treatment::Refuse => return Ok((false, None)),
        Treatment::Pass => None,
        Treatment::Filter => match select(offered, policy) {
            payloads if payloads.is_empty() => return Ok((false, None)),
            payloads => Some(payloads),
        },
    };
    let Some(answered) = answered else { return Ok((true, None)) };
    if !answered.kind_name().eq_ignore_ascii_case(offered.kind_name()) {
        return Err(NegotiationError::AnswerMismatch);
    }
    if !answered.is_active() {
        return Ok((true, None));
    }
    if answered.is_rtp() != offered.is_rtp() || answered.is_secure() != offered.is_secure() {
        return Err(NegotiationError::AnswerMismatch);
    }
    let mut media = answered.clone();
    if let Some(payloads) = payloads {
        keep_offered(&mut media, offered, &payloads)?;
    }
    media.set_proto(offered.proto());
    Ok((true, Some(media)))
}

/// Keeps of an answered audio line what was offered.
fn keep_offered(media: &mut Media, offered: &Media, payloads: &[u8]) -> Result<(), NegotiationError> {
    let offered = offered.encodings();
    let offered_map = |payload: u8| offered.iter().find(|(of, _)| *of == payload).and_then(|(_, map)| *map);
    let maps: Vec<Rtpmap<'_>> = payloads.iter().filter_map(|payload| offered_map(*payload)).collect();
    let (mut kept, mut unnamed) = (Vec::new(), Vec::new());
    let mut has_codec = false;
    for (payload, own) in media.encodings() {
        let Some(map) = own.or_else(|| offered_map(payload)) else { continue };
        if maps.iter().any(|offered| is_same(offered, &map)) {
            kept.push(payload);
            has_codec |= !AudioCodec::TelephoneEvent.is_encoding(&map);
            if own.is_none() {
                unnamed.push(format!("rtpmap:{payload} {}", written(&map)));
            }
        }
    }
    if !has_codec {
        return Err(NegotiationError::AnswerMismatch);
    }
    media.keep_payloads(&kept);
    for map in unnamed {
        media.section.push_attribute(map);
    }
    Ok(())
}

/// Channels are not compared: `opus/48000` for `opus/48000/2` is a common slip, and nothing else differs.
fn is_same(offered: &Rtpmap<'_>, answered: &Rtpmap<'_>) -> bool {
    offered.name.eq_ignore_ascii_case(answered.name) && offered.clock == answered.clock
}

fn written(map: &Rtpmap<'_>) -> String {
    match map.channels {
        1 => format!("{}/{}", map.name, map.clock),
        channels => format!("{}/{}/{channels}", map.name, map.clock),
    }
}

fn refused(offered: &Media) -> Media {
    let mut media = offered.clone();
    media.refuse();
    media
}
