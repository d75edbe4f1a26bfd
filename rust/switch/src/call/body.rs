//! Bodies on their way across: which ones a request may carry (RFC 3261 §8.2.3), and how they are written on the other
//! leg. Of a body of several parts only the session description is ours to change (RFC 5621).

use pbx_sip::{Builder, Bytes, Message, Multipart, Name};

use super::headers;
use crate::refusal::Refusal;

/// Judges the body of an INVITE, new or inside a dialog, and what its sender would accept in return.
///
/// # Errors
/// 400 for a multipart body that cannot be read; 415 for one without a session description, unless there are several
/// parts, which the other party may understand, or its sender can do without.
pub(super) fn judge_body(invite: &Message) -> Result<(), Refusal> {
    let is_foreign = !invite.body().is_empty() && invite.sdp().is_none();
    if is_encoded(invite) && !(is_foreign && is_optional(invite)) {
        return Err(Refusal::MediaType);
    }
    invite.judge_body().map_err(Refusal::Malformed)?;
    let has_parts = invite.content_type().is_some_and(Multipart::is);
    if invite.has_encoded_session() || (is_foreign && !has_parts && !is_optional(invite)) {
        return Err(Refusal::MediaType);
    }
    if accepts_sdp(invite) { Ok(()) } else { Err(Refusal::NotAcceptable) }
}

/// The body of a message as it is.
pub(super) fn with_body(builder: Builder, from: &Message) -> Builder {
    match from.content_type() {
        Some(kind) => headers::pass_content(builder, from).body(&headers::unfolded(kind), from.body()),
        None => builder,
    }
}

/// The body of a message with `sdp` as its session description, `None`: without it.
pub(super) fn with_description(builder: Builder, from: &Message, sdp: Option<&Bytes>) -> Builder {
    let Some(body) = from.body_with(sdp) else { return builder };
    let is_described = from.sdp().is_none() || Multipart::is(&body.content_type);
    let builder = if is_described { headers::pass_content(builder, from) } else { builder };
    builder.body(&headers::unfolded(&body.content_type), &body.octets)
}

/// Whether the body is compressed or the like: it could neither be read nor passed on without its header.
fn is_encoded(invite: &Message) -> bool {
    invite.values(Name::ContentEncoding).any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
}

/// Whether the sender goes on without anybody understanding the body (RFC 3261 §20.11).
fn is_optional(invite: &Message) -> bool {
    let disposition = invite.text(Name::ContentDisposition).unwrap_or_default();
    disposition.split(';').skip(1).any(|param| param.trim().eq_ignore_ascii_case("handling=optional"))
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
