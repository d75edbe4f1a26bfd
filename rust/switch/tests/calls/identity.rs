//! What the callee learns of who calls (RFC 3323, RFC 3325, `config.md` §10.8).

use pbx_sip::digest::{Answer, Challenge, Ha1};
use pbx_sip::{Message, Name};
use serde_json::json;

use pbx_switch::Decision;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};

const FORGED: &str = "P-Asserted-Identity: <sip:boss@127.0.0.1>
             P-Preferred-Identity: <sip:boss@127.0.0.1>
             P-Asserted-Service: urn:x
             Remote-Party-ID: <sip:boss@127.0.0.1>
             Diversion: <sip:boss@127.0.0.1>
             History-Info: <sip:boss@127.0.0.1>;index=1
             X-Kept: as  it is";

/// Users 1001 and 1002 with passwords; 1002 is registered at `CALLEE`.
fn guarded() -> Desk {
    let user = |name: &str, display: serde_json::Value| {
        json!({"username": name, "realm": null, "backend_realms": [], "secret": {"password": "pw"},
            "enabled": true, "aliases": ["49301"], "display_name": display})
    };
    let users = json!([user("1001", json!("Ann \"A\" \\ B")), user("1002", json!(null))]);
    let mut desk = Desk::new(json!({"users": users}));
    desk.register("1002", CALLEE);
    desk.reload(json!({"users": users, "modules": ["acl", "auth", "registrar", "call"]}));
    desk
}

/// A request of 1001 that answers the challenge.
fn proven(desk: &mut Desk, method: &str, from: &str, further: &str) {
    let uri = "sip:1002@127.0.0.1";
    let send = |desk: &mut Desk, branch: &str, authorization: &str| {
        let contact =
            if method == "INVITE" { format!("Contact: <sip:1001@{CALLER}>") } else { "X-None: -".into() };
        let body = if method == "INVITE" { sdp("127.0.0.1", 7000) } else { String::new() };
        desk.deliver(
            CALLER,
            &format!(
                "{method} {uri} SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bK{branch};rport
             From: {from};tag=caller
             To: <{uri}>
             Call-ID: call-1
             CSeq: {} {method}
             {further}
             {authorization}
             {contact}",
                branch.len()
            ),
            &body,
        );
    };
    send(desk, "a", "X-None: -");
    let challenged = desk.taken(CALLER).remove(0);
    assert_eq!(challenged.status(), 407);
    let challenge = Challenge::parse(challenged.header(Name::ProxyAuthenticate).unwrap()).unwrap();
    let algorithm = challenge.algorithm.unwrap();
    let ha1 = Ha1::new(algorithm, "1001", &challenge.realm, "pw");
    let answer =
        Answer { challenge: &challenge, user: "1001", ha1: &ha1, method, uri, nonce_count: 1, cnonce: "c" };
    send(desk, "bb", &format!("Proxy-Authorization: {answer}"));
}

fn values<'a>(message: &'a Message, name: &'a str) -> Vec<&'a str> {
    message.named(name).map(|value| std::str::from_utf8(value).unwrap()).collect()
}

#[test]
fn callee_is_told_who_proved_himself_and_nothing_he_claims() {
    for method in ["INVITE", "MESSAGE"] {
        let mut desk = guarded();
        proven(&mut desk, method, "\"Annie\" <sip:49301@127.0.0.1>", FORGED);
        let sent = desk.taken(CALLEE).remove(0);
        assert_eq!(
            values(&sent, "P-Asserted-Identity"),
            ["\"Ann \\\"A\\\" \\\\ B\" <sip:1001@127.0.0.1>"],
            "{method}"
        );
        for name in
            ["P-Preferred-Identity", "P-Asserted-Service", "Remote-Party-ID", "Diversion", "History-Info"]
        {
            assert!(values(&sent, name).is_empty(), "{method} {name}");
        }
        assert_eq!(values(&sent, "X-Kept"), ["as  it is"]);
        assert_eq!(sent.from().unwrap().display, Some("\"Annie\""));
        assert_eq!(sent.from().unwrap().uri, "sip:49301@127.0.0.1");
    }
}

#[test]
fn privacy_hides_the_caller_from_phones() {
    let from = "\"Annie\" <sip:1001@127.0.0.1>";
    let anonymous = "<sip:anonymous@anonymous.invalid>";
    let talk = "Reply-To: <sip:1001@127.0.0.1>\r\nOrganization: Lab";
    for (from, privacy, hidden, silent) in [
        (from, "X-None: -", false, false),
        (from, "Privacy: none", false, false),
        (from, "Privacy: header;session", false, false),
        (from, "Privacy: id", true, false),
        (from, "Privacy: header ; ID;critical", true, false),
        (from, "Privacy: user;id", true, true),
        (from, "Privacy: user", true, true),
        (anonymous, "X-None: -", true, false),
    ] {
        for method in ["INVITE", "MESSAGE"] {
            let mut desk = guarded();
            proven(&mut desk, method, from, &format!("{privacy}\r\n{talk}"));
            let sent = desk.taken(CALLEE).remove(0);
            let uri = sent.from().unwrap().uri;
            assert_eq!(uri == "sip:anonymous@anonymous.invalid", hidden, "{method} {privacy}");
            assert_eq!(values(&sent, "P-Asserted-Identity").is_empty(), hidden, "{method} {privacy}");
            assert_eq!(values(&sent, "Reply-To").is_empty(), silent, "{method} {privacy}");
            assert_eq!(values(&sent, "Organization").is_empty(), silent, "{method} {privacy}");
            let text = String::from_utf8_lossy(sent.bytes());
            assert!(!hidden || !text.contains("Annie"), "{method} {privacy}");
        }
    }
}

