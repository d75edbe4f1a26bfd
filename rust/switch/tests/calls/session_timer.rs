//! What is negotiated of session timers, on each leg by itself (RFC 4028, `config.md` §9.1–5).

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_sip::{Message, Method, Name};
use serde_json::json;

fn text(message: &Message, name: Name) -> Option<&str> {
    message.text(name)
}

/// Answers the only INVITE the callee got; `status` may carry header lines.
fn answered(desk: &mut Desk, status: &str) -> Message {
    let invite = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, status, "callee", &sdp("127.0.0.1", 7002));
    desk.taken(CALLER).pop().unwrap()
}

/// What the caller is granted for the header lines of its INVITE.
fn granted(config: serde_json::Value, further: &str) -> (Option<String>, Option<String>) {
    let mut desk = Desk::new(config);
    desk.register("1002", CALLEE);
    desk.invite_to("sip:1002@127.0.0.1", further, &sdp("127.0.0.1", 7000));
    let answer = answered(&mut desk, "200 OK");
    assert_eq!(answer.status(), 200);
    let owned = |name| text(&answer, name).map(str::to_owned);
    (owned(Name::SessionExpires), owned(Name::Require))
}

#[test]
fn caller_is_granted_what_the_rules_say() {
    let plain = json!({});
    let always = json!({"call": {"session_timer": {"always": true, "expires_secs": 600}}});
    let rows: &[(&serde_json::Value, &str, Option<&str>)] = &[
        (&plain, "Supported: timer\nSession-Expires: 1200", Some("1200;refresher=uac")),
        (&plain, "Supported: timer\nSession-Expires: 1200;refresher=uas", Some("1200;refresher=uas")),
        (&plain, "Supported: timer\nSession-Expires: 7200", Some("1800;refresher=uac")),
        (&plain, "Supported: timer\nSession-Expires: 7200\nMin-SE: 3600", Some("3600;refresher=uac")),
        (&plain, "Supported: timer", Some("1800;refresher=uac")),
        (&plain, "k: timer\nx: 90", Some("90;refresher=uac")),
        (&plain, "Session-Expires: 1200", Some("1200;refresher=uas")),
        (&plain, "Session-Expires: 20", Some("90;refresher=uas")),
        (&plain, "X-None: -", None),
        (&always, "X-None: -", Some("600;refresher=uas")),
        (&always, "Supported: timer", Some("600;refresher=uac")),
    ];
    for (config, further, expected) in rows {
        let (expires, require) = granted((*config).clone(), further);
        assert_eq!(expires.as_deref(), *expected, "{further}");
        let peer_refreshes = expected.is_some_and(|expected| expected.ends_with("uac"));
        assert_eq!(require.as_deref() == Some("timer"), peer_refreshes, "{further}");
    }
}

#[test]
fn interval_below_90_is_422_with_min_se() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    let short = "Supported: timer\nSession-Expires: 60";
    desk.invite_to("sip:1002@127.0.0.1", short, &sdp("127.0.0.1", 7000));
    let refused = desk.taken(CALLER).pop().unwrap();
    assert_eq!((refused.status(), refused.min_se()), (422, Some(90)));
    assert!(desk.taken(CALLEE).is_empty());
}

#[test]
fn interval_below_90_inside_the_dialog_is_422_too() {
    for (method, body) in [("INVITE", sdp("127.0.0.1", 7000)), ("UPDATE", String::new())] {
        let mut desk = Desk::new(json!({}));
        let (_, answer) = desk.established();
        let short = "Supported: timer\nSession-Expires: 89";
        desk.in_dialog_with(method, (answer.to_tag().unwrap(), 2), short, &body);
        let refused = desk.taken(CALLER).pop().unwrap();
        assert_eq!((refused.status(), refused.min_se()), (422, Some(90)), "{method}");
    }
}

#[test]
fn unreadable_session_expires_is_400() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.invite_to("sip:1002@127.0.0.1", "Session-Expires: soon", &sdp("127.0.0.1", 7000));
    let refused = desk.taken(CALLER).pop().unwrap();
    assert_eq!((refused.status(), refused.reason()), (400, "Bad Session-Expires"));
}

#[test]
fn callee_is_asked_for_our_interval_without_refresher() {
    let mut desk = Desk::new(json!({"call": {"session_timer": {"always": false, "expires_secs": 700}}}));
    let invite = desk.ringing();
    assert_eq!(text(&invite, Name::SessionExpires), Some("700"));
    assert_eq!(invite.min_se(), Some(90));
    assert!(invite.has_token(Name::Supported, "timer"));
}

#[test]
fn callee_that_finds_it_too_small_is_asked_again_at_most_twice() {
    let mut desk = Desk::new(json!({"call": {"session_timer": {"always": false, "expires_secs": 90}}}));
    let mut invite = desk.ringing();
    for min_se in [200, 300] {
        desk.answer(CALLEE, &invite, &format!("422 Too Small\nMin-SE: {min_se}"), "callee", "");
        let sent = desk.taken(CALLEE);
        invite = sent.into_iter().find(|message| message.method() == Method::Invite).unwrap();
        assert_eq!(text(&invite, Name::SessionExpires), Some(min_se.to_string().as_str()));
        assert_eq!(invite.min_se(), Some(min_se));
    }
    desk.answer(CALLEE, &invite, "422 Too Small\nMin-SE: 400", "callee", "");
    assert!(desk.caller_statuses().contains(&422));
    desk.in_dialog("ACK", "x", 1, "");
    desk.assert_clean();
}

