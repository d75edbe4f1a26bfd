//! What the decision loop takes from the bridge. Text is converted when it is looked at.

use pbx_net::BridgeItem;
use pbx_switch::{Event, Level};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

/// A question: an INVITE that waits for a verdict.
#[pyclass(frozen, module = "pbx._native")]
pub(crate) struct Query(Box<pbx_switch::Query>);

#[pymethods]
impl Query {
    /// Handle to answer with.
    #[getter]
    fn id(&self) -> u64 {
        self.0.id.0
    }

    /// Milliseconds the call waits before the fallback verdict.
    #[getter]
    fn timeout_ms(&self) -> u64 {
        self.0.timeout.as_millis() as u64
    }

    /// Call-ID of the caller's leg.
    #[getter]
    fn call_id(&self) -> &str {
        &self.0.invite.call_id
    }

    /// Request-URI.
    #[getter]
    fn request_uri(&self) -> &str {
        &self.0.invite.request_uri
    }

    /// Value of From.
    #[getter]
    fn from_header(&self) -> &str {
        &self.0.invite.from
    }

    /// Value of To.
    #[getter]
    fn to_header(&self) -> &str {
        &self.0.invite.to
    }

    /// User part of From, percent-decoded once.
    #[getter]
    fn from_user(&self) -> &str {
        &self.0.invite.from_user
    }

    /// Host of From, lower case.
    #[getter]
    fn from_host(&self) -> &str {
        &self.0.invite.from_host
    }

    /// User part of the Request-URI, percent-decoded once.
    #[getter]
    fn to_user(&self) -> &str {
        &self.0.invite.to_user
    }

    /// Host of the Request-URI, lower case.
    #[getter]
    fn to_host(&self) -> &str {
        &self.0.invite.to_host
    }

    /// All other headers in order: (name, value).
    #[getter]
    fn headers(&self) -> Vec<(&str, &str)> {
        self.0.invite.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Address the packet came from.
    #[getter]
    fn source_ip(&self) -> String {
        self.0.invite.source.ip().to_canonical().to_string()
    }

    /// Port the packet came from.
    #[getter]
    fn source_port(&self) -> u16 {
        self.0.invite.source.port()
    }

    /// `udp`, `tcp` …
    #[getter]
    fn transport(&self) -> &'static str {
        self.0.invite.transport.param()
    }

    /// Authenticated user.
    #[getter]
    fn user(&self) -> Option<&str> {
        self.0.invite.user.as_deref()
    }

    /// `internal`, `inbound` or `outbound`.
    #[getter]
    fn direction(&self) -> &'static str {
        self.0.invite.direction
    }

    /// The body.
    #[getter]
    fn body(&self) -> &str {
        &self.0.invite.body
    }

    fn __repr__(&self) -> String {
        format!("<Query {}>", self.0.id.0)
    }
}

/// A question is moot: the caller gave up, or the deadline is over.
#[pyclass(frozen, get_all, module = "pbx._native")]
pub(crate) struct Forget {
    /// Handle of the question.
    id: u64,
}

#[pymethods]
impl Forget {
    #[new]
    fn new(id: u64) -> Self {
        Self { id }
    }
}

/// A line for the log.
#[pyclass(frozen, get_all, module = "pbx._native")]
pub(crate) struct LogLine {
    /// `error`, `warn`, `info`, `debug`.
    level: &'static str,
    /// Short machine-readable name.
    event: &'static str,
    /// (name, value) in order of importance.
    fields: Vec<(&'static str, String)>,
}

impl From<pbx_switch::LogLine> for LogLine {
    fn from(line: pbx_switch::LogLine) -> Self {
        let level = match line.level {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        };
        Self { level, event: line.event, fields: line.fields }
    }
}

/// One item as the Python object of its kind.
pub(crate) fn object(py: Python<'_>, item: BridgeItem) -> PyResult<Py<PyAny>> {
    match item {
        BridgeItem::Ask(query) => Query(query).into_py_any(py),
        BridgeItem::Forget(id) => Forget { id: id.0 }.into_py_any(py),
        BridgeItem::Event(Event::Log(line)) => LogLine::from(line).into_py_any(py),
    }
}
