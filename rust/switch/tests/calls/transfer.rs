//! Transfers: REFER, Replaces and what must be left of the old call (RFC 3515, RFC 3891, RFC 5589).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_media::relay::MediaCommand;
use pbx_sip::{Message, Method, Name};
use serde_json::{Value, json};

const TO_1003: &str = "Refer-To: <sip:1003@127.0.0.1>";

/// 1001 (caller) speaks with 1002 (callee); 1003 is registered. Gives the callee's INVITE and the caller's 200.
fn talking(changes: Value) -> (Desk, Message, Message) {
    let mut desk = Desk::new(changes);
    desk.register("1003", SECOND);
    let (invite, answer) = desk.established();
    (desk, invite, answer)
}

/// The caller refers the callee to 1003; gives the INVITE of 1003.
fn referred(desk: &mut Desk, answer: &Message, further: &str) -> Message {
    desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), further, "");
    desk.taken(SECOND).remove(0)
}

fn fragments(desk: &mut Desk, of: &str) -> Vec<String> {
    let requests = desk.taken(of).into_iter().filter(|message| message.method() == Method::Notify);
    requests
        .map(|notify| {
            assert_eq!(notify.text(Name::Event).map(|event| event.starts_with("refer")), Some(true));
            assert!(notify.content_type().unwrap().starts_with("message/sipfrag"));
            let state = notify.text(Name::SubscriptionState).unwrap().to_owned();
            desk.answer(of, &notify, "200 OK", "x", "");
            let status = String::from_utf8_lossy(notify.body()).trim().to_owned();
            format!("{} {}", status.split(' ').nth(1).unwrap(), state.split(';').next().unwrap())
        })
        .collect()
}

fn only(desk: &mut Desk, of: &str, method: Method) -> Message {
    let mut taken: Vec<_> = desk.taken(of).into_iter().filter(|message| message.method() == method).collect();
    // What is sent again is the same message.
    taken.dedup_by_key(|message| message.bytes().clone());
    assert_eq!(taken.len(), 1, "one {method:?} for {of}: {taken:?}");
    taken.into_iter().next().unwrap()
}

fn body(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

/// 1003 answers, 1002 takes the new session.
fn accept(desk: &mut Desk, summons: &Message) {
    desk.answer(SECOND, summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
    let rejoin = only(desk, CALLEE, Method::Invite);
    desk.answer(CALLEE, &rejoin, "200 OK", "callee", &sdp("127.0.0.1", 7012));
}

#[test]
fn blind_transfer_joins_the_remaining_party_and_the_target_and_releases_the_referrer() {
    for mode in ["none", "auto", "all"] {
        let (mut desk, invite, answer) = talking(json!({"media": {"mode": mode}}));
        desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), TO_1003, "");
        let told = desk.sent.iter().find(|(_, message)| !message.is_request()).unwrap().1.status();
        assert_eq!(told, 202);
        assert_eq!(fragments(&mut desk, CALLER), ["100 active"]);
        let summons = desk.taken(SECOND).remove(0);
        assert!(summons.body().is_empty(), "the target makes the offer");
        assert!(summons.from().unwrap().uri.contains("1002"), "the target sees who will speak");
        assert!(summons.text(Name::ReferredBy).unwrap().contains("1001"));
        assert!(desk.taken(CALLEE).is_empty(), "nobody disturbs the old call before");
        desk.answer(SECOND, &summons, "180 Ringing", "third", "");
        assert_eq!(fragments(&mut desk, CALLER), ["180 active"]);
        desk.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
        let rejoin = only(&mut desk, CALLEE, Method::Invite);
        assert_eq!(body(&rejoin).contains("m=audio 7004"), mode != "all", "{mode}: {}", body(&rejoin));
        desk.answer(CALLEE, &rejoin, "200 OK", "callee", &sdp("127.0.0.1", 7012));
        assert_eq!(only(&mut desk, CALLEE, Method::Ack).cseq(), rejoin.cseq());
        let ack = only(&mut desk, SECOND, Method::Ack);
        assert_eq!(body(&ack).contains("m=audio 7012"), mode != "all", "{mode}: {}", body(&ack));
        assert_eq!(fragments(&mut desk, CALLER), ["200 terminated"]);
        assert!(desk.logged.contains(&"call_transferred"));
        desk.in_dialog("BYE", answer.to_tag().unwrap(), 3, "");
        assert_eq!(desk.caller_statuses(), [200]);
        assert_eq!(desk.switch.health().calls, 1);
        desk.third_says("BYE", &summons);
        let bye = only(&mut desk, CALLEE, Method::Bye);
        assert_eq!(bye.call_id(), invite.call_id(), "the callee stays in the dialog it has");
        desk.answer(CALLEE, &bye, "200 OK", "callee", "");
        desk.assert_clean();
    }
}

