//! Client transactions.

use super::support::{Station, TCP, UDP, answer, flow, ours};
use crate::transaction::{Incoming, TimerName, TransactionEvent, TransactionSettings};
use crate::transport::{Flow, Transport};
use crate::{Method, Name};

#[test]
fn an_unanswered_invite_follows_the_configured_t1() {
    let t1 = std::time::Duration::from_millis(100);
    let mut station = Station::with(TransactionSettings { t1, t1x64: 64 * t1 }, 10);
    let (id, _) = station.send(UDP, "INVITE");
    station.advance_to(60_000);
    assert_eq!(station.sent_at("INVITE"), [0, 100, 300, 700, 1_500, 3_100, 6_300]);
    assert_eq!(
        station.events(),
        [TransactionEvent::Timeout { id, timer: TimerName::B }, TransactionEvent::Terminated { id }]
    );
}

#[test]
fn an_unanswered_request_is_repeated_until_timer_f() {
    let mut station = Station::new();
    let (id, _) = station.send(UDP, "BYE");
    station.advance_to(60_000);
    let expected = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(station.sent_at("BYE"), expected);
    assert_eq!(
        station.events(),
        [TransactionEvent::Timeout { id, timer: TimerName::F }, TransactionEvent::Terminated { id }]
    );
    assert_eq!(station.layer.counters().repeated_total, 10);
}

#[test]
fn a_failure_is_acknowledged_with_the_branch_route_and_credentials_of_the_invite() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.sent();
    assert!(matches!(station.answer(&branch, 486, "INVITE"), Incoming::Response { id: of, .. } if of == id));
    let sent = station.sent_messages();
    let [(to, ack)] = sent.as_slice() else { panic!("not one ACK: {sent:?}") };
    assert_eq!(*to, UDP);
    assert_eq!((ack.method(), ack.request_uri()), (Method::Ack, "sip:carol@192.0.2.1"));
    assert_eq!((ack.cseq(), ack.cseq_method()), (4_711, Method::Ack));
    assert_eq!((ack.call_id(), ack.from_tag(), ack.to_tag()), ("ours", Some("ours"), Some("callee")));
    assert_eq!(ack.via().unwrap().branch(), Some(branch.as_str()));
    assert_eq!(ack.vias().count(), 1);
    let routes: Vec<_> = ack.values(Name::Route).collect();
    assert_eq!(routes, [&b"<sip:first@192.0.2.1;lr>"[..], b"<sip:second@192.0.2.2;lr>"]);
    assert!(ack.header(Name::ProxyAuthorization).is_some());
    assert_eq!(ack.max_forwards(), Some(70));
}

#[test]
fn copies_of_a_failure_get_the_ack_again_and_stay_below_the_user() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.answer(&branch, 486, "INVITE");
    station.advance_to(500);
    assert!(matches!(station.answer(&branch, 486, "INVITE"), Incoming::Absorbed));
    assert_eq!(station.sent_at("ACK"), [0, 500]);
    station.advance_to(32_000);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
}

#[test]
fn a_failure_on_a_stream_ends_the_invite_at_once() {
    let mut station = Station::new();
    let (id, branch) = station.send(TCP, "INVITE");
    station.receive(TCP, &answer(&branch, 404, "INVITE", "callee"));
    assert_eq!(station.sent_at("ACK"), [0]);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
    assert!(station.layer.is_empty());
}

#[test]
fn every_2xx_of_a_forked_invite_is_passed_up_until_timer_m() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    for tag in ["one", "two", "one", "three", "four", "five"] {
        let incoming = station.receive(UDP, &answer(&branch, 200, "INVITE", tag));
        assert!(matches!(incoming, Incoming::Response { id: of, .. } if of == id));
    }
    station.advance_to(31_999);
    assert!(matches!(station.answer(&branch, 200, "INVITE"), Incoming::Response { .. }));
    station.advance_to(32_000);
    assert!(matches!(station.answer(&branch, 200, "INVITE"), Incoming::Stray(_)));
    assert_eq!(station.sent_at("ACK"), [0_u64; 0], "the ACK to a 2xx is the user's");
}

#[test]
fn a_final_response_is_passed_up_once() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "BYE");
    assert!(matches!(station.answer(&branch, 100, "BYE"), Incoming::Response { .. }));
    assert!(matches!(station.answer(&branch, 200, "BYE"), Incoming::Response { .. }));
    assert!(matches!(station.answer(&branch, 200, "BYE"), Incoming::Absorbed));
    station.advance_to(5_000);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
}

#[test]
fn responses_later_than_the_transaction_are_stray() {
    let mut station = Station::new();
    let (_, branch) = station.send(UDP, "BYE");
    station.advance_to(40_000);
    station.events();
    assert!(matches!(station.answer(&branch, 200, "BYE"), Incoming::Stray(_)));
    assert_eq!(station.events(), []);
    assert_eq!(station.layer.counters().stray_total, 1);
}

#[test]
fn responses_with_foreign_marks_are_stray_and_change_nothing() {
    let mut station = Station::new();
    let (_, branch) = station.send(UDP, "INVITE");
    station.send(UDP, "BYE");
    let good = answer(&branch, 200, "INVITE", "callee");
    let other_token = branch.replace(&branch[15..], "0000000000000000");
    for bad in [
        good.replace(&branch, "z9hG4bKforeign"),
        good.replace(&branch, &other_token),
        good.replace(&branch, "z9hG4bKffffffff0000000000000000"),
        good.replace("tag=ours", "tag=theirs"),
        good.replace("Call-ID: ours", "Call-ID: theirs"),
        good.replace("4711 INVITE", "4712 INVITE"),
        good.replace("4711 INVITE", "4711 BYE"),
        good.replace("4711 INVITE", "4711 CANCEL"),
    ] {
        assert!(matches!(station.receive(UDP, &bad), Incoming::Stray(_)), "{bad}");
    }
    assert!(matches!(station.receive(UDP, &good), Incoming::Response { .. }));
}

