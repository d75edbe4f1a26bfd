//! Targets known by name (RFC 3263): found, tried one after the other, and given up in time.

use std::time::Duration;

use pbx_dns::{Name as Host, Record, RecordType, Srv, read_query, respond};
use pbx_sip::{Message, Method, Name, Transport};
use pbx_switch::{Decision, Forward, Target};
use serde_json::json;

use crate::desk::{CALLEE, CALLER, Desk, SECOND, sdp};

/// A call whose router names these targets.
fn forwarded(targets: &[&str], body: &str, ring: Option<u32>) -> Desk {
    forwarded_on(crate::SHARDS, targets, body, ring)
}

fn forwarded_on(shards: usize, targets: &[&str], body: &str, ring: Option<u32>) -> Desk {
    let mut desk = Desk::of(shards, json!({"call": {"ask_router": true}}), 7);
    desk.register("1002", "127.0.0.1:6009");
    desk.invite(body);
    assert_eq!(desk.caller_statuses(), [100]);
    let targets = targets.iter().map(|&uri| Target::Uri(uri.to_owned())).collect();
    let forward = Forward { targets, ring_timeout_secs: ring, ..Forward::default() };
    desk.switch.handle_decision(desk.now, desk.asked[0].id, Decision::Forward(forward));
    desk.drain();
    desk
}

fn call(targets: &[&str]) -> Desk {
    forwarded(targets, &sdp("127.0.0.1", 7000), None)
}

/// A resolver that knows two UDP servers of example.com, CALLEE before SECOND, and ten of many.example.com.
fn serve(desk: &mut Desk) {
    while let Some((token, query)) = desk.queries.pop() {
        let asked = read_query(&query).unwrap();
        let server = |priority, at: &str, target: &str| {
            let port = at.rsplit(':').next().unwrap().parse().unwrap();
            Record::Srv(Srv { priority, weight: 0, port, target: Host::parse(target) })
        };
        let records = match (asked.name.as_str(), asked.kind) {
            ("_sip._udp.example.com", RecordType::Srv) => {
                vec![server(2, SECOND, "b.example.com"), server(1, CALLEE, "a.example.com")]
            }
            ("_sip._udp.many.example.com", RecordType::Srv) => {
                (0..10).map(|n| server(n, &format!("127.0.0.1:{}", 6100 + n), "a.example.com")).collect()
            }
            ("a.example.com" | "b.example.com" | "one.example.com", RecordType::A) => {
                vec![Record::Address("127.0.0.1".parse().unwrap())]
            }
            _ => Vec::new(),
        };
        let bytes = respond(&query, 0, 60, &records).unwrap();
        desk.switch.handle_dns(desk.now, pbx_switch::DnsNews::Reply { token, bytes });
        desk.drain();
    }
}

fn invites(desk: &mut Desk, to: &str) -> Vec<Message> {
    desk.taken(to).into_iter().filter(|message| message.method() == Method::Invite).collect()
}

#[test]
fn a_target_known_by_name_rings_at_its_first_server() {
    let mut desk = call(&["sip:x@example.com"]);
    assert!(desk.sent.is_empty(), "nothing is sent before the name is found");
    serve(&mut desk);
    let invite = invites(&mut desk, CALLEE).remove(0);
    assert_eq!(invite.request_uri(), "sip:x@example.com");
    desk.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    assert_eq!(desk.caller_statuses(), [200]);
    assert!(invites(&mut desk, SECOND).is_empty());
}

#[test]
fn the_next_server_gets_the_same_request_after_a_503() {
    let mut desk = call(&["sip:x@example.com"]);
    serve(&mut desk);
    let first = invites(&mut desk, CALLEE).remove(0);
    desk.answer(CALLEE, &first, "503 Service Unavailable", "t", "");
    let second = invites(&mut desk, SECOND).remove(0);
    assert_eq!((first.call_id(), first.from_tag()), (second.call_id(), second.from_tag()));
    assert_ne!(first.via().unwrap().branch(), second.via().unwrap().branch());
    desk.answer(SECOND, &second, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    assert_eq!(desk.caller_statuses(), [200]);
}

#[test]
fn another_failure_is_final_for_the_name() {
    let mut desk = call(&["sip:x@example.com"]);
    serve(&mut desk);
    let first = invites(&mut desk, CALLEE).remove(0);
    desk.answer(CALLEE, &first, "486 Busy Here", "t", "");
    assert!(invites(&mut desk, SECOND).is_empty());
    assert_eq!(desk.caller_statuses(), [486]);
}

#[test]
fn a_silent_server_yields_to_the_next_within_five_seconds() {
    let mut desk = call(&["sip:x@example.com"]);
    serve(&mut desk);
    desk.advance(Duration::from_millis(3900));
    assert!(invites(&mut desk, SECOND).is_empty());
    desk.advance(Duration::from_millis(200));
    let second = invites(&mut desk, SECOND).remove(0);
    desk.answer(SECOND, &second, "200 OK", "callee", &sdp("127.0.0.1", 7002));
    assert_eq!(desk.caller_statuses(), [200]);
    // The first wakes up: it is told at once.
    desk.taken(CALLEE);
    desk.advance(Duration::from_secs(1));
}

/// Another call of the same caller to the same name.
fn call_again(desk: &mut Desk) {
    desk.consult(&sdp("127.0.0.1", 7000));
    let forward =
        Forward { targets: vec![Target::Uri("sip:x@example.com".to_owned())], ..Forward::default() };
    desk.switch.handle_decision(desk.now, desk.asked.last().unwrap().id, Decision::Forward(forward));
    desk.drain();
    serve(desk);
}

#[test]
fn a_server_that_was_silent_is_tried_last_for_a_minute() {
    // Each shard finds out for itself, so this is about one.
    let mut desk = forwarded_on(1, &["sip:x@example.com"], &sdp("127.0.0.1", 7000), None);
    serve(&mut desk);
    desk.advance(Duration::from_millis(4100));
    let second = invites(&mut desk, SECOND).remove(0);
    desk.answer(SECOND, &second, "486 Busy Here", "t", "");
    desk.taken(CALLEE);
    call_again(&mut desk);
    assert_eq!(invites(&mut desk, SECOND).len(), 1, "the one that answers comes first");
    assert!(invites(&mut desk, CALLEE).is_empty());
}

#[test]
fn ten_dead_servers_are_gone_through_within_twelve_seconds() {
    let mut desk = call(&["sip:x@many.example.com"]);
    serve(&mut desk);
    desk.advance(Duration::from_millis(3900));
    assert!(invites(&mut desk, "127.0.0.1:6101").is_empty());
    let mut tried = Vec::new();
    for _ in 0..81 {
        desk.advance(Duration::from_millis(100));
        let reached = |desk: &mut Desk, port: &u16| !desk.taken(&format!("127.0.0.1:{port}")).is_empty();
        tried.extend((6100..6110).filter(|port| reached(&mut desk, port)));
    }
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried, (6100..6108).collect::<Vec<u16>>(), "eight of them at most");
}

