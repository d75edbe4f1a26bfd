//! Refreshes of the session timer, and what becomes of calls nobody refreshes (RFC 4028 §7.4, §10;
//! `config.md` §9.6–7).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, sdp};
use pbx_sip::{Message, Method, Name};
use serde_json::json;

const OURS: &str = "Session-Expires: 90;refresher=uac";
const THEIRS: &str = "Require: timer\nSession-Expires: 90;refresher=uas";
const UPDATE: &str = "Allow: INVITE, UPDATE, BYE";

/// An established call whose callee answered with these header lines. The caller has no timer.
fn established(desk: &mut Desk, further: &str) -> Message {
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, &format!("200 OK\n{further}"), "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.taken(CALLEE);
    answer
}

fn desk() -> Desk {
    Desk::new(json!({"media": {"mode": "all"}}))
}

fn seconds(desk: &mut Desk, seconds: u64) -> Vec<Message> {
    desk.advance(Duration::from_secs(seconds));
    desk.taken(CALLEE)
}

fn methods(messages: &[Message]) -> Vec<Method> {
    messages.iter().map(Message::method).collect()
}

fn count(desk: &Desk, name: &str) -> u64 {
    let counters = desk.switch.health().counters;
    counters.into_iter().find(|(known, _)| known == name).map_or(0, |(_, value)| value)
}

#[test]
fn we_refresh_at_half_the_interval_by_update_if_the_peer_allows_it() {
    let mut desk = desk();
    established(&mut desk, &format!("{UPDATE}\n{OURS}"));
    assert!(seconds(&mut desk, 44).is_empty());
    for round in 1..=20 {
        let refresh = seconds(&mut desk, if round == 1 { 1 } else { 45 }).remove(0);
        assert_eq!((refresh.method(), refresh.body()), (Method::Update, &b""[..]));
        assert_eq!(refresh.text(Name::SessionExpires), Some("90;refresher=uac"));
        assert!(refresh.has_token(Name::Supported, "timer"));
        desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", "");
    }
    assert_eq!(count(&desk, "session_refresh_total{update,ok}"), 20);
    assert_eq!(desk.switch.health().calls, 1);
    assert!(desk.taken(CALLER).is_empty(), "the other party hears nothing of it");
}

#[test]
fn without_update_we_send_a_reinvite_with_the_same_description() {
    for mode in ["all", "none", "auto"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        let invite = desk.ringing();
        desk.answer(CALLEE, &invite, &format!("200 OK\n{OURS}"), "callee", &sdp("127.0.0.1", 7002));
        let answer = desk.taken(CALLER).pop().unwrap();
        desk.ack(&answer, 1, "");
        desk.taken(CALLEE);
        let refresh = seconds(&mut desk, 45).remove(0);
        assert_eq!(refresh.method(), Method::Invite);
        assert_eq!(refresh.body(), invite.body(), "{mode}: o= and all else unchanged");
        desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", &sdp("127.0.0.1", 7002));
        assert_eq!(methods(&desk.taken(CALLEE)), [Method::Ack]);
        desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", &sdp("127.0.0.1", 7002));
        assert_eq!(methods(&desk.taken(CALLEE)), [Method::Ack], "a copy gets its ACK as well");
        assert!(desk.taken(CALLER).is_empty());
        desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
        let bye = desk.taken(CALLEE).remove(0);
        desk.answer(CALLEE, &bye, "200 OK", "callee", "");
        desk.assert_clean();
    }
}

#[test]
fn refresh_after_a_hold_describes_the_hold() {
    let mut desk = desk();
    let answer = established(&mut desk, OURS);
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 2, &(sdp("127.0.0.1", 7000) + "a=sendonly\r\n"));
    let hold = desk.taken(CALLEE).remove(0);
    desk.answer(
        CALLEE,
        &hold,
        &format!("200 OK\n{OURS}"),
        "callee",
        &(sdp("127.0.0.1", 7002) + "a=recvonly\r\n"),
    );
    let held = desk.taken(CALLER).pop().unwrap();
    desk.ack(&held, 2, "");
    desk.taken(CALLEE);
    let refresh = seconds(&mut desk, 45).remove(0);
    assert_eq!(refresh.body(), hold.body());
}

#[test]
fn peer_that_stops_answering_gets_bye_by_60_seconds_and_so_does_the_other() {
    let mut desk = desk();
    established(&mut desk, &format!("{UPDATE}\n{OURS}"));
    let sent = seconds(&mut desk, 59);
    assert!(!sent.is_empty() && sent.iter().all(|message| message.method() == Method::Update));
    assert!(seconds(&mut desk, 1).iter().any(|message| message.method() == Method::Bye));
    let bye = desk.taken(CALLER).pop().unwrap();
    assert_eq!(bye.method(), Method::Bye);
    assert_eq!(bye.text(Name::Reason), Some("SIP;cause=408;text=\"Session expired\""));
    assert_eq!(count(&desk, "calls_total{session_expired}"), 1);
    desk.answer(CALLER, &bye, "200 OK", "caller", "");
    desk.assert_clean();
}

