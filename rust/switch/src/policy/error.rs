//! Why a configuration document cannot be put into force.

use std::fmt;

/// A value the switch cannot work with. Names the key and the value; secrets are shown as `***`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Path of the key in the document.
    pub key: String,
    /// The value as written.
    pub value: String,
    /// What is wrong with it.
    pub message: String,
}

impl PolicyError {
    pub(crate) fn new(key: impl Into<String>, value: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into(), message: message.into() }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: \"{}\" {}", self.key, self.value.escape_debug(), self.message)
    }
}

impl std::error::Error for PolicyError {}
