//! From, To, Contact, Route: a name and an address.

use pyo3::prelude::*;

use super::{Params, params};
use crate::error;
use crate::sip::Uri;

/// A name-addr or addr-spec with its header parameters (RFC 3261 §20.10).
#[pyclass(frozen, get_all, eq, module = "pbx._native")]
#[derive(PartialEq, Eq)]
pub(crate) struct NameAddr {
    /// Display name without quotes and escapes, if any.
    display: Option<String>,
    /// The URI as written.
    uri: String,
    /// Header parameters in order.
    params: Params,
    /// The tag parameter.
    tag: Option<String>,
}

impl NameAddr {
    pub(crate) fn new(value: &pbx_sip::NameAddr<'_>) -> Self {
        Self {
            display: value.display_name().map(std::borrow::Cow::into_owned),
            uri: value.uri.to_owned(),
            params: params(&value.params),
            tag: value.tag().map(str::to_owned),
        }
    }
}

#[pymethods]
impl NameAddr {
    /// Reads one value of From, To, Contact, Route …
    #[staticmethod]
    fn parse(text: &str) -> PyResult<Self> {
        pbx_sip::NameAddr::parse(text.as_bytes()).map(|value| Self::new(&value)).map_err(error::sip)
    }

    /// The URI, parsed.
    fn parse_uri(&self) -> PyResult<Uri> {
        Uri::new(self.uri.clone())
    }
}
