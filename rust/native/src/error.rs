//! The one place where faults of the engine become Python exceptions.

use pbx_media::sdp::SdpError;
use pbx_sip::Fault;
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    pbx._native,
    ParseError,
    PyValueError,
    "Octets are not what they should be. `args` are the reason and, for messages, the status a server answers with."
);

/// A message or a piece of one cannot be understood.
pub(crate) fn sip(fault: &Fault) -> PyErr {
    ParseError::new_err((fault.to_string(), fault.status()))
}

/// A session description cannot be understood.
pub(crate) fn sdp(error: &SdpError) -> PyErr {
    ParseError::new_err((error.to_string(),))
}

/// The configuration document is refused.
pub(crate) fn document(reason: String) -> PyErr {
    PyValueError::new_err(reason)
}

/// The system refuses: a port in use, no thread to be had.
pub(crate) fn system(reason: String) -> PyErr {
    PyOSError::new_err(reason)
}

/// The signalling thread has not answered in time, or is gone.
pub(crate) fn unanswered() -> PyErr {
    PyTimeoutError::new_err("the signalling thread does not answer")
}
