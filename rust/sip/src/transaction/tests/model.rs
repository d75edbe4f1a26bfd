//! A client and a server layer over a network that loses, delays and doubles packets.
//!
//! Whatever happens, each transaction ends within its bound, the number of packets is bounded, and no user
//! sees two final answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::support::{answer, flow, ours};
use crate::transaction::{
    Incoming, TimerName, TransactionEvent, TransactionId, TransactionSettings, Transactions,
};
use crate::transport::{Flow, Transport};
use crate::virtual_time::epoch;
use crate::{Limits, Message, Method};

/// 64×T1 until the INVITE arrives, timer C, 64×T1 after the CANCEL and timer D, with room for the delays of the network.
const BOUND: Duration = Duration::from_secs(32 + 180 + 32 + 32 + 20);
/// 7 INVITEs and 11 CANCELs, each doubled and answered, 11 failures doubled and acknowledged, and what
/// a delayed provisional response adds.
const MAX_PACKETS: usize = 150;

#[derive(Clone, Debug)]
struct Script {
    is_invite: bool,
    transport: Transport,
    /// What the server does, in milliseconds after the request arrived; nothing ever if empty.
    responses: Vec<(u64, u16)>,
    cancel_at: Option<u64>,
    abandon_at: Option<u64>,
    /// One draw for each packet, used in turn: lost, doubled, or delayed by so many milliseconds.
    weather: Vec<u16>,
}

impl Script {
    /// When timer C begins anew for the last time, counted from the arrival of the request.
    fn last_provisional(&self) -> Duration {
        let times = self.responses.iter().filter(|(_, code)| (101..200).contains(code)).map(|(at, _)| *at);
        Duration::from_millis(times.max().unwrap_or_default())
    }
}

fn script() -> impl Strategy<Value = Script> {
    let code = prop_oneof![Just(100_u16), Just(180), Just(200), Just(302), Just(408), Just(486), Just(603)];
    (
        any::<bool>(),
        prop_oneof![Just(Transport::Udp), Just(Transport::Tcp)],
        proptest::collection::vec((0_u64..200_000, code), 0..5),
        proptest::option::of(0_u64..200_000),
        proptest::option::of(0_u64..200_000),
        proptest::collection::vec(any::<u16>(), 1..40),
    )
        .prop_map(|(is_invite, transport, responses, cancel_at, abandon_at, weather)| Script {
            is_invite,
            transport,
            responses,
            cancel_at,
            abandon_at,
            weather,
        })
}

/// Everything that is still to happen, by time and order.
enum Event {
    ToServer(Bytes),
    ToClient(Bytes),
    Respond(u16),
    Cancel,
    Abandon,
}

struct World {
    script: Script,
    flow: Flow,
    base: Instant,
    now: Instant,
    client: Transactions,
    server: Transactions,
    agenda: BTreeMap<(Instant, usize), Event>,
    order: usize,
    packets: usize,
    request: TransactionId,
    branch: String,
    served: Option<TransactionId>,
    finals_sent: usize,
    finals_seen: usize,
    ends_seen: usize,
}

impl World {
    fn new(script: Script) -> Self {
        let base = epoch();
        let settings = TransactionSettings::default();
        let flow = flow(script.transport, 0, 5060);
        let mut client = Transactions::new(settings, 10, [1; 32]);
        let opening = client.open(base, flow).unwrap();
        let branch = opening.branch.to_string();
        let method = if script.is_invite { Method::Invite } else { Method::Bye };
        client.send(base, opening.id, method, ours(method.as_str(), &branch).into());
        let mut world = Self {
            flow,
            base,
            now: base,
            client,
            server: Transactions::new(settings, 10, [2; 32]),
            agenda: BTreeMap::new(),
            order: 0,
            packets: 0,
            request: opening.id,
            branch,
            served: None,
            finals_sent: 0,
            finals_seen: 0,
            ends_seen: 0,
            script,
        };
        if let Some(at) = world.script.cancel_at {
            world.plan(at, Event::Cancel);
        }
        if let Some(at) = world.script.abandon_at {
            world.plan(at, Event::Abandon);
        }
        world.drain();
        world
    }

    fn plan(&mut self, milliseconds: u64, event: Event) {
        self.order += 1;
        self.agenda.insert((self.now + Duration::from_millis(milliseconds), self.order), event);
    }