#[test]
fn refresher_that_dies_ends_the_call_and_no_earlier_than_allowed() {
    for (interval, ends) in [(90, 60), (1800, 1768)] {
        let mut desk = desk();
        let further = format!("Require: timer\nSession-Expires: {interval};refresher=uas");
        established(&mut desk, &further);
        assert!(seconds(&mut desk, ends - 1).is_empty(), "the peer refreshes");
        assert_eq!(methods(&seconds(&mut desk, 1)), [Method::Bye], "{interval}");
        assert_eq!(methods(&desk.taken(CALLER)), [Method::Bye]);
        desk.assert_clean();
    }
}

#[test]
fn refreshes_of_the_peer_keep_the_call_alive() {
    let mut desk = desk();
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, &format!("200 OK\n{THEIRS}"), "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.taken(CALLEE);
    for cseq in 1..10 {
        desk.advance(Duration::from_secs(45));
        desk.callee_request("UPDATE", &invite, "callee", cseq, "");
        assert_eq!(desk.taken(CALLEE)[0].status(), 200);
    }
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn update_that_is_not_allowed_is_followed_by_a_reinvite_from_then_on() {
    for refusal in ["405 Method Not Allowed", "501 Not Implemented"] {
        let mut desk = desk();
        established(&mut desk, &format!("{UPDATE}\n{OURS}"));
        let update = seconds(&mut desk, 45).remove(0);
        desk.answer(CALLEE, &update, refusal, "callee", "");
        for _ in 0..2 {
            let refresh = desk.taken(CALLEE).remove(0);
            assert_eq!(refresh.method(), Method::Invite, "{refusal}");
            let accepted = format!("200 OK\n{UPDATE}\n{OURS}");
            desk.answer(CALLEE, &refresh, &accepted, "callee", &sdp("127.0.0.1", 7002));
            desk.taken(CALLEE);
            desk.advance(Duration::from_secs(45));
        }
    }
}

#[test]
fn refresh_that_is_too_short_is_raised_and_tried_once_more() {
    let mut desk = desk();
    established(&mut desk, &format!("{UPDATE}\n{OURS}"));
    let refresh = seconds(&mut desk, 45).remove(0);
    desk.answer(CALLEE, &refresh, "422 Too Small\nMin-SE: 120", "callee", "");
    let refresh = desk.taken(CALLEE).remove(0);
    assert_eq!(refresh.text(Name::SessionExpires), Some("120;refresher=uac"));
    assert_eq!(refresh.min_se(), Some(120));
    desk.answer(CALLEE, &refresh, "422 Too Small\nMin-SE: 240", "callee", "");
    assert!(desk.taken(CALLEE).is_empty());
    let again = seconds(&mut desk, 8).remove(0);
    assert_eq!(again.method(), Method::Update, "half of the 15 s left");
}

#[test]
fn glare_is_waited_out_longer_by_the_owner_of_the_call_id() {
    let mut desk = desk();
    established(&mut desk, OURS);
    let refresh = seconds(&mut desk, 45).remove(0);
    desk.answer(CALLEE, &refresh, "491 Request Pending", "callee", "");
    desk.taken(CALLEE);
    assert!(seconds(&mut desk, 2).is_empty());
    assert_eq!(seconds(&mut desk, 2)[0].method(), Method::Invite);
}

#[test]
fn peer_that_lost_the_dialog_loses_the_call() {
    for refusal in ["408 Request Timeout", "481 Call Does Not Exist"] {
        let mut desk = desk();
        established(&mut desk, &format!("{UPDATE}\n{OURS}"));
        let refresh = seconds(&mut desk, 45).remove(0);
        desk.answer(CALLEE, &refresh, refusal, "callee", "");
        assert_eq!(methods(&desk.taken(CALLER)), [Method::Bye], "{refusal}");
        assert_eq!(methods(&desk.taken(CALLEE)), [Method::Bye]);
        desk.assert_clean();
    }
}

#[test]
fn silence_to_a_refresh_counts_as_408() {
    let mut desk = desk();
    established(&mut desk, &format!("{UPDATE}\nSession-Expires: 1800;refresher=uac"));
    let sent = seconds(&mut desk, 900 + 31);
    assert!(sent.iter().all(|message| message.method() == Method::Update));
    assert!(methods(&seconds(&mut desk, 2)).contains(&Method::Bye));
    assert!(methods(&desk.taken(CALLER)).contains(&Method::Bye));
    assert_eq!(count(&desk, "session_refresh_total{update,gone}"), 1);
}

#[test]
fn other_failures_are_tried_again_after_retry_after_or_half_of_what_is_left() {
    let mut desk = desk();
    established(&mut desk, &format!("{UPDATE}\n{OURS}"));
    let refresh = seconds(&mut desk, 45).remove(0);
    desk.answer(CALLEE, &refresh, "503 Busy\nRetry-After: 3", "callee", "");
    assert!(seconds(&mut desk, 2).is_empty());
    let refresh = seconds(&mut desk, 1).remove(0);
    desk.answer(CALLEE, &refresh, "500 Oops", "callee", "");
    assert!(seconds(&mut desk, 5).is_empty());
    let refresh = seconds(&mut desk, 1).remove(0);
    desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", "");
    assert_eq!(methods(&seconds(&mut desk, 45)), [Method::Update]);
}

#[test]
fn session_timer_always_refreshes_a_peer_without_timer() {
    let config = json!({"call": {"session_timer": {"always": true, "expires_secs": 90}}});
    let mut desk = Desk::new(config);
    established(&mut desk, "X-None: -");
    desk.advance(Duration::from_secs(45));
    for (peer, port) in [(CALLEE, 7002), (CALLER, 7000)] {
        let refresh = desk.taken(peer).remove(0);
        assert_eq!(refresh.method(), Method::Invite);
        desk.answer(peer, &refresh, "200 OK", "callee", &sdp("127.0.0.1", port));
    }
    desk.taken(CALLEE);
    assert_eq!(methods(&seconds(&mut desk, 45)), [Method::Invite]);
}

#[test]
fn reinvite_that_meets_our_refresh_is_491() {
    let mut desk = desk();
    let answer = established(&mut desk, OURS);
    let refresh = seconds(&mut desk, 45).remove(0);
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 2, &sdp("127.0.0.1", 7000));
    assert_eq!(desk.caller_statuses(), [491]);
    desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", &sdp("127.0.0.1", 7002));
    assert_eq!(methods(&desk.taken(CALLEE)), [Method::Ack]);
}

