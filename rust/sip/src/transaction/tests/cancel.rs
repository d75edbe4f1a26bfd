//! CANCEL on both sides (RFC 3261 §9).

use super::support::{Station, UDP, theirs};
use crate::transaction::{Incoming, TransactionEvent};
use crate::{Method, Name};

#[test]
fn cancel_before_provisional_is_held_back() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.cancel(id);
    station.advance_to(400);
    assert_eq!(station.sent_at("CANCEL"), [0_u64; 0]);
    assert!(matches!(station.answer(&branch, 180, "INVITE"), Incoming::Response { .. }));
    assert_eq!(station.sent_at("CANCEL"), [400]);
}

#[test]
fn cancel_is_built_from_the_invite() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.answer(&branch, 100, "INVITE");
    station.sent();
    station.cancel(id);
    let sent = station.sent_messages();
    let [(to, cancel)] = sent.as_slice() else { panic!("not one CANCEL: {sent:?}") };
    assert_eq!(*to, UDP);
    assert_eq!((cancel.method(), cancel.request_uri()), (Method::Cancel, "sip:carol@192.0.2.1"));
    assert_eq!((cancel.cseq(), cancel.cseq_method()), (4_711, Method::Cancel));
    assert_eq!(cancel.via().unwrap().branch(), Some(branch.as_str()));
    assert_eq!((cancel.from_tag(), cancel.to_tag()), (Some("ours"), None));
    assert_eq!(cancel.values(Name::Route).count(), 2);
}

#[test]
fn a_cancelled_invite_ends_by_its_487() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.answer(&branch, 180, "INVITE");
    station.cancel(id);
    assert!(matches!(station.answer(&branch, 200, "CANCEL"), Incoming::Absorbed));
    assert!(matches!(station.answer(&branch, 487, "INVITE"), Incoming::Response { .. }));
    station.advance_to(32_000);
    assert_eq!(station.sent_at("CANCEL"), [0]);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
    assert!(station.layer.is_empty());
}

#[test]
fn the_answer_to_a_cancel_finds_it_after_the_invite_has_ended() {
    let mut station = Station::new();
    let (id, branch) = station.send(super::support::TCP, "INVITE");
    station.answer(&branch, 180, "INVITE");
    station.cancel(id);
    station.answer(&branch, 487, "INVITE");
    assert_eq!(station.layer.len(), 1, "the INVITE is over on a stream");
    assert!(matches!(station.answer(&branch, 200, "CANCEL"), Incoming::Absorbed));
    assert!(station.layer.is_empty());
}

#[test]
fn an_unanswered_cancel_is_repeated_and_its_end_is_the_invites_alone() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.answer(&branch, 180, "INVITE");
    station.cancel(id);
    station.advance_to(100_000);
    assert_eq!(station.sent_at("CANCEL").len(), 11);
    let events = station.events();
    assert!(matches!(
        events.as_slice(),
        [TransactionEvent::Timeout { .. }, TransactionEvent::Terminated { .. }]
    ));
    assert!(station.layer.is_empty());
}

#[test]
fn a_200_that_crosses_a_cancel_is_passed_up() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.answer(&branch, 180, "INVITE");
    station.cancel(id);
    assert!(matches!(station.answer(&branch, 200, "INVITE"), Incoming::Response { .. }));
}

#[test]
fn a_cancel_names_the_invite_it_is_for() {
    let mut station = Station::new();
    let invite = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    let Incoming::Cancel { id, invite: of, message } = station.receive(UDP, &theirs("CANCEL", "z9hG4bKa"))
    else {
        panic!("not a CANCEL");
    };
    assert_eq!((of, message.method()), (Some(invite), Method::Cancel));
    assert!(station.respond(id, 200));
    assert!(station.respond(invite, 487));
    assert!(matches!(station.receive(UDP, &theirs("CANCEL", "z9hG4bKa")), Incoming::Absorbed));
    assert_eq!(station.sent_at("SIP/2.0 200"), [0, 0]);
}

#[test]
fn a_cancel_for_nothing_known_names_no_invite() {
    let mut station = Station::new();
    station.serve(UDP, &theirs("OPTIONS", "z9hG4bKa"));
    for branch in ["z9hG4bKa", "z9hG4bKb"] {
        let incoming = station.receive(UDP, &theirs("CANCEL", branch));
        assert!(matches!(incoming, Incoming::Cancel { invite: None, .. }), "{branch}");
    }
}
