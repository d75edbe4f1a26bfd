//! Requests that would come back for ever (reliability T10).

use crate::desk::{CALLER, Desk, sdp};
use pbx_sip::Method;
use serde_json::json;

const MAX_MESSAGES: usize = 70;

#[test]
fn users_registered_at_each_other_are_482_and_nothing_is_sent_round() {
    let mut desk = Desk::new(json!({}));
    desk.register_at("1001", CALLER, "<sip:1002@127.0.0.1:5060>");
    desk.register_at("1002", CALLER, "<sip:1001@127.0.0.1>");
    desk.invite(&sdp("127.0.0.1", 7000));
    let sent = std::mem::take(&mut desk.sent);
    let statuses: Vec<_> = sent.iter().map(|(_, message)| message.status()).collect();
    assert_eq!(statuses, [100, 482]);
    desk.assert_clean();
    assert!(desk.sent.len() < MAX_MESSAGES);
}

#[test]
fn a_phone_beside_a_loop_rings() {
    let mut desk = Desk::new(json!({}));
    desk.register_at("1002", CALLER, "<sip:1001@127.0.0.1:5060>");
    desk.register("1002", crate::desk::SECOND);
    desk.invite(&sdp("127.0.0.1", 7000));
    assert_eq!(desk.taken(crate::desk::SECOND)[0].method(), Method::Invite);
    assert!(desk.taken("127.0.0.1:5060").is_empty());
}

#[test]
fn request_without_hops_left_costs_one_answer() {
    for method in ["INVITE", "MESSAGE", "OPTIONS", "REFER", "SUBSCRIBE"] {
        let mut desk = Desk::new(json!({}));
        desk.register("1002", crate::desk::CALLEE);
        desk.deliver(
            CALLER,
            &format!(
                "{method} sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKhops;rport
             From: <sip:1001@127.0.0.1>;tag=hops
             To: <sip:1002@127.0.0.1>
             Call-ID: hops
             CSeq: 1 {method}
             Contact: <sip:1001@{CALLER}>
             Max-Forwards: 0"
            ),
            "",
        );
        desk.advance(std::time::Duration::from_millis(400));
        assert_eq!(desk.sent.len(), 1, "{method}: {:?}", desk.sent);
    }
}

#[test]
fn phones_that_send_the_call_back_to_us_are_answered_within_70_messages() {
    let mut desk = Desk::new(json!({}));
    for user in ["1001", "1002", "1003"] {
        for turn in 1..=5 {
            let next = if user == "1003" { "1001" } else { "1002" };
            desk.register_at(
                user,
                &format!("127.0.0.1:61{turn:02}"),
                &format!("<sip:{next}@127.0.0.1:5060;x={turn}>"),
            );
        }
    }
    desk.invite(&sdp("127.0.0.1", 7000));
    desk.assert_clean();
    assert!(desk.sent.len() <= MAX_MESSAGES, "{}", desk.sent.len());
}

#[test]
fn sixty_routes_to_ourselves_are_taken_off_at_once() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", crate::desk::CALLEE);
    let routes = vec!["Route: <sip:127.0.0.1:5060;lr>"; 60].join("\r\n");
    desk.invite_to("sip:1002@127.0.0.1", &routes, &sdp("127.0.0.1", 7000));
    let invite = desk.taken(crate::desk::CALLEE).remove(0);
    assert!(invite.header(pbx_sip::Name::Route).is_none());
    desk.advance(std::time::Duration::from_secs(200));
    assert!(desk.sent.len() < MAX_MESSAGES, "{}", desk.sent.len());
}
