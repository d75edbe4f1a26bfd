//! What is done to a run from outside: orders of the operator, streams that break, phones that vanish.

use pbx_sip::{Flow, Transport};
use pbx_switch::Command;

use crate::address::phone_address;
use crate::scenario::Order;
use crate::world::World;

impl World<'_> {
    pub(crate) fn obey(&mut self, order: Order) {
        let command = match order {
            Order::Drain(limit) => Command::Drain { limit },
            Order::HangUp => {
                let oldest = self.switch.calls(self.now, 1, None);
                let Some(call) = oldest.first().and_then(|call| call.id.parse().ok()) else { return };
                Command::Hangup { call, code: None }
            }
            Order::BreakStreams => return self.break_streams(),
            Order::Vanish(phone) => {
                self.vanished.insert(phone);
                return;
            }
            Order::Reload => {
                self.config.generation += 1;
                if let Err(error) = self.switch.handle_config(self.now, &self.config) {
                    self.watch.broken.push(format!("reload refused: {error}"));
                }
                return;
            }
        };
        self.switch.handle_command(self.now, &command);
    }

    fn break_streams(&mut self) {
        for (phone, stream) in self.streams.close_all() {
            self.broken_streams.insert(phone);
            let flow = Flow { transport: Transport::Tcp, socket: stream, remote: phone_address(phone) };
            self.switch.handle_flow_closed(self.now, flow);
            self.drain();
            self.agents[phone].handle_stream_closed(self.now);
            self.drain_agent(phone);
        }
    }
}
