//! Every way a message can be bad, and the status code that says so (`config.md` §4).

use std::fmt;

use crate::name::Name;

/// What is wrong with a message or with a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The octets do not begin like a SIP message.
    NotSip,
    /// The message is larger than [`crate::Limits::max_message`].
    TooLarge,
    /// The header part is larger than [`crate::Limits::max_head`].
    HeadTooLarge,
    /// There are more header fields than [`crate::Limits::max_headers`].
    TooManyHeaders,
    /// No empty line ends the header part.
    NoEmptyLine,
    /// The start line is neither a request line nor a status line (RFC 3261 §7.1, §7.2).
    StartLine,
    /// The version is not SIP/2.0.
    Version,
    /// The status code is not in 100–699.
    StatusCode,
    /// A carriage return or line feed stands alone.
    LineEnd {
        /// Octets from the start of the message.
        offset: u32,
    },
    /// A header line has no colon, or something before it that is no name.
    HeaderLine {
        /// Octets from the start of the message.
        offset: u32,
    },
    /// A header that must be there is not.
    Missing(Name),
    /// A header that may stand once stands twice.
    Duplicate(Name),
    /// A part that must be understood cannot be.
    Bad {
        /// Where.
        part: Part,
        /// Why.
        cause: Cause,
    },
    /// The method in CSeq is not the method of the request (RFC 3261 §8.1.1.5).
    MethodMismatch,
    /// Content-Length claims more octets than the datagram has (RFC 3261 §18.3).
    BodyTruncated,
}

/// The part of a message a [`Fault::Bad`] speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The Request-URI.
    RequestUri,
    /// The value of a header field.
    Header(Name),
    /// The body.
    Body,
    /// A value that was parsed by itself, outside any message.
    Value,
}

/// Why a value cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// There is nothing.
    Empty,
    /// It is not UTF-8.
    Utf8,
    /// An octet stands where it may not.
    Character,
    /// A quoted string never ends.
    Quote,
    /// Angle or square brackets do not match.
    Bracket,
    /// The URI has a semicolon, comma or question mark and must stand in angle brackets (RFC 3261 §20).
    NeedsBrackets,
    /// A parameter is malformed.
    Parameter,
    /// A URI has no scheme.
    Scheme,
    /// A percent sign is not followed by two hexadecimal digits.
    Escape,
    /// The user part is malformed or empty.
    User,
    /// The host is malformed or empty.
    Host,
    /// The port is no number below 65 536.
    Port,
    /// A telephone number has other characters than RFC 3966 allows.
    Telephone,
    /// A number is malformed or out of its range.
    Number,
    /// The protocol of a Via is malformed or not SIP/2.0.
    Protocol,
    /// Something follows where the value should end.
    Trailing,
    /// The last delimiter of a multipart body is missing.
    Unclosed,
    /// Multipart bodies are nested too deep.
    Depth,
    /// The authentication scheme is not Digest.
    AuthScheme,
    /// A digest parameter that must be there is not.
    AuthParameter,
}

impl Fault {
    /// A value that was parsed outside any message is bad.
    pub(crate) const fn value(cause: Cause) -> Self {
        Self::Bad { part: Part::Value, cause }
    }

    /// The status code of the response a request with this fault gets.
    pub fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::TooLarge | Self::HeadTooLarge | Self::TooManyHeaders => 513,
            _ => 400,
        }
    }

    /// A reason phrase that names the header at fault.
    pub fn reason(&self) -> String {
        match self {
            Self::NotSip | Self::StartLine => "Bad Start Line".into(),
            Self::NoEmptyLine => "Incomplete Message".into(),
            Self::Version => "Version Not Supported".into(),
            Self::TooLarge | Self::HeadTooLarge | Self::TooManyHeaders => "Message Too Large".into(),
            Self::StatusCode => "Bad Status Code".into(),
            Self::LineEnd { .. } | Self::HeaderLine { .. } => "Bad Header Line".into(),
            Self::Missing(name) => format!("Missing {name}"),
            Self::Duplicate(name) => format!("Duplicate {name}"),
            Self::MethodMismatch => "Bad CSeq".into(),
            Self::BodyTruncated => "Bad Content-Length".into(),
            Self::Bad { part: Part::RequestUri, .. } => "Bad Request-URI".into(),
            Self::Bad { part: Part::Header(name), .. } => format!("Bad {name}"),
            Self::Bad { part: Part::Body, .. } => "Bad Body".into(),
            Self::Bad { part: Part::Value, .. } => "Bad Request".into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSip => f.write_str("not a SIP message"),
            Self::TooLarge => f.write_str("the message is too large"),
            Self::HeadTooLarge => f.write_str("the header part is too large"),
            Self::TooManyHeaders => f.write_str("there are too many header fields"),
            Self::NoEmptyLine => f.write_str("no empty line ends the header part"),
            Self::StartLine => f.write_str("the start line is malformed"),
            Self::Version => f.write_str("the version is not SIP/2.0"),
            Self::StatusCode => f.write_str("the status code is not in 100-699"),
            Self::LineEnd { offset } => write!(f, "a bare CR or LF at octet {offset}"),
            Self::HeaderLine { offset } => write!(f, "no header name and colon at octet {offset}"),
            Self::Missing(name) => write!(f, "no {name} header"),
            Self::Duplicate(name) => write!(f, "more than one {name} header"),
            Self::MethodMismatch => f.write_str("CSeq names another method than the request line"),
            Self::BodyTruncated => f.write_str("Content-Length is larger than the body"),
            Self::Bad { part: Part::RequestUri, cause } => write!(f, "Request-URI: {cause}"),
            Self::Bad { part: Part::Header(name), cause } => write!(f, "{name}: {cause}"),
            Self::Bad { part: Part::Body, cause } => write!(f, "the body: {cause}"),
            Self::Bad { part: Part::Value, cause } => cause.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing there",
            Self::Utf8 => "not UTF-8",
            Self::Character => "a character that may not stand there",
            Self::Quote => "a quoted string never ends",
            Self::Bracket => "brackets do not match",
            Self::NeedsBrackets => "the URI must stand in angle brackets",
            Self::Parameter => "a malformed parameter",
            Self::Scheme => "no URI scheme",
            Self::Escape => "a malformed percent escape",
            Self::User => "a malformed user part",
            Self::Host => "a malformed host",
            Self::Port => "a malformed port",
            Self::Telephone => "not a telephone number",
            Self::Number => "not a number of the allowed range",
            Self::Protocol => "not SIP/2.0 over a named transport",
            Self::Trailing => "something follows the value",
            Self::Unclosed => "the last delimiter is missing",
            Self::Depth => "too many multipart bodies inside each other",
            Self::AuthScheme => "not the Digest scheme",
            Self::AuthParameter => "a digest parameter is missing",
        })
    }
}
