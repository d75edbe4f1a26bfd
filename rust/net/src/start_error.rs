//! Why an engine does not start.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use pbx_sip::Transport;
use pbx_switch::PolicyError;

/// Nothing runs and nothing stays open after any of these.
#[derive(Debug)]
pub enum StartError {
    /// A listener could not be bound.
    Bind {
        /// Its transport.
        transport: Transport,
        /// Its address and port.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The switch refused its configuration.
    Policy(PolicyError),
    /// A certificate, key or authority cannot be used: which file, and why.
    Tls(String),
    /// The system had no thread, descriptor or random number for us.
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

impl StartError {
    pub(crate) fn system(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::System { what, cause: errno.into() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { transport, address, cause } => {
                write!(f, "cannot listen on {} {address}: {cause}", transport.as_str())
            }
            Self::Policy(error) => write!(f, "{error}"),
            Self::Tls(error) => f.write_str(error),
            Self::System { what, cause } => write!(f, "{what}: {cause}"),
        }
    }
}

impl Error for StartError {}
