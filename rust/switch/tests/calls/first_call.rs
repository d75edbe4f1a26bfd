//! A call from INVITE to BYE through the switch.

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, sdp};
use pbx_sip::Name;

#[test]
fn callee_leg_is_a_dialog_of_its_own() {
    let mut desk = Desk::new(serde_json::json!({}));
    let (invite, answer) = desk.established();
    assert_ne!(invite.call_id(), "call-1");
    assert!(invite.call_id().ends_with("@pbx.test"));
    assert_ne!(invite.from_tag(), Some("caller"));
    assert_eq!(invite.max_forwards(), Some(69));
    assert_eq!(invite.named("X-Custom").next(), Some(&b"kept  as written"[..]));
    assert!(String::from_utf8_lossy(invite.header(Name::Contact).unwrap()).contains("pbx@127.0.0.1:5060"));
    assert_eq!(answer.body(), sdp("127.0.0.1", 7002).as_bytes());
}

#[test]
fn bye_of_the_caller_ends_the_callee_and_leaves_nothing() {
    let mut desk = Desk::new(serde_json::json!({"media": {"mode": "all"}}));
    let (_, answer) = desk.established();
    assert_eq!(desk.switch.health().calls, 1);
    assert_eq!(desk.switch.health().ports_used, 2);
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    assert_eq!(desk.taken(CALLER)[0].status(), 200);
    let bye = desk.taken(CALLEE).remove(0);
    assert_eq!(bye.method(), pbx_sip::Method::Bye);
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    desk.advance(Duration::from_secs(40));
    let health = desk.switch.health();
    assert_eq!((health.calls, health.dialogs, health.transactions), (0, 0, 0));
}