/// Whatever a callee said once may come again, on a way that is slow.
fn says_200_again(desk: &mut Desk, invite: &Message) -> Vec<Method> {
    desk.taken(CALLEE);
    desk.answer(CALLEE, invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    desk.taken(CALLEE).iter().map(Message::method).collect()
}

#[test]
fn late_copy_of_the_2xx_of_a_callee_that_moved_on_does_not_end_its_call() {
    let (mut desk, invite, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    accept(&mut desk, &summons);
    assert_eq!(says_200_again(&mut desk, &invite), [Method::Ack]);
}

#[test]
fn late_copy_of_the_2xx_of_a_callee_that_was_replaced_is_acknowledged_only() {
    let (mut desk, invite, _) = talking(json!({}));
    let text = |name| String::from_utf8_lossy(invite.header(name).unwrap()).into_owned();
    let ours = text(Name::From).rsplit("tag=").next().unwrap().to_owned();
    let replaces = format!("{};to-tag={ours};from-tag=callee", invite.call_id());
    desk.take_over(&replaces, &sdp("127.0.0.1", 7004));
    only(&mut desk, CALLER, Method::Invite);
    assert_eq!(says_200_again(&mut desk, &invite), [Method::Ack], "it may yet keep its place");
}

#[test]
fn callee_can_transfer_the_caller() {
    let (mut desk, invite, answer) = talking(json!({}));
    let text = |name| String::from_utf8_lossy(invite.header(name).unwrap()).into_owned();
    desk.deliver(
        CALLEE,
        &format!(
            "REFER sip:pbx@127.0.0.1:5060 SIP/2.0
         Via: SIP/2.0/UDP {CALLEE};branch=z9hG4bKreferb;rport
         From: {};tag=callee
         To: {}
         Call-ID: {}
         CSeq: 1 REFER
         Refer-To: <sip:1003@127.0.0.1>
         Contact: <sip:b@{CALLEE}>
         Max-Forwards: 70",
            text(Name::To),
            text(Name::From),
            text(Name::CallId)
        ),
        "",
    );
    assert_eq!(fragments(&mut desk, CALLEE), ["100 active"]);
    let summons = desk.taken(SECOND).remove(0);
    desk.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
    let rejoin = only(&mut desk, CALLER, Method::Invite);
    desk.answer(CALLER, &rejoin, "200 OK", "caller", &sdp("127.0.0.1", 7010));
    assert_eq!(fragments(&mut desk, CALLEE), ["200 terminated"]);
    desk.taken(CALLER);
    desk.taken(SECOND);
    // The caller's dialog lives on in the new call.
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
    assert!(desk.caller_statuses().contains(&200));
    only(&mut desk, SECOND, Method::Bye);
    desk.assert_clean();
}

#[test]
fn target_that_refuses_leaves_the_old_call_as_it_was() {
    let (mut desk, _, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    fragments(&mut desk, CALLER);
    desk.answer(SECOND, &summons, "486 Busy Here", "third", "");
    assert_eq!(fragments(&mut desk, CALLER), ["486 terminated"]);
    assert!(desk.taken(CALLEE).is_empty());
    desk.in_dialog("INFO", answer.to_tag().unwrap(), 3, "");
    assert_eq!(only(&mut desk, CALLEE, Method::Info).method(), Method::Info);
}

#[test]
fn unknown_target_is_told_as_404() {
    let (mut desk, _, answer) = talking(json!({}));
    desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), "Refer-To: <sip:1999@127.0.0.1>", "");
    assert_eq!(fragments(&mut desk, CALLER), ["100 active", "404 terminated"]);
    desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 3), "Refer-To: <sip:x@example.org>", "");
    assert_eq!(fragments(&mut desk, CALLER), ["100 active", "404 terminated"], "no route, no foreign target");
    assert_eq!(desk.switch.health().calls, 1);
}

