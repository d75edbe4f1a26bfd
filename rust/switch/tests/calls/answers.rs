//! Answers that are none, or less than was asked for (RFC 3264 §6, RFC 6337), and hold in every form.

use pbx_sip::{Message, Method, Name};
use serde_json::json;

use crate::desk::{CALLEE, CALLER, Desk, sdp};

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

fn lines(message: &Message) -> Vec<String> {
    text(message).lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
}

fn with_video(port: u16) -> String {
    sdp("127.0.0.1", port) + &format!("m=video {} RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n", port + 2)
}

/// The callee's BYE and ACK, answered.
fn ended(desk: &mut Desk) -> Message {
    let mut told = desk.taken(CALLEE);
    assert_eq!(told.iter().map(Message::method).collect::<Vec<_>>(), [Method::Ack, Method::Bye]);
    let bye = told.pop().unwrap();
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    bye
}

#[test]
fn answer_that_is_none_ends_both_legs_and_the_callee_is_told_why() {
    let refused = sdp("127.0.0.1", 7002).replace("m=audio 7002", "m=audio 0");
    let foreign = sdp("127.0.0.1", 7002).replace("RTP/AVP 0 8 101", "RTP/AVP 18");
    for mode in ["all", "auto"] {
        for body in ["", &refused, &foreign] {
            let mut desk = Desk::new(json!({"media": {"mode": mode}}));
            let invite = desk.ringing();
            desk.answer(CALLEE, &invite, "200 OK", "callee", body);
            let bye = ended(&mut desk);
            assert_eq!(bye.text(Name::Reason), Some("SIP;cause=488;text=\"No usable answer\""), "{body}");
            assert_eq!(desk.caller_statuses(), [100, 488], "{mode} {body}");
            desk.assert_clean();
        }
    }
}

#[test]
fn answer_with_fewer_lines_is_filled_up_with_refused_ones() {
    for mode in ["all", "auto"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        desk.register("1002", CALLEE);
        desk.invite(&with_video(7000));
        let invite = desk.taken(CALLEE).remove(0);
        assert_eq!(lines(&invite).len(), 2);
        desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
        let answer = desk.taken(CALLER).pop().unwrap();
        let lines = lines(&answer);
        assert_eq!((answer.status(), lines.len()), (200, 2), "{mode}: {}", text(&answer));
        assert!(!lines[0].starts_with("m=audio 0") && lines[1].starts_with("m=video 0 "), "{lines:?}");
    }
}

#[test]
fn refused_line_is_refused_on_the_other_leg_and_the_call_goes_on() {
    for mode in ["all", "auto"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        desk.register("1002", CALLEE);
        desk.invite(&with_video(7000));
        let invite = desk.taken(CALLEE).remove(0);
        let refusing = with_video(7002).replace("m=video 7004", "m=video 0");
        desk.answer(CALLEE, &invite, "200 OK", "callee", &refusing);
        let answer = desk.taken(CALLER).pop().unwrap();
        assert_eq!(answer.status(), 200);
        assert!(lines(&answer)[1].starts_with("m=video 0 "), "{mode}: {}", text(&answer));
        assert_eq!(desk.switch.health().calls, 1);
    }
}

#[test]
fn reinvite_answered_without_a_description_is_488_and_keeps_the_session() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog("INVITE", &tag, 2, &(sdp("127.0.0.1", 7000) + "a=sendonly\r\n"));
    let shown = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &shown, "200 OK", "callee", "");
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Ack);
    assert_eq!(desk.caller_statuses(), [100, 488]);
    desk.in_dialog("INFO", &tag, 3, "");
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Info, "the call goes on");
}

#[test]
fn refused_reinvite_keeps_the_session_and_another_one_may_follow() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    let (_, answer) = desk.established();
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog("INVITE", &tag, 2, &with_video(7000));
    let shown = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &shown, "488 Not Acceptable Here", "callee", "");
    assert_eq!(desk.caller_statuses(), [100, 488]);
    desk.in_dialog("INVITE", &tag, 3, &sdp("127.0.0.1", 7000));
    let shown = desk.taken(CALLEE).pop().unwrap();
    desk.answer(CALLEE, &shown, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    assert_eq!(desk.caller_statuses(), [100, 200]);
}

