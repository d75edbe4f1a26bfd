//! Reliable provisional responses and PRACK on both legs (RFC 3262), and offers before the answer (RFC 3311).

use std::time::Duration;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};
use pbx_sip::{Message, Method, Name};
use serde_json::json;

const RELIABLE: &str = "Supported: 100rel\nAllow: INVITE, UPDATE, PRACK";

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

/// A caller of that kind rings the callee; gives the callee's INVITE.
fn ringing(desk: &mut Desk, further: &str, body: &str) -> Message {
    desk.register("1002", CALLEE);
    desk.invite_to("sip:1002@127.0.0.1", further, body);
    assert_eq!(desk.caller_statuses(), [100]);
    desk.taken(CALLEE).remove(0)
}

/// A reliable 183 of a callee that takes UPDATE.
fn progress(desk: &mut Desk, from: &str, invite: &Message, (tag, rseq): (&str, u32), body: &str) {
    let status = format!("183 Session Progress\nRequire: 100rel\nRSeq: {rseq}\nAllow: INVITE, UPDATE, PRACK");
    desk.answer(from, invite, &status, tag, body);
}

/// PRACK of the caller for a response.
fn prack(desk: &mut Desk, response: &Message, cseq: u32, body: &str) {
    let rack = format!("RAck: {} 1 INVITE", response.number(Name::RSeq).unwrap());
    desk.in_dialog_with("PRACK", (response.to_tag().unwrap(), cseq), &rack, body);
}

/// A call whose answer was exchanged in a reliable 183; gives the callee's INVITE and our tag.
fn bound(desk: &mut Desk) -> (Message, String) {
    let invite = ringing(desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    let pracked = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &pracked, "200 OK", "callee", "");
    let shown = desk.taken(CALLER).remove(0);
    prack(desk, &shown, 2, "");
    assert_eq!(desk.caller_statuses(), [200]);
    (invite, shown.to_tag().unwrap().to_owned())
}

#[test]
fn callee_is_told_of_100rel_only_when_the_caller_knows_it() {
    for (further, known) in [("Supported: 100rel", true), ("Require: 100rel", true), ("Subject: x", false)] {
        let mut desk = Desk::new(json!({}));
        let invite = ringing(&mut desk, further, &sdp("127.0.0.1", 7000));
        assert_eq!(invite.has_token(Name::Supported, "100rel"), known, "{further}");
    }
}

#[test]
fn reliable_response_is_acknowledged_by_us_and_passed_on_with_a_number_of_ours() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    let ours = desk.taken(CALLEE).remove(0);
    assert_eq!((ours.method(), ours.text(Name::RAck)), (Method::Prack, Some("5 1 INVITE")));
    let shown = desk.taken(CALLER).remove(0);
    assert_eq!((shown.status(), shown.has_token(Name::Require, "100rel")), (183, true));
    assert!(text(&shown).contains("m=audio 7002"));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    progress(&mut desk, CALLEE, &invite, ("callee", 7), &sdp("127.0.0.1", 7002));
    assert!(desk.taken(CALLEE).is_empty(), "a copy and one out of order are dropped");
    assert!(desk.taken(CALLER).is_empty());
}

#[test]
fn unacknowledged_response_is_repeated_to_64_t1_then_the_call_fails_with_5xx() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    desk.taken(CALLEE);
    desk.advance(Duration::from_secs(31));
    let copies = desk.taken(CALLER);
    assert_eq!(copies.iter().filter(|message| message.status() == 183).count(), 6);
    desk.advance(Duration::from_secs(2));
    let last = desk.taken(CALLER);
    assert!(last.iter().any(|message| message.status() == 504), "{last:?}");
    assert!(desk.taken(CALLEE).iter().any(|message| message.method() == Method::Cancel));
    desk.assert_clean();
}

#[test]
fn prack_with_a_wrong_number_is_481_and_the_right_one_ends_the_repetition() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    let shown = desk.taken(CALLER).remove(0);
    let tag = shown.to_tag().unwrap();
    let number = shown.number(Name::RSeq).unwrap();
    for (cseq, rack) in
        [(2, format!("{} 1 INVITE", number + 1)), (3, format!("{number} 9 INVITE")), (4, "x".into())]
    {
        desk.in_dialog_with("PRACK", (tag, cseq), &format!("RAck: {rack}"), "");
        assert_eq!(desk.caller_statuses(), [481], "{rack}");
    }
    prack(&mut desk, &shown, 5, "");
    assert_eq!(desk.caller_statuses(), [200]);
    prack(&mut desk, &shown, 6, "");
    assert_eq!(desk.caller_statuses(), [481], "acknowledged once only");
    desk.advance(Duration::from_secs(40));
    assert!(desk.caller_statuses().is_empty());
}

