use std::fmt;

/// Why a description cannot be passed to the other leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NegotiationError {
    /// No audio codec of the offer is allowed on both legs: 488 with `Warning: 305`.
    NoCommonCodec,
    /// The offer had lines the other leg cannot carry, and nothing else: 488.
    NoUsableLine,
    /// The answer names codecs, media or a protocol that were not offered.
    AnswerMismatch,
    /// The answer refuses every line.
    NothingAccepted,
}

impl NegotiationError {
    /// A name for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCommonCodec => "no_common_codec",
            Self::NoUsableLine => "no_usable_line",
            Self::AnswerMismatch => "answer_mismatch",
            Self::NothingAccepted => "nothing_accepted",
        }
    }
}

impl fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCommonCodec => "no audio codec is allowed on both legs",
            Self::NoUsableLine => "no media line can be carried on the other leg",
            Self::AnswerMismatch => "the answer does not fit the offer",
            Self::NothingAccepted => "the answer refuses all media",
        })
    }
}

impl std::error::Error for NegotiationError {}
