//! Session descriptions.

use pbx_media::sdp::{self, ConnectionAddress};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error;

/// A session description (RFC 8866).
#[pyclass(frozen, module = "pbx._native")]
pub(crate) struct Sdp(sdp::Sdp);

impl Sdp {
    pub(crate) fn of(octets: &[u8]) -> PyResult<Self> {
        sdp::Sdp::parse(octets).map(Self).map_err(error::sdp)
    }
}

#[pymethods]
impl Sdp {
    /// Reads a session description.
    #[staticmethod]
    fn parse(data: &[u8]) -> PyResult<Self> {
        Self::of(data)
    }

    /// Session identifier and version of the o= line.
    #[getter]
    fn origin(&self) -> Option<(String, String)> {
        self.0.origin().map(|origin| (origin.session_id.to_owned(), origin.version.to_owned()))
    }

    /// Media lines in order.
    #[getter]
    fn media(&self) -> Vec<SdpMedia> {
        (0..self.0.media().len()).filter_map(|line| SdpMedia::new(&self.0, line)).collect()
    }

    /// The description as the engine writes it.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }
}

/// One m= line with what follows it.
#[pyclass(frozen, get_all, module = "pbx._native")]
pub(crate) struct SdpMedia {
    /// `audio`, `video` …
    kind: String,
    /// Port; 0: refused.
    port: u16,
    /// `RTP/AVP` …
    proto: String,
    /// Formats as written.
    formats: Vec<String>,
    /// Address of the line or of the session, as written.
    address: Option<String>,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    direction: String,
    /// (payload type, encoding name, clock rate, channels), static ones included.
    codecs: Vec<(u8, String, u32, u8)>,
    /// a= lines in order: (name, value).
    attributes: Vec<(String, Option<String>)>,
}

impl SdpMedia {
    fn new(sdp: &sdp::Sdp, line: usize) -> Option<Self> {
        let media = sdp.media().get(line)?;
        let codec = |payload| {
            let map = media.rtpmap(payload)?;
            Some((payload, map.name.to_owned(), map.clock, map.channels))
        };
        let address = sdp.connection(line).map(|connection| match connection.address {
            ConnectionAddress::Ip(ip) => ip.to_string(),
            ConnectionAddress::Host(host) => host.to_owned(),
        });
        let attributes = media.section().attributes();
        Some(Self {
            kind: media.kind_name().to_owned(),
            port: media.port(),
            proto: media.proto().to_owned(),
            formats: media.formats().map(str::to_owned).collect(),
            address,
            direction: sdp.direction(line).as_str().to_owned(),
            codecs: media.payloads().filter_map(codec).collect(),
            attributes: attributes.map(|a| (a.name.to_owned(), a.value.map(str::to_owned))).collect(),
        })
    }
}