#[test]
fn answer_waits_for_the_prack_and_carries_no_second_description() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    let shown = desk.taken(CALLER).remove(0);
    desk.taken(CALLEE);
    desk.answer(CALLEE, &invite, "200 OK", "callee", "");
    assert!(desk.caller_statuses().is_empty(), "RFC 3262 §3: no 2xx before the PRACK");
    prack(&mut desk, &shown, 2, "");
    let sent = desk.taken(CALLER);
    let answer = sent.iter().find(|message| message.cseq_method() == Method::Invite).unwrap();
    assert_eq!((answer.status(), answer.body().len()), (200, 0));
    assert_eq!(desk.taken(CALLEE).pop().unwrap().method(), Method::Ack);
    desk.ack(answer, 1, "");
    desk.in_dialog("BYE", answer.to_tag().unwrap(), 3, "");
    let bye = desk.taken(CALLEE).remove(0);
    assert!(bye.cseq() > 2, "the PRACK counts: {}", bye.cseq());
    desk.answer(CALLEE, &bye, "200 OK", "callee", "");
    desk.assert_clean();
}

#[test]
fn caller_who_requires_100rel_gets_every_18x_reliably_one_at_a_time() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, "Require: 100rel", &sdp("127.0.0.1", 7000));
    desk.answer(CALLEE, &invite, "180 Ringing", "callee", "");
    desk.answer(CALLEE, &invite, "183 Session Progress", "callee", "");
    let first = desk.taken(CALLER);
    assert_eq!(first.len(), 1, "the second waits for its turn");
    assert!(first[0].has_token(Name::Require, "100rel"));
    prack(&mut desk, &first[0], 2, "");
    let second = desk.taken(CALLER).pop().unwrap();
    assert_eq!(second.number(Name::RSeq), first[0].number(Name::RSeq).map(|number| number + 1));
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!(answer.status(), 200, "a response without a description holds nothing back");
    prack(&mut desk, &second, 3, "");
    assert_eq!(desk.caller_statuses(), [200], "RFC 3262 §3: a PRACK after the 2xx is still answered");
}

#[test]
fn offer_in_a_reliable_response_is_answered_in_both_pracks() {
    for mode in ["none", "all"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        let invite = ringing(&mut desk, RELIABLE, "");
        progress(&mut desk, CALLEE, &invite, ("callee", 1), &sdp("127.0.0.1", 7002));
        assert!(desk.taken(CALLEE).is_empty(), "our PRACK waits for the answer");
        let shown = desk.taken(CALLER).remove(0);
        assert!(text(&shown).contains("m=audio"));
        prack(&mut desk, &shown, 2, &sdp("127.0.0.1", 7000));
        assert_eq!(desk.caller_statuses(), [200]);
        let ours = desk.taken(CALLEE).remove(0);
        assert_eq!(ours.method(), Method::Prack);
        assert_eq!(text(&ours).contains("m=audio 7000"), mode == "none", "{mode}");
        desk.answer(CALLEE, &ours, "200 OK", "callee", "");
        desk.answer(CALLEE, &invite, "200 OK", "callee", "");
        let answer = desk.taken(CALLER).pop().unwrap();
        assert_eq!((answer.status(), answer.body().len()), (200, 0), "{mode}");
        assert_eq!(desk.taken(CALLEE).pop().unwrap().method(), Method::Ack);
    }
}

#[test]
fn prack_without_the_answer_it_owes_ends_the_call() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, "");
    progress(&mut desk, CALLEE, &invite, ("callee", 1), &sdp("127.0.0.1", 7002));
    let shown = desk.taken(CALLER).remove(0);
    prack(&mut desk, &shown, 2, "");
    assert_eq!(desk.caller_statuses(), [200, 488]);
    assert_eq!(desk.taken(CALLEE)[0].method(), Method::Cancel);
}