#[test]
fn a_server_that_rings_is_not_left_for_another() {
    let mut desk = call(&["sip:x@example.com"]);
    serve(&mut desk);
    let first = invites(&mut desk, CALLEE).remove(0);
    desk.answer(CALLEE, &first, "180 Ringing", "t", "");
    desk.advance(Duration::from_secs(20));
    assert!(invites(&mut desk, SECOND).is_empty());
}

#[test]
fn a_resolver_that_never_answers_ends_the_call_within_five_seconds() {
    let mut desk = call(&["sip:x@example.com"]);
    desk.advance(Duration::from_millis(4100));
    assert_eq!(desk.caller_statuses(), [503]);
    assert!(desk.logged.contains(&"target_unresolved"));
    desk.advance(Duration::from_secs(3));
    assert!(desk.queries.is_empty(), "no socket stays open");
}

#[test]
fn the_next_target_is_rung_when_a_name_is_not_found() {
    let mut desk = call(&["sip:x@nobody.example.net", "sip:1002@127.0.0.1"]);
    serve(&mut desk);
    assert_eq!(invites(&mut desk, "127.0.0.1:6009").len(), 1);
}

#[test]
fn cancel_and_ring_limit_do_not_wait_for_a_resolver() {
    let mut desk = call(&["sip:x@example.com"]);
    desk.cancel("z9hG4bKinv1");
    assert_eq!(desk.caller_statuses(), [200, 487]);
    serve(&mut desk);
    assert!(invites(&mut desk, CALLEE).is_empty(), "an answer for nobody rings nobody");

    let mut desk = forwarded(&["sip:x@example.com"], &sdp("127.0.0.1", 7000), Some(1));
    desk.advance(Duration::from_millis(1100));
    assert_eq!(desk.caller_statuses().len(), 1);
}

#[test]
fn a_name_that_means_ourselves_is_not_called() {
    let mut desk = call(&["sip:x@one.example.com:5060"]);
    serve(&mut desk);
    assert_eq!(desk.caller_statuses(), [503]);
}

#[test]
fn a_number_is_looked_for_among_our_users() {
    let mut desk = call(&["tel:1002"]);
    assert!(desk.queries.is_empty());
    assert_eq!(invites(&mut desk, "127.0.0.1:6009").len(), 1);
}

/// A description that makes any request too large for a datagram.
fn large() -> String {
    format!("{}a=x:{}\r\n", sdp("127.0.0.1", 7000), "y".repeat(1200))
}

#[test]
fn a_large_request_goes_over_tcp_and_says_so() {
    let target = format!("sip:x@{CALLEE}");
    let mut desk = forwarded(&[&target], &large(), None);
    assert_eq!(desk.last_transport, Some(Transport::Tcp));
    let invite = invites(&mut desk, CALLEE).remove(0);
    assert_eq!(invite.via().unwrap().transport, "TCP");
    assert!(invite.text(Name::Contact).unwrap().contains("transport=tcp"));
}

#[test]
fn a_large_request_goes_over_udp_when_nobody_takes_it_over_tcp() {
    let target = format!("sip:x@{CALLEE}");
    for is_refused in [true, false] {
        let mut desk = forwarded(&[&target], &large(), None);
        let first = invites(&mut desk, CALLEE).remove(0);
        if is_refused {
            let flow = pbx_sip::Flow::asked(Transport::Tcp, CALLEE.parse().unwrap(), None);
            desk.switch.handle_send_failure(desk.now, flow);
            desk.drain();
        } else {
            desk.advance(Duration::from_millis(1001));
        }
        let second = invites(&mut desk, CALLEE).remove(0);
        assert_eq!(second.via().unwrap().transport, "UDP");
        assert_eq!(first.call_id(), second.call_id());
        desk.answer(CALLEE, &second, "200 OK", "callee", &sdp("127.0.0.1", 7002));
        assert_eq!(desk.caller_statuses(), [200]);
    }
}

#[test]
fn a_request_that_fits_a_datagram_stays_one() {
    let target = format!("sip:x@{CALLEE}");
    let mut desk = forwarded(&[&target], &sdp("127.0.0.1", 7000), None);
    assert_eq!(invites(&mut desk, CALLEE)[0].via().unwrap().transport, "UDP");
    assert!(desk.taken(CALLER).is_empty());
}
