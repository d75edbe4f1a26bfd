//! The order of judgement and its status codes (`config.md` §3, §4).

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_sip::{Message, Method, Name};
use pbx_switch::Command;
use serde_json::json;
use std::time::Duration;

fn request(desk: &mut Desk, method: &str, uri: &str, further: &str) -> Vec<Message> {
    desk.deliver(
        CALLER,
        &format!(
            "{method} {uri} SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKj{method}{};rport
             From: <sip:1001@127.0.0.1>;tag=j
             To: <sip:1002@127.0.0.1>
             Call-ID: judged-{method}
             CSeq: 7 {method}
             {further}
             Contact: <sip:1001@{CALLER}>",
            further.len()
        ),
        "",
    );
    desk.taken(CALLER)
}

#[test]
fn methods_outside_a_dialog_have_their_status() {
    for (method, status) in [
        ("BYE", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("INFO", 481),
        ("NOTIFY", 481),
        ("REFER", 403),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("MESSAGE", 404),
        ("JUMP", 501),
        ("invite", 501),
        ("OPTIONS", 200),
    ] {
        let mut desk = Desk::new(json!({}));
        let answer = request(&mut desk, method, "sip:127.0.0.1", "Subject: x").remove(0);
        assert_eq!(answer.status(), status, "{method}");
        assert_eq!(answer.header(Name::Allow).is_some(), matches!(status, 405 | 501 | 200), "{method}");
        assert_eq!(answer.text(Name::Server), Some("pbx/test"));
    }
}

#[test]
fn methods_inside_a_dialog_have_their_status() {
    for (method, status) in [("UPDATE", 200), ("REFER", 400), ("JUMP", 501), ("OPTIONS", 200)] {
        let mut desk = Desk::new(json!({}));
        let (_, answer) = desk.established();
        desk.in_dialog(method, answer.to_tag().unwrap(), 2, "");
        let reply = desk.taken(CALLER).remove(0);
        assert_eq!(reply.status(), status, "{method}");
        assert_eq!(reply.header(Name::Allow).is_some(), status != 400, "{method}");
    }
}

#[test]
fn allow_names_only_what_the_modules_serve() {
    let mut desk = Desk::new(json!({"modules": ["acl", "registrar"]}));
    let refused = request(&mut desk, "INVITE", "sip:1002@127.0.0.1", "Subject: x").remove(0);
    assert_eq!(refused.status(), 405);
    let allow = refused.text(Name::Allow).unwrap();
    assert!(!allow.contains("INVITE") && allow.contains("REGISTER"), "{allow}");
    let mut desk = Desk::new(json!({"modules": ["call"]}));
    let refused = request(&mut desk, "REGISTER", "sip:127.0.0.1", "Subject: x").remove(0);
    assert_eq!(refused.status(), 405);
    assert!(!refused.text(Name::Allow).unwrap().contains("REGISTER"));
}

#[test]
fn unknown_options_are_420_in_and_outside_dialogs() {
    for method in ["INVITE", "REGISTER", "OPTIONS"] {
        for header in ["Require", "Proxy-Require"] {
            let mut desk = Desk::new(json!({}));
            let answer =
                request(&mut desk, method, "sip:1002@127.0.0.1", &format!("{header}: path, foo, bar"))
                    .remove(0);
            assert_eq!(answer.status(), 420, "{method}");
            assert_eq!(answer.text(Name::Unsupported), Some("foo, bar"));
        }
    }
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog_with("INVITE", (&tag, 2), "Require: precondition", &sdp("127.0.0.1", 7000));
    let refused = desk.taken(CALLER).pop().unwrap();
    assert_eq!((refused.status(), refused.text(Name::Unsupported)), (420, Some("precondition")));
    assert!(desk.taken(CALLEE).is_empty());
    desk.in_dialog_with("BYE", (&tag, 3), "Require: foo", "");
    assert_eq!(desk.taken(CALLER).pop().unwrap().status(), 200, "a call can always be ended");
}

#[test]
fn foreign_schemes_and_used_up_hops_are_refused() {
    for (uri, further, status) in [
        ("urn:service:sos", "Subject: x", 416),
        ("http://127.0.0.1", "Subject: x", 416),
        ("sip:1002@127.0.0.1", "Max-Forwards: 0", 483),
        ("sip:1002@127.0.0.1", "Accept: text/plain", 406),
    ] {
        let mut desk = Desk::new(json!({}));
        assert_eq!(request(&mut desk, "INVITE", uri, further).remove(0).status(), status, "{uri} {further}");
    }
}

#[test]
fn bodies_we_cannot_read_are_415() {
    for further in ["Content-Type: text/plain", "Content-Type: application/sdp\r\nContent-Encoding: gzip"] {
        let mut desk = Desk::new(json!({}));
        desk.deliver_raw(
            CALLER,
            &format!(
                "INVITE sip:1002@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKb\r\n\
                 From: <sip:1001@127.0.0.1>;tag=b\r\nTo: <sip:1002@127.0.0.1>\r\nCall-ID: b\r\nCSeq: 1 INVITE\r\n\
                 Contact: <sip:1001@{CALLER}>\r\n{further}\r\nContent-Length: 5\r\n\r\nhello"
            ),
        );
        let refused = desk.taken(CALLER).remove(0);
        assert_eq!(refused.status(), 415, "{further}");
        assert_eq!(
            refused.text(Name::Accept),
            Some("application/sdp, multipart/mixed, multipart/alternative")
        );
        assert_eq!(refused.text(Name::AcceptEncoding), Some("identity"));
    }
}

#[test]
fn same_invite_by_another_path_is_482_before_and_after_the_answer() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    let by_another_path = |desk: &mut Desk, branch: &str, cseq: u32| {
        desk.deliver(
            SECOND,
            &format!(
                "INVITE sip:1002@127.0.0.1 SIP/2.0
                 Via: SIP/2.0/UDP {SECOND};branch=z9hG4bK{branch};rport
                 From: \"A\" <sip:1001@127.0.0.1>;tag=caller
                 To: <sip:1002@127.0.0.1>
                 Call-ID: call-1
                 CSeq: {cseq} INVITE
                 Contact: <sip:1001@{CALLER}>"
            ),
            "",
        );
        desk.taken(SECOND).pop().unwrap().status()
    };
    assert_eq!(by_another_path(&mut desk, "other1", 1), 482);
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    assert_eq!(by_another_path(&mut desk, "other2", 1), 482);
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn access_list_does_not_cut_answers_and_running_calls() {
    let mut desk = Desk::new(json!({}));
    let (invite, answer) = desk.established();
    let deny = json!([{"allow": false, "net": null, "origin": "x:1"}]);
    desk.switch.handle_config(desk.now, &crate::desk::config(json!({"acl": deny}))).unwrap();
    assert!(request(&mut desk, "OPTIONS", "sip:127.0.0.1", "Subject: x").is_empty());
    desk.callee_request("BYE", &invite, "callee", 1, "");
    assert_eq!(desk.taken(CALLEE)[0].status(), 200);
    let bye = desk.taken(CALLER).remove(0);
    desk.answer(CALLER, &bye, "200 OK", "caller", "");
    let _ = answer;
    desk.assert_clean();
}

#[test]
fn access_list_binds_a_dialog_from_another_source() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let deny = json!([{"allow": false, "net": null, "origin": "x:1"}]);
    desk.switch.handle_config(desk.now, &crate::desk::config(json!({"acl": deny}))).unwrap();
    let tag = answer.to_tag().unwrap();
    desk.deliver(
        "127.0.0.1:6099",
        &format!(
            "BYE sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP 127.0.0.1:6099;branch=z9hG4bKstranger;rport
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>;tag={tag}
             Call-ID: call-1
             CSeq: 9 BYE"
        ),
        "",
    );
    assert!(desk.sent.is_empty());
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn stateless_refusals_name_the_server_and_spread_the_retries() {
    let mut desk = Desk::new(json!({"limits": {"max_transactions": 0}}));
    let mut delays = Vec::new();
    for round in 0..20 {
        let further = format!("X-Pad: {}", "x".repeat(round));
        let refused = request(&mut desk, "OPTIONS", "sip:127.0.0.1", &further).remove(0);
        assert_eq!((refused.status(), refused.text(Name::Server)), (503, Some("pbx/test")));
        delays.push(refused.number(Name::RetryAfter).unwrap());
    }
    assert!(delays.iter().all(|secs| (2..=8).contains(secs)), "{delays:?}");
    assert!(delays.iter().any(|&secs| secs != delays[0]), "{delays:?}");
}

#[test]
fn draining_refuses_new_requests_and_lets_calls_end() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    desk.switch.handle_command(desk.now, &Command::Drain { limit: Duration::from_secs(5) });
    for method in ["OPTIONS", "INVITE", "REGISTER"] {
        let refused = request(&mut desk, method, "sip:1002@127.0.0.1", "Subject: x").remove(0);
        assert_eq!(refused.status(), 503, "{method}");
        assert!(refused.number(Name::RetryAfter).is_some_and(|secs| (2..=8).contains(&secs)));
    }
    desk.in_dialog("INFO", answer.to_tag().unwrap(), 2, "");
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Info);
    desk.advance(Duration::from_secs(6));
    assert!(desk.taken(CALLEE).iter().any(|message| message.method() == Method::Bye));
    assert!(desk.taken(CALLER).iter().any(|message| message.method() == Method::Bye));
}

