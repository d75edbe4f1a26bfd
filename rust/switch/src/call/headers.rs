//! Which headers of one leg pass to the other (`formats.md` §4.4).

use pbx_sip::Builder;
use pbx_sip::{Message, Name};

/// Headers that are always ours, or that describe one hop, one dialog or one body.
fn is_ours(name: Name) -> bool {
    matches!(
        name,
        Name::Via
            | Name::From
            | Name::To
            | Name::CallId
            | Name::CSeq
            | Name::Contact
            | Name::MaxForwards
            | Name::Route
            | Name::RecordRoute
            | Name::ContentLength
            | Name::ContentType
            | Name::ContentEncoding
            | Name::ContentDisposition
            | Name::Allow
            | Name::Supported
            | Name::Require
            | Name::ProxyRequire
            | Name::Unsupported
            | Name::Authorization
            | Name::ProxyAuthorization
            | Name::WwwAuthenticate
            | Name::ProxyAuthenticate
            | Name::AuthenticationInfo
            | Name::UserAgent
            | Name::Server
            | Name::SessionExpires
            | Name::MinSe
            | Name::RAck
            | Name::RSeq
            | Name::Path
            | Name::ServiceRoute
            | Name::Accept
            | Name::MaxBreadth
    )
}

/// Identity headers a local user may not set for himself (`config.md` §10.8).
fn is_asserted(name: Name) -> bool {
    matches!(name, Name::PAssertedIdentity | Name::PPreferredIdentity | Name::RemotePartyId | Name::Diversion)
}

/// Copies what passes, byte for byte and in order.
pub(super) fn pass(mut builder: Builder, from: &Message) -> Builder {
    for field in from.fields() {
        let unlisted_content = field.id == Name::Other && has_prefix(field.name, b"content-");
        if !is_ours(field.id) && !is_asserted(field.id) && !unlisted_content {
            builder = builder.raw_line(field.raw);
        }
    }
    builder
}

fn has_prefix(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
