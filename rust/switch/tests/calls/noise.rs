//! Anything in any order: nothing the switch sends is unreadable, and nothing is left when the noise is over.

use std::collections::HashSet;
use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_media::relay::{MediaCommand, MediaEvent, SessionStats};
use pbx_sip::{Message, Method};
use pbx_switch::{Command, Decision, Forward, Target};
use serde_json::json;

/// A small generator of our own: the same seed gives the same noise everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn body(&mut self) -> String {
        match self.roll(6) {
            0 => String::new(),
            1 => "v=0\r\nnonsense".to_owned(),
            2 => sdp("10.0.0.9", 7004),
            3 => sdp("127.0.0.1", 7004).replace("0 8 101", "96") + "a=sendonly\r\n",
            4 => sdp("127.0.0.1", 7006) + "m=video 7008 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n",
            _ => sdp("127.0.0.1", 7006),
        }
    }
}

const METHODS: [&str; 11] =
    ["INVITE", "INVITE", "INFO", "ACK", "BYE", "OPTIONS", "UPDATE", "REFER", "REFER", "NOTIFY", "JUMP"];
const HEADERS: [&str; 5] = [
    "Subject: x",
    "Require: 100rel",
    "Refer-To: <sip:1002@127.0.0.1>",
    "Refer-To: <sip:1003@127.0.0.1>",
    "Refer-To: <sip:1002@127.0.0.1>\r\nRefer-Sub: false",
];
const STATUSES: [&str; 14] = [
    "100 Trying",
    "180 Ringing",
    "183 Progress",
    "200 OK",
    "200 OK",
    "200 OK",
    "302 Moved",
    "401 No",
    "408 Late",
    "481 Gone",
    "486 Busy",
    "487 Over",
    "491 Glare",
    "603 Decline",
];

/// What the phones know of the call.
#[derive(Default)]
struct Seen {
    invites: Vec<Message>,
    requests: Vec<(String, Message)>,
    caller_tags: Vec<String>,
    consult_tags: Vec<String>,
}

impl Seen {
    fn take(&mut self, desk: &mut Desk) {
        for (to, message) in std::mem::take(&mut desk.sent) {
            if !message.is_request() {
                let is_second = message.call_id() == "call-2";
                let tags = if is_second { &mut self.consult_tags } else { &mut self.caller_tags };
                tags.extend(message.to_tag().map(str::to_owned).filter(|_| to.to_string() == CALLER));
            } else if message.method() != Method::Ack {
                if message.method() == Method::Invite && message.to_tag().is_none() {
                    self.invites.push(message.clone());
                }
                self.requests.push((to.to_string(), message));
            }
        }
    }
}

fn step(desk: &mut Desk, dice: &mut Dice, seen: &mut Seen) {
    let cseq = dice.roll(40) as u32 + 1;
    match dice.roll(12) {
        0..=3 if !seen.requests.is_empty() => {
            let newest = seen.requests.len() - 1;
            let (from, request) =
                seen.requests[if dice.roll(2) == 0 { newest } else { dice.roll(newest + 1) }].clone();
            let (status, tag) = (dice.pick(&STATUSES), dice.pick(&["one", "two", "three"]));
            let body = dice.body();
            desk.without_contact = dice.roll(8) == 0;
            desk.answer(&from, &request, status, tag, &body);
        }
        // A second call of the caller, and a transfer of the first to it.
        6 if dice.roll(4) == 0 => {
            let body = dice.body();
            desk.consult(&body);
        }
        5 if dice.roll(2) == 0 && !seen.consult_tags.is_empty() && !seen.caller_tags.is_empty() => {
            let first = seen.caller_tags[dice.roll(seen.caller_tags.len())].clone();
            let second = seen.consult_tags[dice.roll(seen.consult_tags.len())].clone();
            let refer = format!(
                "Refer-To: <sip:1003@127.0.0.1?Replaces=call-2%3Bto-tag%3D{second}%3Bfrom-tag%3Dconsult>"
            );
            desk.in_dialog_with("REFER", (&first, cseq), &refer, "");
        }
        // A phone that takes the caller's place.
        4 if dice.roll(6) == 0 && !seen.caller_tags.is_empty() => {
            let tag = seen.caller_tags[dice.roll(seen.caller_tags.len())].clone();
            let body = dice.body();
            desk.take_over(&format!("call-1;to-tag={tag};from-tag=caller"), &body);
        }
        5 | 6 if !seen.caller_tags.is_empty() => {
            let tag = seen.caller_tags[dice.roll(seen.caller_tags.len())].clone();
            let (method, further) = (dice.pick(&METHODS), dice.pick(&HEADERS));
            let body = dice.body();
            desk.in_dialog_with(method, (&tag, cseq), further, &body);
        }
        7 if !seen.invites.is_empty() => {
            let invite = seen.invites[dice.roll(seen.invites.len())].clone();
            let (method, tag, body) = (dice.pick(&METHODS), dice.pick(&["one", "two"]), dice.body());
            desk.callee_request(method, &invite, tag, cseq, &body);
        }
        8 if dice.roll(3) == 0 => desk.cancel("z9hG4bKinv1"),
        9 if !desk.asked.is_empty() => {
            let id = desk.asked[0].id;
            let targets = vec![Target::User("1002".to_owned()), Target::Uri(format!("sip:x@{SECOND}"))];
            let forward = Forward { targets, parallel: dice.roll(2) == 0, ..Forward::default() };
            desk.switch.handle_decision(desk.now, id, Decision::Forward(forward));
            desk.drain();
        }
        10 => desk.busy_ports = dice.roll(12),
        _ => desk.advance(Duration::from_millis(dice.roll(3_000) as u64)),
    }
}