#[test]
fn hold_in_every_form_reaches_the_other_party_and_its_answer_comes_back() {
    let offer = sdp("127.0.0.1", 7000);
    let at_session = |line: &str| offer.replace("t=0 0\r\n", &format!("t=0 0\r\n{line}\r\n"));
    let at_media = |line: &str| format!("{offer}{line}\r\n");
    let deaf = offer.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    let deaf_line = offer.replace("RTP/AVP 0 8 101\r\n", "RTP/AVP 0 8 101\r\nc=IN IP4 0.0.0.0\r\n");
    for (hold, meant, answered) in [
        (at_media("a=sendonly"), "a=sendonly", "a=recvonly"),
        (at_media("a=recvonly"), "a=recvonly", "a=sendonly"),
        (at_media("a=inactive"), "a=inactive", "a=inactive"),
        (at_session("a=sendonly"), "a=sendonly", "a=recvonly"),
        (at_session("a=inactive"), "a=inactive", "a=inactive"),
        (deaf, "a=sendonly", "a=recvonly"),
        (deaf_line, "a=sendonly", "a=recvonly"),
    ] {
        for mode in ["all", "auto", "none"] {
            let mut desk = Desk::new(json!({"media": {"mode": mode}}));
            let (_, answer) = desk.established();
            let tag = answer.to_tag().unwrap().to_owned();
            desk.in_dialog("INVITE", &tag, 2, &hold);
            let shown = desk.taken(CALLEE).remove(0);
            let is_shown =
                text(&shown).contains(meant) || (mode != "all" && text(&shown).contains("0.0.0.0"));
            assert!(is_shown, "{mode} {hold}: {}", text(&shown));
            assert!(mode != "all" || !text(&shown).contains("0.0.0.0"), "{hold}");
            let held = format!("{}{answered}\r\n", sdp("127.0.0.1", 7002));
            desk.answer(CALLEE, &shown, "200 OK", "callee", &held);
            let answer = desk.taken(CALLER).pop().unwrap();
            assert!(text(&answer).contains(answered), "{mode} {hold}: {}", text(&answer));
            desk.ack(&answer, 2, "");
            desk.in_dialog("INVITE", &tag, 3, &offer);
            let shown = desk.taken(CALLEE).pop().unwrap();
            assert!(!text(&shown).contains(meant), "{mode} {hold}: it is taken back");
        }
    }
}

#[test]
fn reinvite_without_an_offer_after_the_bye_is_481() {
    let mut desk = Desk::new(json!({}));
    let (invite, answer) = desk.established();
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    let bye = desk.taken(CALLEE).remove(0);
    // It crossed our BYE.
    desk.callee_request("INVITE", &invite, "callee", 1, "");
    assert_eq!(desk.taken(CALLEE).iter().map(Message::status).collect::<Vec<_>>(), [481]);
    assert_eq!(desk.caller_statuses(), [200], "nothing of it reaches who hung up");
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    desk.assert_clean();
}

#[test]
fn bye_that_crosses_a_relayed_reinvite_ends_both_legs() {
    let mut desk = Desk::new(json!({}));
    let (invite, answer) = desk.established();
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 2, "");
    let shown = desk.taken(CALLEE).remove(0);
    desk.callee_request("BYE", &invite, "callee", 1, "");
    let told = desk.taken(CALLER);
    assert_eq!(
        told.iter().filter(|it| !it.is_request()).map(Message::status).collect::<Vec<_>>(),
        [100, 487]
    );
    let bye = told.iter().find(|it| it.is_request()).unwrap();
    assert_eq!(bye.method(), Method::Bye);
    desk.answer(CALLER, bye, "200 OK", "caller", "");
    desk.answer(CALLEE, &shown, "481 Call/Transaction Does Not Exist", "callee", "");
    desk.assert_clean();
}
