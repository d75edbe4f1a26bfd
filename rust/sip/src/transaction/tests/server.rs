//! Server transactions.

use super::support::{Station, TCP, UDP, response_bytes, theirs};
use crate::transaction::{Incoming, TimerName, TransactionEvent, TransactionSettings};

#[test]
fn a_copy_of_a_request_repeats_the_last_response() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("OPTIONS", "z9hG4bKa"));
    assert!(matches!(station.receive(UDP, &theirs("OPTIONS", "z9hG4bKa")), Incoming::Absorbed));
    assert_eq!(station.sent(), [], "there is nothing to repeat yet");
    assert!(station.respond(id, 200));
    assert!(matches!(station.receive(UDP, &theirs("OPTIONS", "z9hG4bKa")), Incoming::Absorbed));
    assert_eq!(station.sent_at("SIP/2.0 200"), [0, 0]);
}

#[test]
fn a_finished_request_is_forgotten_after_timer_j() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("BYE", "z9hG4bKa"));
    station.respond(id, 200);
    station.advance_to(31_999);
    assert_eq!(station.layer.len(), 1);
    station.advance_to(32_000);
    assert_eq!(station.layer.len(), 0);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
    assert_eq!(station.layer.poll_timeout(), None);
}

#[test]
fn a_request_on_a_stream_ends_with_its_final_response() {
    let mut station = Station::new();
    let id = station.serve(TCP, &theirs("BYE", "z9hG4bKa"));
    assert!(station.respond(id, 200));
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
    assert!(!station.respond(id, 200), "the transaction is gone");
}

#[test]
fn a_failure_whose_ack_is_lost_is_repeated_by_timer_g_until_timer_h() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    station.respond(id, 486);
    station.advance_to(100_000);
    let expected = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(station.sent_at("SIP/2.0 486"), expected);
    assert_eq!(
        station.events(),
        [TransactionEvent::Timeout { id, timer: TimerName::H }, TransactionEvent::Terminated { id }]
    );
    assert_eq!(station.layer.counters().timeouts_total(TimerName::H), 1);
}

#[test]
fn the_ack_to_a_failure_stops_its_copies_and_stays_below_the_user() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    station.respond(id, 486);
    station.advance_to(600);
    assert!(matches!(station.receive(UDP, &theirs("ACK", "z9hG4bKa")), Incoming::Absorbed));
    station.advance_to(5_599);
    assert_eq!(station.sent_at("SIP/2.0"), [0, 500]);
    assert_eq!(station.layer.len(), 1, "timer I still absorbs copies of the ACK");
    station.advance_to(5_600);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
}

#[test]
fn an_invite_copy_ten_seconds_after_its_2xx_is_absorbed() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    station.respond(id, 200);
    station.advance_to(10_000);
    assert!(matches!(station.receive(UDP, &theirs("INVITE", "z9hG4bKa")), Incoming::Absorbed));
    assert_eq!(station.sent_at("SIP/2.0"), [0]);
    station.advance_to(32_000);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id }]);
}

#[test]
fn a_2xx_is_repeated_by_the_user_while_accepted() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    assert!(!station.layer.repeat(station.now(), id, response_bytes(200)), "nothing is accepted yet");
    station.respond(id, 200);
    station.advance_to(500);
    assert!(station.layer.repeat(station.now(), id, response_bytes(200)));
    station.advance_to(32_000);
    assert!(!station.layer.repeat(station.now(), id, response_bytes(200)));
    assert_eq!(station.sent_at("SIP/2.0 200").len(), 2);
}

#[test]
fn never_two_finals() {
    let mut station = Station::new();
    for (method, first, second) in [("INVITE", 200, 486), ("INVITE", 486, 200), ("BYE", 200, 481)] {
        let id = station.serve(UDP, &theirs(method, &format!("z9hG4bK{method}{first}")));
        assert!(station.respond(id, first));
        assert!(!station.respond(id, second));
        assert!(!station.respond(id, 100));
        assert_eq!(station.sent().len(), 1);
    }
}

#[test]
fn a_408_to_a_non_invite_request_is_silence() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("BYE", "z9hG4bKa"));
    assert!(station.respond(id, 408));
    assert!(matches!(station.receive(UDP, &theirs("BYE", "z9hG4bKa")), Incoming::Absorbed));
    assert_eq!(station.sent(), []);
    assert_eq!(station.layer.counters().silenced_total, 1);
    assert_eq!(station.layer.server_len(), 0);
}

