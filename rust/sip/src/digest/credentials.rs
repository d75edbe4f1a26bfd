//! Authorization and Proxy-Authorization (RFC 7616 §3.4).

use std::borrow::Cow;
use std::fmt;

use subtle::ConstantTimeEq;

use super::algorithm::{Algorithm, Hash};
use super::auth_params::{AuthParams, once};
use super::ha1::Ha1;
use crate::chars;
use crate::fault::{Cause, Fault};
use crate::header::params::unquote_inner;

/// Digest credentials a client sent.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Realm they are for, escapes left in.
    pub realm: &'a str,
    /// Nonce of the challenge they answer.
    pub nonce: &'a str,
    /// The `uri` parameter: what the client believes it asked for.
    pub uri: &'a str,
    /// Opaque of the challenge.
    pub opaque: Option<&'a str>,
    /// Algorithm; `None` for one this crate does not speak.
    pub algorithm: Option<Algorithm>,
    /// Nonce count, when `qop=auth` was chosen.
    pub nonce_count: Option<u32>,
    user: &'a str,
    response: &'a str,
    qop: Option<(&'a str, &'a str)>,
    is_qop_known: bool,
}

#[derive(Default)]
struct Slots<'a> {
    user: Option<&'a str>,
    realm: Option<&'a str>,
    nonce: Option<&'a str>,
    uri: Option<&'a str>,
    response: Option<&'a str>,
    algorithm: Option<&'a str>,
    opaque: Option<&'a str>,
    qop: Option<&'a str>,
    count: Option<&'a str>,
    cnonce: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    /// Reads the value of an Authorization or Proxy-Authorization header.
    ///
    /// # Errors
    /// [`Cause::AuthScheme`] for another scheme, which is to be passed over (RFC 3261 §22.1); anything else is malformed.
    pub fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    fn read(value: &'a [u8]) -> Result<Self, Cause> {
        let mut slots = Slots::default();
        AuthParams::of_digest(value)?.read_into(|name, value| slots.take(name, value))?;
        let required = |slot: Option<&'a str>| slot.ok_or(Cause::AuthParameter);
        let (qop, nonce_count) = slots.qop()?;
        Ok(Self {
            realm: required(slots.realm)?,
            nonce: required(slots.nonce)?,
            uri: required(slots.uri)?,
            opaque: slots.opaque,
            algorithm: slots.algorithm.map_or(Some(Algorithm::Md5), Algorithm::parse),
            nonce_count,
            user: required(slots.user)?,
            response: required(slots.response)?,
            qop,
            is_qop_known: slots.qop.is_none_or(|qop| qop.eq_ignore_ascii_case("auth")),
        })
    }

    /// User name without escapes.
    pub fn user(&self) -> Cow<'a, str> {
        unquote_inner(self.user)
    }

    /// Whether the response is the one `ha1` makes for a request of that method. The time taken does not depend on
    /// where they differ. Always false for another algorithm than that of `ha1`, or a qop other than `auth`.
    pub fn verify(&self, ha1: &Ha1, method: &str) -> bool {
        let expected = ha1.response(self.nonce, self.qop, method, self.uri);
        let expected_octets = expected.octets();
        let given = Hash::from_hex(self.response, expected_octets.len());
        let same = given.is_some_and(|given| given.octets().ct_eq(expected_octets).into());
        same && self.is_qop_known && self.algorithm == Some(ha1.algorithm())
    }
}

impl<'a> Slots<'a> {
    fn take(&mut self, name: &str, value: &'a str) -> Result<(), Cause> {
        let slot = match name {
            _ if name.eq_ignore_ascii_case("username") => &mut self.user,
            _ if name.eq_ignore_ascii_case("realm") => &mut self.realm,
            _ if name.eq_ignore_ascii_case("nonce") => &mut self.nonce,
            _ if name.eq_ignore_ascii_case("uri") => &mut self.uri,
            _ if name.eq_ignore_ascii_case("response") => &mut self.response,
            _ if name.eq_ignore_ascii_case("algorithm") => &mut self.algorithm,
            _ if name.eq_ignore_ascii_case("opaque") => &mut self.opaque,
            _ if name.eq_ignore_ascii_case("qop") => &mut self.qop,
            _ if name.eq_ignore_ascii_case("nc") => &mut self.count,
            _ if name.eq_ignore_ascii_case("cnonce") => &mut self.cnonce,
            _ => return Ok(()),
        };
        once(slot, value)
    }

    /// Count digits and client nonce, both required with any qop (RFC 7616 §3.4).
    #[allow(clippy::type_complexity, reason = "two optional views of one parameter")]
    fn qop(&self) -> Result<(Option<(&'a str, &'a str)>, Option<u32>), Cause> {
        if self.qop.is_none() {
            return Ok((None, None));
        }
        let count = self.count.ok_or(Cause::AuthParameter)?;
        let cnonce = self.cnonce.ok_or(Cause::AuthParameter)?;
        if count.len() != 8 || !count.bytes().all(|digit| chars::hex(digit).is_some()) {
            return Err(Cause::Number);
        }
        let number = u32::from_str_radix(count, 16).map_err(|_| Cause::Number)?;
        Ok((Some((count, cnonce)), Some(number)))
    }
}

/// Shows who and where, never what would help to guess the password.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