#[test]
fn last_422_is_the_failure_of_its_target_only() {
    let mut desk = Desk::new(json!({}));
    let (first, second) = desk.forked();
    desk.answer(CALLEE, &first, "422 Too Small\nMin-SE: 10", "callee", "");
    assert!(desk.taken(CALLEE).iter().all(|message| message.method() == Method::Ack), "no word to raise to");
    desk.answer(SECOND, &second, "200 OK", "second", &sdp("127.0.0.1", 7002));
    assert!(desk.caller_statuses().contains(&200));
}

#[test]
fn without_session_timer_nothing_of_it_is_known() {
    let off = json!({"call": {"session_timer": null}});
    let mut desk = Desk::new(off.clone());
    desk.register("1002", CALLEE);
    let short = "Supported: timer\nSession-Expires: 10";
    desk.invite_to("sip:1002@127.0.0.1", short, &sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    assert!(!invite.has_token(Name::Supported, "timer"));
    assert_eq!((text(&invite, Name::SessionExpires), invite.min_se()), (None, None));
    desk.answer(
        CALLEE,
        &invite,
        "200 OK\nSession-Expires: 90;refresher=uac",
        "callee",
        &sdp("127.0.0.1", 7002),
    );
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!((answer.status(), text(&answer, Name::SessionExpires)), (200, None));
    let mut desk = Desk::new(off);
    desk.register("1002", CALLEE);
    desk.invite_to("sip:1002@127.0.0.1", "Require: timer", &sdp("127.0.0.1", 7000));
    let refused = desk.taken(CALLER).pop().unwrap();
    assert_eq!((refused.status(), text(&refused, Name::Unsupported)), (420, Some("timer")));
}

#[test]
fn each_leg_negotiates_by_itself() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    let asked = "Supported: timer\nSession-Expires: 600;refresher=uac\nMin-SE: 100";
    desk.invite_to("sip:1002@127.0.0.1", asked, &sdp("127.0.0.1", 7000));
    let invite = desk.taken(CALLEE)[0].clone();
    assert_eq!((text(&invite, Name::SessionExpires), invite.min_se()), (Some("1800"), Some(90)));
    desk.answer(
        CALLEE,
        &invite,
        "200 OK\nRequire: timer\nSession-Expires: 300;refresher=uac",
        "callee",
        &sdp("127.0.0.1", 7002),
    );
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!(text(&answer, Name::SessionExpires), Some("600;refresher=uac"));
}

#[test]
fn relayed_reinvite_refreshes_both_legs_and_keeps_the_roles() {
    let mut desk = Desk::new(json!({}));
    let invite = desk.ringing();
    let granted = "200 OK\nSession-Expires: 300;refresher=uas\nRequire: timer";
    desk.answer(CALLEE, &invite, granted, "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    desk.ack(&answer, 1, "");
    desk.taken(CALLEE);
    let timer = "Supported: timer\nSession-Expires: 120;refresher=uas";
    desk.in_dialog_with("INVITE", (answer.to_tag().unwrap(), 2), timer, &sdp("127.0.0.1", 7000));
    let relayed = desk.taken(CALLEE).remove(0);
    assert_eq!(text(&relayed, Name::SessionExpires), Some("300;refresher=uas"));
    desk.answer(CALLEE, &relayed, granted, "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!(text(&answer, Name::SessionExpires), Some("120;refresher=uas"));
    assert_eq!(text(&answer, Name::Require), None);
}

#[test]
fn update_without_body_is_answered_by_us() {
    let mut desk = Desk::new(json!({}));
    let (_, answer) = desk.established();
    let timer = "Supported: timer\nSession-Expires: 400;refresher=uac";
    desk.in_dialog_with("UPDATE", (answer.to_tag().unwrap(), 2), timer, "");
    let refreshed = desk.taken(CALLER).pop().unwrap();
    assert_eq!(refreshed.status(), 200);
    assert_eq!(text(&refreshed, Name::SessionExpires), Some("400;refresher=uac"));
    assert_eq!(text(&refreshed, Name::Require), Some("timer"));
    assert!(refreshed.header(Name::Contact).is_some() && refreshed.body().is_empty());
    assert!(desk.taken(CALLEE).is_empty(), "the other party hears nothing of it");
}

#[test]
fn relayed_request_whose_interval_is_too_small_is_sent_once_more_with_a_longer_one() {
    for method in ["INVITE", "UPDATE"] {
        let mut desk = Desk::new(json!({}));
        let invite = desk.ringing();
        let allow = "Allow: INVITE, ACK, BYE, UPDATE\nSupported: timer";
        desk.answer_with(CALLEE, &invite, ("200 OK", "callee"), allow, &sdp("127.0.0.1", 7002));
        let answer = desk.taken(CALLER).pop().unwrap();
        desk.ack(&answer, 1, "");
        desk.taken(CALLEE);
        desk.in_dialog(method, answer.to_tag().unwrap(), 2, &sdp("127.0.0.1", 7000));
        let shown = desk.taken(CALLEE).remove(0);
        let small = ("422 Session Interval Too Small", "callee");
        desk.answer_with(CALLEE, &shown, small, "Min-SE: 2400", "");
        assert!(desk.caller_statuses().iter().all(|&status| status == 100), "its own interval is fine");
        let again = desk.taken(CALLEE).into_iter().find(|it| it.method().as_str() == method).unwrap();
        assert_eq!(again.session_expires().unwrap().unwrap().interval, 2400);
        assert_eq!((again.min_se(), again.body()), (Some(2400), shown.body()));
        assert!(again.cseq() > shown.cseq());
        desk.answer_with(CALLEE, &again, small, "Min-SE: 4800", "");
        let told = desk.taken(CALLER).pop().unwrap();
        assert_eq!((told.status(), told.min_se()), (422, Some(4800)), "not for ever");
    }
}
