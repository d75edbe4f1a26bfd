use std::fmt;

/// Why a session description was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdpError {
    /// Line of the body, counted from 1; 0 when the body as a whole is at fault.
    pub line: u32,
    /// What is wrong there.
    pub fault: SdpFault,
}

/// The ways a session description can be bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpFault {
    /// More than [`MAX_OCTETS`](super::MAX_OCTETS) octets.
    TooLong,
    /// More than [`MAX_LINES`](super::MAX_LINES) lines.
    TooManyLines,
    /// More than [`MAX_MEDIA`](super::MAX_MEDIA) media descriptions.
    TooManyMedia,
    /// More than [`MAX_FORMATS`](super::MAX_FORMATS) formats in one `m=` line.
    TooManyFormats,
    /// More than [`MAX_ATTRIBUTES`](super::MAX_ATTRIBUTES) attributes in one section.
    TooManyAttributes,
    /// The first line is not `v=0`.
    Version,
    /// A line that is not `letter=value`.
    NoType,
    /// NUL or a lone CR inside a line.
    ControlOctet,
    /// An `o=` line without its six fields.
    Origin,
    /// A `c=` line that is not `IN IP4|IP6 address`.
    Connection,
    /// An `m=` line that is not `kind port[/count] protocol format…`.
    Media,
    /// A port or port count outside 0–65535.
    Port,
}

impl SdpFault {
    fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "body too long",
            Self::TooManyLines => "too many lines",
            Self::TooManyMedia => "too many media lines",
            Self::TooManyFormats => "too many formats",
            Self::TooManyAttributes => "too many attributes",
            Self::Version => "does not begin with v=0",
            Self::NoType => "line without type=",
            Self::ControlOctet => "control octet in line",
            Self::Origin => "bad o= line",
            Self::Connection => "bad c= line",
            Self::Media => "bad m= line",
            Self::Port => "port out of range",
        }
    }
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SDP line {}: {}", self.line, self.fault.as_str())
    }
}

impl std::error::Error for SdpError {}
