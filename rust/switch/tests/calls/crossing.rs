//! What crosses an established call besides the usual, and what must not (RFC 3261 §14, §15; `formats.md` §4.4).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_sip::{Message, Method, Name};
use serde_json::json;

fn tag(answer: &Message) -> String {
    answer.to_tag().unwrap().to_owned()
}

#[test]
fn reinvite_is_answered_100_at_once() {
    let mut desk = Desk::new(json!({}));
    let (invite, answer) = desk.established();
    desk.in_dialog("INVITE", &tag(&answer), 2, &sdp("127.0.0.1", 7000));
    assert_eq!(desk.caller_statuses(), [100]);
    let sent = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &sent, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    desk.taken(CALLEE);
    desk.ack(&desk.sent.last().unwrap().1.clone(), 2, "");
    desk.callee_request("INVITE", &invite, "callee", 1, &sdp("127.0.0.1", 7002));
    assert_eq!(desk.taken(CALLEE)[0].status(), 100);
}

#[test]
fn reinvite_with_another_body_is_415_and_goes_nowhere() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    desk.deliver_raw(
        CALLER,
        &format!(
            "INVITE sip:pbx@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKtext\r\n\
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller\r\nTo: <sip:1002@127.0.0.1>;tag={}\r\nCall-ID: call-1\r\n\
             CSeq: 2 INVITE\r\nContact: <sip:1001@{CALLER}>\r\nContent-Type: text/plain\r\n\
             Content-Length: 5\r\n\r\nhello",
            tag(&answer)
        ),
    );
    assert_eq!(desk.caller_statuses(), [415]);
    assert!(desk.taken(CALLEE).is_empty());
}

#[test]
fn failure_of_a_reinvite_is_passed_but_for_redirects_and_challenges() {
    for (status, told) in [
        ("488 Not Acceptable Here", 488),
        ("491 Request Pending", 491),
        ("302 Moved Temporarily", 480),
        ("401 Unauthorized", 403),
        ("407 Needed", 403),
        ("603 Decline", 603),
    ] {
        let mut desk = Desk::new(json!({}));
        let (_, answer) = desk.established();
        desk.in_dialog("INVITE", &tag(&answer), 2, &sdp("127.0.0.1", 7000));
        let sent = desk.taken(CALLEE).remove(0);
        desk.answer(CALLEE, &sent, status, "callee", "");
        assert_eq!(desk.caller_statuses().last(), Some(&told), "{status}");
        assert_eq!(desk.switch.health().calls, 1, "{status}");
    }
}

#[test]
fn cancel_of_a_reinvite_is_passed_on() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = tag(&answer);
    desk.in_dialog("INVITE", &tag, 2, &sdp("127.0.0.1", 7000));
    let sent = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &sent, "180 Ringing", "callee", "");
    desk.caller_statuses();
    desk.deliver(
        CALLER,
        &format!(
            "CANCEL sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKINVITE2;rport
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>;tag={tag}
             Call-ID: call-1
             CSeq: 2 CANCEL"
        ),
        "",
    );
    assert_eq!(desk.caller_statuses(), [200]);
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Cancel);
    desk.answer(CALLEE, &sent, "487 Request Terminated", "callee", "");
    assert_eq!(desk.caller_statuses(), [487]);
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn answer_to_a_reinvite_that_crosses_a_bye_is_acknowledged() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = tag(&answer);
    desk.in_dialog("INVITE", &tag, 2, &sdp("127.0.0.1", 7000));
    let sent = desk.taken(CALLEE).remove(0);
    desk.in_dialog("BYE", &tag, 3, "");
    assert_eq!(desk.caller_statuses(), [100, 200, 487]);
    let bye = desk.taken(CALLEE).remove(0);
    assert_eq!(bye.method(), Method::Bye);
    desk.answer(CALLEE, &sent, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let ack = desk.taken(CALLEE).remove(0);
    assert_eq!((ack.method(), ack.cseq()), (Method::Ack, sent.cseq()));
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    desk.in_dialog("ACK", &tag, 2, "");
    desk.assert_clean();
}