#[test]
fn ringing_call_cut_by_the_drain_is_503_with_retry_after() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    desk.caller_statuses();
    desk.switch.handle_command(desk.now, &Command::Drain { limit: Duration::ZERO });
    desk.advance(Duration::from_millis(1));
    let refused = desk.taken(CALLER).remove(0);
    assert_eq!(refused.status(), 503);
    assert!(refused.header(Name::RetryAfter).is_some());
}

#[test]
fn one_source_fills_the_log_with_one_line_a_minute() {
    let user = json!([{"username": "1002", "realm": null, "backend_realms": [], "secret": {"password": "pw"},
        "enabled": true, "aliases": [], "display_name": null}]);
    let mut desk = Desk::new(json!({"modules": ["acl", "auth", "registrar", "call"], "users": user}));
    let authorization = |round: usize| {
        format!(
            "Authorization: Digest username=\"1002\", realm=\"127.0.0.1\", nonce=\"n{round}\", uri=\"sip:127.0.0.1\", \
             response=\"{}\"",
            "0".repeat(32)
        )
    };
    for round in 0..50 {
        // The pad makes a new branch.
        let further = format!("{}\nX-Pad: {}", authorization(round), "x".repeat(round));
        assert_eq!(request(&mut desk, "REGISTER", "sip:127.0.0.1", &further)[0].status(), 401);
    }
    assert_eq!(desk.logged.iter().filter(|event| **event == "auth_failed").count(), 1, "{:?}", desk.logged);
    desk.advance(Duration::from_secs(61));
    request(&mut desk, "REGISTER", "sip:127.0.0.1", &authorization(99));
    assert_eq!(desk.logged.iter().filter(|event| **event == "auth_failed").count(), 2);
}

