//! A registrar with a clock, and phones that write REGISTERs.

use std::time::{Duration, Instant};

use pbx_sip::{Bytes, Flow, Limits, Message, Name, Transport};
use serde_json::Value;

use super::{Location, RegisterOutcome};
use crate::policy::{Policy, fixture};

/// A registrar with its clock and one phone's way of sending.
pub(super) struct Bench {
    pub(super) location: Location,
    pub(super) policy: Policy,
    pub(super) now: Instant,
    pub(super) flow: Flow,
}

/// One REGISTER to be sent.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) user: &'a str,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
    pub(super) lines: &'a [&'a str],
}

/// `now` of every bench. The switch reads no clock, so any instant will do.
#[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
pub(super) fn origin() -> Instant {
    Instant::now()
}

pub(super) fn flow(transport: Transport, socket: u32, remote: &str) -> Flow {
    Flow { transport, socket, remote: remote.parse().unwrap() }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Value)) -> Self {
        let policy = Policy::compile(fixture::config(change)).unwrap();
        Self {
            location: Location::new([3; 32]),
            policy,
            now: origin(),
            flow: flow(Transport::Udp, 0, "192.0.2.7:4000"),
        }
    }

    pub(super) fn send(&mut self, message: &Message) -> RegisterOutcome {
        self.location.handle_register(self.now, &self.policy, self.flow, message)
    }

    pub(super) fn ask(&mut self, ask: Ask<'_>) -> RegisterOutcome {
        let message = register(ask);
        self.send(&message)
    }

    /// A REGISTER of user 1001 in the Call-ID `a`.
    pub(super) fn register(&mut self, cseq: u32, lines: &[&str]) -> RegisterOutcome {
        self.ask(Ask { user: "1001", call_id: "a", cseq, lines })
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.location.handle_timeout(self.now);
    }

    pub(super) fn uris(&self, user: &str) -> Vec<String> {
        let aor = self.policy.aor(user, "lab.test");
        self.location.targets(self.now, &aor).into_iter().map(|binding| binding.uri().to_owned()).collect()
    }

    /// What the registrar tells of 1001 without changing it.
    pub(super) fn query(&mut self) -> Vec<String> {
        let outcome = self.ask(Ask { user: "1001", call_id: "query", cseq: 1, lines: &[] });
        assert_eq!(outcome.code, 200);
        contacts(&outcome)
    }
}

pub(super) fn register(Ask { user, call_id, cseq, lines }: Ask<'_>) -> Message {
    let mut text = format!(
        "REGISTER sip:lab.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:4000;branch=z9hG4bK{cseq}\r\n\
         From: <sip:{user}@lab.test>;tag=1\r\nTo: <sip:{user}@lab.test>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n"
    );
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    parse(text.into())
}

pub(super) fn parse(bytes: Vec<u8>) -> Message {
    Message::parse(Bytes::from(bytes), &Limits::default()).unwrap()
}

pub(super) fn contacts(outcome: &RegisterOutcome) -> Vec<String> {
    let is_contact = |(name, _): &&(Name, String)| *name == Name::Contact;
    outcome.headers.iter().filter(is_contact).map(|(_, value)| value.clone()).collect()
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
