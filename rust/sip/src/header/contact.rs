//! Contact (RFC 3261 §20.10).

use super::name_addr::NameAddr;
use crate::fault::{Cause, Fault};

/// One value of a Contact header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*`: every binding.
    Star,
    /// An address.
    Addr(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads one value; the URI is judged as well.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason.
    pub fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    pub(crate) fn read(value: &'a [u8]) -> Result<Self, Cause> {
        if value == b"*" {
            return Ok(Self::Star);
        }
        let address = NameAddr::read(value)?;
        crate::uri::Uri::read(address.uri)?;
        Ok(Self::Addr(address))
    }

    /// The address, unless this is `*`.
    pub fn addr(&self) -> Option<&NameAddr<'a>> {
        match self {
            Self::Star => None,
            Self::Addr(address) => Some(address),
        }
    }
}
