//! The layer under virtual time, through its public surface.

mod cancel;
mod client;
mod matching;
mod model;
mod random_orders;
mod server;
mod support;
