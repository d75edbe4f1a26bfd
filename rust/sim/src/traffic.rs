//! How a run moves octets: what the switch and the phones send, by datagram and by stream, and its arrival.

use std::net::SocketAddr;

use pbx_sip::{Bytes, Flow, Transport};
use pbx_switch::{Event, Output};

use crate::address::{NOBODY, SERVER, phone_address, phone_index};
use crate::streams::Way;
use crate::tape::Sighting;
use crate::world::{Happening, World};

impl World<'_> {
    pub(crate) fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        if to == SERVER {
            self.names.hear(from.ip());
            let flow = Flow { transport: Transport::Udp, socket: 0, remote: from };
            self.switch.handle_bytes(self.now, flow, bytes);
        } else if let Some(index) = phone_index(to).filter(|&index| index < self.agents.len()) {
            self.agents[index].handle_datagram(self.now, from, bytes);
            self.drain_agent(index);
        }
    }

    /// Carries out what the switch wants.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    self.watch.see(self.now, &transmit.bytes, &self.ledger);
                    self.transmit(transmit.flow, &transmit.bytes);
                }
                Output::Ask(query) => {
                    if let Some((delay, decision)) = self.decider.decide(&query) {
                        let what = Happening::Decision { id: query.id, decision };
                        self.schedule.push(self.now + delay, what);
                    }
                }
                Output::Media(command) => {
                    if let Some(event) = self.ledger.handle(&command) {
                        self.schedule.push(self.now, Happening::Media(event));
                    }
                }
                Output::Dns(output) => {
                    for (at, news) in self.names.handle(self.now, &mut self.wire, output) {
                        self.schedule.push(at, Happening::Dns(news));
                    }
                }
                Output::Event(Event::Log(line)) => self.log.push(line),
                Output::Forget(_) | Output::CloseFlow(_) | Output::Shard { .. } => {}
            }
        }
    }

    pub(crate) fn drain_agent(&mut self, index: usize) {
        let from = self.agents[index].account.public;
        let mut sends = std::mem::take(&mut self.agents[index].out.sends);
        let is_stream = self.agents[index].account.transport.is_reliable();
        for (to, bytes) in sends.drain(..) {
            if is_stream {
                self.stream(index, Way::ToSwitch, &bytes);
            } else {
                self.send(from, to, &bytes);
            }
        }
        let out = &mut self.agents[index].out;
        out.sends = sends;
        for (at, timer) in out.timers.drain(..) {
            self.schedule.push(at, Happening::Agent { index, timer });
        }
    }

    /// Sends what the switch wants sent.
    pub(crate) fn transmit(&mut self, flow: Flow, bytes: &Bytes) {
        self.check_addressee(flow.remote, bytes);
        if flow.transport == Transport::Udp {
            return self.send(SERVER, flow.remote, bytes);
        }
        let open = phone_index(flow.remote).filter(|&phone| match self.streams.of(phone) {
            Some(id) => matches!(flow.socket, Flow::NEW) || flow.socket == id,
            None => false,
        });
        match open {
            Some(phone) => self.stream(phone, Way::ToPhone, bytes),
            None => self.schedule.push(self.now, Happening::SendFailure(flow)),
        }
    }

    /// Whoever has never spoken is spoken to only where the decision or an answer about a name said so.
    fn check_addressee(&mut self, to: SocketAddr, bytes: &Bytes) {
        let is_known = phone_index(to).is_some_and(|phone| phone < self.callers) || to == NOBODY;
        if self.names.has_zones() && !is_known && !self.names.has_named(to.ip()) {
            let line: String = bytes.iter().take(24).map(|&octet| char::from(octet)).collect();
            self.watch.broken.push(format!("{line} sent to {to}, which no answer named"));
        }
    }

    /// Puts a message on the stream of a phone.
    pub(crate) fn stream(&mut self, phone: usize, way: Way, bytes: &Bytes) {
        let stream = self.streams.connect(self.now, phone);
        let at = self.now + self.wire.lag();
        let at = self.streams.arrival(phone, way, at);
        let (from, to) = match way {
            Way::ToSwitch => (phone_address(phone), SERVER),
            Way::ToPhone => (SERVER, phone_address(phone)),
        };
        self.note(from, to, 1, bytes);
        if !self.is_vanished(phone) {
            self.unheard.note(bytes, false);
        }
        self.schedule.push(at, Happening::Segment { phone, stream, way, bytes: bytes.clone() });
    }

    /// What arrives on a stream, unless it was closed meanwhile.
    pub(crate) fn deliver_segment(&mut self, phone: usize, stream: u32, way: Way, bytes: Bytes) {
        if self.streams.of(phone) != Some(stream) || self.is_vanished(phone) {
            return;
        }
        self.unheard.note(&bytes, true);
        match way {
            Way::ToSwitch => {
                let remote = phone_address(phone);
                let flow = Flow { transport: Transport::Tcp, socket: stream, remote };
                self.switch.handle_bytes(self.now, flow, bytes);
                self.drain();
            }
            Way::ToPhone => {
                self.agents[phone].handle_datagram(self.now, SERVER, bytes);
                self.drain_agent(phone);
            }
        }
    }

    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &Bytes) {
        let mut arrivals = self.wire.carry(self.now);
        let is_cut_off = [from, to].into_iter().filter_map(phone_index).any(|phone| self.is_vanished(phone));
        if is_cut_off {
            return;
        }
        if self.cut.as_mut().is_some_and(|cut| cut(from, to, bytes)) {
            arrivals = [None, None];
        }
        self.note(from, to, arrivals.iter().flatten().count(), bytes);
        self.unheard.note(bytes, arrivals.iter().any(Option::is_some));
        let haunting = if bytes.starts_with(b"SIP/2.0") { self.wire.haunt(self.now) } else { None };
        for at in arrivals.into_iter().flatten().chain(haunting) {
            self.schedule.push(at, Happening::Datagram { from, to, bytes: bytes.clone() });
        }
    }

    pub(crate) fn note(&mut self, from: SocketAddr, to: SocketAddr, copies: usize, bytes: &Bytes) {
        let at = self.now - self.start;
        self.tape.record(|| Sighting { at, from, to, copies, bytes: bytes.clone() });
    }
}
