//! Bodies of several parts (RFC 5621): the session description is ours to change, the other parts pass as they are.

use pbx_sip::{Message, Method, Name};
use serde_json::json;

use crate::desk::{CALLEE, CALLER, Desk, sdp};

/// The line of a message whose body comes from [`mixed`].
const MIXED: &str = "Content-Type: multipart/mixed; boundary=\"gap: 1\"";

/// What an ISUP gateway sends, with a location besides.
fn mixed(sdp: &str) -> String {
    format!(
        "preamble\r\n--gap: 1\r\nContent-Type: application/isup;version=itu-t92+\r\n\
         Content-Disposition: signal;handling=required\r\n\r\n\u{1}\u{0}\u{11}\r\n--gap: 1\r\n\
         Content-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n{sdp}\r\n--gap: 1\r\n\
         Content-Type: application/pidf+xml\r\nContent-ID: <here@example.com>\r\n\r\n<presence/>\r\n--gap: 1--\r\n"
    )
}

/// Checks that the message has the parts of [`mixed`] with its own description, and gives that.
fn described(message: &Message) -> String {
    let sdp = String::from_utf8(message.sdp().expect("a description").to_vec()).unwrap();
    assert_eq!(message.content_type(), Some("multipart/mixed; boundary=\"gap: 1\""));
    assert_eq!(String::from_utf8_lossy(message.body()), mixed(&sdp));
    sdp
}

#[test]
fn other_parts_of_offer_and_answer_cross_octet_by_octet() {
    for mode in ["all", "auto", "none"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        desk.register("1002", CALLEE);
        desk.invite_to("sip:1002@127.0.0.1", MIXED, &mixed(&sdp("127.0.0.1", 7000)));
        let invite = desk.taken(CALLEE).remove(0);
        assert_eq!(described(&invite).contains("m=audio 7000"), mode != "all", "{mode}");
        let ringing = ("183 Session Progress", "callee");
        desk.answer_with(CALLEE, &invite, ringing, MIXED, &mixed(&sdp("127.0.0.1", 7002)));
        let progress = desk.taken(CALLER).pop().unwrap();
        assert_eq!(described(&progress).contains("m=audio 7002"), mode != "all", "{mode}");
        desk.answer_with(CALLEE, &invite, ("200 OK", "callee"), MIXED, &mixed(&sdp("127.0.0.1", 7002)));
        let answer = desk.taken(CALLER).pop().unwrap();
        assert_eq!(described(&answer).contains("m=audio 7002"), mode != "all", "{mode}");
        desk.ack(&answer, 1, "");
        desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    }
}

#[test]
fn late_offer_and_its_answer_in_the_ack_keep_their_other_parts() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    desk.register("1002", CALLEE);
    desk.invite("");
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer_with(CALLEE, &invite, ("200 OK", "callee"), MIXED, &mixed(&sdp("127.0.0.1", 7002)));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert!(described(&answer).contains("m=audio 2"));
    desk.in_dialog_with("ACK", (answer.to_tag().unwrap(), 1), MIXED, &mixed(&sdp("127.0.0.1", 7000)));
    let ack = desk.taken(CALLEE).remove(0);
    assert_eq!(ack.method(), Method::Ack);
    assert!(described(&ack).contains("m=audio 2"));
}

#[test]
fn reinvite_and_update_keep_their_other_parts_both_ways() {
    for method in ["INVITE", "UPDATE"] {
        let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
        let invite = desk.ringing();
        let allow = "Allow: INVITE, ACK, BYE, UPDATE";
        desk.answer_with(CALLEE, &invite, ("200 OK", "callee"), allow, &sdp("127.0.0.1", 7002));
        let answer = desk.taken(CALLER).pop().unwrap();
        desk.ack(&answer, 1, "");
        desk.taken(CALLEE);
        let hold = mixed(&(sdp("127.0.0.1", 7000) + "a=sendonly\r\n"));
        desk.in_dialog_with(method, (answer.to_tag().unwrap(), 2), MIXED, &hold);
        let shown = desk.taken(CALLEE).remove(0);
        assert_eq!(shown.method().as_str(), method);
        assert!(described(&shown).contains("a=sendonly"), "{method}");
        let held = mixed(&(sdp("127.0.0.1", 7002) + "a=recvonly\r\n"));
        desk.answer_with(CALLEE, &shown, ("200 OK", "callee"), MIXED, &held);
        let answer = desk.taken(CALLER).pop().unwrap();
        assert!(described(&answer).contains("a=recvonly"), "{method}");
    }
}

