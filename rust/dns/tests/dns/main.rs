//! The resolver and the search for servers, through their public surface.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing to look at has failed")]

mod hostile;
mod locate;
mod memory;
mod resolver;
mod truncated;
mod weight;
mod world;
