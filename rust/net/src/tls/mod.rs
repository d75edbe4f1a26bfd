//! TLS: certificates, who proves what to whom, and the layer between a socket and what is framed on it.

mod client;
mod context;
mod pair;
mod server;
mod session;
mod validity;
mod verifier;

pub(crate) use context::TlsContext;
#[cfg(test)]
pub(crate) use pair::Pair;
pub(crate) use session::Session;