#[test]
fn remaining_party_that_refuses_the_new_session_keeps_the_old_one() {
    let (mut desk, _, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    fragments(&mut desk, CALLER);
    desk.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
    let rejoin = only(&mut desk, CALLEE, Method::Invite);
    desk.answer(CALLEE, &rejoin, "488 Not Acceptable Here", "callee", "");
    assert_eq!(fragments(&mut desk, CALLER), ["488 terminated"]);
    let end: Vec<_> = desk.taken(SECOND).iter().map(Message::method).collect();
    assert_eq!(end, [Method::Ack, Method::Bye]);
    assert_eq!(desk.switch.health().calls, 2, "that of the target waits for the answer to its BYE");
}

#[test]
fn glare_with_the_remaining_party_is_tried_again() {
    let (mut desk, _, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    fragments(&mut desk, CALLER);
    desk.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
    let rejoin = only(&mut desk, CALLEE, Method::Invite);
    desk.answer(CALLEE, &rejoin, "491 Request Pending", "callee", "");
    desk.advance(Duration::from_secs(2));
    assert!(!desk.taken(CALLEE).iter().any(|message| message.method() == Method::Invite));
    desk.advance(Duration::from_millis(2_100));
    let again = only(&mut desk, CALLEE, Method::Invite);
    desk.answer(CALLEE, &again, "200 OK", "callee", &sdp("127.0.0.1", 7012));
    assert_eq!(fragments(&mut desk, CALLER).last().map(String::as_str), Some("200 terminated"));
}

#[test]
fn referrer_may_hang_up_at_once_and_the_transfer_goes_on() {
    let (mut desk, _, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    fragments(&mut desk, CALLER);
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 3, "");
    assert_eq!(desk.caller_statuses(), [200]);
    assert!(desk.taken(CALLEE).is_empty(), "the remaining party waits for the target");
    accept(&mut desk, &summons);
    assert_eq!(desk.switch.health().calls, 1);
    assert!(desk.taken(CALLER).is_empty());
}

#[test]
fn referrer_gone_and_target_lost_end_the_call_of_the_remaining_party() {
    let (mut desk, _, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    fragments(&mut desk, CALLER);
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 3, "");
    desk.answer(SECOND, &summons, "486 Busy Here", "third", "");
    let bye = only(&mut desk, CALLEE, Method::Bye);
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    desk.assert_clean();
}

#[test]
fn referrer_who_does_not_hang_up_gets_bye() {
    let (mut desk, _, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    accept(&mut desk, &summons);
    fragments(&mut desk, CALLER);
    desk.advance(Duration::from_secs(5));
    only(&mut desk, CALLER, Method::Bye);
}

#[test]
fn remaining_party_that_hangs_up_ends_everything() {
    let (mut desk, invite, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    desk.answer(SECOND, &summons, "180 Ringing", "third", "");
    fragments(&mut desk, CALLER);
    desk.callee_request("BYE", &invite, "callee", 1, "");
    let cancel = only(&mut desk, SECOND, Method::Cancel);
    desk.answer(SECOND, &cancel, "200 OK", "third", "");
    desk.answer(SECOND, &summons, "487 Request Terminated", "third", "");
    let left: Vec<_> = desk.taken(CALLER);
    let ends: Vec<_> = left.iter().map(Message::method).collect();
    assert_eq!(ends, [Method::Notify, Method::Bye]);
    for request in &left {
        desk.answer(CALLER, request, "200 OK", "x", "");
    }
    desk.assert_clean();
}

#[test]
fn second_refer_waits_and_bad_ones_are_refused() {
    let (mut desk, _, answer) = talking(json!({}));
    let tag = answer.to_tag().unwrap().to_owned();
    desk.in_dialog_with("REFER", (&tag, 2), "Subject: nobody", "");
    desk.in_dialog_with("REFER", (&tag, 3), "Refer-To: <sip:1003@127.0.0.1>, <sip:1002@127.0.0.1>", "");
    desk.in_dialog_with("REFER", (&tag, 4), "Refer-To: <http://example.org>", "");
    assert_eq!(desk.caller_statuses(), [400, 400, 400]);
    desk.in_dialog_with("REFER", (&tag, 5), TO_1003, "");
    desk.in_dialog_with("REFER", (&tag, 6), TO_1003, "");
    let statuses: Vec<_> = desk.taken(CALLER).iter().map(Message::status).filter(|&code| code > 0).collect();
    assert_eq!(statuses, [202, 500]);
}

#[test]
fn norefersub_means_no_notify() {
    let (mut desk, _, answer) = talking(json!({}));
    let further = "Refer-To: <sip:1003@127.0.0.1>\r\nRefer-Sub: false\r\nRequire: norefersub";
    let summons = referred(&mut desk, &answer, further);
    accept(&mut desk, &summons);
    let got = desk.taken(CALLER);
    assert_eq!((got[0].status(), got[0].text(Name::ReferSub)), (202, Some("false")));
    assert_eq!(got.len(), 1, "{got:?}");
}

#[test]
fn notify_nobody_subscribed_to_is_481() {
    let (mut desk, invite, _) = talking(json!({}));
    desk.callee_request("NOTIFY", &invite, "callee", 1, "");
    assert_eq!(desk.taken(CALLEE)[0].status(), 481);
}

#[test]
fn copies_of_the_remaining_partys_answer_are_acknowledged_after_it_changed_its_call() {
    let (mut desk, _, answer) = talking(json!({}));
    let summons = referred(&mut desk, &answer, TO_1003);
    desk.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
    let rejoin = only(&mut desk, CALLEE, Method::Invite);
    for _ in 0..3 {
        desk.answer(CALLEE, &rejoin, "200 OK", "callee", &sdp("127.0.0.1", 7012));
        assert_eq!(only(&mut desk, CALLEE, Method::Ack).cseq(), rejoin.cseq());
    }
}

mod attended {
    use super::*;

    /// 1001 speaks with 1002 and, in a second call, with 1003. Gives the tags of our answers and 1003's INVITE.
    fn consulting(changes: Value) -> (Desk, String, String, Message) {
        let (mut desk, _, answer) = talking(changes);
        let (summons, tag) = desk.consulted();
        (desk, answer.to_tag().unwrap().to_owned(), tag, summons)
    }

    fn replacing(tag: &str) -> String {
        format!("Refer-To: <sip:1003@127.0.0.1?Replaces=call-2%3Bto-tag%3D{tag}%3Bfrom-tag%3Dconsult>")
    }

    #[test]
    fn two_calls_of_the_referrer_become_one_of_the_others() {
        for mode in ["none", "all"] {
            let (mut desk, first, second, summons) = consulting(json!({"media": {"mode": mode}}));
            desk.in_dialog_with("REFER", (&first, 2), &replacing(&second), "");
            assert_eq!(fragments(&mut desk, CALLER), ["100 active"]);
            let ask = only(&mut desk, SECOND, Method::Invite);
            assert_eq!(ask.call_id(), summons.call_id());
            assert!(ask.body().is_empty());
            desk.answer(SECOND, &ask, "200 OK", "third", &sdp("127.0.0.1", 7024));
            let rejoin = only(&mut desk, CALLEE, Method::Invite);
            assert_eq!(body(&rejoin).contains("m=audio 7024"), mode == "none");
            desk.answer(CALLEE, &rejoin, "200 OK", "callee", &sdp("127.0.0.1", 7022));
            let ack = only(&mut desk, SECOND, Method::Ack);
            assert_eq!(body(&ack).contains("m=audio 7022"), mode == "none");
            let told = desk.taken(CALLER);
            let methods: Vec<_> = told.iter().map(Message::method).collect();
            assert_eq!(
                methods,
                [Method::Bye, Method::Notify],
                "his consultation ends, he learns of the success"
            );
            assert_eq!(told[0].call_id(), "call-2");
            for request in &told {
                desk.answer(CALLER, request, "200 OK", "x", "");
            }
            desk.in_dialog("BYE", &first, 3, "");
            desk.taken(CALLER);
            assert_eq!(desk.switch.health().calls, 1, "{mode}");
            desk.third_says("BYE", &summons);
            let bye = only(&mut desk, CALLEE, Method::Bye);
            desk.answer(CALLEE, &bye, "200 OK", "callee", "");
            desk.assert_clean();
        }
    }

    #[test]
    fn direct_consultation_is_anchored_for_a_party_that_needs_it() {
        for busy in [0, 3] {
            anchors_for_its_party(busy);
        }
    }

    /// `busy`: how many of the ports chosen are found in use by another process.
    fn anchors_for_its_party(busy: usize) {
        let mut desk = Desk::new(json!({"media": {"mode": "auto"}}));
        desk.register("1003", SECOND);
        let invite = desk.ringing();
        desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("10.0.0.9", 7002));
        let first = desk.taken(CALLER).pop().unwrap();
        desk.ack(&first, 1, "");
        let reanchor = only(&mut desk, CALLEE, Method::Invite);
        desk.answer(CALLEE, &reanchor, "200 OK", "callee", &sdp("10.0.0.9", 7002));
        desk.taken(CALLEE);
        let (_, second) = desk.consulted();
        let paths = |desk: &Desk| -> Vec<_> {
            let calls = desk.switch.calls(desk.now, 10, None);
            let mut paths: Vec<_> = calls.iter().map(|call| call.media).collect();
            paths.sort_unstable();
            paths
        };
        assert_eq!(paths(&desk), ["anchored", "direct"]);
        desk.busy_ports = busy;
        let before = desk.media.len();
        desk.in_dialog_with("REFER", (first.to_tag().unwrap(), 2), &replacing(&second), "");
        let ask = only(&mut desk, SECOND, Method::Invite);
        desk.answer(SECOND, &ask, "200 OK", "third", &sdp("127.0.0.1", 7024));
        let rejoin = only(&mut desk, CALLEE, Method::Invite);
        let opened: Vec<_> = desk.media[before..]
            .iter()
            .filter_map(|command| match command {
                MediaCommand::Open { legs, .. } => Some(legs.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(opened.len(), 1 + busy, "each port in use is exchanged for another one");
        let ports: Vec<u16> = opened[busy].iter().flat_map(|leg| leg.rtp.clone()).collect();
        let names = |port: &u16| body(&rejoin).contains(&format!("m=audio {port} "));
        assert!(ports.iter().any(names), "{ports:?} {}", body(&rejoin));
        desk.answer(CALLEE, &rejoin, "200 OK", "callee", &sdp("10.0.0.9", 7022));
        let ack = only(&mut desk, SECOND, Method::Ack);
        assert!(body(&ack).contains("m=audio 200") && !body(&ack).contains("10.0.0.9"), "{}", body(&ack));
    }

    #[test]
    fn referrer_who_has_yet_to_acknowledge_his_consultation_is_waited_for() {
        let (mut desk, _, answer) = talking(json!({}));
        desk.consult(&sdp("127.0.0.1", 7020));
        let summons = only(&mut desk, SECOND, Method::Invite);
        desk.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7023));
        let taken = desk.taken(CALLER).pop().unwrap();
        assert_eq!((taken.status(), taken.call_id()), (200, "call-2"));
        desk.taken(SECOND);
        let second = taken.to_tag().unwrap();
        desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), &replacing(second), "");
        assert!(desk.taken(SECOND).is_empty());
        desk.deliver(
            CALLER,
            &format!(
                "ACK sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKconsultack;rport
             From: <sip:1001@127.0.0.1>;tag=consult
             To: <sip:1003@127.0.0.1>;tag={second}
             Call-ID: call-2
             CSeq: 1 ACK
             Max-Forwards: 70"
            ),
            "",
        );
        desk.advance(Duration::from_millis(150));
        only(&mut desk, SECOND, Method::Invite);
    }

    #[test]
    fn dialog_that_is_gone_is_told_as_481_and_the_old_call_goes_on() {
        let (mut desk, first, second, summons) = consulting(json!({}));
        desk.third_says("BYE", &summons);
        let bye = only(&mut desk, CALLER, Method::Bye);
        desk.answer(CALLER, &bye, "200 OK", "x", "");
        desk.in_dialog_with("REFER", (&first, 2), &replacing(&second), "");
        assert_eq!(fragments(&mut desk, CALLER), ["100 active", "481 terminated"]);
        assert_eq!(desk.switch.health().calls, 1);
    }

    #[test]
    fn far_end_that_refuses_leaves_both_calls() {
        let (mut desk, first, second, _) = consulting(json!({}));
        desk.in_dialog_with("REFER", (&first, 2), &replacing(&second), "");
        let ask = only(&mut desk, SECOND, Method::Invite);
        desk.answer(SECOND, &ask, "488 Not Acceptable Here", "third", "");
        assert_eq!(fragments(&mut desk, CALLER), ["100 active", "488 terminated"]);
        assert_eq!(desk.switch.health().calls, 2);
    }

    #[test]
    fn far_end_that_refuses_is_not_left_alone_when_the_referrer_has_hung_up() {
        let (mut desk, first, second, _) = consulting(json!({}));
        desk.in_dialog_with("REFER", (&first, 2), &replacing(&second), "");
        let ask = only(&mut desk, SECOND, Method::Invite);
        desk.deliver(
            CALLER,
            &format!(
                "BYE sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKgone;rport
             From: <sip:1001@127.0.0.1>;tag=consult
             To: <sip:1003@127.0.0.1>;tag={second}
             Call-ID: call-2
             CSeq: 2 BYE
             Max-Forwards: 70"
            ),
            "",
        );
        assert!(desk.taken(SECOND).is_empty(), "the other party may take the place yet");
        desk.answer(SECOND, &ask, "488 Not Acceptable Here", "third", "");
        assert!(desk.taken(SECOND).iter().any(|message| message.method() == Method::Bye));
    }

    #[test]
    fn remaining_party_that_refuses_leaves_both_calls_and_the_far_end_its_session() {
        let (mut desk, first, second, _) = consulting(json!({}));
        desk.in_dialog_with("REFER", (&first, 2), &replacing(&second), "");
        let ask = only(&mut desk, SECOND, Method::Invite);
        desk.answer(SECOND, &ask, "200 OK", "third", &sdp("127.0.0.1", 7024));
        let rejoin = only(&mut desk, CALLEE, Method::Invite);
        desk.answer(CALLEE, &rejoin, "488 Not Acceptable Here", "callee", "");
        let ack = only(&mut desk, SECOND, Method::Ack);
        assert!(
            body(&ack).contains("m=audio 7020"),
            "its session with the referrer, as before: {}",
            body(&ack)
        );
        assert_eq!(fragments(&mut desk, CALLER), ["100 active", "488 terminated"]);
        assert_eq!(desk.switch.health().calls, 2);
    }
}

mod replaces {
    use super::*;

    fn invite(desk: &mut Desk, replaces: &str) -> Vec<Message> {
        desk.take_over(replaces, &sdp("127.0.0.1", 7030));
        desk.taken(SECOND)
    }

    #[test]
    fn phone_takes_the_place_of_a_party() {
        for mode in ["none", "all"] {
            let (mut desk, _, answer) = talking(json!({"media": {"mode": mode}}));
            let dialog = format!("call-1;to-tag={};from-tag=caller", answer.to_tag().unwrap());
            assert_eq!(invite(&mut desk, &dialog).iter().map(Message::status).collect::<Vec<_>>(), [100]);
            let shown = only(&mut desk, CALLEE, Method::Invite);
            assert_eq!(body(&shown).contains("m=audio 7030"), mode == "none");
            desk.answer(CALLEE, &shown, "200 OK", "callee", &sdp("127.0.0.1", 7032));
            let taken = desk.taken(SECOND).remove(0);
            assert_eq!(taken.status(), 200);
            let bye = only(&mut desk, CALLER, Method::Bye);
            desk.answer(CALLER, &bye, "200 OK", "x", "");
            let tag = taken.to_tag().unwrap();
            let within = |method: &str, cseq: u32| {
                format!(
                    "{method} sip:pbx@127.0.0.1:5060 SIP/2.0
                 Via: SIP/2.0/UDP {SECOND};branch=z9hG4bKt{method};rport
                 From: <sip:1003@127.0.0.1>;tag=taker
                 To: <sip:1002@127.0.0.1>;tag={tag}
                 Call-ID: call-3
                 CSeq: {cseq} {method}
                 Max-Forwards: 70"
                )
            };
            desk.deliver(SECOND, &within("ACK", 1), "");
            desk.deliver(SECOND, &within("BYE", 2), "");
            let bye = only(&mut desk, CALLEE, Method::Bye);
            desk.answer(CALLEE, &bye, "200 OK", "callee", "");
            desk.assert_clean();
        }
    }

    #[test]
    fn dialog_that_does_not_exist_or_is_early_is_481_and_an_early_only_one_486() {
        let (mut desk, _, answer) = talking(json!({}));
        let ours = answer.to_tag().unwrap().to_owned();
        for (dialog, status) in [
            ("nobody;to-tag=1;from-tag=2".to_owned(), 481),
            (format!("call-1;to-tag=caller;from-tag={ours}"), 481),
            (format!("call-1;to-tag={ours};from-tag=other"), 481),
            (format!("call-1;to-tag={ours};from-tag=caller;early-only"), 486),
            ("call-1;to-tag=only".to_owned(), 400),
        ] {
            assert_eq!(invite(&mut desk, &dialog)[0].status(), status, "{dialog}");
            desk.advance(Duration::from_secs(40));
            desk.taken(SECOND);
        }
        let mut desk = Desk::new(json!({}));
        desk.ringing();
        let early = desk.taken(CALLER);
        let tag = early.iter().find_map(Message::to_tag).unwrap_or("0123456789abcdef0").to_owned();
        assert_eq!(invite(&mut desk, &format!("call-1;to-tag={tag};from-tag=caller"))[0].status(), 481);
    }

    #[test]
    fn other_party_that_refuses_leaves_the_call_as_it_was() {
        let (mut desk, _, answer) = talking(json!({}));
        let dialog = format!("call-1;to-tag={};from-tag=caller", answer.to_tag().unwrap());
        invite(&mut desk, &dialog);
        let shown = only(&mut desk, CALLEE, Method::Invite);
        desk.answer(CALLEE, &shown, "488 Not Acceptable Here", "callee", "");
        assert_eq!(desk.taken(SECOND)[0].status(), 488);
        assert!(desk.taken(CALLER).is_empty());
        desk.in_dialog("BYE", answer.to_tag().unwrap(), 2, "");
        assert_eq!(desk.caller_statuses(), [200]);
        only(&mut desk, CALLEE, Method::Bye);
    }

    #[test]
    fn party_that_is_being_replaced_is_told_to_wait_and_may_leave() {
        for leaves in [false, true] {
            let (mut desk, _, answer) = talking(json!({}));
            let tag = answer.to_tag().unwrap();
            invite(&mut desk, &format!("call-1;to-tag={tag};from-tag=caller"));
            let shown = only(&mut desk, CALLEE, Method::Invite);
            desk.in_dialog("INVITE", tag, 2, &sdp("127.0.0.1", 7001));
            let refused = desk.taken(CALLER).pop().unwrap();
            assert_eq!(refused.status(), 500, "481 would end its dialog");
            assert!(refused.header(Name::RetryAfter).is_some());
            desk.in_dialog("ACK", refused.to_tag().unwrap(), 2, "");
            if leaves {
                desk.in_dialog("BYE", tag, 3, "");
                assert_eq!(desk.caller_statuses(), [200]);
            }
            desk.answer(CALLEE, &shown, "488 Not Acceptable Here", "callee", "");
            assert_eq!(desk.taken(SECOND)[0].status(), 488);
            let ends = desk.taken(CALLEE).iter().any(|message| message.method() == Method::Bye);
            assert_eq!(ends, leaves, "who is left is not left alone");
            assert!(!desk.taken(CALLER).iter().any(Message::is_request));
        }
    }

    #[test]
    fn nobody_without_credentials_takes_over() {
        let mut desk = Desk::new(json!({"modules": ["acl", "auth", "registrar", "call"]}));
        let got = invite(&mut desk, "call-1;to-tag=0123456789abcdef0;from-tag=caller");
        assert_eq!(got[0].status(), 407);
    }
}

mod passed_on {
    use super::*;

    fn passing() -> (Desk, Message, Message) {
        talking(json!({"call": {"blind_transfer_use_refer": true}}))
    }

    #[test]
    fn refer_goes_to_the_other_party_and_its_notify_comes_back() {
        let (mut desk, invite, answer) = passing();
        desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), TO_1003, "");
        let refer = only(&mut desk, CALLEE, Method::Refer);
        assert_eq!(refer.text(Name::ReferTo), Some("<sip:1003@127.0.0.1>"));
        desk.answer(CALLEE, &refer, "202 Accepted", "callee", "");
        assert_eq!(desk.caller_statuses(), [202]);
        assert!(desk.taken(SECOND).is_empty());
        desk.callee_request("NOTIFY", &invite, "callee", 1, "");
        only(&mut desk, CALLER, Method::Notify);
    }

    #[test]
    fn party_that_cannot_follow_makes_us_call_the_target() {
        for status in ["405 Method Not Allowed", "420 Bad Extension", "501 Not Implemented", "603 Decline"] {
            let (mut desk, _, answer) = passing();
            desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), TO_1003, "");
            let refer = only(&mut desk, CALLEE, Method::Refer);
            desk.answer(CALLEE, &refer, status, "callee", "");
            let summons = desk.taken(SECOND).remove(0);
            accept(&mut desk, &summons);
            assert_eq!(fragments(&mut desk, CALLER), ["100 active", "200 terminated"], "{status}");
        }
    }

    #[test]
    fn silent_party_makes_us_call_the_target_unless_it_tells_how_its_call_goes() {
        for is_notified in [false, true] {
            let (mut desk, invite, answer) = passing();
            desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), TO_1003, "");
            if is_notified {
                desk.callee_request("NOTIFY", &invite, "callee", 1, "");
            }
            desk.advance(Duration::from_secs(33));
            assert_eq!(desk.taken(SECOND).is_empty(), is_notified);
        }
    }

    #[test]
    fn party_that_was_given_up_has_nobody_to_notify() {
        let (mut desk, invite, answer) = passing();
        desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), TO_1003, "");
        desk.advance(Duration::from_secs(33));
        assert!(fragments(&mut desk, CALLER).iter().all(|told| told == "100 active"));
        desk.taken(CALLEE);
        desk.callee_request("NOTIFY", &invite, "callee", 1, "");
        assert_eq!(desk.taken(CALLEE).pop().unwrap().status(), 481);
        assert!(desk.taken(CALLER).is_empty(), "told twice");
    }

    #[test]
    fn other_refusals_are_the_answer() {
        let (mut desk, _, answer) = passing();
        desk.in_dialog_with("REFER", (answer.to_tag().unwrap(), 2), TO_1003, "");
        let refer = only(&mut desk, CALLEE, Method::Refer);
        desk.answer(CALLEE, &refer, "403 Forbidden", "callee", "");
        assert_eq!(desk.caller_statuses(), [403]);
        assert!(desk.taken(SECOND).is_empty());
    }
}
