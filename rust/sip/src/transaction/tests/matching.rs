//! Which requests belong together (RFC 3261 §17.2.3).

use super::support::{Station, UDP, theirs, theirs_with};
use crate::transaction::Incoming;

#[test]
fn branch_sent_by_and_method_make_a_transaction() {
    let mut station = Station::new();
    let first = theirs("INVITE", "z9hG4bKa");
    station.serve(UDP, &first);
    station.serve(UDP, &theirs("INVITE", "z9hG4bKb"));
    station.serve(UDP, &first.replace("192.0.2.1:5060", "192.0.2.2:5060"));
    station.serve(UDP, &first.replace("192.0.2.1:5060", "192.0.2.1:5061"));
    station.serve(UDP, &first.replace("192.0.2.1:5060", "192.0.2.1"));
    station.serve(UDP, &theirs("OPTIONS", "z9hG4bKa"));
    station.serve(UDP, &theirs("FOO", "z9hG4bKa"));
    station.serve(UDP, &theirs("BAR", "z9hG4bKa"));
    assert_eq!(station.layer.len(), 8);
    assert!(matches!(station.receive(UDP, &first), Incoming::Absorbed));
}

#[test]
fn the_host_of_a_via_is_compared_without_regard_to_case() {
    let mut station = Station::new();
    let first = theirs("OPTIONS", "z9hG4bKa").replace("192.0.2.1:5060", "Phone.Example:5060");
    station.serve(UDP, &first);
    let copy = first.replace("Phone.Example", "phone.example");
    assert!(matches!(station.receive(UDP, &copy), Incoming::Absorbed));
}

#[test]
fn an_ack_to_a_2xx_is_passed_up_with_its_own_branch_and_with_that_of_the_invite() {
    let mut station = Station::new();
    let id = station.serve(UDP, &theirs("INVITE", "z9hG4bKa"));
    station.respond(id, 200);
    assert!(matches!(station.receive(UDP, &theirs("ACK", "z9hG4bKnew")), Incoming::Ack(_)));
    assert!(matches!(station.receive(UDP, &theirs("ACK", "z9hG4bKa")), Incoming::Ack(_)));
}

#[test]
fn an_ack_to_nothing_is_passed_up() {
    let mut station = Station::new();
    assert!(matches!(station.receive(UDP, &theirs("ACK", "z9hG4bKa")), Incoming::Ack(_)));
    assert!(station.layer.is_empty());
}

/// Branches that name no transaction: none, one of RFC 2543, and the cookie alone (RFC 4475 §3.1.2.18).
const OLD_BRANCHES: [&str; 3] = ["", "1", "z9hG4bK"];

fn old(method: &str, branch: &str, to: &str) -> String {
    let text = theirs_with(method, branch, to);
    if branch.is_empty() { text.replace(";branch=", "") } else { text }
}

#[test]
fn without_a_unique_branch_the_whole_request_is_compared() {
    for branch in OLD_BRANCHES {
        let mut station = Station::new();
        let first = old("INVITE", branch, "<sip:bob@192.0.2.9>");
        station.serve(UDP, &first);
        assert!(matches!(station.receive(UDP, &first), Incoming::Absorbed), "{branch}");
        for (part, other) in [
            ("Call-ID: theirs", "Call-ID: other"),
            ("CSeq: 1", "CSeq: 2"),
            ("tag=alice", "tag=other"),
            ("INVITE sip:bob@", "INVITE sip:eve@"),
            ("To: <sip:bob@192.0.2.9>", "To: <sip:bob@192.0.2.9>;tag=x"),
            ("UDP 192.0.2.1:5060", "UDP 192.0.2.1:5070"),
        ] {
            station.serve(UDP, &first.replace(part, other));
        }
        assert_eq!(station.layer.len(), 7, "{branch}");
    }
}

#[test]
fn without_a_unique_branch_an_ack_matches_by_the_to_tag_of_the_response() {
    for branch in OLD_BRANCHES {
        let mut station = Station::new();
        let invite = old("INVITE", branch, "<sip:bob@192.0.2.9>");
        let id = station.serve(UDP, &invite);
        let response = invite
            .replace("INVITE sip:bob@192.0.2.9 SIP/2.0", "SIP/2.0 486 Busy Here")
            .replace("To: <sip:bob@192.0.2.9>", "To: <sip:bob@192.0.2.9>;tag=mine");
        station.layer.respond(station.now(), id, 486, response.into());
        let foreign = old("ACK", branch, "<sip:bob@192.0.2.9>;tag=other");
        assert!(matches!(station.receive(UDP, &foreign), Incoming::Ack(_)), "{branch}");
        let ack = old("ACK", branch, "<sip:bob@192.0.2.9>;tag=mine");
        assert!(matches!(station.receive(UDP, &ack), Incoming::Absorbed), "{branch}");
        station.advance_to(5_000);
        assert!(station.layer.is_empty(), "timer I");
    }
}

#[test]
fn without_a_unique_branch_a_cancel_finds_its_invite() {
    for branch in OLD_BRANCHES {
        let mut station = Station::new();
        let id = station.serve(UDP, &old("INVITE", branch, "<sip:bob@192.0.2.9>"));
        let incoming = station.receive(UDP, &old("CANCEL", branch, "<sip:bob@192.0.2.9>"));
        assert!(matches!(incoming, Incoming::Cancel { invite, .. } if invite == Some(id)), "{branch}");
    }
}
