//! `pbx._native`: what Python may see of the engine and of the SIP parser. No protocol logic.

mod engine;
mod error;
mod item;
mod simulation;
mod sip;
mod text;
mod verdict;

/// The extension module.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::engine::{Engine, check_config, explain};
    #[pymodule_export]
    use crate::error::ParseError;
    #[pymodule_export]
    use crate::item::{Forget, LogLine, Query};
    #[pymodule_export]
    use crate::simulation::{SimulationReport, simulate};
    #[pymodule_export]
    use crate::sip::{Message, NameAddr, Sdp, SdpMedia, Uri, Via};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