#[test]
fn reliable_responses_and_pracks_keep_their_other_parts() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    desk.register("1002", CALLEE);
    desk.invite_to("sip:1002@127.0.0.1", "Supported: 100rel", "");
    let invite = desk.taken(CALLEE).remove(0);
    let reliable = format!("Require: 100rel\nRSeq: 7\n{MIXED}");
    let ringing = ("183 Session Progress", "callee");
    desk.answer_with(CALLEE, &invite, ringing, &reliable, &mixed(&sdp("127.0.0.1", 7002)));
    let progress = desk.taken(CALLER).pop().unwrap();
    assert!(described(&progress).contains("m=audio 2"));
    let rack = format!("RAck: {} 1 INVITE\n{MIXED}", progress.number(Name::RSeq).unwrap());
    desk.in_dialog_with("PRACK", (progress.to_tag().unwrap(), 2), &rack, &mixed(&sdp("127.0.0.1", 7000)));
    let prack = desk.taken(CALLEE).remove(0);
    assert_eq!(prack.method(), Method::Prack);
    assert!(described(&prack).contains("m=audio 2"));
}

#[test]
fn parts_without_a_description_pass_and_the_offer_is_late() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    desk.register("1002", CALLEE);
    let body = "--b\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--b--";
    desk.invite_to("sip:1002@127.0.0.1", "Content-Type: multipart/mixed;boundary=b", body);
    let invite = desk.taken(CALLEE).remove(0);
    assert_eq!(invite.body(), body.as_bytes());
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    assert!(desk.taken(CALLER).pop().unwrap().sdp().is_some());
}

#[test]
fn foreign_body_its_sender_can_do_without_passes() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    let further = "Content-Type: text/plain\nContent-Disposition: render; Handling=Optional";
    desk.invite_to("sip:1002@127.0.0.1", further, "hello");
    let invite = desk.taken(CALLEE).remove(0);
    assert_eq!((invite.content_type(), invite.body()), (Some("text/plain"), &b"hello"[..]));
    assert_eq!(invite.text(Name::ContentDisposition), Some("render; Handling=Optional"));
}

#[test]
fn only_the_chosen_alternative_is_shown_when_it_is_rewritten() {
    let alternatives = format!(
        "--a\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--a\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--a--",
        sdp("127.0.0.1", 7008),
        sdp("127.0.0.1", 7000)
    );
    for (mode, kind) in [("all", "application/sdp"), ("none", "multipart/alternative;boundary=a")] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        desk.register("1002", CALLEE);
        let further = "Content-Type: multipart/alternative;boundary=a";
        desk.invite_to("sip:1002@127.0.0.1", further, &alternatives);
        let invite = desk.taken(CALLEE).remove(0);
        assert_eq!(invite.content_type(), Some(kind));
        assert_eq!(invite.body() == alternatives.as_bytes(), mode == "none");
    }
}

#[test]
fn description_that_may_not_be_shown_yet_is_cut_from_its_body() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.invite("");
    let invite = desk.taken(CALLEE).remove(0);
    let body = mixed(&sdp("127.0.0.1", 7002));
    desk.answer_with(CALLEE, &invite, ("183 Session Progress", "callee"), MIXED, &body);
    let progress = desk.taken(CALLER).pop().unwrap();
    let text = String::from_utf8_lossy(progress.body()).into_owned();
    assert!(text.contains("application/isup") && text.contains("<presence/>"), "{text}");
    assert!(progress.sdp().is_none() && !text.contains("m=audio"), "{text}");
}

#[test]
fn malformed_multipart_is_400_and_encoded_description_415() {
    for (body, status) in [
        ("--b\r\n\r\nno end", 400),
        (
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--",
            400,
        ),
        ("--b\r\nContent-Type: application/sdp\r\nContent-Encoding: gzip\r\n\r\nx\r\n--b--", 415),
    ] {
        let mut desk = Desk::new(json!({}));
        desk.register("1002", CALLEE);
        desk.invite_to("sip:1002@127.0.0.1", "Content-Type: multipart/mixed;boundary=b", body);
        let refused = desk.taken(CALLER).pop().unwrap();
        assert_eq!(refused.status(), status, "{body}");
        assert_eq!(refused.text(Name::AcceptEncoding), (status == 415).then_some("identity"));
        assert!(desk.taken(CALLEE).is_empty());
    }
}

#[test]
fn answer_that_cannot_be_read_ends_the_callee_and_fails_the_call() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    let kind = "Content-Type: multipart/mixed;boundary=b";
    desk.answer_with(CALLEE, &invite, ("200 OK", "callee"), kind, "--b\r\n\r\nno end");
    let told = desk.taken(CALLEE);
    assert_eq!(told.iter().map(Message::method).collect::<Vec<_>>(), [Method::Ack, Method::Bye]);
    assert_eq!(desk.caller_statuses(), [100, 488]);
    desk.answer(CALLEE, &told[1], "200 OK", "callee", "");
    desk.assert_clean();
}

#[test]
fn body_of_a_bye_crosses() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let further = "Content-Type: application/isup;version=itu-t92+";
    desk.in_dialog_with("BYE", (answer.to_tag().unwrap(), 2), further, "REL");
    let bye = desk.taken(CALLEE).remove(0);
    assert_eq!((bye.method(), bye.body()), (Method::Bye, &b"REL"[..]));
}
