//! Which bodies an INVITE may carry, new or inside a dialog (RFC 3261 §8.2.3).

use pbx_sip::{Message, Name};

use crate::refusal::Refusal;

/// Judges the body of an INVITE and what its sender would accept in return.
pub(super) fn judge_body(invite: &Message) -> Result<(), Refusal> {
    if !invite.body().is_empty() && (invite.sdp().is_none() || is_encoded(invite)) {
        return Err(Refusal::MediaType);
    }
    if accepts_sdp(invite) { Ok(()) } else { Err(Refusal::NotAcceptable) }
}

/// Whether the body is compressed or the like: it could neither be read nor passed on without its header.
fn is_encoded(invite: &Message) -> bool {
    invite.values(Name::ContentEncoding).any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
}

/// Whether the caller takes SDP: an Accept without it says no (RFC 3261 §20.1).
fn accepts_sdp(invite: &Message) -> bool {
    let mut present = false;
    let accepted = invite.values(Name::Accept).any(|value| {
        present = true;
        let kind = value.split(|&octet| octet == b';').next().unwrap_or_default().trim_ascii();
        [&b"application/sdp"[..], b"application/*", b"*/*"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known))
    });
    accepted || !present
}
