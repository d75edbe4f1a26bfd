//! What a signalling thread hears from the others, and hands to them.

use std::time::Instant;

use pbx_sip::Flow;
use pbx_sip::transaction::Transmit;

use crate::driver::Driver;
use crate::neighbours::Passed;

impl Driver {
    /// Takes what the others have passed. It must come before anything read after it: they may have passed a binding
    /// and then told its phone.
    pub(crate) fn hear_neighbours(&mut self, now: Instant) {
        if self.neighbours.is_alone() || self.port.passed.len() == 0 {
            return;
        }
        let mut heard = std::mem::take(&mut self.heard);
        self.port.passed.drain(&mut heard);
        for passed in heard.drain(..) {
            self.handle_passed(now, passed);
        }
        self.heard = heard;
    }

    fn handle_passed(&mut self, now: Instant, passed: Passed) {
        match passed {
            Passed::News(news) => self.switch.handle_shard(now, news),
            Passed::Transmit(transmit) => self.transmit(now, transmit),
            Passed::Close(flow) => self.streams.close(now, &self.poller, flow),
            Passed::Closed(flow) => self.switch.handle_flow_closed(now, flow),
            Passed::SendFailed(flow) => self.switch.handle_send_failure(now, flow),
        }
    }

    /// A connection of ours is gone.
    pub(crate) fn tell_closed(&mut self, now: Instant, flow: Flow) {
        self.switch.handle_flow_closed(now, flow);
        if flow.shard() == Some(self.neighbours.own()) {
            self.neighbours.pass_all(|| Passed::Closed(flow));
        }
    }

    /// What was sent on a connection of ours did not leave.
    pub(crate) fn tell_send_failure(&mut self, now: Instant, flow: Flow) {
        self.switch.handle_send_failure(now, flow);
        if flow.shard() == Some(self.neighbours.own()) {
            self.neighbours.pass_all(|| Passed::SendFailed(flow));
        }
    }

    /// Leaves a message to the thread that has the connection; gives it back when that is this one.
    pub(crate) fn pass_transmit(&self, transmit: Transmit) -> Option<Transmit> {
        let Some(holder) = self.neighbours.holder(transmit.flow) else { return Some(transmit) };
        self.neighbours.pass(holder, Passed::Transmit(transmit));
        None
    }

    /// Closes a connection, whoever has it.
    pub(crate) fn close_flow(&mut self, now: Instant, flow: Flow) {
        match self.neighbours.holder(flow) {
            Some(holder) => self.neighbours.pass(holder, Passed::Close(flow)),
            None => self.streams.close(now, &self.poller, flow),
        }
    }
}
