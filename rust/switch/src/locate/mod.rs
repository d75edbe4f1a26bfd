//! Servers known by name: searches of calls (RFC 3263) over one stub resolver. No calls in here.

mod failed_hops;
mod news;
mod searches;

pub(crate) use failed_hops::FailedHops;
pub use news::DnsNews;
pub(crate) use searches::{Found, SearchId, Searches};