fn end(desk: &mut Desk, seed: u64) {
    desk.busy_ports = 0;
    for call in desk.switch.calls(desk.now, 100, None) {
        desk.switch.handle_command(desk.now, &Command::Hangup { call: call.id.parse().unwrap(), code: None });
        desk.drain();
    }
    desk.advance(Duration::from_secs(400));
    let closed: HashSet<_> = desk
        .media
        .iter()
        .filter_map(|command| match command {
            MediaCommand::Close { session } => Some(*session),
            _ => None,
        })
        .collect();
    for session in closed {
        let event = MediaEvent::Closed { session, stats: SessionStats::default() };
        desk.switch.handle_media(desk.now, &event);
    }
    let health = desk.switch.health();
    let left = (health.calls, health.dialogs, health.transactions, health.server_transactions);
    assert_eq!((left, health.queries), ((0, 0, 0, 0), 0), "seed {seed}: {health:?}");
    assert_eq!((health.media_sessions, health.ports_used), (0, 0), "seed {seed}: {health:?}");
    let elsewhere = health.counters.iter().find(|(name, _)| name == "dialogs_elsewhere");
    assert_eq!(elsewhere.map_or(0, |(_, count)| *count), 0, "seed {seed}: {health:?}");
}

/// Everything a transfer needs stands before the noise begins.
fn prepare(desk: &mut Desk, seen: &mut Seen) {
    desk.register("1003", SECOND);
    let (_, answer) = desk.established();
    let (_, tag) = desk.consulted();
    seen.caller_tags.extend(answer.to_tag().map(str::to_owned));
    seen.consult_tags.push(tag);
}

#[test]
fn nothing_is_left_when_the_noise_is_over() {
    let mut transfers = HashSet::new();
    for seed in 0..6000 {
        let mut dice = Dice(seed);
        let mode = dice.pick(&["none", "all", "auto", "bypass", "nat"]);
        let is_asked = dice.roll(3) == 0;
        let call = json!({"ask_router": is_asked, "blind_transfer_use_refer": dice.roll(3) == 0, "max_ring_secs": if dice.roll(2) == 0 { Some(4) } else { None }});
        let mut desk = Desk::new(json!({"media": {"mode": mode}, "call": call}));
        let mut seen = Seen::default();
        if mode == "none" && !is_asked {
            prepare(&mut desk, &mut seen);
        } else {
            desk.register("1002", CALLEE);
            for user in ["1002", "1003"] {
                if dice.roll(2) == 0 {
                    desk.register(user, SECOND);
                }
            }
            let offer = dice.body();
            desk.invite(&offer);
        }
        for _ in 0..60 {
            seen.take(&mut desk);
            step(&mut desk, &mut dice, &mut seen);
        }
        end(&mut desk, seed);
        let counters = desk.switch.health().counters;
        transfers
            .extend(counters.into_iter().map(|(name, _)| name).filter(|name| name.starts_with("transfers")));
    }
    assert_eq!(transfers.len(), 6, "every kind of transfer came about and failed: {transfers:?}");
}
