//! The other signalling threads of the process, and what is passed between them.

use std::sync::Arc;

use pbx_sip::transaction::Transmit;
use pbx_sip::{Flow, Shard};
use pbx_switch::ShardNews;

use crate::driver::ShardPort;

/// Items waiting for one thread past which the others read no sockets.
const CONGESTED: usize = 4096;

/// One thing from another thread.
#[derive(Debug)]
pub(crate) enum Passed {
    /// For the switch.
    News(ShardNews),
    /// To be sent on a connection of this thread.
    Transmit(Transmit),
    /// A connection of this thread is to be closed.
    Close(Flow),
    /// A connection of the sender is gone.
    Closed(Flow),
    /// What was sent on a connection of the sender did not leave.
    SendFailed(Flow),
}

/// The way to every other thread. It keeps the order and refuses nothing: what is passed is an answer, a binding or
/// a message that was already read. Instead nobody reads his sockets while a neighbour is behind, so that no more
/// waits than the bound and what one turn makes of it.
#[derive(Debug)]
pub(crate) struct Neighbours {
    own: Shard,
    ports: Vec<Arc<ShardPort>>,
}

impl Neighbours {
    pub(crate) fn new(own: Shard, ports: Vec<Arc<ShardPort>>) -> Self {
        Self { own, ports }
    }

    pub(crate) fn own(&self) -> Shard {
        self.own
    }

    /// Whether there is no other thread.
    pub(crate) fn is_alone(&self) -> bool {
        self.ports.len() <= 1
    }

    /// The other thread that has the connection of a flow.
    pub(crate) fn holder(&self, flow: Flow) -> Option<Shard> {
        flow.shard().filter(|&shard| shard != self.own && shard.index() < self.ports.len())
    }

    pub(crate) fn pass(&self, to: Shard, passed: Passed) {
        if let Some(port) = self.ports.get(to.index()) {
            port.passed.force(passed);
        }
    }

    pub(crate) fn pass_all(&self, make: impl Fn() -> Passed) {
        for shard in Shard::all(self.ports.len()).filter(|&shard| shard != self.own) {
            self.pass(shard, make());
        }
    }

    /// Whether a neighbour is so far behind that nothing more may be read for it.
    pub(crate) fn is_congested(&self) -> bool {
        !self.is_alone() && self.others().any(|port| port.passed.len() >= CONGESTED)
    }

    fn others(&self) -> impl Iterator<Item = &Arc<ShardPort>> {
        let own = self.own.index();
        self.ports.iter().enumerate().filter(move |&(index, _)| index != own).map(|(_, port)| port)
    }
}
