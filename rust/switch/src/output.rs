//! What the switch wants done, and what it tells.

use pbx_dns::ResolverOutput;
use pbx_media::relay::MediaCommand;
use pbx_sip::transaction::Transmit;
use pbx_sip::{Flow, Shard};

use crate::query::Query;
use crate::shards::ShardNews;

/// One thing for the driver to do. Drain with `Switch::poll_output` until `None` after every `handle_*`.
#[derive(Debug)]
pub enum Output {
    /// Send bytes on a flow.
    Transmit(Transmit),
    /// Ask Python about an INVITE; answer with `Switch::handle_decision`.
    Ask(Query),
    /// The question is moot (caller gave up, deadline over): Python's answer would be ignored.
    Forget(crate::query::QueryId),
    /// For the media worker. `Open` is answered with `Switch::handle_media`.
    Media(MediaCommand),
    /// Something an operator or a subscriber wants to know.
    Event(Event),
    /// For the sockets towards resolvers; news of them goes to `Switch::handle_dns`.
    Dns(ResolverOutput),
    /// For another shard; it goes there before anything that is sent later.
    Shard {
        /// Which one.
        to: Shard,
        /// What for.
        news: ShardNews,
    },
    /// Close a stream (framing fault, ACL).
    CloseFlow(Flow),
}

/// News for logs, the status panel and subscribers. Holds no secrets.
#[derive(Clone, Debug)]
pub enum Event {
    /// A line for the log.
    Log(LogLine),
}

/// A structured log line.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Severity.
    pub level: Level,
    /// Short machine-readable name (`decision_overdue`, `auth_failed`).
    pub event: &'static str,
    /// Fields in order of importance.
    pub fields: Vec<(&'static str, String)>,
}

/// Severity of a log line (`log_level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is off.
    Warn,
    /// Normal news.
    Info,
    /// Detail.
    Debug,
}
