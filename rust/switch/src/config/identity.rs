//! Names and addresses we answer to.

use std::net::IpAddr;

use serde::Deserialize;

/// What we call ourselves on the wire (§2.3, §2.15).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `User-Agent` and `Server`; empty: neither is sent.
    pub user_agent: String,
    /// Part after `@` of the Call-IDs we generate; empty: none.
    pub callid_suffix: String,
    /// User part of our Contact.
    pub contact_username: String,
    /// Domains that are ours; empty: every host is (§1).
    pub realms: Vec<Realm>,
    /// Addresses advertised to public peers: at most one per family.
    pub external_ips: Vec<IpAddr>,
    /// Addresses of this machine (interfaces), which also count as ours.
    pub machine_ips: Vec<IpAddr>,
}

/// A `realms` entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realm {
    /// Lower-case host without trailing dot.
    pub host: String,
    /// A realm written with a port matches that port only.
    pub port: Option<u16>,
}
