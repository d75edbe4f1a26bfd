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
