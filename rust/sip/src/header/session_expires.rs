//! Session-Expires (RFC 4028 §4).

use std::fmt;

use super::params::Params;
use crate::chars;
use crate::fault::{Cause, Fault};

/// Which side of the request that carries it refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The sender of the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// How long a session lives without a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub interval: u32,
    /// Who refreshes, if it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads one value. Parameters nobody defined are passed over.
    ///
    /// # Errors
    /// [`Fault::Bad`] with the reason.
    pub fn parse(value: &[u8]) -> Result<Self, Fault> {
        Self::read(value).map_err(Fault::value)
    }

    pub(crate) fn read(value: &[u8]) -> Result<Self, Cause> {
        let text = std::str::from_utf8(value).map_err(|_| Cause::Utf8)?;
        let end = text.find(';').unwrap_or(text.len());
        let (interval, params) = text.split_at(end);
        let interval = chars::decimal(chars::trim_text(interval).as_bytes(), u32::MAX);
        let refresher = match Params::parse(params)?.get("refresher") {
            None => None,
            Some(Some(side)) if side.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(Some(side)) if side.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return Err(Cause::Parameter),
        };
        Ok(Self { interval: interval.ok_or(Cause::Number)?, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refresher = match self.refresher {
            None => "",
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
        };
        write!(f, "{}{refresher}", self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for refresher in [None, Some(Refresher::Uac), Some(Refresher::Uas)] {
            let written = SessionExpires { interval: 1800, refresher };
            assert_eq!(SessionExpires::parse(written.to_string().as_bytes()), Ok(written));
        }
    }

    #[test]
    fn blanks_case_and_unknown_parameters_do_not_matter() {
        let read = SessionExpires::parse(b"90 ; x=1;Refresher = UAS").unwrap();
        assert_eq!(read, SessionExpires { interval: 90, refresher: Some(Refresher::Uas) });
    }

    #[test]
    fn numbers_and_refreshers_out_of_range_are_refused() {
        for bad in ["", "-1", "4294967296", "90s", "90;refresher", "90;refresher=b", "90;;x", "90, 91"] {
            assert!(SessionExpires::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
