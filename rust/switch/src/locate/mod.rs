//! Servers known by name: searches of calls (RFC 3263) over one stub resolver. No calls in here.

mod news;
mod searches;

pub use news::DnsNews;
pub(crate) use searches::{Found, SearchId, Searches};
