//! Several targets: who wins, who is told, and what the caller hears when all fail (RFC 3261 §16.7).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_sip::{Message, Method, Name};
use serde_json::json;

fn forked(changes: serde_json::Value) -> (Desk, Message, Message) {
    let mut desk = Desk::new(changes);
    let (first, second) = desk.forked();
    (desk, first, second)
}

#[test]
fn all_bindings_ring_and_the_losers_get_cancel() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(SECOND, &second, "180 Ringing", "two", "");
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    let cancel = desk.taken(SECOND).remove(0);
    assert_eq!(cancel.method(), Method::Cancel);
    desk.answer(SECOND, &cancel, "200 OK", "two", "");
    desk.answer(SECOND, &second, "487 Request Terminated", "two", "");
    assert_eq!(desk.taken(SECOND)[0].method(), Method::Ack);
    assert_eq!(desk.caller_statuses(), [180, 200]);
}

#[test]
fn cancel_before_any_provisional_is_held_back() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    assert!(desk.taken(SECOND).is_empty());
    desk.answer(SECOND, &second, "180 Ringing", "two", "");
    assert_eq!(desk.taken(SECOND)[0].method(), Method::Cancel);
}

#[test]
fn two_answers_leave_one_bridge_and_the_other_gets_ack_and_bye() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    desk.answer(SECOND, &second, "200 OK", "two", &sdp("127.0.0.1", 7004));
    let methods: Vec<_> = desk.taken(SECOND).iter().map(Message::method).collect();
    assert_eq!(methods, [Method::Ack, Method::Bye]);
    assert_eq!(desk.caller_statuses(), [200]);
}

#[test]
fn late_copy_of_an_answer_is_acknowledged_only_though_another_callee_answered_without_a_session_before() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(CALLEE, &first, "200 OK", "one", "");
    desk.answer(SECOND, &second, "200 OK", "two", &sdp("127.0.0.1", 7004));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!(answer.status(), 200);
    desk.ack(&answer, 1, "");
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    let bye = desk.taken(SECOND).pop().unwrap();
    desk.answer(SECOND, &bye, "200 OK", "two", "");
    desk.answer(SECOND, &second, "200 OK", "two", &sdp("127.0.0.1", 7004));
    let methods: Vec<_> = desk.taken(SECOND).iter().map(Message::method).collect();
    assert_eq!(methods, [Method::Ack]);
}

#[test]
fn further_dialogs_of_one_branch_are_ended() {
    let (mut desk, first, _second) = forked(json!({}));
    for tag in ["one", "two", "three", "four", "five"] {
        desk.answer(CALLEE, &first, "200 OK", tag, &sdp("127.0.0.1", 7002));
    }
    let sent = desk.taken(CALLEE);
    let byes: Vec<_> = sent.iter().filter(|message| message.method() == Method::Bye).collect();
    assert_eq!(byes.len(), 4);
    assert!(byes.iter().all(|bye| bye.to_tag() != Some("one")));
    assert_eq!(sent.iter().filter(|message| message.method() == Method::Ack).count(), 5);
    assert_eq!(desk.caller_statuses(), [200]);
}

#[test]
fn copy_of_the_answer_is_acknowledged_again() {
    let (mut desk, first, _second) = forked(json!({}));
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    let methods: Vec<_> = desk.taken(CALLEE).iter().map(Message::method).collect();
    assert_eq!(methods, [Method::Ack, Method::Ack]);
}

#[test]
fn best_failure_reaches_the_caller_with_its_headers() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(CALLEE, &first, "486 Busy Here\nReason: Q.850;cause=17", "one", "");
    assert!(desk.caller_statuses().is_empty());
    desk.answer(SECOND, &second, "503 Service Unavailable", "two", "");
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!(answer.status(), 486);
    assert_eq!(answer.text(Name::Reason), Some("Q.850;cause=17"));
    desk.in_dialog("ACK", answer.to_tag().unwrap(), 1, "");
    desk.assert_clean();
}

#[test]
fn decline_wins_at_once_and_cancels_the_rest() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(SECOND, &second, "180 Ringing", "two", "");
    desk.answer(CALLEE, &first, "603 Decline", "one", "");
    assert_eq!(desk.taken(SECOND)[0].method(), Method::Cancel);
    assert_eq!(desk.caller_statuses(), [180, 603]);
    desk.answer(SECOND, &second, "487 Request Terminated", "two", "");
    assert!(desk.caller_statuses().is_empty());
}

#[test]
fn failure_is_hidden_when_passthrough_is_off() {
    let (mut desk, first, second) = forked(json!({"call": {"passthrough_failure": false}}));
    desk.answer(CALLEE, &first, "486 Busy Here\nReason: Q.850;cause=17", "one", "");
    desk.answer(SECOND, &second, "404 Not Found", "two", "");
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!((answer.status(), answer.text(Name::Reason)), (480, None));
}

