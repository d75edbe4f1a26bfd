//! The one place where faults of the engine become Python exceptions.

use pbx_media::sdp::SdpError;
use pbx_net::{EngineError, StartError};
use pbx_sip::Fault;
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    pbx._native,
    ParseError,
    PyValueError,
    "Octets are not what they should be. `args` are the reason and, for messages, the status a server answers with."
);

/// A message or a piece of one cannot be understood.
pub(crate) fn sip(fault: Fault) -> PyErr {
    ParseError::new_err((fault.to_string(), fault.status()))
}

/// A session description cannot be understood.
pub(crate) fn sdp(error: SdpError) -> PyErr {
    ParseError::new_err((error.to_string(),))
}

/// The configuration document is refused.
pub(crate) fn document(reason: String) -> PyErr {
    PyValueError::new_err(reason)
}

/// The engine does not start.
pub(crate) fn start(error: StartError) -> PyErr {
    match error {
        StartError::Policy(_) | StartError::Tls(_) => PyValueError::new_err(error.to_string()),
        other => PyOSError::new_err(other.to_string()),
    }
}

/// A running engine does not do what it was asked.
pub(crate) fn engine(error: EngineError) -> PyErr {
    match error {
        EngineError::Policy(error) => PyValueError::new_err(error.to_string()),
        EngineError::Stopped => PyRuntimeError::new_err("the engine is stopped"),
        late => PyTimeoutError::new_err(late.to_string()),
    }
}
