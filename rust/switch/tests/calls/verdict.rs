//! What a decision may ask for, and what becomes of one that asks for the impossible (`formats.md` §4.4, §8).

use std::time::Duration;

use crate::desk::{CALLEE, Desk, SECOND, sdp};
use pbx_sip::{Message, Name};
use pbx_switch::{Command, Decision, Forward, Reject, Target};
use serde_json::json;

fn decided(decision: Decision) -> Desk {
    let mut desk = Desk::new(json!({"call": {"ask_router": true}}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    assert_eq!(desk.caller_statuses(), [100]);
    let id = desk.asked[0].id;
    desk.switch.handle_decision(desk.now, id, decision);
    desk.drain();
    desk
}

fn uri(host: &str) -> Target {
    Target::Uri(format!("sip:x@{host}"))
}

fn to(targets: Vec<Target>) -> Decision {
    Decision::Forward(Forward { targets, ..Forward::default() })
}

#[test]
fn header_of_ours_in_a_decision_is_500_and_logged() {
    for name in
        ["Via", "v", "Call-ID", "i", "CSeq", "Content-Length", "content-location", "From", "Contact", "Route"]
    {
        let headers = vec![(name.to_owned(), "evil".to_owned())];
        let forward = Forward { headers: headers.clone(), ..Forward::default() };
        let reject = Reject { code: 403, reason: None, headers };
        for decision in [Decision::Forward(forward), Decision::Reject(reject)] {
            let mut desk = decided(decision);
            assert_eq!(desk.caller_statuses(), [500], "{name}");
            assert!(desk.taken(CALLEE).is_empty(), "{name}");
            assert!(desk.logged.contains(&"decision_unusable"), "{name}");
        }
    }
}

#[test]
fn line_ends_in_a_decision_are_500() {
    let bad = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for headers in [bad("X-A", "1\r\nX-B: 2"), bad("X-A\r\nX-B", "1"), bad("X A", "1"), bad("", "1")] {
        let mut desk = decided(Decision::Forward(Forward { headers, ..Forward::default() }));
        assert_eq!(desk.caller_statuses(), [500]);
    }
    for contact in ["a@b", "x>\r\nX: y", "", "a b"] {
        let caller_contact = Some(contact.to_owned());
        let mut desk = decided(Decision::Forward(Forward { caller_contact, ..Forward::default() }));
        assert_eq!(desk.caller_statuses(), [500], "{contact}");
    }
}

#[test]
fn reject_outside_400_to_699_is_500() {
    for code in [0, 100, 200, 302, 399, 700, 65_535] {
        let mut desk = decided(Decision::Reject(Reject { code, reason: None, headers: Vec::new() }));
        assert_eq!(desk.caller_statuses(), [500], "{code}");
    }
}

#[test]
fn operator_cannot_answer_a_ringing_call() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    desk.caller_statuses();
    let call = desk.switch.calls(desk.now, 1, None)[0].id.parse().unwrap();
    assert!(desk.switch.handle_command(desk.now, &Command::Hangup { call, code: Some(200) }));
    desk.drain();
    assert_eq!(desk.caller_statuses(), [480]);
}

#[test]
fn ring_of_no_time_is_500() {
    let forward = Forward { ring_timeout_secs: Some(0), ..Forward::default() };
    assert_eq!(decided(Decision::Forward(forward)).caller_statuses(), [500]);
}

#[test]
fn at_most_16_targets_ring_in_one_call() {
    for parallel in [true, false] {
        let targets = (0..40).map(|n| uri(&format!("127.0.0.1:{}", 6100 + n))).collect();
        let mut desk = decided(Decision::Forward(Forward { targets, parallel, ..Forward::default() }));
        let mut rung = 0;
        while let Some((to, invite)) = desk.sent.iter().find(|(to, _)| to.port() >= 6100).cloned() {
            desk.sent.retain(|(other, _)| *other != to);
            rung += 1;
            desk.answer(&to.to_string(), &invite, "503 Service Unavailable", "x", "");
            desk.taken(&to.to_string());
        }
        assert_eq!(rung, 16, "parallel: {parallel}");
        assert_eq!(desk.caller_statuses(), [503]);
    }
}

#[test]
fn unreachable_targets_are_503_and_never_sent_to() {
    for target in [
        "sip:x@224.0.0.1",
        "sip:x@255.255.255.255:5060",
        "sip:x@0.0.0.0:5060",
        "sip:x@127.0.0.1:0",
        "sip:x@[ff02::1]:5060",
        "sips:x@127.0.0.1:6003;transport=udp",
        "sip:x@127.0.0.1:6003;transport=ws",
        "sip:x@127.0.0.1:6003;transport=wss",
        "sip:x@127.0.0.1:6003;transport=sctp",
        "tel:+441234",
        "<sip:x@127.0.0.1:6003>",
        "nonsense",
        "",
    ] {
        let mut desk = decided(to(vec![Target::Uri(target.to_owned())]));
        assert_eq!(desk.caller_statuses(), [503], "{target}");
        assert!(desk.sent.is_empty(), "{target}: {:?}", desk.sent);
    }
}

#[test]
fn target_whose_name_nobody_resolves_is_503() {
    let mut desk = decided(to(vec![Target::Uri("sip:x@phone.test".to_owned())]));
    desk.advance(Duration::from_millis(4100));
    assert_eq!(desk.caller_statuses(), [503]);
    assert!(desk.sent.is_empty(), "{:?}", desk.sent);
}

#[test]
fn secure_targets_are_sent_to_over_tls() {
    for (target, remote) in [
        ("sips:x@127.0.0.1:6003", "127.0.0.1:6003"),
        ("sips:x@192.0.2.9", "192.0.2.9:5061"),
        ("sips:x@192.0.2.9;transport=tcp", "192.0.2.9:5061"),
        ("sip:x@127.0.0.1:6003;transport=tls", "127.0.0.1:6003"),
    ] {
        let mut desk = decided(to(vec![Target::Uri(target.to_owned())]));
        let invite = desk.taken(remote).remove(0);
        let header = |name| String::from_utf8_lossy(invite.header(name).unwrap()).into_owned();
        assert!(header(Name::Via).starts_with("SIP/2.0/TLS "), "{target}");
        let contact = header(Name::Contact);
        let is_secure = target.starts_with("sips");
        assert_eq!(contact.starts_with("<sips:"), is_secure, "{target}: {contact}");
        assert_eq!(contact.contains(";transport=tls"), !is_secure, "{target}: {contact}");
    }
}

#[test]
fn target_naming_a_user_at_our_own_address_rings_the_bindings() {
    for target in ["sip:1002@127.0.0.1", "sip:1002@127.0.0.1:5060", "sip:%31002@127.0.0.1;x=y"] {
        let mut desk = decided(to(vec![Target::Uri(target.to_owned())]));
        let invite = desk.taken(CALLEE).remove(0);
        assert_eq!(invite.request_uri(), format!("sip:1002@{CALLEE}"), "{target}");
    }
    assert_eq!(decided(to(vec![Target::Uri("sip:nobody@127.0.0.1".to_owned())])).caller_statuses(), [404]);
}

#[test]
fn one_good_target_among_bad_ones_rings() {
    let targets =
        vec![Target::User("nobody".to_owned()), Target::Uri("sip:x@phone.test".to_owned()), uri(SECOND)];
    let mut desk = decided(to(targets));
    desk.advance(Duration::from_millis(4100));
    assert_eq!(desk.taken(SECOND).len(), 1);
}

#[test]
fn busy_user_is_no_reason_to_try_the_next_target() {
    let mut desk = decided(to(vec![Target::User("1002".to_owned()), uri(SECOND)]));
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "486 Busy Here", "x", "");
    assert_eq!(desk.caller_statuses(), [486]);
    assert!(desk.taken(SECOND).is_empty());
}

