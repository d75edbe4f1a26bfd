use super::error::NegotiationError;
use super::policy::CodecPolicy;
use super::selection::{Treatment, select};
use crate::sdp::{Media, Sdp};

/// Makes the offer for one leg from the offer of the other: audio keeps the codecs both legs allow, in the
/// order of the leg offered to, with the offerer's payload types and parameters; lines stay in place and
/// number (RFC 3264 §8). Serves first offers, late ones, and those within a call alike.
pub fn offer_for_answerer(offer: &Sdp, policy: &CodecPolicy<'_>) -> Result<Sdp, NegotiationError> {
    let mut out = offer.clone();
    let (mut audio_wanted, mut audio_kept) = (false, false);
    for media in out.media.iter_mut().filter(|media| media.is_active()) {
        match Treatment::of(media, policy) {
            Treatment::Pass => {}
            Treatment::Refuse => media.refuse(),
            Treatment::Filter => {
                audio_wanted = true;
                let payloads = select(media, policy);
                if payloads.is_empty() {
                    media.refuse();
                } else {
                    audio_kept = true;
                    media.keep_payloads(&payloads);
                }
            }
        }
    }
    if audio_wanted && !audio_kept {
        return Err(NegotiationError::NoCommonCodec);
    }
    let is_wanted = offer.media.iter().any(Media::is_active);
    if is_wanted && !out.media.iter().any(Media::is_active) {
        return Err(NegotiationError::NoUsableLine);
    }
    out.put_in_order();
    Ok(out)
}
