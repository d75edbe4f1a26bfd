//! What a REGISTER is answered with.

use pbx_sip::Name;

use super::update::MIN_EXPIRES_SECS;

/// Answer to a REGISTER. Anything but 200 has changed no binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterOutcome {
    /// 200, 400, 403, 423, 439, 500 or 503.
    pub code: u16,
    /// Reason phrase, where the RFC's says too little.
    pub reason: Option<&'static str>,
    /// Headers of the answer: one Contact per binding, Path, Require, Min-Expires, Retry-After.
    pub headers: Vec<(Name, String)>,
    /// Label of `pbx_registrar_total`.
    pub result: &'static str,
}

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegisterFault {
    /// The To is no sip or sips address with a user (§3 step 12).
    Aor,
    /// A Contact that is no address (§2.6.1 rule 5).
    Contact,
    /// `*` beside other contacts, or without Expires 0 (RFC 3261 §10.3 step 6).
    Wildcard,
    /// More text than one binding may hold.
    TooLong,
    /// More than one flow in one request (RFC 5626 §6).
    Flows,
    /// The proxy next to the phone does not keep flows (RFC 5626 §6).
    FirstHop,
    /// A wish below the minimum (§10.3 step 7).
    TooShort,
    /// Same Call-ID with a CSeq that is not higher (§10.3 steps 6 and 7).
    Stale,
    /// More bindings than `max_bindings_per_user`.
    TooMany,
    /// No room for another binding.
    Full {
        /// Seconds, spread so that the phones do not all come back at once.
        retry_after: u64,
    },
}

impl From<RegisterFault> for RegisterOutcome {
    fn from(fault: RegisterFault) -> Self {
        let (code, reason, header, result) = match fault {
            RegisterFault::Aor => (400, Some("Bad To"), None, "bad_aor"),
            RegisterFault::Contact => (400, Some("Bad Contact"), None, "bad_contact"),
            RegisterFault::Wildcard => (400, Some("Bad Contact"), None, "bad_wildcard"),
            RegisterFault::TooLong => (400, Some("Contact Too Long"), None, "too_long"),
            RegisterFault::Flows => (400, Some("Bad Contact"), None, "bad_flows"),
            RegisterFault::FirstHop => (439, None, None, "first_hop"),
            RegisterFault::TooShort => {
                (423, None, Some((Name::MinExpires, MIN_EXPIRES_SECS.to_string())), "too_short")
            }
            RegisterFault::Stale => (500, Some("CSeq Out Of Order"), None, "stale"),
            RegisterFault::TooMany => (403, Some("Too Many Bindings"), None, "too_many"),
            RegisterFault::Full { retry_after } => {
                (503, None, Some((Name::RetryAfter, retry_after.to_string())), "full")
            }
        };
        Self { code, reason, headers: header.into_iter().collect(), result }
    }
}
