//! The only sockets, threads and clocks of the PBX.
//!
//! Here octets move and time passes; what they mean is decided in `pbx-sip`, `pbx-media` and `pbx-switch`.
//! Each signalling thread owns listeners, connections and a switch; media workers own the media sockets. They, and
//! Python, talk over bounded queues. Python itself may not come in.

// The helpers shared with the integration tests name this crate from outside.
#[cfg(test)]
extern crate self as pbx_net;

mod acceptor;
mod address;
mod answer;
mod bind;
mod bridge;
mod call_flows;
mod config;
mod connection;
mod counters;
mod dns;
mod dns_stream;
mod driver;
mod engine;
mod engine_error;
mod facing;
mod framing;
mod handover;
mod incoming;
mod input;
mod launch;
mod listeners;
mod mailbox;
mod media_link;
mod names;
mod neighbours;
mod octets;
mod outgoing;
mod own_sockets;
mod passing;
#[cfg(test)]
#[path = "../tests/common/pki.rs"]
mod pki;
mod poller;
mod relay_counters;
mod relay_table;
#[cfg(test)]
mod relay_test;
mod relay_worker;
mod shared_ports;
mod sources;
mod start_error;
mod streams;
#[cfg(test)]
mod streams_test;
#[cfg(test)]
mod test_support;
mod tls;
#[cfg(test)]
mod tls_test;
mod token;
mod udp;
mod wakeup;
mod write_queue;
mod ws;
#[cfg(test)]
mod ws_replay_test;

pub use bridge::{Bridge, BridgeItem};
pub use config::{Document, NetConfig, PairFiles};
pub use engine::Engine;
pub use engine_error::EngineError;
pub use relay_counters::MediaCounters;
pub use start_error::StartError;
