//! Several switches side by side, each a shard: what they hand each other (`config.md` §2.11 `sip_worker_threads`).

use std::time::Instant;

use pbx_media::relay::SessionId;
use pbx_sip::{Flow, Message, Shard};

use crate::config::SwitchConfig;
use crate::core::SHARD_OF_ID;
use crate::location::BindingsCopy;
use crate::output::Output;
use crate::session_ports::{PortSource, SessionPorts};
use crate::switch::Switch;

/// Which of how many shards a switch is, and what it shares with the others.
pub struct Place {
    /// This one.
    pub shard: Shard,
    /// How many there are.
    pub count: usize,
    /// RTP ports of the process.
    pub ports: Box<dyn PortSource>,
}

impl Place {
    /// The only one.
    pub fn alone(config: &SwitchConfig) -> Self {
        let ports = SessionPorts::new(config.media.rtp_start_port, config.media.rtp_end_port);
        Self { shard: Shard::FIRST, count: 1, ports: Box::new(ports) }
    }
}

/// The shard of a call, by the handle operators know it by.
pub fn shard_of_call(handle: u64) -> Shard {
    Shard::split(handle as u32).0
}

/// The shard that began a media session.
pub fn shard_of_session(session: SessionId) -> Shard {
    Shard::new((session.0 >> SHARD_OF_ID) as usize).unwrap_or_default()
}

/// What one shard has for another. The way between two of them keeps the order and loses nothing.
#[derive(Clone, Debug)]
pub enum ShardNews {
    /// A message that belongs there, and how it came.
    Message(Flow, Box<Message>),
    /// Bindings that changed.
    Bindings(Box<BindingsCopy>),
}

impl Switch {
    /// Takes what another shard has for this one.
    pub fn handle_shard(&mut self, now: Instant, news: ShardNews) {
        match news {
            ShardNews::Message(flow, message) => {
                self.core.arrival = Some(flow);
                let is_admitted = self.is_admitted(flow);
                self.admit(now, flow, is_admitted, *message);
            }
            ShardNews::Bindings(copy) => self.location.handle_copy(now, *copy),
        }
        self.settle(now);
    }

    /// Tells the other shards of changed bindings, before anybody else hears of them.
    pub(crate) fn tell_bindings(&mut self) {
        let Some(dispatch) = &self.core.dispatch else { return };
        while let Some(copy) = self.location.poll_copy() {
            for to in dispatch.others() {
                let news = ShardNews::Bindings(Box::new(copy.clone()));
                self.core.outputs.push_back(Output::Shard { to, news });
            }
        }
    }
}
