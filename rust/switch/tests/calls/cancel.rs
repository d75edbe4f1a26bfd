//! CANCEL in every order against the answer (RFC 3261 §9).

use crate::desk::{CALLEE, CALLER, Desk, sdp};
use pbx_sip::{Method, Name};
use serde_json::json;

#[test]
fn caller_gets_200_for_cancel_and_487_for_invite() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "180 Ringing", "callee", "");
    desk.caller_statuses();
    desk.cancel("z9hG4bKinv1");
    let answers = desk.taken(CALLER);
    assert_eq!(answers.iter().map(pbx_sip::Message::status).collect::<Vec<_>>(), [200, 487]);
    let sent = desk.taken(CALLEE).remove(0);
    assert_eq!(sent.method(), Method::Cancel);
    assert_eq!(sent.header(Name::Via), invite.header(Name::Via));
    desk.answer(CALLEE, &sent, "200 OK", "callee", "");
    desk.answer(CALLEE, &invite, "487 Request Terminated", "callee", "");
    desk.in_dialog("ACK", answers[1].to_tag().unwrap(), 1, "");
    desk.assert_clean();
}

#[test]
fn answer_that_crosses_the_cancel_is_ended_with_bye() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "180 Ringing", "callee", "");
    desk.cancel("z9hG4bKinv1");
    desk.taken(CALLEE);
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let methods: Vec<_> = desk.taken(CALLEE).iter().map(pbx_sip::Message::method).collect();
    assert_eq!(methods, [Method::Ack, Method::Bye]);
    assert!(desk.caller_statuses().contains(&487));
    desk.assert_clean();
}

#[test]
fn cancel_for_nothing_is_481() {
    let mut desk = Desk::new(json!({}));
    desk.cancel("z9hG4bKother");
    assert_eq!(desk.caller_statuses(), [481]);
}

#[test]
fn cancel_after_the_answer_changes_nothing() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    desk.caller_statuses();
    desk.cancel("z9hG4bKinv1");
    assert_eq!(desk.caller_statuses(), [200]);
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn broken_connection_of_the_caller_cancels_the_callee() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.over_stream(|desk| desk.invite(&sdp("127.0.0.1", 7000)));
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "180 Ringing", "callee", "");
    desk.close_stream();
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Cancel);
    desk.answer(CALLEE, &invite, "487 Request Terminated", "callee", "");
    desk.sent.clear();
    desk.assert_clean();
}

#[test]
fn answer_without_contact_is_acknowledged_where_the_invite_went() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.without_contact = true;
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let ack = desk.taken(CALLEE).remove(0);
    assert_eq!((ack.method(), ack.request_uri()), (Method::Ack, invite.request_uri()));
}

#[test]
fn caller_whose_connection_broke_may_send_its_invite_again() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.over_stream(|desk| desk.invite(&sdp("127.0.0.1", 7000)));
    desk.close_stream();
    desk.taken(CALLEE);
    desk.taken(CALLER);
    desk.invite(&sdp("127.0.0.1", 7000));
    assert_eq!(desk.caller_statuses(), [100]);
    assert_eq!(desk.taken(CALLEE).len(), 1);
}

#[test]
fn cancel_of_a_call_completed_elsewhere_says_so_to_the_callee_too() {
    for (reason, told) in [
        (
            "SIP ;cause=200 ;text=\"Call completed elsewhere\"",
            Some("SIP;cause=200;text=\"Call completed elsewhere\""),
        ),
        ("Q.850;cause=200", None),
        ("SIP;cause=487", None),
    ] {
        let mut desk = Desk::new(json!({}));
        let invite = desk.ringing();
        desk.answer(CALLEE, &invite, "180 Ringing", "callee", "");
        desk.deliver(
            CALLER,
            &format!(
                "CANCEL sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKinv1;rport
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>
             Call-ID: call-1
             CSeq: 1 CANCEL
             Reason: {reason}
             Max-Forwards: 70"
            ),
            "",
        );
        let cancel = desk.taken(CALLEE).remove(0);
        assert_eq!((cancel.method(), cancel.text(pbx_sip::Name::Reason)), (Method::Cancel, told), "{reason}");
    }
}
