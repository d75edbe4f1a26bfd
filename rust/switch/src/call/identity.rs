//! What the other party learns of who speaks (RFC 3323, RFC 3325, `config.md` §10.8).

use pbx_sip::{Message, Name};

use super::dial::party;

const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// Headers an identity was proven by or may be learnt from. Nobody here is believed when he writes them himself.
pub(super) fn is_asserted(name: Name) -> bool {
    matches!(
        name,
        Name::PAssertedIdentity
            | Name::PPreferredIdentity
            | Name::PAssertedService
            | Name::RemotePartyId
            | Name::Diversion
            | Name::HistoryInfo
    )
}

/// What is left out for one who wants to be nobody (RFC 3323 §4.2).
pub(super) fn tells_who(name: Name) -> bool {
    matches!(name, Name::CallInfo | Name::InReplyTo | Name::Organization | Name::ReplyTo | Name::ReferredBy)
}

/// What a message asks to be kept from the other party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Privacy {
    /// The asserted identity, and the one in From.
    pub(super) id: bool,
    /// What else tells who speaks.
    pub(super) user: bool,
}

impl Privacy {
    /// The wish of a message. Phones are no part of the trust domain (RFC 3325 §7), so `id` hides From as well.
    /// An anonymous From without Privacy means the same.
    pub(super) fn of(message: &Message) -> Self {
        let mut privacy = Self::default();
        if message.header(Name::Privacy).is_none() {
            privacy.id = message.is_request() && is_anonymous(message);
            return privacy;
        }
        let values =
            message.headers(Name::Privacy).flat_map(|value| value.split(|octet| b";,".contains(octet)));
        for value in values.map(<[u8]>::trim_ascii) {
            privacy.id |= value.eq_ignore_ascii_case(b"id");
            privacy.user |= value.eq_ignore_ascii_case(b"user");
        }
        privacy
    }

    fn hides(self) -> bool {
        self.id || self.user
    }
}

/// From of a forwarded request, without its tag.
pub(super) fn from(request: &Message) -> String {
    if Privacy::of(request).hides() { ANONYMOUS.to_owned() } else { party(request.header(Name::From)) }
}

/// P-Asserted-Identity of a forwarded request: the user who proved himself, unless he wants to be nobody or a
/// decision wrote another.
pub(super) fn asserted<'a>(
    request: &Message,
    proven: Option<&'a str>,
    written: &[(String, String)],
) -> Option<&'a str> {
    let is_written = written.iter().any(|(name, _)| Name::parse(name.as_bytes()) == Name::PAssertedIdentity);
    proven.filter(|_| !is_written && !Privacy::of(request).hides())
}

/// `anonymous@anonymous.invalid`, in any letter case.
fn is_anonymous(message: &Message) -> bool {
    let from = message.from().ok().and_then(|from| from.uri().ok());
    from.is_some_and(|uri| uri.is_sip() && uri.host.eq_ignore_ascii_case("anonymous.invalid"))
}
