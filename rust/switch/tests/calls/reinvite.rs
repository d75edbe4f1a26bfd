//! Requests that cross an established call: hold, late offers, glare, hang-up (RFC 3261 §14, RFC 3264 §8).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, sdp};
use pbx_sip::{Message, Method};
use serde_json::json;

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

#[test]
fn hold_reaches_the_other_party_and_its_answer_comes_back() {
    for mode in ["all", "none", "auto"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        let (_, answer) = desk.established();
        let hold = sdp("127.0.0.1", 7000) + "a=sendonly\r\n";
        desk.in_dialog("INVITE", answer.to_tag().unwrap(), 2, &hold);
        let invite = desk.taken(CALLEE).remove(0);
        assert!(text(&invite).contains("a=sendonly"), "{mode}: {}", text(&invite));
        let held = sdp("127.0.0.1", 7002) + "a=recvonly\r\n";
        desk.answer(CALLEE, &invite, "200 OK", "callee", &held);
        assert_eq!(desk.taken(CALLEE)[0].method(), Method::Ack);
        let answer = desk.taken(CALLER).pop().unwrap();
        assert_eq!(answer.status(), 200);
        assert!(text(&answer).contains("a=recvonly"), "{mode}");
        desk.ack(&answer, 2, "");
        assert_eq!(desk.switch.health().calls, 1);
    }
}

#[test]
fn anchored_bodies_name_us_on_both_legs() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    let (invite, answer) = desk.established();
    assert!(!text(&invite).contains("m=audio 7000"), "{}", text(&invite));
    assert!(!text(&answer).contains("m=audio 7002"), "{}", text(&answer));
    assert!(text(&invite).contains("m=audio 200"), "{}", text(&invite));
}

#[test]
fn callee_can_hold_too() {
    let mut desk = Desk::new(json!({}));
    let (invite, _) = desk.established();
    desk.callee_request("INVITE", &invite, "callee", 1, &(sdp("127.0.0.1", 7002) + "a=inactive\r\n"));
    let shown = desk.taken(CALLER).remove(0);
    assert_eq!(shown.method(), Method::Invite);
    desk.answer(CALLER, &shown, "200 OK", "caller", &(sdp("127.0.0.1", 7000) + "a=inactive\r\n"));
    assert!(desk.taken(CALLEE).iter().any(|message| message.status() == 200));
}

#[test]
fn glare_is_491_and_overlap_500() {
    let mut desk = Desk::new(json!({}));
    let (invite, answer) = desk.established();
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 2, &sdp("127.0.0.1", 7000));
    desk.callee_request("INVITE", &invite, "callee", 1, &sdp("127.0.0.1", 7002));
    assert!(desk.taken(CALLEE).iter().any(|message| message.status() == 491));
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 3, &sdp("127.0.0.1", 7000));
    let refused = desk.taken(CALLER).pop().unwrap();
    assert_eq!(refused.status(), 500);
    assert!(refused.number(pbx_sip::Name::RetryAfter).is_some_and(|secs| secs <= 10));
}

#[test]
fn late_offer_travels_in_the_answer_and_the_answer_in_the_ack() {
    for mode in ["all", "none"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        desk.register("1002", CALLEE);
        desk.invite("");
        let invite = desk.taken(CALLEE).remove(0);
        assert!(invite.body().is_empty());
        desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
        assert!(desk.taken(CALLEE).is_empty(), "the ACK waits for the caller's answer");
        let answer = desk.taken(CALLER).pop().unwrap();
        assert!(text(&answer).contains("m=audio"));
        assert_eq!(mode == "none", text(&answer).contains("m=audio 7002"), "{mode}");
        desk.ack(&answer, 1, &sdp("127.0.0.1", 7000));
        let ack = desk.taken(CALLEE).remove(0);
        assert_eq!(ack.method(), Method::Ack);
        assert_eq!(mode == "none", text(&ack).contains("m=audio 7000"), "{mode}");
    }
}

#[test]
fn unacknowledged_answer_is_repeated_then_both_get_bye() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    desk.advance(Duration::from_secs(33));
    let copies = desk.taken(CALLER);
    let answers = copies.iter().filter(|message| message.status() == 200).count();
    assert!((10..=11).contains(&answers), "{answers}");
    assert!(copies.iter().any(|message| message.method() == Method::Bye));
    assert!(desk.taken(CALLEE).iter().any(|message| message.method() == Method::Bye));
    desk.assert_clean();
}

#[test]
fn bye_before_the_ack_waits_for_it() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.callee_request("BYE", &invite, "callee", 1, "");
    assert!(desk.taken(CALLER).is_empty(), "RFC 3261 §15: no BYE before the ACK");
    desk.ack(&answer, 1, "");
    let bye = desk.taken(CALLER).remove(0);
    assert_eq!(bye.method(), Method::Bye);
    desk.answer(CALLER, &bye, "200 OK", "caller", "");
    desk.assert_clean();
}

#[test]
fn info_crosses_with_its_body() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog("INFO", &tag, 2, "");
    let info = desk.taken(CALLEE).remove(0);
    assert_eq!(info.method(), Method::Info);
    desk.answer(CALLEE, &info, "200 OK", "callee", "");
    assert_eq!(desk.caller_statuses(), [200]);
}

#[test]
fn lower_cseq_is_500_and_unknown_dialog_481() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog("INFO", &tag, 1, "");
    assert_eq!(desk.caller_statuses(), [500]);
    for method in ["BYE", "INFO", "UPDATE", "INVITE"] {
        desk.in_dialog(method, "0123456789abcdef0", 9, "");
        assert_eq!(desk.caller_statuses(), [481], "{method}");
    }
}

#[test]
fn peer_that_lost_the_dialog_ends_the_call() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog("INVITE", &tag, 2, &sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "481 Call Does Not Exist", "callee", "");
    let sent = desk.taken(CALLER);
    assert!(sent.iter().any(|message| message.status() == 481));
    assert!(sent.iter().any(|message| message.method() == Method::Bye));
    desk.in_dialog("ACK", &tag, 2, "");
    desk.assert_clean();
}

#[test]
fn copy_of_the_answer_after_the_call_is_acknowledged_and_nothing_more() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    let bye = desk.taken(CALLEE).pop().unwrap();
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    assert_eq!(desk.switch.health().calls, 0);
    for _ in 0..2 {
        desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
        let methods: Vec<_> = desk.taken(CALLEE).iter().map(Message::method).collect();
        assert_eq!(methods, [Method::Ack]);
    }
}

#[test]
fn copy_of_a_relayed_answer_after_the_call_is_acknowledged_and_nothing_more() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog("INVITE", &tag, 2, &sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    desk.in_dialog("BYE", &tag, 3, "");
    let bye = desk.taken(CALLEE).pop().unwrap();
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    for _ in 0..2 {
        desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
        let methods: Vec<_> = desk.taken(CALLEE).iter().map(Message::method).collect();
        assert_eq!(methods, [Method::Ack]);
    }
}
