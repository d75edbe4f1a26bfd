//! Octets of queries and replies (RFC 1035 §4, RFC 6891).

mod query;
mod reader;
mod reply;
mod respond;
mod stream;

pub(crate) use query::write_query;
pub use reply::{Reply, ReplyFault, parse_reply};
pub use respond::{Asked, read_query, respond};
pub use stream::StreamReply;
pub(crate) use stream::framed;
