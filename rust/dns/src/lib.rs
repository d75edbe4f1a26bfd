//! Names to addresses: a stub resolver and, on top of it, the location of SIP servers (RFC 3263).
//!
//! Time, octets and randomness are passed in; sockets belong to the driver. The parser of answers is our own: what
//! is needed is a few record types read strictly, while the crates that offer it bring Unicode tables and dozens
//! of packages along. Answers come from whoever runs the zone of a name, so everything in them is hostile.
//!
//! What may not come in: SIP messages, sockets, clocks.

#![forbid(unsafe_code)]

mod address;
mod answer;
mod cache;
mod counters;
mod hosts;
mod name;
mod question;
mod resolver;
mod rfc3263;
mod servers;
mod wire;

pub use address::Reach;
pub use answer::{Answer, Naptr, Record, RecordType, Srv};
pub use counters::DnsCounters;
pub use hosts::Hosts;
pub use name::Name;
pub use resolver::{Resolver, ResolverOutput};
pub use rfc3263::{Ability, Hop, Locate, Scheme, ServerTransport, Wanted, order};
pub use servers::Servers;
pub use wire::{Asked, Reply, ReplyFault, StreamReply, parse_reply, read_query, respond};
