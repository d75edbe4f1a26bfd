//! Header field names, their compact forms and their canonical spelling.

use std::fmt;

macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?),+ $(,)?) => {
        /// Name of a header field. Names are compared without regard to letter case (RFC 3261 §7.3.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the registered names explain themselves")]
        pub enum Name {
            $($variant,)+
            /// A name this crate does not know.
            Other,
        }

        /// Every known name, at the index of its discriminant.
        const KNOWN: &[(Name, &str)] = &[$((Name::$variant, $text),)+];

        impl Name {
            fn parse_compact(letter: u8) -> Self {
                match letter.to_ascii_lowercase() {
                    $($($compact => Self::$variant,)?)+
                    _ => Self::Other,
                }
            }
        }
    };
}

names! {
    Accept "Accept",
    AcceptContact "Accept-Contact" b'a',
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    AlertInfo "Alert-Info",
    Allow "Allow",
    AllowEvents "Allow-Events" b'u',
    AuthenticationInfo "Authentication-Info",
    Authorization "Authorization",
    CallId "Call-ID" b'i',
    CallInfo "Call-Info",
    Contact "Contact" b'm',
    ContentDisposition "Content-Disposition",
    ContentEncoding "Content-Encoding" b'e',
    ContentLanguage "Content-Language",
    ContentLength "Content-Length" b'l',
    ContentType "Content-Type" b'c',
    CSeq "CSeq",
    Date "Date",
    Diversion "Diversion",
    ErrorInfo "Error-Info",
    Event "Event" b'o',
    Expires "Expires",
    From "From" b'f',
    HistoryInfo "History-Info",
    Identity "Identity" b'y',
    InReplyTo "In-Reply-To",
    InfoPackage "Info-Package",
    Join "Join",
    MaxBreadth "Max-Breadth",
    MaxForwards "Max-Forwards",
    MimeVersion "MIME-Version",
    MinExpires "Min-Expires",
    MinSe "Min-SE",
    Organization "Organization",
    PAccessNetworkInfo "P-Access-Network-Info",
    PAssertedIdentity "P-Asserted-Identity",
    PAssertedService "P-Asserted-Service",
    PChargingVector "P-Charging-Vector",
    PEarlyMedia "P-Early-Media",
    PPreferredIdentity "P-Preferred-Identity",
    Path "Path",
    Priority "Priority",
    Privacy "Privacy",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthorization "Proxy-Authorization",
    ProxyRequire "Proxy-Require",
    RAck "RAck",
    Reason "Reason",
    RecordRoute "Record-Route",
    RecvInfo "Recv-Info",
    ReferSub "Refer-Sub",
    ReferTo "Refer-To" b'r',
    ReferredBy "Referred-By" b'b',
    RemotePartyId "Remote-Party-ID",
    Replaces "Replaces",
    ReplyTo "Reply-To",
    RequestDisposition "Request-Disposition" b'd',
    Require "Require",
    RetryAfter "Retry-After",
    Route "Route",
    RSeq "RSeq",
    Server "Server",
    ServiceRoute "Service-Route",
    SessionExpires "Session-Expires" b'x',
    SipEtag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    Subject "Subject" b's',
    SubscriptionState "Subscription-State",
    Supported "Supported" b'k',
    TargetDialog "Target-Dialog",
    Timestamp "Timestamp",
    To "To" b't',
    Unsupported "Unsupported",
    UserAgent "User-Agent",
    UserToUser "User-to-User",
    Via "Via" b'v',
    Warning "Warning",
    WwwAuthenticate "WWW-Authenticate",
}

impl Name {
    /// How many names there are, [`Name::Other`] included.
    pub(crate) const COUNT: usize = KNOWN.len() + 1;

    /// The canonical spelling; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        KNOWN.get(self as usize).map_or("", |(_, text)| text)
    }

    /// Reads a name in full or compact form; anything unknown is [`Name::Other`].
    pub fn parse(name: &[u8]) -> Self {
        if let [letter] = name {
            return Self::parse_compact(*letter);
        }
        let Some(hash) = hash(name) else { return Self::Other };
        match KNOWN.get(SLOTS[hash] as usize) {
            // Nearly everybody uses the canonical spelling, which compares fastest.
            Some((known, text)) if name == text.as_bytes() || name.eq_ignore_ascii_case(text.as_bytes()) => {
                *known
            }
            _ => Self::Other,
        }
    }

    /// Mandatory headers that may stand once only. Others are judged by whoever reads them.
    pub(crate) fn is_single(self) -> bool {
        matches!(
            self,
            Self::From | Self::To | Self::CallId | Self::CSeq | Self::MaxForwards | Self::ContentLength
        )
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const SLOT_COUNT: usize = 512;

/// Slot of each known name under [`hash`], which the compiler proves free of collisions.
static SLOTS: [u8; SLOT_COUNT] = slots();

const fn slots() -> [u8; SLOT_COUNT] {
    let mut slots = [u8::MAX; SLOT_COUNT];
    let mut index = 0;
    while index < KNOWN.len() {
        if let Some(hash) = hash(KNOWN[index].1.as_bytes()) {
            assert!(slots[hash] == u8::MAX, "two header names share a slot: choose other multipliers");
            slots[hash] = index as u8;
        }
        index += 1;
    }
    slots
}

/// Mixes length, first, middle and last letter, case folded.
const fn hash(name: &[u8]) -> Option<usize> {
    if name.is_empty() {
        return None;
    }
    let first = name[0].to_ascii_lowercase() as usize;
    let middle = name[name.len() / 2].to_ascii_lowercase() as usize;
    let last = name[name.len() - 1].to_ascii_lowercase() as usize;
    Some((name.len() * 210 + first * 135 + last * 2 + middle * 12) % SLOT_COUNT)
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, Name};

    #[test]
    fn every_name_is_found_in_any_letter_case() {
        for (name, text) in KNOWN {
            assert_eq!(Name::parse(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(Name::parse(text.to_ascii_lowercase().as_bytes()), *name);
            assert_eq!(name.as_str(), *text);
        }
    }

    #[test]
    fn compact_forms_name_the_same_headers() {
        let letters = b"imeclfsktvorbadxyu";
        assert!(letters.iter().all(|&letter| Name::parse(&[letter]) != Name::Other));
        assert_eq!(Name::parse(b"V"), Name::Via);
        assert_eq!(Name::parse(b"z"), Name::Other);
        assert_eq!(Name::parse(b""), Name::Other);
    }
}