#[test]
fn a_slot_let_again_does_not_take_the_answers_of_its_last_tenant() {
    let mut station = Station::new();
    let (first, branch) = station.send(UDP, "BYE");
    station.advance_to(40_000);
    let (second, _) = station.send(UDP, "BYE");
    assert_ne!(first, second);
    assert!(matches!(station.answer(&branch, 200, "BYE"), Incoming::Stray(_)));
}

#[test]
fn a_broken_flow_fails_the_requests_on_it() {
    let mut station = Station::new();
    let (id, _) = station.send(TCP, "INVITE");
    let (other, _) = station.send(UDP, "INVITE");
    station.break_flow(TCP);
    assert_eq!(
        station.events(),
        [TransactionEvent::TransportError { id }, TransactionEvent::Terminated { id }]
    );
    assert_eq!(station.layer.flow(other), Some(UDP));
    assert_eq!(station.layer.flow(id), None);
}

#[test]
fn an_accepted_invite_outlives_its_flow() {
    let mut station = Station::new();
    let (id, branch) = station.send(TCP, "INVITE");
    station.answer(&branch, 200, "INVITE");
    station.break_flow(TCP);
    assert_eq!(station.events(), []);
    assert_eq!(station.layer.flow(id), Some(TCP));
}

#[test]
fn requests_for_a_new_connection_move_to_it() {
    let asked = flow(Transport::Tcp, Flow::NEW, 5060);
    let mut station = Station::new();
    let (first, branch) = station.send(asked, "INVITE");
    let (second, _) = station.send(asked, "BYE");
    station.layer.handle_flow_ready(asked, TCP);
    assert_eq!((station.layer.flow(first), station.layer.flow(second)), (Some(TCP), Some(TCP)));
    station.sent();
    station.answer(&branch, 486, "INVITE");
    assert_eq!(station.sent_messages().first().map(|(flow, _)| *flow), Some(TCP));
    station.break_flow(TCP);
    assert!(station.layer.is_empty());
}

#[test]
fn an_abandoned_request_runs_on_in_silence() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.layer.abandon(id);
    assert!(matches!(station.answer(&branch, 180, "INVITE"), Incoming::Absorbed));
    assert!(matches!(station.answer(&branch, 486, "INVITE"), Incoming::Absorbed));
    assert_eq!(station.sent_at("ACK"), [0]);
    station.advance_to(32_000);
    assert!(station.layer.is_empty());
    assert_eq!(station.events(), []);
}

#[test]
fn a_2xx_to_an_abandoned_invite_is_still_passed_up() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.layer.abandon(id);
    assert!(matches!(station.answer(&branch, 200, "INVITE"), Incoming::Response { .. }));
}

#[test]
fn an_opening_that_is_not_used_is_given_back() {
    let mut station = Station::with(TransactionSettings::default(), 1);
    let opening = station.layer.open(station.now(), UDP).unwrap();
    station.layer.abandon(opening.id);
    assert!(station.layer.is_empty());
    assert_eq!(station.events(), []);
    assert!(station.layer.open(station.now(), UDP).is_some());
}

#[test]
fn a_request_that_cannot_be_read_back_is_not_sent() {
    let mut station = Station::new();
    let opening = station.layer.open(station.now(), UDP).unwrap();
    station.layer.send(station.now(), opening.id, Method::Bye, "garbage".into());
    assert_eq!(station.layer.poll_transmit(), None);
    let id = opening.id;
    assert_eq!(
        station.events(),
        [TransactionEvent::TransportError { id }, TransactionEvent::Terminated { id }]
    );
}

#[test]
fn timer_c_is_told_and_the_cancel_of_the_user_ends_the_invite() {
    let mut station = Station::new();
    let (id, branch) = station.send(UDP, "INVITE");
    station.answer(&branch, 180, "INVITE");
    station.advance_to(180_000);
    assert_eq!(station.events(), [TransactionEvent::Timeout { id, timer: TimerName::C }]);
    station.cancel(id);
    assert_eq!(station.sent_at("CANCEL"), [180_000]);
    station.advance_to(212_000);
    assert_eq!(
        station.events(),
        [TransactionEvent::Timeout { id, timer: TimerName::Cancel }, TransactionEvent::Terminated { id }]
    );
    assert!(station.layer.is_empty());
}

#[test]
fn branches_follow_from_the_seed() {
    let branch = || Station::new().send(UDP, "BYE").1;
    assert_eq!(branch(), branch());
    assert!(ours("BYE", &branch()).contains("branch=z9hG4bK00000000"));
}

#[test]
fn the_timer_queue_holds_one_entry_for_each_transaction() {
    let mut station = Station::new();
    let (_, branch) = station.send(UDP, "INVITE");
    for elapsed in [10, 600, 40_000, 90_000, 91_000] {
        station.advance_to(elapsed);
        station.answer(&branch, 180, "INVITE");
        assert_eq!(station.layer.timers_len(), 1);
    }
    station.answer(&branch, 200, "INVITE");
    assert_eq!(station.layer.timers_len(), 1);
    station.advance_to(91_000 + 32_000);
    assert!(station.layer.is_empty());
    assert_eq!(station.layer.timers_len(), 0);
}
