//! Phones with several flows (RFC 5626) and addresses of one phone (RFC 5627).

use std::time::Duration;

use pbx_sip::{Message, Method, Name};
use serde_json::json;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};

const THIRD: &str = "127.0.0.1:6004";
const PHONE: &str = ";+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-000000000001>\"";

/// One phone with two flows, the newer one through `SECOND`, and another phone.
fn two_flows(desk: &mut Desk) {
    for (flow, reg_id) in [(CALLEE, 1), (SECOND, 2)] {
        desk.register_as("1002", flow, &format!("{PHONE};reg-id={reg_id}"), "Supported: path, outbound");
    }
}

fn requests(messages: &[Message], method: Method) -> usize {
    messages.iter().filter(|message| message.is_request() && message.method() == method).count()
}

#[test]
fn flows_of_one_phone_are_tried_one_after_the_other_the_newest_first() {
    for failure in ["430 Flow Failed", "503 Off", "408 Gone"] {
        let mut desk = Desk::new(json!({}));
        two_flows(&mut desk);
        desk.invite(&sdp("127.0.0.1", 7000));
        assert!(desk.taken(CALLEE).is_empty(), "one phone rings once");
        let invite = desk.taken(SECOND).remove(0);
        desk.answer(SECOND, &invite, failure, "b", "");
        let again = desk.taken(CALLEE).remove(0);
        assert_eq!(again.header(Name::MaxBreadth), invite.header(Name::MaxBreadth));
        assert_eq!(desk.caller_statuses(), [100]);
        desk.answer(CALLEE, &again, "200 OK", "c", &sdp("127.0.0.1", 7002));
        assert_eq!(desk.caller_statuses(), [200], "{failure}");
    }
}

#[test]
fn phone_that_refuses_is_not_asked_again_over_another_flow() {
    let mut desk = Desk::new(json!({}));
    two_flows(&mut desk);
    desk.invite(&sdp("127.0.0.1", 7000));
    let invite = desk.taken(SECOND).remove(0);
    desk.answer(SECOND, &invite, "486 Busy Here", "b", "");
    assert_eq!(desk.caller_statuses(), [100, 486]);
    assert!(desk.taken(CALLEE).is_empty());
    desk.assert_clean();
}

#[test]
fn silent_flow_gives_way_to_the_next_and_the_last_failure_is_told() {
    let mut desk = Desk::new(json!({}));
    two_flows(&mut desk);
    desk.invite(&sdp("127.0.0.1", 7000));
    desk.advance(Duration::from_secs(33));
    assert!(requests(&desk.taken(SECOND), Method::Invite) > 1);
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "430 Flow Failed", "b", "");
    assert_eq!(desk.caller_statuses(), [100, 430]);
    desk.assert_clean();
}

#[test]
fn message_takes_the_next_flow_too() {
    let mut desk = Desk::new(json!({}));
    two_flows(&mut desk);
    desk.deliver(
        CALLER,
        &format!(
            "MESSAGE sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKm;rport
             From: <sip:1001@127.0.0.1>;tag=m
             To: <sip:1002@127.0.0.1>
             Call-ID: m
             CSeq: 1 MESSAGE"
        ),
        "",
    );
    assert!(desk.taken(CALLEE).is_empty());
    let sent = desk.taken(SECOND).remove(0);
    desk.answer(SECOND, &sent, "430 Flow Failed", "b", "");
    let again = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &again, "200 OK", "c", "");
    assert_eq!(desk.caller_statuses(), [200]);
    desk.assert_clean();
}

#[test]
fn gruu_of_one_phone_rings_that_phone_alone() {
    let mut desk = Desk::new(json!({}));
    let given = desk.register_as("1002", CALLEE, PHONE, "Supported: gruu");
    desk.register("1002", THIRD);
    let contact = given.text(Name::Contact).unwrap().to_owned();
    let quoted = |name: &str| {
        let start = contact.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
        contact[start..].split('"').next().unwrap().to_owned()
    };
    for uri in [quoted("pub-gruu"), quoted("temp-gruu")] {
        desk.invite_to(&uri, "X-None: -", &sdp("127.0.0.1", 7000));
        assert!(desk.taken(THIRD).is_empty(), "{uri}");
        let invite = desk.taken(CALLEE).remove(0);
        assert_eq!(invite.request_uri(), format!("sip:1002@{CALLEE}"));
        desk.answer(CALLEE, &invite, "486 Busy Here", "b", "");
        assert_eq!(desk.caller_statuses(), [100, 486]);
        desk.advance(Duration::from_secs(40));
        desk.sent.clear();
    }
    desk.invite_to("sip:tgruu.AAAA@127.0.0.1;gr", "X-None: -", &sdp("127.0.0.1", 7000));
    assert_eq!(desk.caller_statuses(), [100, 404]);
}

/// A caller at `CALLER` whose Contact does not lead there; returns what an INFO of the callee reaches it as.
fn info_towards(contact: &str) -> Message {
    let mut desk = Desk::new(json!({"nat_fix": false}));
    desk.register("1002", CALLEE);
    desk.deliver(
        CALLER,
        &format!(
            "INVITE sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKob;rport
             From: <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>
             Call-ID: call-1
             CSeq: 1 INVITE
             Contact: <{contact}>"
        ),
        &sdp("127.0.0.1", 7000),
    );
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.callee_request("INFO", &invite, "callee", 1, "");
    desk.taken(CALLER).remove(0)
}

#[test]
fn caller_with_ob_gets_requests_in_the_call_the_way_it_came() {
    let contact = "sip:1001@198.51.100.9:5070;ob";
    let info = info_towards(contact);
    assert_eq!((info.method(), info.request_uri()), (Method::Info, contact));
}

#[test]
fn caller_whose_contact_is_a_gruu_gets_requests_in_the_call_the_way_it_came() {
    for contact in
        ["sip:1001@127.0.0.1;gr=urn:uuid:00000000-0000-0000-0000-000000000001", "sip:tgruu.A@127.0.0.1;gr"]
    {
        let info = info_towards(contact);
        assert_eq!((info.method(), info.request_uri()), (Method::Info, contact));
    }
}

#[test]
fn contact_with_ob_is_reached_the_way_it_came() {
    let mut desk = Desk::new(json!({"nat_fix": false}));
    desk.register_at("1002", CALLEE, "<sip:1002@198.51.100.9:5070;ob>");
    desk.invite(&sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    assert_eq!(invite.request_uri(), "sip:1002@198.51.100.9:5070;ob");
}