#[test]
fn offer_in_a_prack_crosses_as_update_and_its_answer_comes_back() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    desk.taken(CALLEE);
    let shown = desk.taken(CALLER).remove(0);
    prack(&mut desk, &shown, 2, &sdp("127.0.0.1", 7100));
    let update = desk.taken(CALLEE).remove(0);
    assert_eq!(update.method(), Method::Update);
    assert!(text(&update).contains("m=audio 7100"));
    desk.answer(CALLEE, &update, "200 OK", "callee", &sdp("127.0.0.1", 7102));
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!((answer.status(), answer.cseq_method()), (200, Method::Prack));
    assert!(text(&answer).contains("m=audio 7102"));
}

#[test]
fn early_update_crosses_in_both_directions_once_the_first_exchange_is_complete() {
    let mut desk = Desk::new(json!({}));
    let (invite, tag) = bound(&mut desk);
    desk.in_dialog("UPDATE", &tag, 3, &sdp("127.0.0.1", 7100));
    let update = desk.taken(CALLEE).remove(0);
    assert!(text(&update).contains("m=audio 7100"));
    desk.callee_request("UPDATE", &invite, "callee", 1, &sdp("127.0.0.1", 7104));
    assert_eq!(desk.taken(CALLEE).remove(0).status(), 491, "our offer is unanswered");
    desk.in_dialog("UPDATE", &tag, 4, &sdp("127.0.0.1", 7101));
    let refused = desk.taken(CALLER).remove(0);
    assert_eq!((refused.status(), refused.number(Name::RetryAfter).is_some()), (500, true));
    desk.answer(CALLEE, &update, "200 OK", "callee", &sdp("127.0.0.1", 7102));
    assert!(text(&desk.taken(CALLER).remove(0)).contains("m=audio 7102"));
    desk.callee_request("UPDATE", &invite, "callee", 2, &sdp("127.0.0.1", 7106));
    let update = desk.taken(CALLER).remove(0);
    assert_eq!(update.method(), Method::Update);
    desk.answer(CALLER, &update, "200 OK", "caller", &sdp("127.0.0.1", 7108));
    assert!(text(&desk.taken(CALLEE).remove(0)).contains("m=audio 7108"));
    desk.answer(CALLEE, &invite, "200 OK", "callee", "");
    assert_eq!(desk.caller_statuses(), [200]);
}

#[test]
fn early_update_that_is_overtaken_by_the_answer_to_the_call_is_answered_all_the_same() {
    let mut desk = Desk::new(json!({}));
    let (invite, tag) = bound(&mut desk);
    desk.in_dialog("UPDATE", &tag, 3, &sdp("127.0.0.1", 7100));
    let update = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &invite, "200 OK", "callee", "");
    assert_eq!(desk.caller_statuses(), [200]);
    desk.answer(CALLEE, &update, "200 OK", "callee", &sdp("127.0.0.1", 7102));
    let answer = desk.taken(CALLER).remove(0);
    assert_eq!((answer.status(), answer.cseq_method()), (200, Method::Update));
    assert!(text(&answer).contains("m=audio 7102"));
}

#[test]
fn update_before_the_first_answer_is_500_with_retry_after_or_491() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, "Allow: INVITE, UPDATE", &sdp("127.0.0.1", 7000));
    desk.answer(CALLEE, &invite, "180 Ringing", "callee", "");
    let tag = desk.taken(CALLER)[0].to_tag().unwrap().to_owned();
    desk.in_dialog("UPDATE", &tag, 2, &sdp("127.0.0.1", 7100));
    let refused = desk.taken(CALLER).remove(0);
    assert_eq!((refused.status(), refused.number(Name::RetryAfter).is_some()), (500, true));
    desk.callee_request("UPDATE", &invite, "callee", 1, &sdp("127.0.0.1", 7102));
    assert_eq!(desk.taken(CALLEE).remove(0).status(), 491);
}

#[test]
fn early_offer_to_a_party_without_update_is_488() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, "Supported: 100rel", &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    let shown = desk.taken(CALLER).remove(0);
    prack(&mut desk, &shown, 2, "");
    desk.taken(CALLEE);
    desk.callee_request("UPDATE", &invite, "callee", 1, &sdp("127.0.0.1", 7102));
    assert_eq!(desk.taken(CALLEE).remove(0).status(), 488);
}

#[test]
fn info_crosses_before_the_answer() {
    let mut desk = Desk::new(json!({}));
    let (invite, tag) = bound(&mut desk);
    desk.in_dialog("INFO", &tag, 3, "");
    let info = desk.taken(CALLEE).remove(0);
    assert_eq!(info.method(), Method::Info);
    desk.answer(CALLEE, &info, "200 OK", "callee", "");
    assert_eq!(desk.caller_statuses(), [200]);
    desk.callee_request("INFO", &invite, "callee", 1, "");
    assert_eq!(desk.taken(CALLER).remove(0).method(), Method::Info);
}