#[test]
fn lost_answer_to_a_reinvite_is_repeated_after_the_bye() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = tag(&answer);
    desk.in_dialog("INVITE", &tag, 2, &sdp("127.0.0.1", 7000));
    let sent = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &sent, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    desk.taken(CALLEE);
    desk.in_dialog("BYE", &tag, 3, "");
    assert_eq!(desk.caller_statuses(), [100, 200, 200]);
    let bye = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    desk.advance(Duration::from_millis(600));
    let copies = desk.taken(CALLER);
    assert_eq!(copies.iter().map(Message::cseq).collect::<Vec<_>>(), [2], "its INVITE waits for an answer");
    desk.ack(&copies[0], 2, "");
    desk.assert_clean();
    assert!(desk.taken(CALLER).is_empty());
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    let (invite, answer) = desk.established();
    desk.in_dialog("BYE", &tag(&answer), 2, "");
    let bye = desk.taken(CALLEE).remove(0);
    desk.callee_request("BYE", &invite, "callee", 1, "");
    assert_eq!(desk.taken(CALLEE)[0].status(), 200);
    desk.answer(CALLEE, &bye, "481 Gone", "callee", "");
    assert_eq!(desk.caller_statuses(), [200]);
    desk.assert_clean();
}

#[test]
fn requests_after_the_bye_are_481() {
    let mut desk = Desk::new(json!({}));
    let (invite, answer) = desk.established();
    desk.in_dialog("BYE", &tag(&answer), 2, "");
    desk.taken(CALLEE);
    for (cseq, method) in [(1, "INVITE"), (2, "INFO"), (3, "OPTIONS"), (4, "UPDATE")] {
        desk.callee_request(method, &invite, "callee", cseq, "");
        assert_eq!(desk.taken(CALLEE).pop().unwrap().status(), 481, "{method}");
    }
}

#[test]
fn headers_of_a_bye_cross() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let further = "Reason: Q.850;cause=16\nX-RTP-Stat: PS=1, OS=2\nP-Asserted-Identity: <sip:boss@127.0.0.1>";
    desk.in_dialog_with("BYE", (&tag(&answer), 2), further, "");
    let bye = desk.taken(CALLEE).remove(0);
    assert_eq!(bye.text(Name::Reason), Some("Q.850;cause=16"));
    assert_eq!(bye.named("X-RTP-Stat").next(), Some(&b"PS=1, OS=2"[..]));
    assert_eq!(bye.header(Name::PAssertedIdentity), None);
}

#[test]
fn info_flood_is_bounded() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = tag(&answer);
    for cseq in 2..60 {
        desk.in_dialog("INFO", &tag, cseq, "");
    }
    assert_eq!(desk.taken(CALLEE).len(), 8);
    assert!(desk.caller_statuses().iter().all(|&status| status == 500));
    desk.in_dialog("BYE", &tag, 60, "");
    assert_eq!(desk.caller_statuses().first(), Some(&200));
}

#[test]
fn folded_names_reach_the_other_side_in_one_line() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.deliver_raw(
        CALLER,
        &format!(
            "INVITE sip:1002@127.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP {CALLER};branch=z9hG4bKf\r\n\
             f: \"A\r\n Liddell\"\r\n <sip:1001@127.0.0.1>\r\n\t;tag=f\r\nt: Bob\r\n <sip:1002@127.0.0.1>\r\ni: f\r\n\
             CSeq: 1\r\n INVITE\r\nm: <sip:1001@{CALLER}>\r\nX-Many: 1\r\nX-Folded: a,\r\n b\r\nX-Many: 2\r\n\
             s: short\r\nl: 0\r\n\r\n"
        ),
    );
    let invite = desk.taken(CALLEE).remove(0);
    assert!(invite.text(Name::From).unwrap().starts_with("\"A Liddell\" <sip:1001@127.0.0.1>;tag="));
    assert_eq!(invite.text(Name::To), Some("Bob <sip:1002@127.0.0.1>"));
    assert_eq!(invite.named("X-Many").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(invite.named("X-Folded").next(), Some(&b"a,\r\n b"[..]));
    assert_eq!(invite.text(Name::Subject), Some("short"));
}

#[test]
fn headers_without_end_do_not_break_the_other_leg() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    let many = (0..230).map(|n| format!("X-{n}: {}", "y".repeat(100))).collect::<Vec<_>>().join("\n");
    desk.invite_to("sip:1002@127.0.0.1", &many, &sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    assert!((200..256).contains(&invite.fields().count()));
    let counters = desk.switch.health().counters;
    assert!(counters.iter().any(|(name, count)| name == "dropped_total{headers}" && *count > 0));
    desk.answer(CALLEE, &invite, &format!("180 Ringing\n{many}"), "callee", "");
    assert_eq!(desk.caller_statuses().last(), Some(&180));
}