#[test]
fn anonymous_from_may_keep_the_asserted_identity_by_asking_for_no_privacy() {
    let mut desk = guarded();
    proven(&mut desk, "INVITE", "<sip:anonymous@anonymous.invalid>", "Privacy: none");
    assert_eq!(values(&desk.taken(CALLEE).remove(0), "P-Asserted-Identity").len(), 1);
}

#[test]
fn nobody_is_vouched_for_without_authentication() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.invite_to("sip:1002@127.0.0.1", FORGED, &sdp("127.0.0.1", 7000));
    let sent = desk.taken(CALLEE).remove(0);
    assert!(values(&sent, "P-Asserted-Identity").is_empty());
}

#[test]
fn claims_are_removed_from_every_request_and_response_both_ways() {
    let claims = |message: &Message| {
        ["P-Asserted-Identity", "Remote-Party-ID", "Diversion", "History-Info"]
            .iter()
            .map(|name| values(message, name).len())
            .sum::<usize>()
    };
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    desk.caller_statuses();
    let answer_with = |desk: &mut Desk, status: &str, body: &str| {
        let text = |name| String::from_utf8_lossy(invite.header(name).unwrap()).into_owned();
        let head = format!(
            "SIP/2.0 {status}
             Via: {}
             From: {}
             To: {};tag=callee
             Call-ID: {}
             CSeq: {}
             {FORGED}
             Contact: <sip:b@{CALLEE}>",
            text(Name::Via),
            text(Name::From),
            text(Name::To),
            text(Name::CallId),
            text(Name::CSeq)
        );
        desk.deliver(CALLEE, &head, body);
        desk.taken(CALLER).remove(0)
    };
    let ringing = answer_with(&mut desk, "180 Ringing", "");
    assert_eq!((ringing.status(), claims(&ringing), values(&ringing, "X-Kept").len()), (180, 0, 1));
    let answer = answer_with(&mut desk, "200 OK", &sdp("127.0.0.1", 7002));
    assert_eq!((answer.status(), claims(&answer), values(&answer, "X-Kept").len()), (200, 0, 1));
    desk.ack(&answer, 1, "");
    desk.taken(CALLEE);
    let tag = answer.to_tag().unwrap().to_owned();
    for (cseq, method, body) in [(2, "INFO", ""), (3, "INVITE", &*sdp("127.0.0.1", 7001)), (4, "BYE", "")] {
        desk.in_dialog_with(method, (&tag, cseq), FORGED, body);
        let relayed = desk.taken(CALLEE).remove(0);
        assert_eq!((claims(&relayed), values(&relayed, "X-Kept").len()), (0, 1), "{method}");
        if method != "BYE" {
            let answered = if body.is_empty() { String::new() } else { sdp("127.0.0.1", 7003) };
            desk.answer(CALLEE, &relayed, "200 OK", "callee", &answered);
            desk.ack(&answer, cseq, "");
            desk.taken(CALLEE);
        }
    }
}

/// The user by whose rights Python is asked next; it leaves the call to the bindings.
fn asking(desk: &mut Desk) -> Option<String> {
    let query = desk.asked.remove(0);
    desk.switch.handle_decision(desk.now, query.id, Decision::NotHandled {});
    desk.drain();
    query.invite.user
}

#[test]
fn target_of_a_transfer_is_called_by_the_rights_of_who_asked_for_it() {
    let user = |name: &str| {
        json!({"username": name, "realm": null, "backend_realms": [], "secret": {"password": "pw"},
            "enabled": true, "aliases": [], "display_name": null})
    };
    let users = json!([user("1001"), user("1002"), user("1003")]);
    let mut desk = Desk::new(json!({"users": users}));
    desk.register("1002", CALLEE);
    desk.register("1003", SECOND);
    let modules = json!(["acl", "auth", "registrar", "call"]);
    desk.reload(json!({"users": users, "modules": modules, "call": {"ask_router": true}}));
    proven(&mut desk, "INVITE", "<sip:1001@127.0.0.1>", "X-None: -");
    assert_eq!(asking(&mut desk).as_deref(), Some("1001"));
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 2, "");
    // The callee transfers the caller by his own rights, not by those of who called him.
    desk.callee_request_with("REFER", &invite, ("callee", 1), "Refer-To: <sip:1003@127.0.0.1>");
    assert_eq!(asking(&mut desk).as_deref(), Some("1002"));
    let summons = desk.taken(SECOND).remove(0);
    desk.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
    let rejoin = desk.taken(CALLER).pop().unwrap();
    desk.answer(CALLER, &rejoin, "200 OK", "caller", &sdp("127.0.0.1", 7000));
    // Who was transferred has the rights he always had.
    desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 3), "Refer-To: <sip:1002@127.0.0.1>", "");
    assert_eq!(asking(&mut desk).as_deref(), Some("1001"));
}
