//! Why a running engine does not answer.

use std::error::Error;
use std::fmt;

use pbx_switch::PolicyError;

/// Faults of `Engine`'s requests.
#[derive(Debug)]
pub enum EngineError {
    /// The inbox of the signalling thread is full.
    Busy,
    /// The signalling thread did not answer in time.
    Timeout,
    /// The engine is stopped, or its signalling thread died.
    Stopped,
    /// The new configuration was refused; the old one stays in force.
    Policy(PolicyError),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the engine has too many requests waiting"),
            Self::Timeout => f.write_str("the engine did not answer in time"),
            Self::Stopped => f.write_str("the engine is stopped"),
            Self::Policy(error) => write!(f, "{error}"),
        }
    }
}

impl Error for EngineError {}
