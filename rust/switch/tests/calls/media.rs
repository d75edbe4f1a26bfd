//! Where the media of a call goes, and what becomes of its ports (`config.md` §5).

use crate::desk::{CALLEE, CALLER, Desk, sdp};
use pbx_media::relay::{MediaCommand, MediaEvent, SessionStats};
use pbx_sip::{Message, Method};
use serde_json::json;

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

#[test]
fn body_passes_byte_for_byte_in_mode_none() {
    let mut desk = Desk::new(json!({"media": {"mode": "none"}}));
    let (invite, answer) = desk.established();
    assert_eq!(invite.body(), sdp("127.0.0.1", 7000).as_bytes());
    assert_eq!(answer.body(), sdp("127.0.0.1", 7002).as_bytes());
    assert!(desk.media.is_empty());
}

#[test]
fn auto_stays_direct_between_equal_addresses() {
    let mut desk = Desk::new(json!({"media": {"mode": "auto"}}));
    let (invite, answer) = desk.established();
    assert!(text(&invite).contains("m=audio 7000"));
    assert!(text(&answer).contains("m=audio 7002"));
    assert_eq!(desk.switch.calls(desk.now, 10, None)[0].media, "direct");
}

#[test]
fn auto_anchors_when_the_offer_names_a_private_address_elsewhere() {
    let mut desk = Desk::new(json!({"media": {"mode": "auto"}}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("10.0.0.9", 7000));
    let invite = desk.taken(CALLEE).remove(0);
    assert!(text(&invite).contains("c=IN IP4 127.0.0.1"), "{}", text(&invite));
    let view = desk.switch.calls(desk.now, 10, None).remove(0);
    assert_eq!((view.media, view.media_reason), ("anchored", Some("sdp_private")));
}

#[test]
fn auto_anchors_late_when_the_answer_reveals_nat() {
    let mut desk = Desk::new(json!({"media": {"mode": "auto"}}));
    let invite = desk.ringing();
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("10.0.0.9", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert!(text(&answer).contains("m=audio 200"), "{}", text(&answer));
    let sent = desk.taken(CALLEE);
    let methods: Vec<_> = sent.iter().map(Message::method).collect();
    assert_eq!(methods, [Method::Ack, Method::Invite]);
    assert!(text(&sent[1]).contains("m=audio 200"), "{}", text(&sent[1]));
    desk.answer(CALLEE, &sent[1], "200 OK", "callee", &sdp("10.0.0.9", 7002));
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Ack);
    let described =
        desk.media.iter().filter(|command| matches!(command, MediaCommand::Describe { .. })).count();
    assert!(described >= 2);
    desk.ack(&answer, 1, "");
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn codec_outside_the_list_is_488_with_a_warning() {
    let mut desk = Desk::new(json!({"media": {"mode": "auto", "audio_codecs": ["opus"]}}));
    desk.register("1002", CALLEE);
    desk.invite(&sdp("127.0.0.1", 7000));
    let refused = desk.taken(CALLER).pop().unwrap();
    assert_eq!(refused.status(), 488);
    assert!(refused.text(pbx_sip::Name::Warning).unwrap().starts_with("305"));
    assert!(desk.taken(CALLEE).is_empty());
}

#[test]
fn used_up_ports_are_503_and_come_back_after_the_call() {
    let mut desk =
        Desk::new(json!({"media": {"mode": "all", "rtp_start_port": 20000, "rtp_end_port": 20003}}));
    let (_, answer) = desk.established();
    assert_eq!(desk.switch.health().ports_free, 0);
    desk.deliver(
        CALLER,
        &format!(
            "INVITE sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKsecond;rport
             From: <sip:1001@127.0.0.1>;tag=again
             To: <sip:1002@127.0.0.1>
             Call-ID: call-2
             CSeq: 1 INVITE
             Contact: <sip:1001@{CALLER}>"
        ),
        &sdp("127.0.0.1", 7010),
    );
    let refused = desk.taken(CALLER).pop().unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.number(pbx_sip::Name::RetryAfter).is_some_and(|secs| (2..=8).contains(&secs)));
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    let closed = desk.media.iter().find_map(|command| match command {
        MediaCommand::Close { session } => Some(*session),
        _ => None,
    });
    let event = MediaEvent::Closed { session: closed.unwrap(), stats: SessionStats::default() };
    desk.switch.handle_media(desk.now, &event);
    assert_eq!((desk.switch.health().ports_used, desk.switch.health().ports_free), (0, 2));
}

#[test]
fn busy_port_is_replaced_without_the_peers_noticing() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    desk.busy_ports = 2;
    let (invite, _) = desk.established();
    assert!(text(&invite).contains("m=audio 200"));
    assert_eq!(desk.switch.health().ports_used, 2);
}

fn revealed(busy_ports: usize) -> (Desk, Vec<Message>) {
    let mut desk = Desk::new(json!({"media": {"mode": "auto"}}));
    let invite = desk.ringing();
    desk.busy_ports = busy_ports;
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("10.0.0.9", 7002));
    let sent = desk.taken(CALLER);
    (desk, sent)
}

#[test]
fn nobody_is_told_of_a_busy_port_when_a_call_is_anchored_late() {
    let (mut desk, sent) = revealed(2);
    let opened = desk.media.iter().rev().find_map(|command| match command {
        MediaCommand::Open { legs, .. } => Some(legs[0].rtp[0]),
        _ => None,
    });
    let answer = sent.last().unwrap();
    assert!(text(answer).contains(&format!("m=audio {} ", opened.unwrap())), "{}", text(answer));
    desk.ack(answer, 1, "");
    assert_eq!(desk.switch.health().ports_used, 2);
}

#[test]
fn call_that_cannot_be_anchored_late_goes_on_directly() {
    let (mut desk, sent) = revealed(99);
    let answer = sent.last().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(text(answer).contains("m=audio 7002"), "{}", text(answer));
    assert!(desk.logged.contains(&"media_not_anchored"));
    let methods: Vec<_> = desk.taken(CALLEE).iter().map(Message::method).collect();
    assert_eq!(methods, [Method::Ack]);
    assert!(matches!(desk.media.last(), Some(MediaCommand::Close { .. })));
}
