//! Which headers of one leg pass to the other (`formats.md` §4.4).

use std::borrow::Cow;

use pbx_sip::{Builder, Bytes, Field, Message, Name};

use super::identity::{Privacy, is_asserted, tells_who};
use crate::core::Core;

/// Fields one message passes on, and their octets. With what we add, the message stays within the limits every
/// receiver of ours has too (`config.md` §2.2).
const MAX_PASSED_FIELDS: usize = 200;
const MAX_PASSED_OCTETS: usize = 24_576;

/// Headers a B2BUA always writes itself: neither decisions nor rules may name them.
pub(crate) fn is_b2bua(name: Name, text: &[u8]) -> bool {
    matches!(
        name,
        Name::Via
            | Name::Route
            | Name::RecordRoute
            | Name::From
            | Name::To
            | Name::CallId
            | Name::CSeq
            | Name::Contact
            | Name::MaxForwards
            | Name::MaxBreadth
            | Name::Allow
            | Name::Supported
            | Name::Require
            | Name::ProxyRequire
            | Name::SessionExpires
            | Name::MinSe
            | Name::RAck
            | Name::RSeq
            | Name::Authorization
            | Name::ProxyAuthorization
            | Name::WwwAuthenticate
            | Name::ProxyAuthenticate
            | Name::AuthenticationInfo
            | Name::ContentLength
            | Name::ContentType
            | Name::ContentEncoding
    ) || has_prefix(text, b"content-")
        || text.eq_ignore_ascii_case(b"proxy-authentication-info")
}

/// Further headers that describe one hop or one user agent and stay on their leg.
fn is_of_one_hop(name: Name) -> bool {
    matches!(
        name,
        Name::Unsupported
            | Name::UserAgent
            | Name::Server
            | Name::Path
            | Name::ServiceRoute
            | Name::Accept
            | Name::AcceptEncoding
    )
}

/// Counts a message that has more to pass on than there is room for.
pub(super) fn count_excess(core: &mut Core, from: &Message) {
    if from.bytes().len() > MAX_PASSED_OCTETS || from.fields().count() > MAX_PASSED_FIELDS {
        core.counters.count("dropped_total", "headers");
    }
}

/// Copies what passes, byte for byte and in order, as far as there is room.
pub(super) fn pass(mut builder: Builder, from: &Message) -> Builder {
    let mut octets = 0;
    let hides_user = Privacy::of(from).user;
    let stays = |field: &Field<'_>| {
        is_b2bua(field.id, field.name)
            || is_of_one_hop(field.id)
            || is_asserted(field.id)
            || (hides_user && tells_who(field.id))
    };
    let passing = from.fields().filter(|field| !stays(field));
    for field in passing.take(MAX_PASSED_FIELDS) {
        octets += field.raw.len();
        if octets > MAX_PASSED_OCTETS {
            break;
        }
        builder = builder.raw_line(field.raw);
    }
    builder
}

/// Copies what is said of a body that passes as it is, its type and length aside.
pub(super) fn pass_content(builder: Builder, from: &Message) -> Builder {
    let of_content = from.fields().filter(|field| {
        has_prefix(field.name, b"content-") && !matches!(field.id, Name::ContentType | Name::ContentLength)
            || field.id == Name::ContentEncoding
    });
    of_content.fold(builder, |builder, field| builder.raw_line(field.raw))
}

/// Text without line ends: folding means one blank (RFC 3261 §7.3.1).
pub(super) fn unfolded(text: &str) -> Cow<'_, str> {
    if text.contains(['\r', '\n']) {
        Cow::Owned(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for a header value.
pub(super) fn unfolded_octets(value: &[u8]) -> Bytes {
    match std::str::from_utf8(value).map(unfolded) {
        Ok(Cow::Owned(text)) => Bytes::from(text),
        _ => Bytes::copy_from_slice(value),
    }
}

/// Whether a decision or a rule may write this header; the error says why not.
pub(crate) fn check_written(name: &str, value: &str) -> Result<(), &'static str> {
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("is no header name");
    }
    if value.chars().any(|character| character.is_control() && character != '\t') {
        return Err("has a value with a control character");
    }
    if is_b2bua(Name::parse(name.as_bytes()), name.as_bytes()) {
        return Err("is always ours");
    }
    Ok(())
}

fn has_prefix(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
