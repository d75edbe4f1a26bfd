//! Requests and responses.

use pbx_sip::{Bytes, Limits, Name};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::{NameAddr, Sdp, Via};
use crate::error;
use crate::text::text;

/// A SIP message as received. Header text that is no UTF-8 carries its octets as lone surrogates (PEP 383).
#[pyclass(frozen, module = "pbx._native")]
pub(crate) struct Message(pbx_sip::Message);

#[pymethods]
impl Message {
    /// Reads one datagram, or one message cut from a stream. `ParseError` says what is wrong.
    #[staticmethod]
    fn parse(data: &[u8]) -> PyResult<Self> {
        pbx_sip::Message::parse(Bytes::copy_from_slice(data), &Limits::default())
            .map(Self)
            .map_err(|refused| error::sip(refused.fault))
    }

    /// Whether it is a request.
    #[getter]
    fn is_request(&self) -> bool {
        self.0.is_request()
    }

    /// The start line without its line end.
    #[getter]
    fn start_line<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let octets = self.0.bytes();
        let end = octets.iter().position(|octet| matches!(octet, b'\r' | b'\n')).unwrap_or(octets.len());
        text(py, octets.get(..end).unwrap_or_default())
    }

    /// Method of the request, or of CSeq for a response.
    #[getter]
    fn method(&self) -> &str {
        self.0.method_text()
    }

    /// Request-URI as written; empty for a response.
    #[getter]
    fn request_uri(&self) -> &str {
        self.0.request_uri()
    }

    /// Status code; 0 for a request.
    #[getter]
    fn status(&self) -> u16 {
        self.0.status()
    }

    /// Reason phrase; empty for a request.
    #[getter]
    fn reason(&self) -> &str {
        self.0.reason()
    }

    /// All header fields in order: (name as written, value without surrounding blanks, folding as received).
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>> {
        self.0.fields().map(|field| Ok((text(py, field.name)?, text(py, field.value)?))).collect()
    }

    /// Values of all fields with that name, in any case, long or compact.
    fn header<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Vec<Bound<'py, PyString>>> {
        self.0.named(name).map(|value| text(py, value)).collect()
    }

    /// Via values, topmost first.
    #[getter]
    fn via(&self) -> PyResult<Vec<Via>> {
        self.0.vias().map(|via| via.map(|via| Via::new(&via)).map_err(error::sip)).collect()
    }

    /// From.
    #[getter]
    fn from_(&self) -> PyResult<NameAddr> {
        self.0.from().map(|value| NameAddr::new(&value)).map_err(error::sip)
    }

    /// To.
    #[getter]
    fn to(&self) -> PyResult<NameAddr> {
        self.0.to().map(|value| NameAddr::new(&value)).map_err(error::sip)
    }

    /// Contact values; `None` stands for `*`.
    #[getter]
    fn contacts(&self) -> PyResult<Vec<Option<NameAddr>>> {
        let view = |contact: pbx_sip::Contact<'_>| contact.addr().map(NameAddr::new);
        self.0.contacts().map(|contact| contact.map(view).map_err(error::sip)).collect()
    }

    /// Route values.
    #[getter]
    fn route(&self) -> PyResult<Vec<NameAddr>> {
        self.addresses(Name::Route)
    }

    /// Record-Route values.
    #[getter]
    fn record_route(&self) -> PyResult<Vec<NameAddr>> {
        self.addresses(Name::RecordRoute)
    }

    /// CSeq: number and method.
    #[getter]
    fn cseq(&self) -> (u32, String) {
        let written = self.0.text(Name::CSeq).and_then(|value| value.split_ascii_whitespace().nth(1));
        (self.0.cseq(), written.unwrap_or_default().to_owned())
    }

    /// Call-ID.
    #[getter]
    fn call_id(&self) -> &str {
        self.0.call_id()
    }

    /// The body.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.body())
    }

    /// The session description, if the body is one.
    fn sdp(&self) -> PyResult<Option<Sdp>> {
        self.0.sdp().map(Sdp::of).transpose()
    }

    /// The octets it was read from.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.bytes())
    }

    fn __repr__(&self) -> String {
        if self.0.is_request() {
            format!("<Message {} {}>", self.0.method_text(), self.0.request_uri())
        } else {
            format!("<Message {} {}>", self.0.status(), self.0.reason())
        }
    }
}

impl Message {
    fn addresses(&self, name: Name) -> PyResult<Vec<NameAddr>> {
        let values = self.0.values(name).map(pbx_sip::NameAddr::parse);
        values.map(|value| value.map(|value| NameAddr::new(&value)).map_err(error::sip)).collect()
    }
}
