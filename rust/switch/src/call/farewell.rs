//! What a BYE of ours says besides ending the dialog.

use pbx_sip::{Builder, Message, Name};

use super::headers;

/// Why a party gets BYE.
#[derive(Clone, Copy)]
pub(super) enum Farewell<'a> {
    /// No word.
    Plain,
    /// A Reason of ours (RFC 3326).
    Reason(&'static str),
    /// The other party hung up: its headers cross.
    Passed(&'a Message),
}

impl Farewell<'_> {
    pub(super) fn write(self, builder: Builder) -> Builder {
        match self {
            Self::Plain => builder,
            Self::Reason(reason) => builder.header(Name::Reason, reason),
            Self::Passed(bye) => headers::pass(builder, bye),
        }
    }
}
