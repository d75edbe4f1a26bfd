//! MESSAGE outside dialogs (RFC 3428, `config.md` §3 step 13).

use std::time::Duration;

use pbx_sip::{Message, Method, Name};
use serde_json::json;

use crate::desk::{CALLEE, CALLER, Desk, SECOND};

/// A MESSAGE of the caller with a text of its own type.
fn page(desk: &mut Desk, uri: &str, further: &str) {
    desk.deliver_raw(
        CALLER,
        &format!(
            "MESSAGE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKpage{};rport\r\n\
             From: \"A\" <sip:1001@127.0.0.1>;tag=pager\r\nTo: <sip:1002@127.0.0.1>\r\nCall-ID: page-1\r\n\
             CSeq: 3 MESSAGE\r\nMax-Forwards: 20\r\n{further}Content-Type: text/plain;charset=utf-8\r\n\
             Content-Language: de\r\nContent-Length: 5\r\n\r\nhallo",
            further.len()
        ),
    );
}

fn text(message: &Message, name: Name) -> &str {
    message.text(name).unwrap_or_default()
}

#[test]
fn message_reaches_the_phone_in_a_dialogless_request_of_its_own() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    page(&mut desk, "sip:1002@127.0.0.1", "X-Custom: kept  as written\r\nSubject: s\r\n");
    assert!(desk.taken(CALLER).is_empty(), "a MESSAGE gets no 100 at once");
    let sent = desk.taken(CALLEE).remove(0);
    assert_eq!((sent.method(), sent.request_uri()), (Method::Message, "sip:1002@127.0.0.1:6002"));
    assert_eq!(sent.body(), b"hallo");
    assert_eq!(text(&sent, Name::ContentType), "text/plain;charset=utf-8");
    assert_eq!(text(&sent, Name::ContentLanguage), "de");
    assert_eq!(text(&sent, Name::MaxForwards), "19");
    assert_eq!(sent.named("X-Custom").next(), Some(&b"kept  as written"[..]));
    assert_eq!(sent.from().unwrap().uri, "sip:1001@127.0.0.1");
    assert!(sent.header(Name::Contact).is_none(), "RFC 3428 §4");
    assert_ne!(sent.call_id(), "page-1");
    assert_ne!(sent.from_tag(), Some("pager"));
    desk.answer(CALLEE, &sent, "202 Accepted", "b", "");
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!((answer.status(), answer.cseq(), answer.call_id()), (202, 3, "page-1"));
    assert!(answer.to_tag().is_some());
    assert!(answer.header(Name::Contact).is_none());
    desk.assert_clean();
}

#[test]
fn message_to_nobody_is_404_and_to_an_absent_user_480() {
    let user = json!([{"username": "1003", "realm": null, "backend_realms": [], "secret": null, "enabled": true,
        "aliases": [], "display_name": null}]);
    for (uri, further, status) in [
        ("sip:1002@127.0.0.1", "", 404),
        ("sip:1003@127.0.0.1", "", 480),
        ("sip:1003@127.0.0.1", "Max-Breadth: 0\r\n", 440),
        ("sip:1003@127.0.0.1", "Require: x\r\n", 420),
    ] {
        let mut desk = Desk::new(json!({"users": user}));
        page(&mut desk, uri, further);
        assert_eq!(desk.caller_statuses(), [status], "{uri} {further}");
        desk.assert_clean();
    }
}

#[test]
fn foreign_target_is_never_dialled() {
    let mut desk = Desk::new(json!({"identity": {"realms": [{"host": "lab.test", "port": null}]}}));
    page(&mut desk, "sip:x@127.0.0.1:6002", "");
    assert_eq!(desk.caller_statuses(), [404]);
    assert!(desk.sent.is_empty());
}

#[test]
fn every_phone_gets_the_message_once_and_the_first_success_goes_back() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    page(&mut desk, "sip:1002@127.0.0.1", "");
    let (first, second) = (desk.taken(CALLEE), desk.taken(SECOND));
    assert_eq!((first.len(), second.len()), (1, 1));
    desk.answer(CALLEE, &first[0], "486 Busy Here", "b", "");
    assert!(desk.taken(CALLER).is_empty());
    desk.answer(SECOND, &second[0], "200 OK", "c", "");
    assert_eq!(desk.caller_statuses(), [200]);
    desk.assert_clean();
}

#[test]
fn best_failure_goes_back_and_a_6xx_at_once() {
    for (first, second, status) in
        [("404 Not Found", "486 Busy Here", 404), ("302 Moved", "401 Who", 480), ("503 Off", "415 No", 415)]
    {
        let mut desk = Desk::new(json!({}));
        desk.register("1002", CALLEE);
        desk.register("1002", SECOND);
        page(&mut desk, "sip:1002@127.0.0.1", "");
        let (one, two) = (desk.taken(CALLEE).remove(0), desk.taken(SECOND).remove(0));
        desk.answer(CALLEE, &one, first, "b", "");
        desk.answer(SECOND, &two, second, "c", "");
        assert_eq!(desk.caller_statuses(), [status], "{first} {second}");
        desk.assert_clean();
    }
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    page(&mut desk, "sip:1002@127.0.0.1", "");
    let one = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &one, "603 Decline", "b", "");
    assert_eq!(desk.caller_statuses(), [603]);
    desk.assert_clean();
}

#[test]
fn lower_q_is_tried_after_a_failure_but_not_after_silence() {
    for (answers, tried) in [(true, 1), (false, 0)] {
        let mut desk = Desk::new(json!({}));
        desk.register("1002", CALLEE);
        desk.register_as("1002", SECOND, ";q=0.5", "X-None: -");
        page(&mut desk, "sip:1002@127.0.0.1", "");
        let one = desk.taken(CALLEE).remove(0);
        assert!(desk.taken(SECOND).is_empty());
        if answers {
            desk.answer(CALLEE, &one, "480 Off", "b", "");
        } else {
            desk.advance(Duration::from_secs(33));
        }
        assert_eq!(desk.taken(SECOND).len(), tried);
        assert!(desk.taken(CALLER).is_empty(), "no 408 is sent (RFC 4320 §4.2)");
        desk.assert_clean();
    }
}

#[test]
fn copies_are_absorbed_and_another_path_is_482() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    page(&mut desk, "sip:1002@127.0.0.1", "");
    page(&mut desk, "sip:1002@127.0.0.1", "");
    assert_eq!(desk.taken(CALLEE).len(), 1);
    assert!(desk.taken(CALLER).is_empty());
    // Another branch.
    page(&mut desk, "sip:1002@127.0.0.1", "Subject: x\r\n");
    assert_eq!(desk.caller_statuses(), [482]);
    assert!(desk.taken(CALLEE).is_empty());
}

#[test]
fn message_inside_a_call_crosses_with_its_body() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.deliver_raw(
        CALLER,
        &format!(
            "MESSAGE sip:pbx@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKin;rport\r\n\
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller\r\nTo: <sip:1002@127.0.0.1>;tag={tag}\r\n\
             Call-ID: call-1\r\nCSeq: 2 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhallo"
        ),
    );
    let sent = desk.taken(CALLEE).remove(0);
    assert_eq!((sent.method(), sent.body(), sent.to_tag()), (Method::Message, &b"hallo"[..], Some("callee")));
    desk.answer(CALLEE, &sent, "200 OK", "callee", "");
    assert_eq!(desk.caller_statuses(), [200]);
}