#[test]
fn server_transactions_without_a_final_response_are_counted() {
    let mut station = Station::new();
    let invite = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    let bye = station.serve(UDP, &theirs("BYE", "z9hG4bKb"));
    let lost = station.serve(TCP, &theirs("INVITE", "z9hG4bKc"));
    station.respond(invite, 180);
    assert_eq!(station.layer.server_len(), 3);
    station.respond(bye, 200);
    assert_eq!(station.layer.server_len(), 2);
    station.break_flow(TCP);
    assert_eq!(station.layer.server_len(), 1);
    station.respond(invite, 404);
    assert_eq!(station.layer.server_len(), 0);
    assert!(!station.respond(lost, 200));
}

#[test]
fn a_request_beyond_the_cap_is_refused_and_counted() {
    let mut station = Station::with(TransactionSettings::default(), 1);
    let id = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    assert!(matches!(station.receive(UDP, &theirs("OPTIONS", "z9hG4bKb")), Incoming::Refused { .. }));
    assert!(matches!(station.receive(UDP, &theirs("INVITE", "z9hG4bKa")), Incoming::Absorbed));
    assert!(station.layer.open(station.now(), UDP).is_none());
    assert_eq!(station.layer.counters().refused_total, 2);
    let Incoming::Cancel { invite, .. } = station.receive(UDP, &theirs("CANCEL", "z9hG4bKa")) else {
        panic!("the CANCEL of a known INVITE makes room and is let in");
    };
    assert_eq!(invite, Some(id));
    assert!(matches!(station.receive(UDP, &theirs("CANCEL", "z9hG4bKz")), Incoming::Refused { .. }));
}

#[test]
fn a_closed_stream_ends_its_requests_and_spares_others() {
    let mut station = Station::new();
    let lost = station.serve(TCP, &theirs("INVITE", "z9hG4bKa"));
    let other = station.serve(UDP, &theirs("INVITE", "z9hG4bKb"));
    station.break_flow(TCP);
    assert_eq!(
        station.events(),
        [TransactionEvent::TransportError { id: lost }, TransactionEvent::Terminated { id: lost }]
    );
    assert!(station.respond(other, 180));
}

#[test]
fn responses_follow_the_reply_flow() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("OPTIONS", "z9hG4bKa"));
    station.layer.set_reply_flow(id, TCP);
    assert_eq!(station.layer.flow(id), Some(TCP));
    station.layer.respond(station.now(), id, 200, response_bytes(200));
    assert_eq!(station.layer.poll_transmit().map(|transmit| transmit.flow), Some(TCP));
}

#[test]
fn new_settings_hold_for_new_transactions() {
    let mut station = Station::new();
    let old = station.serve(UDP, &theirs("BYE", "z9hG4bKa"));
    let t1 = std::time::Duration::from_millis(100);
    station.layer.set_settings(TransactionSettings { t1, t1x64: 64 * t1 });
    let new = station.serve(UDP, &theirs("BYE", "z9hG4bKb"));
    station.respond(old, 200);
    station.respond(new, 200);
    station.advance_to(6_400);
    assert_eq!(station.events(), [TransactionEvent::Terminated { id: new }]);
}

#[test]
fn an_accepted_or_confirmed_invite_keeps_no_bytes() {
    let mut station = Station::new();
    for (branch, code) in [("z9hG4bKa", 200), ("z9hG4bKb", 486)] {
        let id = station.serve(UDP, &theirs("INVITE", branch));
        let bytes = response_bytes(code);
        station.layer.respond(station.now(), id, code, bytes.clone());
        while station.layer.poll_transmit().is_some() {}
        assert_eq!(bytes.is_unique(), code == 200);
        station.receive(UDP, &theirs("ACK", branch));
        assert!(bytes.is_unique());
    }
    assert_eq!(station.layer.len(), 2);
}

#[test]
fn a_forgotten_request_leaves_nothing_and_its_copy_is_new() {
    for method in ["INVITE", "OPTIONS"] {
        let mut station = Station::new();
        let id = station.serve(UDP, &theirs(method, "z9hG4bKa"));
        station.layer.forget(id);
        assert_eq!((station.layer.len(), station.layer.server_len()), (0, 0));
        assert!(!station.respond(id, 200));
        assert_eq!(station.events(), [], "nobody waits for the end of what is forgotten");
        let copy = station.serve(UDP, &theirs(method, "z9hG4bKa"));
        assert!(station.respond(copy, 404));
    }
}
