//! Several switches side by side, each a shard: what they hand each other (`config.md` §2.11 `sip_worker_threads`).

use std::cell::RefCell;
use std::time::Instant;

use pbx_media::relay::SessionId;
use pbx_sip::{Flow, Message, Replaces, Shard};

use crate::call::{MovedCall, NotMoved};
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
        Self { shard: Shard::FIRST, count: 1, ports: Box::new(RefCell::new(ports)) }
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
#[derive(Debug)]
pub enum ShardNews {
    /// A message that belongs there.
    Message {
        /// How it came.
        flow: Flow,
        /// The message.
        message: Box<Message>,
        /// How many shards have handed it on.
        hops: u8,
    },
    /// Bindings that changed.
    Bindings(Box<BindingsCopy>),
    /// A transfer needs the call with this dialog.
    Seek {
        /// Who needs it.
        asker: Shard,
        /// His call that is being transferred.
        parent: u64,
        /// The dialog.
        replaces: Box<Replaces>,
    },
    /// The answer to it.
    Found {
        /// The call that is being transferred.
        parent: u64,
        /// The call that was asked for; it is the asker's now.
        call: Result<MovedCall, NotMoved>,
    },
    /// Dialogs that may have changed their shard have ended: our tags of them.
    Ended(Vec<Box<str>>),
}

impl Switch {
    /// Takes what another shard has for this one.
    pub fn handle_shard(&mut self, now: Instant, news: ShardNews) {
        match news {
            ShardNews::Message { flow, message, hops } => {
                self.core.arrival = Some(flow);
                self.core.hops = hops;
                let is_admitted = self.is_admitted(flow);
                self.admit(now, flow, is_admitted, *message);
                self.core.hops = 0;
            }
            ShardNews::Bindings(copy) => self.location.handle_copy(now, *copy),
            ShardNews::Seek { asker, parent, replaces } => {
                self.calls.on_seek(&mut self.core, (asker, parent), &replaces);
            }
            ShardNews::Found { parent, call } => {
                let found = call.map(|call| self.calls.take_in(&mut self.core, now, call));
                self.calls.on_sought(&mut self.core, now, parent, found);
            }
            ShardNews::Ended(tags) => self.calls.on_ended(&self.core, now, tags),
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

    /// Whether a message may be handed on: what has gone round all shards stays where it is.
    pub(crate) fn may_hand_over(&self) -> bool {
        let others = self.core.dispatch.as_ref().map_or(0, |dispatch| dispatch.others().count());
        usize::from(self.core.hops) <= others
    }

    /// Hands a message on.
    pub(crate) fn hand_over(&mut self, to: Shard, flow: Flow, message: Message) {
        self.core.counters.count("handed_over_total", "");
        let news = ShardNews::Message { flow, message: Box::new(message), hops: self.core.hops + 1 };
        self.core.outputs.push_back(Output::Shard { to, news });
    }
}
