//! SIP over WebSocket (RFC 6455, RFC 7118): the upgrade of an HTTP connection, then messages in frames.
//!
//! `Origin` is not looked at: whoever may come is told by credentials, as on every other transport.

mod boundary;
mod upgrade;
mod web_socket;

pub(crate) use web_socket::WebSocket;
