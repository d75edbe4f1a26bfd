//! What the signalling thread does with its inbox.

use std::time::Instant;

use pbx_switch::{Health, PolicyError};

use crate::config::Document;
use crate::driver::Driver;
use crate::input::Input;

impl Driver {
    /// Feeds the switch, or answers about it. An asker that has given up is nobody's fault.
    pub(crate) fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Decide(id, decision) => self.switch.handle_decision(now, id, decision),
            Input::Command(command, reply) => {
                let is_known = self.switch.handle_command(now, &command);
                let _ = reply.try_send(is_known);
            }
            Input::Reload(document, reply) => {
                let _ = reply.try_send(self.reload(now, *document));
            }
            Input::Health(reply) => {
                let _ = reply.try_send(self.health());
            }
            Input::Calls { limit, after, reply } => {
                let _ = reply.try_send(self.switch.calls(now, limit, after));
            }
            Input::Dialogs { limit, after, reply } => {
                let _ = reply.try_send(self.switch.dialogs(limit, after));
            }
            Input::Registrations { limit, after, reply } => {
                let _ = reply.try_send(self.switch.registrations(now, limit, after.as_deref()));
            }
        }
    }

    fn reload(&mut self, now: Instant, document: Document) -> Result<(), PolicyError> {
        let Document { net, switch: config } = document;
        let max_message = config.limits.max_message_size;
        self.switch.handle_config(now, config)?;
        self.streams.set_max_message(max_message);
        self.streams.reload_tls(now, &net);
        Ok(())
    }

    fn health(&self) -> Health {
        let mut health = self.switch.health();
        let own = self.counters.all();
        health.counters.extend(own.iter().map(|&(name, value)| (name.to_owned(), value)));
        health.counters.extend(self.streams.gauges());
        health
    }
}