#[test]
fn redirects_and_challenges_are_not_passed() {
    for (status, told) in [("302 Moved Temporarily", 480), ("401 Unauthorized", 403), ("407 Needed", 403)] {
        let (mut desk, first, second) = forked(json!({}));
        desk.answer(CALLEE, &first, status, "one", "");
        desk.answer(SECOND, &second, status, "two", "");
        assert_eq!(desk.caller_statuses(), [told], "{status}");
    }
}

#[test]
fn ring_limit_cancels_and_says_no_answer() {
    let (mut desk, first, second) = forked(json!({"call": {"max_ring_secs": 5}}));
    desk.answer(CALLEE, &first, "180 Ringing", "one", "");
    desk.answer(SECOND, &second, "180 Ringing", "two", "");
    desk.caller_statuses();
    desk.advance(Duration::from_secs(6));
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!(answer.status(), 480);
    assert!(answer.text(Name::Reason).unwrap().starts_with("Q.850;cause=19"));
    assert!(desk.taken(CALLEE).iter().any(|message| message.method() == Method::Cancel));
    desk.answer(CALLEE, &first, "487 Request Terminated", "one", "");
    desk.answer(SECOND, &second, "487 Request Terminated", "two", "");
    desk.in_dialog("ACK", answer.to_tag().unwrap(), 1, "");
    desk.assert_clean();
}

#[test]
fn silence_of_all_targets_is_408() {
    let (mut desk, _first, _second) = forked(json!({}));
    desk.advance(Duration::from_secs(33));
    assert_eq!(desk.caller_statuses().first(), Some(&408));
}

#[test]
fn only_the_newest_binding_rings_without_parallel_fork() {
    let mut desk = Desk::new(json!({"call": {"parallel_fork": false}}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    desk.invite(&sdp("127.0.0.1", 7000));
    assert!(desk.taken(CALLEE).is_empty());
    assert_eq!(desk.taken(SECOND)[0].method(), Method::Invite);
}

#[test]
fn user_without_binding_is_480_and_a_stranger_404() {
    let user = json!({"users": [{"username": "1002", "realm": null, "backend_realms": [], "secret": null,
        "enabled": true, "aliases": [], "display_name": null}]});
    let mut desk = Desk::new(user);
    desk.invite("");
    assert_eq!(desk.caller_statuses(), [100, 480]);
    let mut desk = Desk::new(json!({}));
    desk.invite("");
    assert_eq!(desk.caller_statuses(), [100, 404]);
}

#[test]
fn copy_of_a_losing_answer_gets_the_same_ack_and_no_second_bye() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    desk.answer(SECOND, &second, "200 OK", "two", &sdp("127.0.0.1", 7004));
    let ack = desk.taken(SECOND).remove(0);
    desk.answer(SECOND, &second, "200 OK", "two", &sdp("127.0.0.1", 7004));
    let again = desk.taken(SECOND);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].bytes(), ack.bytes());
}

#[test]
fn copy_of_the_winning_answer_after_the_call_gets_no_second_bye_although_its_branch_forked() {
    let (mut desk, first, _second) = forked(json!({}));
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    desk.answer(CALLEE, &first, "200 OK", "two", &sdp("127.0.0.1", 7004));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    for bye in desk.taken(CALLEE).into_iter().filter(|message| message.method() == Method::Bye) {
        desk.answer(CALLEE, &bye, "200 OK", "one", "");
    }
    desk.advance(Duration::from_millis(400));
    desk.taken(CALLEE);
    desk.answer(CALLEE, &first, "200 OK", "one", &sdp("127.0.0.1", 7002));
    let methods: Vec<_> = desk.taken(CALLEE).iter().map(Message::method).collect();
    assert!(!methods.contains(&Method::Bye), "{methods:?}");
}

#[test]
fn those_who_rang_in_vain_hear_that_the_call_was_completed_elsewhere() {
    let elsewhere = Some("SIP;cause=200;text=\"Call completed elsewhere\"");
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(CALLEE, &first, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    desk.taken(SECOND);
    // The CANCEL was held back until now, and keeps its reason.
    desk.answer(SECOND, &second, "180 Ringing", "second", "");
    let cancel = desk.taken(SECOND).remove(0);
    assert_eq!((cancel.method(), cancel.text(Name::Reason)), (Method::Cancel, elsewhere));
    desk.answer(SECOND, &second, "200 OK", "second", &sdp("127.0.0.1", 7004));
    let bye = desk.taken(SECOND).pop().unwrap();
    assert_eq!((bye.method(), bye.text(Name::Reason)), (Method::Bye, elsewhere));
}