#[test]
fn last_cause_is_what_the_caller_hears() {
    let mut desk = decided(to(vec![uri(SECOND), Target::User("1002".to_owned())]));
    let first = desk.taken(SECOND).remove(0);
    desk.answer(SECOND, &first, "408 Request Timeout", "x", "");
    let second = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &second, "503 Service Unavailable", "x", "");
    assert_eq!(desk.caller_statuses(), [503]);
}

#[test]
fn written_headers_reach_the_callee_beside_those_of_the_caller() {
    let headers =
        vec![("X-Custom".to_owned(), "ours".to_owned()), ("Alert-Info".to_owned(), "<x>".to_owned())];
    let mut desk = decided(Decision::Forward(Forward { headers, ..Forward::default() }));
    let invite: Message = desk.taken(CALLEE).remove(0);
    let values: Vec<_> = invite.named("X-Custom").collect();
    assert_eq!(values, [&b"kept  as written"[..], b"ours"]);
    assert_eq!(invite.text(Name::AlertInfo), Some("<x>"));
}

#[test]
fn call_to_a_foreign_host_needs_a_route() {
    let realms = json!([{"host": "lab.test", "port": null}]);
    let mut desk = Desk::new(json!({"identity": {"realms": realms}}));
    desk.register("1002", CALLEE);
    desk.invite_to("sip:1002@elsewhere.test", "Subject: x", "");
    assert_eq!(desk.caller_statuses(), [100, 404]);
    assert!(desk.taken(CALLEE).is_empty());
}

#[test]
fn route_with_a_header_of_ours_is_refused_at_load() {
    let route = json!({"name": "block", "origin": "t:1", "direction": null, "action":
        {"kind": "reject", "code": 410, "reason": null, "headers": [["Via", "x"]]},
        "matchers": [], "max_ring_secs": null, "codecs": null, "media": null});
    let mut desk = Desk::new(json!({}));
    let changed = crate::desk::config(json!({"routes": [route]}));
    let error = desk.switch.handle_config(desk.now, &changed).unwrap_err().to_string();
    assert!(error.contains("reject.headers") && error.contains("Via"), "{error}");
}
