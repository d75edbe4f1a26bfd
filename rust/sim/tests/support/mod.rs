//! Staging for directed tests: a world per scenario, and questions to its tape.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "every test file uses its own part")]

use std::net::SocketAddr;
use std::time::Duration;

use pbx_sim::{LegView, SERVER, Scenario, Sighting, World, default_config, phone_address, undecided};
use pbx_sip::{Bytes, Message, Method};
use pbx_switch::SwitchConfig;
use serde_json::Value;

/// A taped world under the default configuration with changes laid over it.
pub(crate) fn world(scenario: &Scenario, mode: &str, changes: &Value) -> World<'static> {
    let mut document = default_config(scenario, mode);
    merge(&mut document, changes);
    let config = SwitchConfig::from_json(&document.to_string()).unwrap();
    World::new(config, scenario, Box::leak(Box::new(undecided)), true).unwrap()
}

fn merge(into: &mut Value, changes: &Value) {
    match changes {
        Value::Object(changes) if into.is_object() => {
            for (key, change) in changes {
                merge(&mut into[key], change);
            }
        }
        Value::Null => {}
        other => *into = other.clone(),
    }
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A message on the tape.
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) message: Message,
}

impl Seen {
    fn of(sighting: &Sighting) -> Option<Self> {
        Some(Self { at: sighting.at, message: sighting.message()? })
    }

    /// `486 INVITE` or `BYE`.
    pub(crate) fn name(&self) -> String {
        let method = self.message.cseq_method().as_str();
        match self.message.status() {
            0 => method.to_owned(),
            status => format!("{status} {method}"),
        }
    }
}

/// What the switch sent to a phone.
pub(crate) fn to_phone(world: &World<'_>, phone: usize) -> Vec<Seen> {
    between(world, SERVER, phone_address(phone))
}

/// What a phone sent to the switch.
pub(crate) fn from_phone(world: &World<'_>, phone: usize) -> Vec<Seen> {
    between(world, phone_address(phone), SERVER)
}

fn between(world: &World<'_>, from: SocketAddr, to: SocketAddr) -> Vec<Seen> {
    let tape = world.tape().sightings().iter();
    tape.filter(|sighting| sighting.from == from && sighting.to == to).filter_map(Seen::of).collect()
}

/// Those of a kind, named as [`Seen::name`] does.
pub(crate) fn named(seen: Vec<Seen>, name: &str) -> Vec<Seen> {
    seen.into_iter().filter(|seen| seen.name() == name).collect()
}

/// Those from a moment on.
pub(crate) fn since(seen: Vec<Seen>, at: Duration) -> Vec<Seen> {
    seen.into_iter().filter(|seen| seen.at >= at).collect()
}

/// The bytes of the first message of a kind that a phone sent.
pub(crate) fn first_bytes(seen: &[Seen], name: &str) -> Bytes {
    seen.iter().find(|seen| seen.name() == name).map(|seen| seen.message.bytes().clone()).unwrap()
}

/// The only caller's view of the only call.
pub(crate) fn caller(world: &World<'_>) -> LegView {
    world.legs().into_iter().find(|leg| leg.is_caller).unwrap()
}

/// Callees' views of the call.
pub(crate) fn callees(world: &World<'_>) -> Vec<LegView> {
    world.legs().into_iter().filter(|leg| !leg.is_caller).collect()
}

/// Nothing is left in the switch, and no rule was broken on the way.
pub(crate) fn assert_clean(world: &World<'_>) {
    let health = world.switch().health();
    let left = (health.calls, health.dialogs, health.transactions, health.server_transactions);
    assert_eq!(left, (0, 0, 0, 0), "\n{}", world.tape().ladder());
    let media = (health.media_sessions, health.ports_used, world.media_sessions(), health.queries);
    assert_eq!(media, (0, 0, 0, 0), "\n{}", world.tape().ladder());
    assert_eq!(world.broken_rules(), Vec::<String>::new(), "\n{}", world.tape().ladder());
}

/// Lets everybody hang up and the last timers run out.
pub(crate) fn end(world: &mut World<'_>) {
    world.finish();
    let end = world.elapsed() + secs(110);
    world.run_until(end);
    assert_clean(world);
}

/// A request of an outsider or a phone, written by hand: lines joined by CRLF, length added.
pub(crate) fn written(head: &str) -> Bytes {
    let head = head.trim().lines().map(str::trim).collect::<Vec<_>>().join("\r\n");
    Bytes::from(format!("{head}\r\nContent-Length: 0\r\n\r\n"))
}

/// The text of a message with a piece replaced.
pub(crate) fn altered(bytes: &Bytes, from: &str, to: &str) -> Bytes {
    let text = String::from_utf8_lossy(bytes).into_owned();
    assert!(text.contains(from), "{from} in {text}");
    Bytes::from(text.replace(from, to))
}

/// Whether a datagram is a request of this method.
pub(crate) fn is_request(bytes: &[u8], method: Method) -> bool {
    bytes.starts_with(method.as_str().as_bytes())
}
