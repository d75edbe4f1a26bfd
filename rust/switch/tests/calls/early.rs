//! Before the answer: who is still awaited, and what the caller hears when nobody answers (RFC 3261 §16.7, §16.8).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_sip::{Message, Method, Name};
use serde_json::json;

fn forked(changes: serde_json::Value) -> (Desk, Message, Message) {
    let mut desk = Desk::new(changes);
    let (first, second) = desk.forked();
    (desk, first, second)
}

/// Registers with a preference.
fn register(desk: &mut Desk, from: &str, q: &str) {
    desk.deliver(
        from,
        &format!(
            "REGISTER sip:127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {from};branch=z9hG4bKreg{from};rport
             From: <sip:1002@127.0.0.1>;tag=r
             To: <sip:1002@127.0.0.1>
             Call-ID: reg-{from}
             CSeq: 1 REGISTER
             Contact: <sip:1002@{from}>;q={q}"
        ),
        "",
    );
    desk.taken(from);
}

#[test]
fn decline_is_passed_at_once_although_a_cancelled_fork_is_silent() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(SECOND, &second, "180 Ringing", "two", "");
    desk.caller_statuses();
    desk.answer(CALLEE, &first, "603 Decline", "one", "");
    assert_eq!(desk.taken(SECOND)[0].method(), Method::Cancel);
    assert_eq!(desk.caller_statuses(), [603]);
}

#[test]
fn answer_that_races_with_a_decline_is_ended() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(SECOND, &second, "180 Ringing", "two", "");
    desk.answer(CALLEE, &first, "603 Decline", "one", "");
    desk.taken(SECOND);
    let refused = desk.taken(CALLER).pop().unwrap();
    desk.answer(SECOND, &second, "200 OK", "two", &sdp("127.0.0.1", 7004));
    let methods: Vec<_> = desk.taken(SECOND).iter().map(Message::method).collect();
    assert_eq!(methods, [Method::Ack, Method::Bye]);
    desk.in_dialog("ACK", refused.to_tag().unwrap(), 1, "");
    assert!(desk.caller_statuses().is_empty());
    desk.assert_clean();
}

#[test]
fn silent_fork_of_an_earlier_group_does_not_hold_back_the_verdict() {
    let mut desk = Desk::new(json!({"call": {"max_ring_secs": 5}}));
    register(&mut desk, CALLEE, "1.0");
    register(&mut desk, SECOND, "0.5");
    desk.invite(&sdp("127.0.0.1", 7000));
    let first = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &first, "180 Ringing", "one", "");
    desk.advance(Duration::from_secs(6));
    let second = desk.taken(SECOND).remove(0);
    desk.caller_statuses();
    desk.answer(SECOND, &second, "486 Busy Here", "two", "");
    assert_eq!(desk.caller_statuses(), [486]);
}

#[test]
fn ring_limit_of_the_last_group_says_no_answer_whatever_passthrough_says() {
    let (mut desk, first, _) = forked(json!({"call": {"max_ring_secs": 5, "passthrough_failure": false}}));
    desk.answer(CALLEE, &first, "180 Ringing", "one", "");
    desk.caller_statuses();
    desk.advance(Duration::from_secs(6));
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!((answer.status(), answer.text(Name::Reason).is_some()), (480, true));
}

#[test]
fn without_a_ring_limit_each_provisional_restarts_timer_c() {
    let (mut desk, first, second) = forked(json!({}));
    desk.answer(SECOND, &second, "486 Busy Here", "two", "");
    for _ in 0..3 {
        desk.answer(CALLEE, &first, "180 Ringing", "one", "");
        desk.advance(Duration::from_secs(150));
    }
    assert!(desk.taken(CALLER).iter().all(|message| message.status() == 180));
    assert_eq!(desk.switch.health().calls, 1);
    desk.advance(Duration::from_secs(31));
    assert!(desk.taken(CALLEE).iter().any(|message| message.method() == Method::Cancel));
    assert_eq!(desk.caller_statuses().first(), Some(&486));
}

#[test]
fn ringing_for_ever_ends_with_480_by_timer_c() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "180 Ringing", "one", "");
    desk.caller_statuses();
    desk.advance(Duration::from_secs(181));
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!(answer.status(), 480);
    assert!(answer.text(Name::Reason).unwrap().starts_with("Q.850;cause=19"));
    desk.answer(CALLEE, &invite, "487 Request Terminated", "one", "");
    desk.in_dialog("ACK", answer.to_tag().unwrap(), 1, "");
    desk.assert_clean();
}

#[test]
fn codec_verdict_is_ours_and_told_whatever_passthrough_says() {
    let call = json!({"passthrough_failure": false});
    let media = json!({"mode": "auto", "audio_codecs": ["opus"]});
    let mut desk = Desk::new(json!({"call": call, "media": media}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!(answer.status(), 488);
    assert!(answer.text(Name::Warning).is_some_and(|warning| warning.starts_with("305")));
}

#[test]
fn answer_without_a_body_is_ended_and_the_caller_hears_488() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK", "one", "");
    let methods: Vec<_> = desk.taken(CALLEE).iter().map(Message::method).collect();
    assert_eq!(methods, [Method::Ack, Method::Bye]);
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!((answer.status(), answer.text(Name::Warning).is_some()), (488, true));
}

#[test]
fn second_invite_before_the_answer_is_500_with_retry_after() {
    let (mut desk, first, _) = forked(json!({}));
    desk.answer(CALLEE, &first, "180 Ringing", "one", "");
    let ringing = desk.taken(CALLER).remove(0);
    let tag = ringing.to_tag().unwrap().to_owned();
    for (cseq, method) in [(2, "INVITE"), (3, "INFO")] {
        desk.in_dialog(method, &tag, cseq, "");
        let refused = desk.taken(CALLER).pop().unwrap();
        assert_eq!(refused.status(), 500, "{method}");
        assert!(refused.number(Name::RetryAfter).is_some_and(|secs| secs <= 10));
    }
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn bye_in_an_early_dialog_ends_it_like_cancel() {
    let (mut desk, first, _) = forked(json!({}));
    desk.answer(CALLEE, &first, "180 Ringing", "one", "");
    let tag = desk.taken(CALLER)[0].to_tag().unwrap().to_owned();
    desk.in_dialog("BYE", &tag, 2, "");
    assert_eq!(desk.caller_statuses(), [200, 487]);
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Cancel);
}

#[test]
fn loop_through_own_bindings_is_cut_by_breadth() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    desk.invite_to("sip:1002@127.0.0.1", "Max-Breadth: 9", "");
    let shares: Vec<_> = [CALLEE, SECOND].map(|to| desk.taken(to).remove(0).number(Name::MaxBreadth)).into();
    assert_eq!(shares.iter().flatten().sum::<u32>(), 9, "{shares:?}");
    assert!(shares.iter().all(|share| share.is_some_and(|share| share >= 4)));
}

#[test]
fn without_max_breadth_the_forks_share_sixty() {
    let (_, first, second) = forked(json!({}));
    assert_eq!((first.number(Name::MaxBreadth), second.number(Name::MaxBreadth)), (Some(30), Some(30)));
}

#[test]
fn breadth_used_up_is_440_and_a_breadth_of_one_rings_one() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    desk.invite_to("sip:1002@127.0.0.1", "Max-Breadth: 0", "");
    assert_eq!(desk.caller_statuses(), [440]);
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    desk.invite_to("sip:1002@127.0.0.1", "Max-Breadth: 1", "");
    assert_eq!(desk.taken(CALLEE).len() + desk.taken(SECOND).len(), 1);
}
