//! The PBX itself as a state machine: what packets, decisions and deadlines make of calls and bindings.
//!
//! Nothing here touches a socket, a clock, a thread, a lock or a random source; [`Switch`] is fed all of
//! them. Protocol syntax belongs to `pbx-sip`, media to `pbx-media`, I/O to `pbx-net`.

pub mod auth;
mod authorize;
mod call;
mod command;
pub mod config;
mod core;
mod counters;
mod decision;
mod dispatch;
mod ingress;
mod locals;
mod locate;
pub mod location;
mod log_budget;
mod media_ports;
mod nat;
mod output;
mod owner;
mod peer_names;
pub mod policy;
mod query;
mod refusal;
mod refusing;
pub mod route;
mod session_ports;
mod shard_health;
mod shards;
mod stateless_tags;
mod switch;
mod view;

pub use call::{MovedCall, NotMoved};
pub use command::Command;
pub use config::SwitchConfig;
pub use core::Facing;
pub use decision::{Decision, Forward, Reject, Target};
pub use locals::Locals;
pub use locate::DnsNews;
pub use output::{Event, Level, LogLine, Output};
pub use policy::PolicyError;
pub use query::{InviteView, Query, QueryId};
pub use route::{ExplainInput, Explanation, explain};
pub use session_ports::{PortSource, PortUsage, SessionPorts};
pub use shards::{Place, ShardNews, shard_of_call, shard_of_session};
pub use switch::Switch;
pub use view::{CallView, DialogView, Health, RegistrationView};
