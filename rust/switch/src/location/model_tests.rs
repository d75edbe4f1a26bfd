//! Random sequences of requests against a model that is nothing but a list.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pbx_sip::{Bytes, Flow, Limits, Message, Transport};
use proptest::prelude::*;
use serde_json::json;

use super::Location;
use super::bench::origin;
use crate::policy::{Policy, fixture};

const USERS: [&str; 2] = ["1001", "1002"];
const MAX_PER_USER: usize = 3;
const MAX_BINDINGS: usize = 5;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Register { user: usize, call: u8, cseq: u32, contacts: Vec<(u8, u32)>, socket: u32 },
    RemoveAll { user: usize, call: u8, cseq: u32 },
    Pass(u64),
    Close(u32),
}

/// One binding of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    contact: u8,
    call: u8,
    cseq: u32,
    ends: u64,
    socket: u32,
}

#[derive(Default)]
struct Model {
    bound: HashMap<usize, Vec<Bound>>,
    now: u64,
}

impl Model {
    fn total(&self) -> usize {
        self.bound.values().map(Vec::len).sum()
    }

    fn step(&mut self, step: &Step) -> u16 {
        let code = match step {
            Step::Register { user, call, cseq, contacts, socket } => {
                self.register(*user, (*call, *cseq), contacts, *socket)
            }
            Step::RemoveAll { user, call, cseq } => {
                let bound = self.bound.entry(*user).or_default();
                if bound.iter().any(|bound| bound.call == *call && bound.cseq >= *cseq) {
                    return 500;
                }
                bound.clear();
                200
            }
            Step::Pass(secs) => {
                self.now += secs;
                0
            }
            Step::Close(socket) => {
                self.bound.values_mut().for_each(|bound| bound.retain(|bound| bound.socket != *socket));
                0
            }
        };
        let now = self.now;
        self.bound.values_mut().for_each(|bound| bound.retain(|bound| bound.ends > now));
        code
    }

    fn register(&mut self, user: usize, (call, cseq): (u8, u32), contacts: &[(u8, u32)], socket: u32) -> u16 {
        if contacts.iter().any(|&(_, expires)| (1..10).contains(&expires)) {
            return 423;
        }
        let mut bound = self.bound.get(&user).cloned().unwrap_or_default();
        let before = bound.len();
        for &(contact, expires) in contacts {
            let known = self.bound.get(&user).into_iter().flatten().find(|bound| bound.contact == contact);
            if known.is_some_and(|known| known.call == call && known.cseq >= cseq) {
                return 500;
            }
            bound.retain(|bound| bound.contact != contact);
            if expires > 0 {
                let ends = self.now + u64::from(expires.min(50));
                bound.push(Bound { contact, call, cseq, ends, socket });
            }
        }
        if bound.len() > before && bound.len() > MAX_PER_USER {
            return 403;
        }
        if bound.len() > before && self.total() - before + bound.len() > MAX_BINDINGS {
            return 503;
        }
        self.bound.insert(user, bound);
        200
    }

    /// Contact number and seconds left, sorted.
    fn listed(&self, user: usize) -> Vec<(String, u64)> {
        let bound = self.bound.get(&user).into_iter().flatten();
        let mut listed: Vec<_> = bound
            .map(|bound| (format!("<sip:{}@192.0.2.7>", bound.contact), bound.ends - self.now))
            .collect();
        listed.sort();
        listed
    }
}

fn request(user: usize, call: u8, cseq: u32, contact: &str) -> Message {
    let user = USERS[user];
    let text = format!(
        "REGISTER sip:lab.test SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.7:4000;branch=z9hG4bK1\r\n\
         From: <sip:{user}@lab.test>;tag=1\r\nTo: <sip:{user}@lab.test>\r\nCall-ID: {call}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n{contact}Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

fn flow(socket: u32) -> Flow {
    Flow { transport: Transport::Tcp, socket, remote: "192.0.2.7:4000".parse().unwrap() }
}

fn apply(location: &mut Location, policy: &Policy, now: Instant, step: &Step) -> u16 {
    match step {
        Step::Register { user, call, cseq, contacts, socket } => {
            let line = |&(contact, expires): &(u8, u32)| {
                format!("Contact: <sip:{contact}@192.0.2.7>;expires={expires}\r\n")
            };
            let lines: String = contacts.iter().map(line).collect();
            location.handle_register(now, policy, flow(*socket), &request(*user, *call, *cseq, &lines)).code
        }
        Step::RemoveAll { user, call, cseq } => {
            let message = request(*user, *call, *cseq, "Contact: *\r\nExpires: 0\r\n");
            location.handle_register(now, policy, flow(0), &message).code
        }
        Step::Pass(_) => {
            location.handle_timeout(now);
            0
        }
        Step::Close(socket) => {
            location.handle_flow_closed(now, flow(*socket));
            0
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let expires = prop_oneof![Just(0u32), 5u32..70];
    let contacts = prop::collection::vec((0u8..5, expires), 1..4);
    prop_oneof![
        6 => (0usize..2, 0u8..3, 0u32..30, contacts, 0u32..3).prop_map(|(user, call, cseq, contacts, socket)| {
            Step::Register { user, call, cseq, contacts, socket }
        }),
        1 => (0usize..2, 0u8..3, 0u32..40).prop_map(|(user, call, cseq)| Step::RemoveAll { user, call, cseq }),
        2 => (0u64..40).prop_map(Step::Pass),
        1 => (0u32..3).prop_map(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn registrar_behaves_like_a_list_of_bindings(steps in prop::collection::vec(step(), 1..60)) {
        let policy = Policy::compile(fixture::config(|doc| {
            doc["registrar"]["max_bindings"] = json!(MAX_PER_USER);
            doc["limits"]["max_bindings"] = json!(MAX_BINDINGS);
        })).unwrap();
        let (mut location, mut model, origin) = (Location::new([3; 32]), Model::default(), origin());
        for step in &steps {
            let expected = model.step(step);
            let now = origin + Duration::from_secs(model.now);
            prop_assert_eq!(apply(&mut location, &policy, now, step), expected, "{:?}", step);
            for (user, name) in USERS.iter().enumerate() {
                let aor = format!("{name}@lab.test");
                let views = location.views(now, usize::MAX, None);
                let own = views.into_iter().filter(|view| view.aor == aor);
                let mut listed: Vec<_> = own.map(|view| (view.contact, view.expires_secs)).collect();
                listed.sort();
                prop_assert_eq!(listed, model.listed(user));
            }
            prop_assert_eq!(location.len(), model.total());
        }
        let end = origin + Duration::from_secs(model.now + 60);
        location.handle_timeout(end);
        prop_assert!(location.is_empty());
        prop_assert_eq!(location.poll_timeout(), None);
    }
}
