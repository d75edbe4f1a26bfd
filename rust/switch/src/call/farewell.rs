//! What a BYE of ours says besides ending the dialog.

use pbx_sip::{Builder, Message, Name};

use super::body::with_body;
use super::headers;

/// Reason for those who rang in vain, since somebody else answered: no missed call (RFC 3326 §3.1).
pub(super) const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Why a party gets BYE.
#[derive(Clone, Copy)]
pub(super) enum Farewell<'a> {
    /// No word.
    Plain,
    /// A Reason of ours (RFC 3326).
    Reason(&'static str),
    /// The other party hung up: its headers and body cross.
    Passed(&'a Message),
}

impl Farewell<'_> {
    pub(super) fn write(self, builder: Builder) -> Builder {
        match self {
            Self::Plain => builder,
            Self::Reason(reason) => builder.header(Name::Reason, reason),
            Self::Passed(bye) if bye.body().is_empty() => headers::pass(builder, bye),
            Self::Passed(bye) => with_body(headers::pass(builder, bye), bye),
        }
    }
}

/// Whether a CANCEL says that somebody else answered.
pub(super) fn is_elsewhere(cancel: &Message) -> bool {
    cancel.values(Name::Reason).any(|reason| {
        let mut params = reason.split(|&octet| octet == b';').map(<[u8]>::trim_ascii);
        let is_sip = params.next().is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"SIP"));
        is_sip && params.any(|param| param.eq_ignore_ascii_case(b"cause=200"))
    })
}
