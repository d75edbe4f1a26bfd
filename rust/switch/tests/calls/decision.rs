//! Calls that wait for Python: nothing else waits with them (`design.md` §4).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_sip::{Message, Name};
use pbx_switch::{Decision, Forward, Reject, Target};
use serde_json::json;

fn asked() -> Desk {
    let mut desk = Desk::new(json!({"call": {"ask_router": true}}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    assert_eq!(desk.caller_statuses(), [100]);
    assert_eq!(desk.asked.len(), 1);
    assert!(desk.taken(CALLEE).is_empty());
    desk
}

fn decide(desk: &mut Desk, decision: Decision) {
    let id = desk.asked[0].id;
    desk.switch.handle_decision(desk.now, id, decision);
    desk.drain();
}

#[test]
fn question_shows_the_invite_without_credentials() {
    let desk = asked();
    let view = &desk.asked[0].invite;
    assert_eq!(
        (view.from_user.as_str(), view.to_user.as_str(), view.direction),
        ("1001", "1002", "internal")
    );
    assert!(view.headers.iter().any(|(name, value)| name == "X-Custom" && value == "kept  as written"));
    assert_eq!(view.source.to_string(), CALLER);
}

#[test]
fn forward_rings_the_targets_with_added_headers() {
    let mut desk = asked();
    let forward = Forward {
        targets: vec![Target::Uri(format!("sip:x@{SECOND}"))],
        headers: vec![("X-Added".to_owned(), "yes".to_owned())],
        drop_original_headers: true,
        caller_contact: Some("desk".to_owned()),
        ..Forward::default()
    };
    decide(&mut desk, Decision::Forward(forward));
    let invite = desk.taken(SECOND).remove(0);
    assert_eq!(invite.request_uri(), format!("sip:x@{SECOND}"));
    assert_eq!(invite.named("X-Added").next(), Some(&b"yes"[..]));
    assert_eq!(invite.named("X-Custom").next(), None);
    assert!(invite.text(Name::Contact).unwrap().contains("sip:desk@"));
}

#[test]
fn targets_are_tried_in_order_on_failures_that_allow_it() {
    let mut desk = asked();
    let targets = vec![Target::Uri(format!("sip:x@{SECOND}")), Target::User("1002".to_owned())];
    decide(&mut desk, Decision::Forward(Forward { targets, ..Forward::default() }));
    let first = desk.taken(SECOND).remove(0);
    assert!(desk.taken(CALLEE).is_empty());
    desk.answer(SECOND, &first, "503 Service Unavailable", "x", "");
    assert_eq!(desk.taken(CALLEE).len(), 1);
}

#[test]
fn busy_is_no_reason_to_try_the_next_target() {
    let mut desk = asked();
    let targets = vec![Target::Uri(format!("sip:x@{SECOND}")), Target::User("1002".to_owned())];
    decide(&mut desk, Decision::Forward(Forward { targets, ..Forward::default() }));
    let first = desk.taken(SECOND).remove(0);
    desk.answer(SECOND, &first, "486 Busy Here", "x", "");
    assert_eq!(desk.caller_statuses(), [486]);
    assert!(desk.taken(CALLEE).is_empty());
}

#[test]
fn verdicts_have_their_status() {
    let reject =
        Reject { code: 433, reason: Some("No".to_owned()), headers: vec![("X-Why".into(), "w".into())] };
    for (decision, status) in
        [(Decision::Reject(reject), 433), (Decision::Failed {}, 500), (Decision::Overdue {}, 503)]
    {
        let mut desk = asked();
        decide(&mut desk, decision);
        let answers = desk.taken(CALLER);
        assert_eq!(answers.iter().map(Message::status).collect::<Vec<_>>(), [status]);
        desk.in_dialog("ACK", answers[0].to_tag().unwrap(), 1, "");
        desk.assert_clean();
    }
}

#[test]
fn not_handled_falls_to_the_bindings() {
    let mut desk = asked();
    decide(&mut desk, Decision::NotHandled {});
    assert_eq!(desk.taken(CALLEE).len(), 1);
}

#[test]
fn silence_past_the_deadline_is_503_and_a_late_answer_is_ignored() {
    let mut desk = asked();
    desk.advance(Duration::from_millis(2001));
    let refused = desk.taken(CALLER).remove(0);
    assert_eq!(refused.status(), 503);
    assert!(refused.header(Name::RetryAfter).is_some());
    decide(&mut desk, Decision::NotHandled {});
    assert!(desk.taken(CALLEE).is_empty());
    assert_eq!(desk.switch.health().calls, 0);
}

#[test]
fn cancel_while_waiting_is_487() {
    let mut desk = asked();
    desk.cancel("z9hG4bKinv1");
    assert_eq!(desk.caller_statuses(), [200, 487]);
    assert_eq!(desk.switch.health().queries, 0);
}

#[test]
fn too_many_waiting_calls_are_503_at_once() {
    let mut desk = Desk::new(json!({"call": {"ask_router": true}, "limits": {"max_queries": 0}}));
    desk.invite("");
    assert_eq!(desk.caller_statuses(), [100, 503]);
}

#[test]
fn static_routes_decide_without_a_question() {
    let route = json!({"name": "block", "origin": "t:1", "direction": null, "action":
        {"kind": "reject", "code": 410, "reason": null, "headers": [["X-Rule", "block"]]},
        "matchers": [{"field": "to_user", "pattern": "1002"}], "max_ring_secs": null, "codecs": null, "media": null});
    let mut desk = Desk::new(json!({"routes": [route]}));
    desk.invite("");
    let answers = desk.taken(CALLER);
    assert_eq!(answers[1].status(), 410);
    assert_eq!(answers[1].named("X-Rule").next(), Some(&b"block"[..]));
}
