//! WWW-Authenticate and Proxy-Authenticate (RFC 7616 §3.3).

use std::borrow::Cow;
use std::fmt;

use super::algorithm::Algorithm;
use super::auth_params::{AuthParams, once, quoted};
use crate::fault::{Cause, Fault};
use crate::header::params::unquote_inner;

/// A digest challenge. Displays as the value of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Realm, without escapes.
    pub realm: Cow<'a, str>,
    /// Nonce.
    pub nonce: Cow<'a, str>,
    /// To be sent back unchanged.
    pub opaque: Option<Cow<'a, str>>,
    /// Algorithm; `None` when parsed from one this crate does not speak: such a challenge is passed over.
    pub algorithm: Option<Algorithm>,
    /// Whether `qop` lists `auth`. False with a `qop` that does not would leave nothing to answer with.
    pub qop_auth: bool,
    /// The nonce was stale, the password right.
    pub stale: bool,
}

impl<'a> Challenge<'a> {
    /// A challenge with `qop="auth"`, not stale.
    pub fn new(realm: &'a str, nonce: &'a str, algorithm: Algorithm) -> Self {
        Self {
            realm: Cow::Borrowed(realm),
            nonce: Cow::Borrowed(nonce),
            opaque: None,
            algorithm: Some(algorithm),
            qop_auth: true,
            stale: false,
        }
    }

    /// Reads the value of a challenge header.
    ///
    /// # Errors
    /// [`Cause::AuthScheme`] for another scheme, which is to be passed over; anything else is malformed.
    pub fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    fn read(value: &'a [u8]) -> Result<Self, Cause> {
        let (mut realm, mut nonce, mut opaque) = (None, None, None);
        let (mut algorithm, mut qop, mut stale) = (None, None, None);
        AuthParams::of_digest(value)?.read_into(|name, value| {
            let slot = match name {
                _ if name.eq_ignore_ascii_case("realm") => &mut realm,
                _ if name.eq_ignore_ascii_case("nonce") => &mut nonce,
                _ if name.eq_ignore_ascii_case("opaque") => &mut opaque,
                _ if name.eq_ignore_ascii_case("algorithm") => &mut algorithm,
                _ if name.eq_ignore_ascii_case("qop") => &mut qop,
                _ if name.eq_ignore_ascii_case("stale") => &mut stale,
                _ => return Ok(()),
            };
            once(slot, value)
        })?;
        let qop_auth =
            qop.is_some_and(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case("auth")));
        let known = algorithm.map_or(Some(Algorithm::Md5), Algorithm::parse);
        Ok(Self {
            realm: unquote_inner(realm.ok_or(Cause::AuthParameter)?),
            nonce: Cow::Borrowed(nonce.ok_or(Cause::AuthParameter)?),
            opaque: opaque.map(Cow::Borrowed),
            algorithm: known.filter(|_| qop.is_none() || qop_auth),
            qop_auth,
            stale: stale.is_some_and(|text| text.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm=\"{}\", nonce=\"{}\"", quoted(&self.realm), self.nonce)?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        if let Some(algorithm) = self.algorithm {
            write!(f, ", algorithm={algorithm}")?;
        }
        if self.qop_auth {
            f.write_str(", qop=\"auth\"")?;
        }
        Ok(())
    }
}