#[test]
fn forks_are_acknowledged_each_and_shown_unreliably_so_that_the_last_may_win() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    desk.invite_to("sip:1002@127.0.0.1", RELIABLE, &sdp("127.0.0.1", 7000));
    let (first, second) = (desk.taken(CALLEE).remove(0), desk.taken(SECOND).remove(0));
    desk.taken(CALLER);
    progress(&mut desk, CALLEE, &first, ("one", 1), &sdp("127.0.0.1", 7002));
    progress(&mut desk, SECOND, &second, ("two", 9), &sdp("127.0.0.1", 7004));
    assert_eq!(desk.taken(CALLEE)[0].text(Name::RAck), Some("1 1 INVITE"));
    assert_eq!(desk.taken(SECOND)[0].text(Name::RAck), Some("9 1 INVITE"));
    let shown = desk.taken(CALLER);
    assert!(shown.iter().all(|message| message.header(Name::RSeq).is_none()), "{shown:?}");
    desk.answer(SECOND, &second, "200 OK", "two", "");
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(text(&answer).contains("m=audio 7004"), "his answer came before: {}", text(&answer));
}

#[test]
fn late_offer_to_several_callees_asks_for_no_reliable_offer() {
    let mut desk = Desk::new(json!({}));
    desk.register("1002", CALLEE);
    desk.register("1002", SECOND);
    desk.invite_to("sip:1002@127.0.0.1", RELIABLE, "");
    assert!(!desk.taken(CALLEE)[0].has_token(Name::Supported, "100rel"));
}

#[test]
fn cancel_between_response_and_prack_leaves_nothing() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    let shown = desk.taken(CALLER).remove(0);
    desk.cancel("z9hG4bKinv1");
    prack(&mut desk, &shown, 2, "");
    assert_eq!(desk.caller_statuses(), [200, 487, 481]);
    desk.assert_clean();
}

