//! The path a request has taken.

use pyo3::prelude::*;

use super::{Params, params};

/// One Via value (RFC 3261 §20.42).
#[pyclass(frozen, get_all, module = "pbx._native")]
pub(crate) struct Via {
    /// `UDP`, `TCP`, … as written.
    transport: String,
    /// Sent-by host; IPv6 in brackets.
    host: String,
    /// Sent-by port.
    port: Option<u16>,
    /// Parameters in order.
    params: Params,
    /// The branch parameter.
    branch: Option<String>,
}

impl Via {
    pub(crate) fn new(via: &pbx_sip::Via<'_>) -> Self {
        Self {
            transport: via.transport.to_owned(),
            host: via.host.to_owned(),
            port: via.port,
            params: params(&via.params),
            branch: via.branch().map(str::to_owned),
        }
    }
}
