//! Octets from the wire as Python text.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// UTF-8; other octets become lone surrogates, so that `str.encode("utf-8", "surrogateescape")` gives them back.
pub(crate) fn text<'py>(py: Python<'py>, octets: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(octets) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => {
            PyString::from_encoded_object(&PyBytes::new(py, octets), Some(c"utf-8"), Some(c"surrogateescape"))
        }
    }
}
