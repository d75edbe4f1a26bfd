//! The running engine: start and stop, questions and answers, pictures of the state.

use std::os::fd::IntoRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pbx_net::{Document, Engine as NetEngine};
use pbx_switch::{Command, Decision, QueryId, Reject};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde::Serialize;

use crate::error;
use crate::item;
use crate::verdict::{self, ForwardTuple};

/// Refuses a document the engine would not start with.
#[pyfunction]
pub(crate) fn check_config(document: &str) -> PyResult<()> {
    Document::from_json(document).map(|_| ()).map_err(error::document)
}

/// Explains the static routes for a described call. Both arguments and the answer are JSON.
#[pyfunction]
pub(crate) fn explain(document: &str, invite: &str) -> PyResult<String> {
    let document = Document::from_json(document).map_err(error::document)?;
    let invite = serde_json::from_str(invite).map_err(|fault| error::document(fault.to_string()))?;
    json(&pbx_switch::explain(&document.switch, &invite))
}

/// One engine, from start to stop. Safe to use from any thread; calls that wait let other Python threads run.
#[pyclass(frozen, module = "pbx._native")]
pub(crate) struct Engine {
    running: Mutex<Option<Arc<NetEngine>>>,
}

#[pymethods]
impl Engine {
    /// Binds all listeners and starts the threads. ValueError: the document; OSError: port and cause.
    #[staticmethod]
    fn start(py: Python<'_>, document: &str) -> PyResult<Self> {
        let document = Document::from_json(document).map_err(error::document)?;
        let engine = py.detach(|| NetEngine::start(document)).map_err(error::start)?;
        Ok(Self { running: Mutex::new(Some(Arc::new(engine))) })
    }

    /// Joins every thread. A second call does nothing.
    fn stop(&self, py: Python<'_>) {
        let engine = self.lock().take();
        py.detach(|| engine.iter().for_each(|engine| engine.stop()));
    }

    /// Descriptor that is readable while `take` has something to give.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.engine()?.bridge().raw_fd())
    }

    /// Questions and news, questions first, never more than `limit`; does not wait.
    fn take(&self, py: Python<'_>, limit: usize) -> PyResult<Vec<Py<PyAny>>> {
        match self.engine() {
            Ok(engine) => {
                engine.bridge().take(limit).into_iter().map(|item| item::object(py, item)).collect()
            }
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Ring these targets.
    fn forward(&self, query: u64, forward: ForwardTuple) -> PyResult<()> {
        self.decide(query, Decision::Forward(verdict::forward(forward)?));
        Ok(())
    }

    /// Refuse with a status.
    fn reject(&self, query: u64, code: u16, reason: Option<String>, headers: Vec<(String, String)>) {
        self.decide(query, Decision::Reject(Reject { code, reason, headers }));
    }

    /// Let static routes and bindings decide.
    fn not_handled(&self, query: u64) {
        self.decide(query, Decision::NotHandled {});
    }

    /// The handler failed: 500.
    fn failed(&self, query: u64) {
        self.decide(query, Decision::Failed {});
    }

    /// Nobody had room or time to answer: 503.
    fn overdue(&self, query: u64) {
        self.decide(query, Decision::Overdue {});
    }

    /// Bound addresses: (transport, "ip:port").
    fn listeners(&self) -> PyResult<Vec<(&'static str, String)>> {
        let engine = self.engine()?;
        Ok(engine.locals().all().map(|(transport, at)| (transport.param(), at.to_string())).collect())
    }

    /// Puts another document (JSON) in force. ValueError: it is refused and nothing changed.
    fn reload(&self, py: Python<'_>, document: &str) -> PyResult<()> {
        let document = Document::from_json(document).map_err(error::document)?;
        let engine = self.engine()?;
        py.detach(|| engine.reload(&document)).map_err(error::engine)
    }

    /// State of the switch, as JSON.
    fn health_json(&self, py: Python<'_>) -> PyResult<String> {
        let engine = self.engine()?;
        json(&py.detach(|| engine.health()).map_err(error::engine)?)
    }

    /// Calls after a handle, as JSON.
    #[pyo3(signature = (limit, after=None))]
    fn calls_json(&self, py: Python<'_>, limit: usize, after: Option<u64>) -> PyResult<String> {
        let engine = self.engine()?;
        json(&py.detach(|| engine.calls(limit, after)).map_err(error::engine)?)
    }

    /// Dialogs of the calls after a handle, as JSON.
    #[pyo3(signature = (limit, after=None))]
    fn dialogs_json(&self, py: Python<'_>, limit: usize, after: Option<u64>) -> PyResult<String> {
        let engine = self.engine()?;
        json(&py.detach(|| engine.dialogs(limit, after)).map_err(error::engine)?)
    }

    /// Bindings after an address of record, as JSON.
    #[pyo3(signature = (limit, after=None))]
    fn registrations_json(&self, py: Python<'_>, limit: usize, after: Option<&str>) -> PyResult<String> {
        let engine = self.engine()?;
        json(&py.detach(|| engine.registrations(limit, after)).map_err(error::engine)?)
    }

    /// Ends a call. False: there is none with that handle.
    #[pyo3(signature = (call, code=None))]
    fn hangup(&self, py: Python<'_>, call: u64, code: Option<u16>) -> PyResult<bool> {
        self.command(py, &Command::Hangup { call, code })
    }

    /// Refuses new requests; calls left after `secs` seconds get BYE.
    fn drain(&self, py: Python<'_>, secs: u64) -> PyResult<()> {
        self.command(py, &Command::Drain { limit: Duration::from_secs(secs) }).map(|_| ())
    }

    /// Totals of the media workers by name.
    fn media_counters(&self) -> PyResult<Vec<(String, u64)>> {
        let totals = self.engine()?.media_counters();
        let dropped =
            totals.dropped_total.iter().map(|(reason, count)| (format!("dropped_{reason}"), *count));
        let named = [
            ("packets", totals.packets_total),
            ("octets", totals.octets_total),
            ("send_failed", totals.send_failed_total),
            ("wakeups", totals.wakeups_total),
            ("sessions", totals.sessions),
            ("sockets", totals.sockets),
        ];
        Ok(named.into_iter().map(|(name, count)| (name.to_owned(), count)).chain(dropped).collect())
    }

    /// Descriptor for connections of the HTTP server, to be owned by the caller; -1 the second time.
    fn take_handover(&self) -> PyResult<i32> {
        Ok(self.engine()?.take_handover().map_or(-1, IntoRawFd::into_raw_fd))
    }

    /// Whether all threads live.
    fn is_running(&self) -> bool {
        self.lock().as_ref().is_some_and(|engine| engine.is_running())
    }
}

impl Engine {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<NetEngine>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> PyResult<Arc<NetEngine>> {
        self.lock().clone().ok_or_else(|| PyRuntimeError::new_err("the engine is stopped"))
    }

    /// Answers a question. After a stop nobody waits for the answer any more; an inbox that is full leaves the
    /// call to its deadline.
    fn decide(&self, query: u64, decision: Decision) {
        if let Some(engine) = self.lock().as_ref() {
            let _ = engine.decide(QueryId(query), decision);
        }
    }

    fn command(&self, py: Python<'_>, command: &Command) -> PyResult<bool> {
        let engine = self.engine()?;
        py.detach(|| engine.command(command)).map_err(error::engine)
    }
}

fn json(value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|fault| PyRuntimeError::new_err(fault.to_string()))
}