#[test]
fn answer_held_for_a_prack_that_never_comes_is_ended() {
    let mut desk = Desk::new(json!({}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    desk.answer(CALLEE, &invite, "200 OK", "callee", "");
    desk.advance(Duration::from_millis(32_001));
    assert!(desk.caller_statuses().contains(&504));
    let methods: Vec<_> = desk.taken(CALLEE).iter().map(Message::method).collect();
    assert_eq!(methods[..3], [Method::Prack, Method::Prack, Method::Prack]);
    let methods: Vec<_> = methods.into_iter().filter(|method| *method != Method::Prack).collect();
    assert_eq!(methods, [Method::Ack, Method::Bye]);
    desk.assert_clean();
}

/// A second phone behind the endpoint whose first one answered reliably takes the call; gives our answer to the caller.
fn taken_by_another_dialog(desk: &mut Desk, port: u16) -> Message {
    let (invite, _) = bound(desk);
    desk.answer(CALLEE, &invite, "200 OK", "other", &sdp("127.0.0.1", port));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!((answer.status(), answer.body()), (200, &b""[..]), "the caller has its answer");
    desk.ack(&answer, 1, "");
    answer
}

#[test]
fn answer_of_another_dialog_than_the_one_shown_reliably_is_offered_to_the_caller_after_its_ack() {
    for mode in ["all", "none"] {
        let mut desk = Desk::new(json!({"media": {"mode": mode}}));
        let answer = taken_by_another_dialog(&mut desk, 7008);
        assert_eq!(desk.taken(CALLEE)[0].method(), Method::Ack);
        let offer = desk.taken(CALLER).remove(0);
        assert_eq!(offer.method(), Method::Invite);
        assert_eq!(text(&offer).contains("m=audio 7008"), mode == "none", "{}", text(&offer));
        desk.answer(CALLER, &offer, "200 OK", "caller", &sdp("127.0.0.1", 7000));
        assert_eq!(desk.taken(CALLER)[0].method(), Method::Ack);
        assert!(desk.taken(CALLEE).is_empty(), "it has its answer");
        desk.in_dialog("INFO", answer.to_tag().unwrap(), 3, "");
        let info = desk.taken(CALLEE).remove(0);
        assert_eq!(info.to_tag(), Some("other"));
        desk.answer(CALLEE, &info, "200 OK", "other", "");
        desk.in_dialog("BYE", answer.to_tag().unwrap(), 4, "");
        let bye = desk.taken(CALLEE).remove(0);
        desk.answer(CALLEE, &bye, "200 OK", "other", "");
        desk.assert_clean();
    }
}

#[test]
fn glare_with_such_an_offer_is_tried_again_and_a_refusal_ends_the_call() {
    let mut desk = Desk::new(json!({"media": {"mode": "all"}}));
    let answer = taken_by_another_dialog(&mut desk, 7008);
    let offer = desk.taken(CALLER).remove(0);
    desk.in_dialog("INVITE", answer.to_tag().unwrap(), 3, &sdp("127.0.0.1", 7000));
    assert_eq!(desk.caller_statuses(), [491]);
    desk.answer(CALLER, &offer, "491 Request Pending", "caller", "");
    desk.taken(CALLER);
    desk.advance(Duration::from_secs(3));
    let again = desk.taken(CALLER).into_iter().find(Message::is_request).unwrap();
    assert_eq!(again.method(), Method::Invite);
    desk.taken(CALLEE);
    desk.answer(CALLER, &again, "488 Not Acceptable Here", "caller", "");
    let told = desk.taken(CALLER);
    assert_eq!(told.iter().map(Message::method).collect::<Vec<_>>(), [Method::Ack, Method::Bye]);
    let reason = Some("SIP;cause=488;text=\"Session could not be renewed\"");
    assert_eq!(told[1].text(Name::Reason), reason);
    let bye = desk.taken(CALLEE).remove(0);
    assert_eq!((bye.method(), bye.text(Name::Reason)), (Method::Bye, reason));
    desk.answer(CALLEE, &bye, "200 OK", "other", "");
    desk.answer(CALLER, &told[1], "200 OK", "caller", "");
    desk.assert_clean();
}

#[test]
fn offer_of_another_dialog_than_the_one_shown_reliably_waits_for_the_callers_answer() {
    let mut desk = Desk::new(json!({"media": {"mode": "none"}}));
    let invite = ringing(&mut desk, RELIABLE, "");
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("127.0.0.1", 7002));
    let shown = desk.taken(CALLER).pop().unwrap();
    prack(&mut desk, &shown, 2, &sdp("127.0.0.1", 7000));
    let pracked = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &pracked, "200 OK", "callee", "");
    desk.taken(CALLER);
    desk.answer(CALLEE, &invite, "200 OK", "other", &sdp("127.0.0.1", 7008));
    let answer = desk.taken(CALLER).pop().unwrap();
    assert_eq!((answer.status(), answer.body()), (200, &b""[..]));
    desk.ack(&answer, 1, "");
    assert!(desk.taken(CALLEE).is_empty(), "the ACK waits");
    let offer = desk.taken(CALLER).remove(0);
    assert_eq!(offer.body(), sdp("127.0.0.1", 7008).as_bytes());
    desk.answer(CALLER, &offer, "200 OK", "caller", &sdp("127.0.0.1", 7010));
    let ack = desk.taken(CALLEE).remove(0);
    assert_eq!((ack.method(), ack.body()), (Method::Ack, sdp("127.0.0.1", 7010).as_bytes()));
}

#[test]
fn nat_revealed_in_a_reliable_response_is_anchored_with_the_answer() {
    let mut desk = Desk::new(json!({"media": {"mode": "auto"}}));
    let invite = ringing(&mut desk, RELIABLE, &sdp("127.0.0.1", 7000));
    progress(&mut desk, CALLEE, &invite, ("callee", 5), &sdp("10.0.0.9", 7002));
    let pracked = desk.taken(CALLEE).remove(0);
    desk.answer(CALLEE, &pracked, "200 OK", "callee", "");
    let shown = desk.taken(CALLER).pop().unwrap();
    assert_eq!((shown.status(), shown.body()), (183, &b""[..]), "nothing that could not be taken back");
    prack(&mut desk, &shown, 2, "");
    desk.taken(CALLER);
    desk.answer(CALLEE, &invite, "200 OK", "callee", "");
    let answer = desk.taken(CALLER).pop().unwrap();
    assert!(text(&answer).contains("m=audio 200"), "{}", text(&answer));
    let told = desk.taken(CALLEE);
    assert_eq!(told.iter().map(Message::method).collect::<Vec<_>>(), [Method::Ack, Method::Invite]);
    assert!(text(&told[1]).contains("m=audio 200"), "{}", text(&told[1]));
}
