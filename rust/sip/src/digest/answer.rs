//! Our own credentials, for a challenge we were sent.

use std::fmt;

use super::auth_params::quoted;
use super::challenge::Challenge;
use super::ha1::Ha1;

/// The answer to a challenge. Displays as the value of Authorization or Proxy-Authorization.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The challenge.
    pub challenge: &'a Challenge<'a>,
    /// User name.
    pub user: &'a str,
    /// Secret, made with the algorithm of the challenge.
    pub ha1: &'a Ha1,
    /// Method of the request.
    pub method: &'a str,
    /// Request-URI.
    pub uri: &'a str,
    /// How often this nonce was used, this time included.
    pub nonce_count: u32,
    /// Fresh random text.
    pub cnonce: &'a str,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = format!("{:08x}", self.nonce_count);
        let qop = self.challenge.qop_auth.then_some((count.as_str(), self.cnonce));
        let response =
            self.ha1.response(&self.challenge.nonce, qop, self.method, self.uri).hex().into_string();
        write!(f, "Digest username=\"{}\"", quoted(self.user))?;
        write!(f, ", realm=\"{}\"", quoted(&self.challenge.realm))?;
        write!(f, ", nonce=\"{}\", uri=\"{}\", response=\"{response}\"", self.challenge.nonce, self.uri)?;
        write!(f, ", algorithm={}", self.ha1.algorithm())?;
        if let Some(opaque) = &self.challenge.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        match qop {
            Some((count, cnonce)) => write!(f, ", qop=auth, nc={count}, cnonce=\"{cnonce}\""),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("user", &self.user)
            .field("challenge", self.challenge)
            .finish_non_exhaustive()
    }
}
