//! What only several switches can get wrong: calls that change their shard.

use pbx_media::relay::{MediaCommand, MediaEvent, SessionStats};
use pbx_sip::{Message, Method};
use serde_json::json;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};

const SEEDS: u8 = 24;

fn counted(desk: &Desk, name: &str) -> u64 {
    let health = desk.switch.health();
    health.counters.iter().find(|(known, _)| known == name).map_or(0, |(_, value)| *value)
}

fn only(desk: &mut Desk, of: &str, method: Method) -> Message {
    let mut taken: Vec<_> = desk.taken(of).into_iter().filter(|message| message.method() == method).collect();
    // What is sent again is the same message.
    taken.dedup_by_key(|message| message.bytes().clone());
    assert_eq!(taken.len(), 1, "one {method:?} for {of}: {taken:?}");
    taken.remove(0)
}

/// 1001 speaks with 1002 and consults 1003; the seed decides which shards have the two calls.
fn consulting(seed: u8, mode: &str) -> (Desk, String, String, Message) {
    let mut desk = Desk::seeded(json!({"media": {"mode": mode}}), seed);
    desk.register("1003", SECOND);
    let (_, answer) = desk.established();
    let (summons, second) = desk.consulted();
    (desk, answer.to_tag().unwrap().to_owned(), second, summons)
}

fn refer(desk: &mut Desk, first: &str, second: &str) {
    let refer = format!("Refer-To: <sip:1003@127.0.0.1?Replaces=call-2%3Bto-tag%3D{second}%3Bfrom-tag%3Dconsult>");
    desk.in_dialog_with("REFER", (first, 2), &refer, "");
}

/// 1003's offer and 1002's answer to it.
fn joined(desk: &mut Desk) {
    let ask = only(desk, SECOND, Method::Invite);
    desk.answer(SECOND, &ask, "200 OK", "third", &sdp("127.0.0.1", 7024));
    let rejoin = only(desk, CALLEE, Method::Invite);
    desk.answer(CALLEE, &rejoin, "200 OK", "callee", &sdp("127.0.0.1", 7022));
}

fn close_media(desk: &mut Desk) {
    for command in std::mem::take(&mut desk.media) {
        if let MediaCommand::Close { session } = command {
            let event = MediaEvent::Closed { session, stats: SessionStats::default() };
            desk.switch.handle_media(desk.now, &event);
        }
    }
}

#[test]
fn attended_transfer_is_the_same_whichever_shards_have_the_calls() {
    let mut moved = 0;
    for (seed, mode) in (0..SEEDS).flat_map(|seed| [(seed, "none"), (seed, "all")]) {
        let (mut desk, first, second, summons) = consulting(seed, mode);
        refer(&mut desk, &first, &second);
        joined(&mut desk);
        for request in desk.taken(CALLER) {
            desk.answer(CALLER, &request, "200 OK", "x", "");
        }
        desk.in_dialog("BYE", &first, 3, "");
        desk.taken(CALLER);
        desk.taken(SECOND);
        // Both parties are heard in the call they are in now, by the tags they have always known.
        desk.third_says("BYE", &summons);
        let bye = only(&mut desk, CALLEE, Method::Bye);
        desk.answer(CALLEE, &bye, "200 OK", "callee", "");
        close_media(&mut desk);
        desk.assert_clean();
        let health = desk.switch.health();
        assert_eq!((health.media_sessions, health.ports_used), (0, 0), "seed {seed}: {health:?}");
        moved += counted(&desk, "calls_moved_total");
    }
    assert_eq!(moved > u64::from(SEEDS), crate::SHARDS > 1, "{moved} calls changed their shard");
}

#[test]
fn a_call_in_which_something_is_under_way_is_waited_for() {
    for seed in 0..SEEDS {
        let (mut desk, first, second, summons) = consulting(seed, "none");
        desk.third_says("INFO", &summons);
        let info = only(&mut desk, CALLER, Method::Info);
        refer(&mut desk, &first, &second);
        desk.advance(std::time::Duration::from_millis(250));
        desk.taken(CALLER);
        desk.answer(CALLER, &info, "200 OK", "x", "");
        desk.advance(std::time::Duration::from_millis(250));
        desk.sent.retain(|(_, message)| message.is_request());
        joined(&mut desk);
        assert!(desk.taken(CALLER).iter().any(|told| String::from_utf8_lossy(told.body()).contains("200 OK")), "seed {seed}");
    }
}

#[test]
fn a_moved_call_can_be_taken_over_and_hung_up_by_its_handle() {
    for seed in 0..SEEDS {
        let (mut desk, first, second, _) = consulting(seed, "none");
        refer(&mut desk, &first, &second);
        joined(&mut desk);
        for request in desk.taken(CALLER) {
            desk.answer(CALLER, &request, "200 OK", "x", "");
        }
        desk.in_dialog("BYE", &first, 3, "");
        desk.taken(CALLER);
        desk.taken(SECOND);
        desk.taken(CALLEE);
        let calls = desk.switch.calls(desk.now, 10, None);
        assert_eq!(calls.len(), 1);
        let hangup = pbx_switch::Command::Hangup { call: calls[0].id.parse().unwrap(), code: None };
        assert!(desk.switch.handle_command(desk.now, &hangup));
        desk.drain();
        for party in [SECOND, CALLEE] {
            let bye = only(&mut desk, party, Method::Bye);
            desk.answer(party, &bye, "200 OK", "x", "");
        }
        desk.assert_clean();
    }
}

#[test]
fn a_phone_takes_a_place_in_a_call_of_any_shard_and_may_think_better_of_it() {
    for seed in 0..SEEDS {
        let mut desk = Desk::seeded(json!({}), seed);
        desk.register("1003", SECOND);
        let (_, answer) = desk.established();
        let replaces = format!("call-1;to-tag={};from-tag=caller", answer.to_tag().unwrap());
        desk.take_over(&replaces, &sdp("127.0.0.1", 7030));
        let asked = only(&mut desk, CALLEE, Method::Invite);
        desk.deliver(
            SECOND,
            &format!(
                "CANCEL sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {SECOND};branch=z9hG4bKtakeover;rport
             From: <sip:1003@127.0.0.1>;tag=taker
             To: <sip:1002@127.0.0.1>
             Call-ID: call-3
             CSeq: 1 CANCEL
             Max-Forwards: 70"
            ),
            "",
        );
        desk.answer(CALLEE, &asked, "487 Request Terminated", "callee", "");
        let statuses: Vec<u16> = desk.taken(SECOND).iter().filter(|it| !it.is_request()).map(Message::status).collect();
        assert!(statuses.contains(&200) && statuses.contains(&487), "seed {seed}: {statuses:?}");
        assert_eq!(desk.switch.health().calls, 1, "the call is as it was");
    }
}