#[test]
fn refresh_by_reinvite_waits_for_one_under_way() {
    let mut desk = desk();
    let answer = established(&mut desk, OURS);
    desk.advance(Duration::from_secs(44));
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 2, &sdp("127.0.0.1", 7000));
    let relayed = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &relayed, "100 Trying", "callee", "");
    assert!(seconds(&mut desk, 2).is_empty());
    desk.answer(CALLEE, &relayed, "488 Not Acceptable Here", "callee", "");
    let sent = seconds(&mut desk, 2);
    assert!(sent.iter().any(|message| message.method() == Method::Invite && message.body() != b""));
}

#[test]
fn refresh_by_update_does_not_overtake_an_invite_while_there_is_time() {
    let mut desk = desk();
    let answer = established(&mut desk, &format!("{UPDATE}\n{OURS}"));
    assert!(seconds(&mut desk, 44).is_empty());
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 2, &sdp("127.0.0.1", 7001));
    let sent = methods(&seconds(&mut desk, 5));
    assert!(sent.iter().all(|method| *method == Method::Invite), "{sent:?}");
    assert!(methods(&seconds(&mut desk, 6)).contains(&Method::Update), "it cannot wait any longer");
}

#[test]
fn hangup_during_a_refresh_leaves_nothing() {
    let mut desk = desk();
    let answer = established(&mut desk, OURS);
    let refresh = seconds(&mut desk, 45).remove(0);
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    let bye = desk.taken(CALLEE).pop().unwrap();
    desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", &sdp("127.0.0.1", 7002));
    assert_eq!(methods(&desk.taken(CALLEE)), [Method::Ack]);
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    desk.assert_clean();
}

#[test]
fn changed_answer_to_our_refresh_is_offered_to_the_other_party() {
    for mode in ["all", "none"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        established(&mut desk, OURS);
        let refresh = seconds(&mut desk, 45).remove(0);
        let counted_up = sdp("127.0.0.1", 7002).replace("o=- 1 1", "o=- 1 2");
        desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", &counted_up);
        assert!(desk.taken(CALLER).is_empty(), "{mode}: a new number alone says nothing");
        let refresh = seconds(&mut desk, 45).pop().unwrap();
        let moved = sdp("127.0.0.1", 7012).replace("o=- 1 1", "o=- 1 3");
        desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", &moved);
        let offer = desk.taken(CALLER).remove(0);
        assert_eq!(offer.method(), Method::Invite);
        let body = String::from_utf8_lossy(offer.body()).into_owned();
        assert_eq!(body.contains("m=audio 7012"), mode == "none", "{body}");
        desk.taken(CALLEE);
        desk.answer(CALLER, &offer, "200 OK", "caller", &sdp("127.0.0.1", 7000));
        assert_eq!(methods(&desk.taken(CALLER)), [Method::Ack]);
        assert!(desk.taken(CALLEE).is_empty());
        let refresh = seconds(&mut desk, 45).pop().unwrap();
        desk.answer(CALLEE, &refresh, &format!("200 OK\n{OURS}"), "callee", &moved);
        assert!(desk.taken(CALLER).is_empty(), "{mode}: it is known now");
    }
}
