//! What became of a request's credentials.

use std::sync::Arc;

use pbx_sip::Name;
use pbx_sip::digest::Algorithm;

use crate::policy::User;

/// Who challenges: a registrar with 401, or a proxy with 407 (RFC 3261 §22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// WWW-Authenticate and Authorization.
    Www,
    /// Proxy-Authenticate and Proxy-Authorization.
    Proxy,
}

impl Scheme {
    /// Header the credentials come in.
    pub fn credentials(self) -> Name {
        match self {
            Self::Www => Name::Authorization,
            Self::Proxy => Name::ProxyAuthorization,
        }
    }

    /// Header the challenge goes out in.
    pub fn challenge(self) -> Name {
        match self {
            Self::Www => Name::WwwAuthenticate,
            Self::Proxy => Name::ProxyAuthenticate,
        }
    }

    /// Status of the response that challenges.
    pub fn code(self) -> u16 {
        match self {
            Self::Www => 401,
            Self::Proxy => 407,
        }
    }
}

/// Verdict on the credentials of a request.
#[derive(Clone, Debug)]
pub enum AuthVerdict {
    /// They are right. Whether the user is enabled and may use this From is not judged here.
    Accepted {
        /// Who it is.
        user: Arc<User>,
        /// What it was proven with.
        algorithm: Algorithm,
    },
    /// A challenge is due. No failed probe.
    Challenge {
        /// The password is right but the nonce is foreign, expired or used (§10.5).
        stale: bool,
    },
    /// Wrong: a new challenge, and a failed probe.
    BadCredentials,
    /// 400, and a failed probe where §11.1 says so.
    Refused(AuthRefusal),
}

/// Credentials that are answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthRefusal {
    /// The header is Digest but malformed.
    MalformedHeader,
    /// The `uri` parameter names another target than the request (§10.6). A failed probe.
    UriMismatch,
}
