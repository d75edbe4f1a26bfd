//! sip, sips, tel and other URIs.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;

use super::{Params, params};
use crate::error;

/// A URI (RFC 3261 §19.1, RFC 3966). Equality is the comparison of RFC 3261 §19.1.4.
#[pyclass(frozen, module = "pbx._native")]
pub(crate) struct Uri(String);

impl Uri {
    pub(crate) fn new(text: String) -> PyResult<Self> {
        match pbx_sip::Uri::parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(fault) => Err(error::sip(fault)),
        }
    }

    fn view(&self) -> PyResult<pbx_sip::Uri<'_>> {
        pbx_sip::Uri::parse(&self.0).map_err(error::sip)
    }
}

#[pymethods]
impl Uri {
    /// Reads a URI.
    #[staticmethod]
    fn parse(text: String) -> PyResult<Self> {
        Self::new(text)
    }

    /// Scheme in lower case.
    #[getter]
    fn scheme(&self) -> String {
        self.0.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default()
    }

    /// User part (of a tel URI: the number), percent-decoded once.
    #[getter]
    fn user(&self) -> PyResult<Option<String>> {
        let uri = self.view()?;
        Ok(uri.user.map(|_| uri.user_decoded().into_owned()))
    }

    /// Password as written.
    #[getter]
    fn password(&self) -> PyResult<Option<String>> {
        Ok(self.view()?.password.map(str::to_owned))
    }

    /// Host as written; IPv6 in brackets.
    #[getter]
    fn host(&self) -> PyResult<String> {
        Ok(self.view()?.host.to_owned())
    }

    /// Port, if written.
    #[getter]
    fn port(&self) -> PyResult<Option<u16>> {
        Ok(self.view()?.port)
    }

    /// URI parameters in order.
    #[getter]
    fn params(&self) -> PyResult<Params> {
        Ok(params(&self.view()?.params))
    }

    /// What follows the question mark.
    #[getter]
    fn headers(&self) -> PyResult<Option<String>> {
        Ok(self.view()?.headers.map(str::to_owned))
    }

    fn __str__(&self) -> &str {
        &self.0
    }

    fn __repr__(&self) -> String {
        format!("<Uri {}>", self.0)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        match other.cast::<Self>() {
            Ok(other) => Ok(self.view()?.equals(&other.get().view()?)),
            Err(_) => Ok(false),
        }
    }

    /// Equal URIs agree in scheme, user and host, so these are what is hashed.
    fn __hash__(&self) -> PyResult<u64> {
        let uri = self.view()?;
        let mut hasher = DefaultHasher::new();
        self.scheme().hash(&mut hasher);
        if uri.is_sip() {
            uri.user_decoded().hash(&mut hasher);
        }
        Ok(hasher.finish())
    }
}
