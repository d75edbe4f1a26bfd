//! What the system says about names: `resolv.conf` and the hosts file, read once at the start.

use std::fs;
use std::io;

use pbx_dns::{Hosts, Servers};

use crate::start_error::StartError;

/// Names another file than the system's, as where the PBX has a resolver of its own.
const VARIABLE: &str = "PBX_RESOLV_CONF";
const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";

/// Whom to ask and what needs no asking.
///
/// # Errors
/// The file named by `$PBX_RESOLV_CONF` cannot be read. The system's own may be missing.
pub(crate) fn read() -> Result<(Servers, Hosts), StartError> {
    let text = match std::env::var_os(VARIABLE) {
        Some(path) => fs::read_to_string(path)
            .map_err(|cause| StartError::System { what: "reading the file of $PBX_RESOLV_CONF", cause })?,
        None => optional(RESOLV_CONF),
    };
    Ok((Servers::parse(&text), Hosts::parse(&optional(HOSTS))))
}

fn optional(path: &str) -> String {
    let octets = fs::read(path).unwrap_or_else(|_: io::Error| Vec::new());
    String::from_utf8_lossy(&octets).into_owned()
}
