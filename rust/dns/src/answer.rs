//! Questions and what comes back.

use std::net::IpAddr;
use std::time::Duration;

use crate::name::Name;

/// Types of records that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// IPv4 addresses (RFC 1035).
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
    /// Servers of a service (RFC 2782).
    Srv,
    /// Services of a domain (RFC 3403).
    Naptr,
}

impl RecordType {
    /// Its number on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Naptr => 35,
        }
    }
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A or AAAA.
    Address(IpAddr),
    /// SRV.
    Srv(Srv),
    /// NAPTR.
    Naptr(Naptr),
}

/// One server of a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower ones first.
    pub priority: u16,
    /// Share among equals.
    pub weight: u16,
    /// Port of the server.
    pub port: u16,
    /// Its name; `None`: the service is decidedly not offered (`.`).
    pub target: Option<Name>,
}

/// One service of a domain (RFC 3403 §4). Its regular expression is not used by SIP; records that have one are
/// left out (RFC 3263 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Lower ones first.
    pub order: u16,
    /// Among equals, lower ones first.
    pub preference: u16,
    /// `s`: the replacement is asked for SRV.
    pub flags: String,
    /// As `SIP+D2U`.
    pub service: String,
    /// Where to ask on.
    pub replacement: Option<Name>,
}

/// What a question led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Records of the type asked for, in the order received; never none.
    Records(Vec<Record>),
    /// The name has no such records, or does not exist (RFC 2308).
    Nothing,
    /// No usable answer: silence, refusal or nonsense.
    Failed,
}

impl Answer {
    /// The records, if there are any.
    pub fn records(&self) -> &[Record] {
        match self {
            Self::Records(records) => records,
            Self::Nothing | Self::Failed => &[],
        }
    }
}

/// An answer and how long it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lasting {
    pub(crate) answer: Answer,
    pub(crate) ttl: Duration,
}