#[test]
fn hop_headers_and_asserted_identities_stay_on_their_leg() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    let further = "P-Asserted-Identity: <sip:boss@127.0.0.1>\nRemote-Party-ID: <sip:boss@x>\nAccept-Encoding: gzip\n\
        Content-Language: en\nAuthorization: Digest a=b\nRoute: <sip:elsewhere.test;lr>\nRecord-Route: <sip:p.test;lr>\n\
        Diversion: <sip:x@y>\nSession-Expires: 90\nUser-Agent: secret/1\nPriority: urgent";
    desk.invite_to("sip:1002@127.0.0.1", further, &sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    for name in [
        "P-Asserted-Identity",
        "Remote-Party-ID",
        "Accept-Encoding",
        "Content-Language",
        "Authorization",
        "Route",
        "Record-Route",
        "Diversion",
    ] {
        assert_eq!(invite.named(name).next(), None, "{name}");
    }
    assert_eq!(invite.text(Name::SessionExpires), Some("1800"), "ours, not the caller's");
    assert_eq!(invite.text(Name::UserAgent), Some("pbx/test"));
    assert_eq!(invite.named("Priority").next(), Some(&b"urgent"[..]));
}

#[test]
fn peers_without_tags_can_hang_up() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    let old = |method: &str, to: &str, cseq: u32| {
        format!(
            "{method} sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER}
             From: <sip:1001@127.0.0.1>
             To: <sip:1002@127.0.0.1>{to}
             Call-ID: old
             CSeq: {cseq} {method}
             Contact: <sip:1001@{CALLER}>"
        )
    };
    desk.deliver(CALLER, &old("INVITE", "", 1), &sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let to = format!(";tag={}", tag(&desk.taken(CALLER).pop().unwrap()));
    desk.deliver(CALLER, &old("ACK", &to, 1), "");
    desk.deliver(CALLER, &old("BYE", &to, 2), "");
    assert_eq!(desk.caller_statuses(), [200]);
}

#[test]
fn path_of_a_binding_is_followed_and_its_contact_left_alone() {
    let mut desk = Desk::new(json!({}));
    desk.deliver(
        SECOND,
        &format!(
            "REGISTER sip:127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {SECOND};branch=z9hG4bKpath;rport
             Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKphone
             From: <sip:1002@127.0.0.1>;tag=r
             To: <sip:1002@127.0.0.1>
             Call-ID: reg-path
             CSeq: 1 REGISTER
             Supported: path
             Path: <sip:{SECOND};lr>
             Contact: <sip:1002@10.0.0.9:5060>"
        ),
        "",
    );
    desk.taken(SECOND);
    desk.invite(&sdp("127.0.0.1", 7000));
    let invite = desk.taken(SECOND).remove(0);
    assert_eq!(invite.request_uri(), "sip:1002@10.0.0.9:5060");
    assert_eq!(invite.text(Name::Route), Some(&*format!("<sip:{SECOND};lr>")));
}

#[test]
fn requests_to_a_caller_behind_nat_name_the_address_it_is_reached_at() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.deliver(
        CALLER,
        "INVITE sip:1002@127.0.0.1 SIP/2.0
         Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKnat;rport
         From: <sip:1001@127.0.0.1>;tag=caller
         To: <sip:1002@127.0.0.1>
         Call-ID: call-1
         CSeq: 1 INVITE
         Contact: <sip:1001@10.0.0.9:5060;x=1>",
        &sdp("10.0.0.9", 7000),
    );
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.callee_request("BYE", &invite, "callee", 1, "");
    let bye = desk.taken(CALLER).remove(0);
    assert_eq!((bye.method(), bye.request_uri()), (Method::Bye, &*format!("sip:1001@{CALLER};x=1")));
}

