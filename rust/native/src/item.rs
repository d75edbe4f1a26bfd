//! What the decision loop takes from the bridge. Text is converted when it is looked at.

use pbx_net::BridgeItem;
use pbx_switch::{Event, Level};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

/// A question: an INVITE that waits for a verdict.
#[pyclass(frozen, get_all, module = "pbx._native")]
pub(crate) struct Query {
    /// Handle to answer with.
    id: u64,
    /// Milliseconds the call waits before the fallback verdict.
    timeout_ms: u64,
    /// Call-ID of the caller's leg.
    call_id: String,
    /// Request-URI.
    request_uri: String,
    /// Value of From.
    from_header: String,
    /// Value of To.
    to_header: String,
    /// User part of From, percent-decoded once.
    from_user: String,
    /// Host of From, lower case.
    from_host: String,
    /// User part of the Request-URI, percent-decoded once.
    to_user: String,
    /// Host of the Request-URI, lower case.
    to_host: String,
    /// All other headers in order: (name, value).
    headers: Vec<(String, String)>,
    /// Address the packet came from.
    source_ip: String,
    /// Port the packet came from.
    source_port: u16,
    /// `udp`, `tcp` …
    transport: &'static str,
    /// Authenticated user.
    user: Option<String>,
    /// `internal`, `inbound` or `outbound`.
    direction: &'static str,
    /// The body.
    body: String,
}

impl From<pbx_switch::Query> for Query {
    fn from(query: pbx_switch::Query) -> Self {
        let invite = query.invite;
        Self {
            id: query.id.0,
            timeout_ms: query.timeout.as_millis() as u64,
            call_id: invite.call_id,
            request_uri: invite.request_uri,
            from_header: invite.from,
            to_header: invite.to,
            from_user: invite.from_user,
            from_host: invite.from_host,
            to_user: invite.to_user,
            to_host: invite.to_host,
            headers: invite.headers,
            source_ip: invite.source.ip().to_canonical().to_string(),
            source_port: invite.source.port(),
            transport: invite.transport.param(),
            user: invite.user,
            direction: invite.direction,
            body: invite.body,
        }
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
        BridgeItem::Ask(query) => Query::from(*query).into_py_any(py),
        BridgeItem::Forget(id) => Forget { id: id.0 }.into_py_any(py),
        BridgeItem::Event(Event::Log(line)) => LogLine::from(line).into_py_any(py),
    }
}
