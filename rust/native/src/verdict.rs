//! Verdicts as they cross the border: tuples of primitives, checked for type here and for sense in Python.

use pbx_switch::config::MediaMode;
use pbx_switch::{Forward, Target};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// targets (is a URI, text), parallel, ring seconds, media mode, codecs, headers, drop original headers, Contact user.
pub(crate) type ForwardTuple = (
    Vec<(bool, String)>,
    bool,
    Option<u32>,
    Option<String>,
    Option<Vec<String>>,
    Vec<(String, String)>,
    bool,
    Option<String>,
);

/// The engine's form of a forward.
pub(crate) fn forward(tuple: ForwardTuple) -> PyResult<Forward> {
    let (targets, parallel, ring_timeout_secs, media, codecs, headers, drop_original_headers, caller_contact) =
        tuple;
    Ok(Forward {
        targets: targets.into_iter().map(target).collect(),
        parallel,
        ring_timeout_secs,
        media: media.as_deref().map(media_mode).transpose()?,
        codecs,
        headers,
        drop_original_headers,
        caller_contact,
    })
}

fn target((is_uri, text): (bool, String)) -> Target {
    if is_uri { Target::Uri(text) } else { Target::User(text) }
}

fn media_mode(name: &str) -> PyResult<MediaMode> {
    serde_json::from_value(name.into()).map_err(|_| PyValueError::new_err("no such media mode"))
}