#[test]
fn refused_reanchoring_by_glare_is_tried_again() {
    let mut desk = Desk::new(json!({"media": {"mode": "auto"}}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("10.0.0.9", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    let first = desk.taken(CALLEE).pop().unwrap();
    desk.answer(CALLEE, &first, "491 Request Pending", "callee", "");
    assert_eq!(desk.switch.health().calls, 1);
    desk.taken(CALLEE);
    desk.advance(Duration::from_millis(2_090));
    assert!(desk.taken(CALLEE).is_empty(), "RFC 3261 §14.1: the owner of the Call-ID waits 2.1 to 4 s");
    desk.advance(Duration::from_millis(1_920));
    let again = desk.taken(CALLEE).remove(0);
    assert_eq!((again.method(), again.cseq()), (Method::Invite, first.cseq() + 1));
    desk.answer(CALLEE, &again, "200 OK", "callee", &sdp("10.0.0.9", 7002));
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Ack);
    assert!(desk.caller_statuses().is_empty());
}

#[test]
fn unreadable_description_passes_in_mode_none() {
    let mut desk = Desk::new(json!({"media": {"mode": "none"}}));
    desk.register("1002", CALLEE);
    desk.invite("v=0\r\nthis is no description\r\n");
    assert_eq!(desk.taken(CALLEE)[0].body(), b"v=0\r\nthis is no description\r\n");
}

#[test]
fn body_of_an_info_keeps_what_is_said_of_it() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK\nRecv-Info: dtmf", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.taken(CALLEE);
    let further = "Info-Package: dtmf\nContent-Disposition: Info-Package\nContent-Language: en";
    desk.in_dialog_with("INFO", (&tag(&answer), 2), further, "v=0");
    let info = desk.taken(CALLEE).remove(0);
    assert_eq!(info.text(Name::ContentDisposition), Some("Info-Package"));
    assert_eq!(info.text(Name::ContentLanguage), Some("en"));
    assert_eq!((info.text(Name::InfoPackage), info.body()), (Some("dtmf"), &b"v=0"[..]));
    assert_eq!(info.headers(Name::ContentType).count(), 1);
}

#[test]
fn number_without_a_host_is_looked_for_in_the_realm_of_the_caller() {
    for realms in [json!([]), json!([{"host": "127.0.0.1", "port": null}])] {
        let mut desk = Desk::new(json!({"identity": {"realms": realms}}));
        desk.register("1002", CALLEE);
        desk.invite_to("tel:1002", "Subject: x", "");
        assert_eq!(desk.taken(CALLEE).len(), 1, "{realms}");
    }
}

#[test]
fn call_ends_for_both_although_the_transaction_table_is_full() {
    let mut desk = Desk::new(json!({"limits": {"max_transactions": 4 * crate::SHARDS}}));
    let (_, answer) = desk.established();
    assert_eq!(desk.switch.health().transactions, 3, "REGISTER and both INVITEs");
    desk.in_dialog("BYE", &tag(&answer), 2, "");
    assert_eq!(desk.caller_statuses(), [200]);
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Bye);
    desk.assert_clean();
}

#[test]
fn answer_of_a_phone_behind_nat_that_comes_too_late_is_ended_where_it_came_from() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "180 Ringing", "callee", "");
    desk.cancel("z9hG4bKinv1");
    desk.taken(CALLEE);
    desk.without_contact = true;
    desk.answer(CALLEE, &invite, "200 OK\nContact: <sip:b@10.0.0.9:5060>", "callee", &sdp("10.0.0.9", 7002));
    let sent = desk.taken(CALLEE);
    assert_eq!(sent.iter().map(Message::method).collect::<Vec<_>>(), [Method::Ack, Method::Bye]);
    assert!(sent.iter().all(|message| message.request_uri() == format!("sip:b@{CALLEE}")));
}

#[test]
fn bye_to_a_party_whose_connection_broke_goes_to_its_contact() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.over_stream(|desk| desk.invite(&sdp("127.0.0.1", 7000)));
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.over_stream(|desk| desk.ack(&answer, 1, ""));
    desk.taken(CALLEE);
    desk.close_stream();
    desk.callee_request("BYE", &invite, "callee", 1, "");
    let bye = desk.taken(CALLER).remove(0);
    assert_eq!(bye.method(), Method::Bye);
    let via = String::from_utf8_lossy(bye.header(Name::Via).unwrap()).into_owned();
    // The Contact names no transport.
    assert!(via.starts_with("SIP/2.0/UDP "), "{via}");
}