#[test]
fn cancel_is_answered_with_the_tag_of_its_invite() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    desk.caller_statuses();
    desk.cancel("z9hG4bKinv1");
    let answers = desk.taken(CALLER);
    assert_eq!(answers.iter().map(Message::status).collect::<Vec<_>>(), [200, 487]);
    assert_eq!(answers[0].to_tag(), answers[1].to_tag());
}

const PHONE: &str = "{\"username\": \"1001\", \"realm\": null, \"backend_realms\": [], \"enabled\": true, \
                     \"secret\": {\"password\": \"pw\"}, \"aliases\": [], \"display_name\": null}";

fn guarded() -> Desk {
    let user: serde_json::Value = serde_json::from_str(PHONE).unwrap();
    Desk::new(json!({"modules": ["acl", "auth", "registrar", "call"], "users": [user]}))
}

#[test]
fn strangers_are_challenged_or_refused_and_nothing_is_relayed_or_kept() {
    for (method, status) in [
        ("INVITE", 407),
        ("REGISTER", 401),
        ("MESSAGE", 407),
        ("OPTIONS", 200),
        ("REFER", 403),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("INFO", 481),
        ("NOTIFY", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("BYE", 481),
        ("CANCEL", 481),
        ("JUMP", 501),
    ] {
        let mut desk = guarded();
        let answers = request(&mut desk, method, "sip:1001@127.0.0.1", "Subject: x");
        assert_eq!(answers.iter().map(Message::status).collect::<Vec<_>>(), [status], "{method}");
        assert!(desk.sent.is_empty(), "{method}");
        // Of an INVITE the answer alone is kept, for its ACK.
        assert_eq!(desk.switch.health().transactions, usize::from(method == "INVITE"), "{method}");
        assert_eq!(desk.switch.health().server_transactions, 0, "{method}");
        // What got lost is answered again, with the same tag (RFC 3261 §8.2.7).
        let again = request(&mut desk, method, "sip:1001@127.0.0.1", "Subject: x").remove(0);
        assert_eq!((again.status(), again.to_tag()), (status, answers[0].to_tag()), "{method}");
    }
}

/// The ACK for the answer to an INVITE of [`request`].
fn acknowledge(desk: &mut Desk, answer: &Message) {
    let tag = answer.to_tag().unwrap();
    desk.deliver(
        CALLER,
        &format!(
            "ACK sip:1001@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKjINVITE10;rport
             From: <sip:1001@127.0.0.1>;tag=j
             To: <sip:1002@127.0.0.1>;tag={tag}
             Call-ID: judged-INVITE
             CSeq: 7 ACK"
        ),
        "",
    );
}

#[test]
fn challenge_of_an_invite_is_repeated_until_its_ack() {
    let mut desk = guarded();
    let challenge = request(&mut desk, "INVITE", "sip:1001@127.0.0.1", "Subject: x").remove(0);
    desk.advance(Duration::from_secs(2));
    assert_eq!(desk.caller_statuses(), [407, 407]);
    acknowledge(&mut desk, &challenge);
    desk.advance(Duration::from_secs(6));
    assert!(desk.sent.is_empty());
    assert_eq!(desk.switch.health().transactions, 0);
}

#[test]
fn flood_of_strangers_is_answered_once_each_and_remembered_in_small_part() {
    let mut desk = guarded();
    for round in 0..6_000 {
        let method = ["INVITE", "REGISTER", "MESSAGE", "OPTIONS", "CANCEL", "INVITE"][round % 6];
        let answers =
            request(&mut desk, method, "sip:1001@127.0.0.1", &format!("X-Pad: {}", "x".repeat(round)));
        assert_eq!(answers.len(), 1, "{method}");
        assert!(desk.switch.health().transactions <= 2048, "{round}");
    }
    let late = request(&mut desk, "INVITE", "sip:1001@127.0.0.1", "Subject: x").remove(0);
    assert_eq!(late.status(), 407, "a full table is no reason to be silent");
    acknowledge(&mut desk, &late);
    desk.advance(Duration::from_secs(40));
    // Those remembered are answered eleven times in all, the others once.
    assert!(desk.taken(CALLER).len() <= 2048 * 10);
    desk.assert_clean();
}

#[test]
fn options_of_anybody_tells_what_is_served_and_needs_no_challenge() {
    for (uri, status) in [
        ("sip:127.0.0.1", 200),
        ("sip:nobody@127.0.0.1", 200),
        ("sip:1001@localhost:5060", 200),
        ("tel:1001", 200),
        ("sip:1001@elsewhere.test", 404),
    ] {
        let user: serde_json::Value = serde_json::from_str(PHONE).unwrap();
        let realms = json!([{"host": "lab.test", "port": null}]);
        let modules = json!(["acl", "auth", "registrar", "call"]);
        let mut desk =
            Desk::new(json!({"modules": modules, "users": [user], "identity": {"realms": realms}}));
        let answer = request(&mut desk, "OPTIONS", uri, "X-None: -").remove(0);
        assert_eq!(answer.status(), status, "{uri}");
        if status != 200 {
            continue;
        }
        assert_eq!(
            answer.text(Name::Accept),
            Some("application/sdp, multipart/mixed, multipart/alternative")
        );
        for option in ["path", "outbound", "gruu"] {
            assert!(answer.has_token(Name::Supported, option), "{option}");
            let required = request(&mut desk, "OPTIONS", uri, &format!("Require: {option}")).remove(0);
            assert_eq!(required.status(), 200, "what is supported may be required: {option}");
        }
        for method in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO", "MESSAGE"] {
            assert!(answer.has_token(Name::Allow, method), "{method}");
        }
    }
}