    fn run(&mut self) {
        loop {
            let next = [
                self.agenda.keys().next().map(|&(at, _)| at),
                self.client.poll_timeout(),
                self.server.poll_timeout(),
            ];
            let Some(at) = next.into_iter().flatten().min() else { return };
            self.now = self.now.max(at);
            assert!(self.now - self.base < 3 * BOUND, "the world never rests: {:?}", self.script);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let event = entry.remove();
                self.happen(event);
            }
            self.drain();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToServer(bytes) => {
                let message = Message::parse(bytes, &Limits::default()).unwrap();
                let incoming = self.server.handle_message(self.now, self.flow, message);
                self.serve(incoming);
            }
            Event::ToClient(bytes) => {
                let message = Message::parse(bytes, &Limits::default()).unwrap();
                let incoming = self.client.handle_message(self.now, self.flow, message);
                self.take(&incoming);
            }
            Event::Respond(code) => self.respond(code),
            Event::Cancel => self.client.cancel(self.now, self.request, None),
            Event::Abandon => self.client.abandon(self.request),
        }
    }

    /// The user of the server layer.
    fn serve(&mut self, incoming: Incoming) {
        match incoming {
            // A copy that outlived the transaction looks new (RFC 3261 §17.2.2); the first is what counts.
            Incoming::Request { id, .. } if self.served.is_some() => {
                self.server.respond(
                    self.now,
                    id,
                    500,
                    answer(&self.branch, 500, self.method(), "late").into(),
                );
            }
            Incoming::Request { id, .. } => {
                self.served = Some(id);
                for (at, code) in self.script.responses.clone() {
                    self.plan(at, Event::Respond(code));
                }
                // A user always answers in the end.
                self.plan(200_000, Event::Respond(500));
            }
            Incoming::Cancel { id, invite, .. } => {
                let bytes = answer(&self.branch, 200, "CANCEL", "callee");
                self.server.respond(self.now, id, 200, bytes.into());
                if invite.is_some() && invite == self.served {
                    self.respond(487);
                }
            }
            Incoming::Ack(_) | Incoming::Absorbed => {}
            other => panic!("{other:?}: {:?}", self.script),
        }
    }

    fn respond(&mut self, code: u16) {
        let Some(id) = self.served else { return };
        let bytes = answer(&self.branch, code, self.method(), "callee");
        let is_sent = self.server.respond(self.now, id, code, bytes.into());
        self.finals_sent += usize::from(is_sent && code >= 200);
    }

    /// The user of the client layer.
    fn take(&mut self, incoming: &Incoming) {
        if let Incoming::Response { id, message } = incoming {
            assert_eq!(*id, self.request);
            let is_copy = self.finals_seen > 0 && (200..300).contains(&message.status());
            self.finals_seen += usize::from(message.status() >= 200 && !is_copy);
        }
    }

    fn method(&self) -> &'static str {
        if self.script.is_invite { "INVITE" } else { "BYE" }
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.client.poll_transmit() {
            self.carry(&transmit.bytes, Event::ToServer);
        }
        while let Some(transmit) = self.server.poll_transmit() {
            self.carry(&transmit.bytes, Event::ToClient);
        }
        while let Some(event) = self.client.poll_event() {
            self.note(event);
        }
        while self.server.poll_event().is_some() {}
    }

    /// A stream loses and doubles nothing and keeps the order.
    fn carry(&mut self, bytes: &Bytes, make: fn(Bytes) -> Event) {
        self.packets += 1;
        let draw = self.script.weather[self.packets % self.script.weather.len()];
        if self.script.transport.is_reliable() {
            return self.plan(20, make(bytes.clone()));
        }
        if draw % 10 >= 3 {
            self.plan(u64::from(draw % 3_000), make(bytes.clone()));
        }
        if draw % 10 == 9 {
            self.plan(u64::from(draw % 7_000), make(bytes.clone()));
        }
    }

    fn note(&mut self, event: TransactionEvent) {
        match event {
            TransactionEvent::Timeout { id, timer: TimerName::C } => self.client.cancel(self.now, id, None),
            TransactionEvent::Timeout { .. } => self.ends_seen += 1,
            TransactionEvent::TransportError { id } => panic!("{id:?} failed: {:?}", self.script),
            TransactionEvent::Terminated { id } => {
                assert_eq!(id, self.request);
                let bound = BOUND + self.script.last_provisional();
                assert!(self.now - self.base <= bound, "{:?} after the start", self.now - self.base);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn transactions_end_in_time_with_one_final_answer(script in script()) {
        let mut world = World::new(script);
        world.run();
        prop_assert!(world.client.is_empty() && world.server.is_empty());
        prop_assert_eq!(world.server.server_len(), 0);
        prop_assert!(world.finals_sent <= 1, "{} finals sent", world.finals_sent);
        prop_assert!(world.packets <= MAX_PACKETS, "{} packets", world.packets);
        let ends = world.finals_seen + world.ends_seen;
        if world.script.abandon_at.is_some() {
            prop_assert!(ends <= 1);
        } else {
            prop_assert_eq!(ends, 1, "a final answer or a timeout, never both, never neither");
        }
    }
}
