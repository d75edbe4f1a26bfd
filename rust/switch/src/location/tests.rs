//! The registrar against RFC 3261 §10.3 and `config.md` §2.9.

use std::time::Duration;

use pbx_sip::{Name, Transport};
use serde_json::json;

use super::RegisterOutcome;
use super::bench::{Ask, Bench, contacts, flow, secs};

#[test]
fn contact_expires_goes_before_header_before_default_and_the_cap_applies() {
    let mut bench = Bench::new();
    let granted = |outcome: &RegisterOutcome| contacts(outcome).join(" ");
    let first = bench.register(1, &["Contact: <sip:a@192.0.2.7>"]);
    assert_eq!(granted(&first), "<sip:a@192.0.2.7>;expires=30");
    let header = bench.register(2, &["Contact: <sip:a@192.0.2.7>", "Expires: 20"]);
    assert_eq!(granted(&header), "<sip:a@192.0.2.7>;expires=20");
    let parameter = bench.register(3, &["Contact: <sip:a@192.0.2.7>;expires=40", "Expires: 20"]);
    assert_eq!(granted(&parameter), "<sip:a@192.0.2.7>;expires=40");
    for (cseq, wish) in (4..).zip(["3600", "4294967295", "99999999999999999999", "soon"]) {
        let capped = bench.register(cseq, &[&format!("Contact: <sip:a@192.0.2.7>;expires={wish}")]);
        assert_eq!(granted(&capped), "<sip:a@192.0.2.7>;expires=50", "{wish}");
    }
}

#[test]
fn one_to_nine_seconds_are_too_short_and_change_nothing() {
    let mut bench = Bench::new();
    bench.register(1, &["Contact: <sip:a@192.0.2.7>"]);
    for wish in 1..10 {
        let refused =
            bench.register(2, &[&format!("Contact: <sip:b@192.0.2.7>, <sip:a@192.0.2.7>;expires={wish}")]);
        assert_eq!((refused.code, refused.headers), (423, vec![(Name::MinExpires, "10".to_owned())]));
    }
    assert_eq!(bench.query(), ["<sip:a@192.0.2.7>;expires=30"]);
    assert_eq!(bench.register(2, &["Contact: <sip:a@192.0.2.7>;expires=10"]).code, 200);
}

#[test]
fn zero_removes_that_contact_alone() {
    let mut bench = Bench::new();
    bench.register(1, &["Contact: <sip:a@192.0.2.7>", "Contact: <sip:b@192.0.2.7>"]);
    let removed = bench.register(2, &["Contact: <sip:a@192.0.2.7>;expires=0"]);
    assert_eq!((removed.code, contacts(&removed)), (200, vec!["<sip:b@192.0.2.7>;expires=30".to_owned()]));
    assert_eq!(bench.register(3, &["Contact: <sip:b@192.0.2.7>", "Expires: 0"]).code, 200);
    assert!(bench.location.is_empty());
    // Removing what is not there is no fault.
    assert_eq!(bench.register(4, &["Contact: <sip:b@192.0.2.7>", "Expires: 0"]).code, 200);
    assert_eq!(bench.location.poll_timeout(), None);
}

#[test]
fn query_lists_every_binding_and_changes_none() {
    let mut bench = Bench::new();
    assert!(bench.query().is_empty());
    bench.register(1, &["Contact: <sip:a@192.0.2.7>;expires=50, <sip:b@192.0.2.7>;expires=20"]);
    bench.pass(secs(5));
    assert_eq!(bench.query(), ["<sip:a@192.0.2.7>;expires=45", "<sip:b@192.0.2.7>;expires=15"]);
    bench.pass(Duration::from_millis(500));
    assert_eq!(bench.query(), ["<sip:a@192.0.2.7>;expires=45", "<sip:b@192.0.2.7>;expires=15"]);
}

#[test]
fn wildcard_stands_alone_and_with_expires_zero() {
    let mut bench = Bench::new();
    bench.register(5, &["Contact: <sip:a@192.0.2.7>, <sip:b@192.0.2.7>"]);
    for lines in [
        &["Contact: *"][..],
        &["Contact: *", "Expires: 10"],
        &["Contact: *", "Contact: <sip:a@192.0.2.7>", "Expires: 0"],
        &["Contact: *, *", "Expires: 0"],
    ] {
        assert_eq!(bench.register(6, lines).code, 400, "{lines:?}");
    }
    assert_eq!(bench.uris("1001").len(), 2);
    assert_eq!(bench.register(5, &["Contact: *", "Expires: 0"]).code, 500);
    assert_eq!(bench.uris("1001").len(), 2);
    let removed = bench.register(6, &["Contact: *", "Expires: 0"]);
    assert_eq!((removed.code, removed.headers.len()), (200, 0));
    assert!(bench.location.is_empty());
}

#[test]
fn wildcard_of_another_call_id_removes_whatever_its_cseq() {
    let mut bench = Bench::new();
    bench.register(100, &["Contact: <sip:a@192.0.2.7>"]);
    let removed =
        bench.ask(Ask { user: "1001", call_id: "b", cseq: 1, lines: &["Contact: *", "Expires: 0"] });
    assert_eq!(removed.code, 200);
    assert!(bench.location.is_empty());
}

#[test]
fn lower_or_equal_cseq_of_the_same_call_id_is_stale() {
    let mut bench = Bench::new();
    bench.register(7, &["Contact: <sip:a@192.0.2.7>;expires=20"]);
    for cseq in [6, 7] {
        assert_eq!(bench.register(cseq, &["Contact: <sip:a@192.0.2.7>;expires=40"]).code, 500);
        assert_eq!(bench.register(cseq, &["Contact: <sip:a@192.0.2.7>;expires=0"]).code, 500);
    }
    assert_eq!(bench.query(), ["<sip:a@192.0.2.7>;expires=20"]);
    let other =
        Ask { user: "1001", call_id: "b", cseq: 1, lines: &["Contact: <sip:a@192.0.2.7>;expires=40"] };
    assert_eq!(contacts(&bench.ask(other)), ["<sip:a@192.0.2.7>;expires=40"]);
}

#[test]
fn one_stale_contact_refuses_the_whole_request() {
    let mut bench = Bench::new();
    bench.register(7, &["Contact: <sip:a@192.0.2.7>"]);
    let refused = bench.register(7, &["Contact: <sip:new@192.0.2.7>, <sip:a@192.0.2.7>"]);
    assert_eq!(refused.code, 500);
    assert_eq!(bench.uris("1001"), ["sip:a@192.0.2.7"]);
}

#[test]
fn bindings_beyond_the_limit_are_forbidden() {
    let mut bench = Bench::new();
    let five: Vec<String> = (0..5).map(|n| format!("Contact: <sip:{n}@192.0.2.7>")).collect();
    let lines: Vec<&str> = five.iter().map(String::as_str).collect();
    assert_eq!(bench.register(1, &lines).code, 403);
    assert!(bench.location.is_empty());
    assert_eq!(bench.register(2, &lines[..4]).code, 200);
    assert_eq!(bench.register(3, &lines[4..]).code, 403);
    assert_eq!(bench.location.len(), 4);
    // Replacing one by another in the same request keeps the number.
    let swap = ["Contact: <sip:0@192.0.2.7>;expires=0, <sip:4@192.0.2.7>"];
    assert_eq!(bench.register(4, &swap).code, 200);
    // Bindings that have ended do not count, even before they are forgotten.
    bench.now += secs(31);
    assert_eq!(bench.register(5, &lines[..4]).code, 200);
    assert_eq!(bench.location.len(), 4);
}

#[test]
fn full_table_refuses_new_bindings_and_keeps_refreshing_old_ones() {
    let mut bench = Bench::with(|doc| doc["limits"]["max_bindings"] = json!(2));
    bench.register(1, &["Contact: <sip:a@192.0.2.7>, <sip:b@192.0.2.7>"]);
    let refused =
        bench.ask(Ask { user: "1002", call_id: "b", cseq: 1, lines: &["Contact: <sip:c@192.0.2.7>"] });
    assert_eq!(refused.code, 503);
    let (name, retry_after) = &refused.headers[0];
    assert_eq!(*name, Name::RetryAfter);
    assert!((2..=8).contains(&retry_after.parse::<u64>().unwrap()));
    assert!(bench.uris("1002").is_empty());
    assert_eq!(bench.register(2, &["Contact: <sip:a@192.0.2.7>, <sip:b@192.0.2.7>"]).code, 200);
}

#[test]
fn bindings_end_at_their_expiry_without_grace() {
    let mut bench = Bench::new();
    bench.register(1, &["Contact: <sip:a@192.0.2.7>;expires=10, <sip:b@192.0.2.7>;expires=20"]);
    bench.pass(Duration::from_millis(9_999));
    assert_eq!(bench.uris("1001").len(), 2);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.uris("1001"), ["sip:b@192.0.2.7"]);
    assert_eq!(bench.location.len(), 1);
    assert_eq!(bench.location.poll_timeout(), Some(bench.now + secs(10)));
    bench.pass(secs(10));
    assert!(bench.location.is_empty());
    assert_eq!(bench.location.poll_timeout(), None);
}

#[test]
fn many_that_expire_together_are_invisible_at_once_and_forgotten_in_turns() {
    let mut bench = Bench::with(|doc| doc["limits"]["max_bindings"] = json!(10_000));
    for user in 0..3_000 {
        let user = user.to_string();
        bench.ask(Ask { user: &user, call_id: "a", cseq: 1, lines: &["Contact: <sip:a@192.0.2.7>"] });
    }
    bench.pass(secs(30));
    assert!(bench.location.views(bench.now, usize::MAX, None).is_empty());
    assert!(!bench.location.is_empty());
    for _ in 0..2 {
        assert_eq!(bench.location.poll_timeout(), Some(bench.now));
        bench.pass(Duration::ZERO);
    }
    assert!(bench.location.is_empty());
}

#[test]
fn closed_connection_ends_its_bindings_and_no_others() {
    let mut bench = Bench::new();
    let udp = bench.flow;
    bench.register(1, &["Contact: <sip:udp@192.0.2.7>"]);
    bench.flow = flow(Transport::Tcp, 7, "192.0.2.7:50001");
    bench.register(2, &["Contact: <sip:tcp@192.0.2.7;transport=tcp>"]);
    let other = ["Contact: <sip:b@192.0.2.8;transport=tcp>"];
    bench.ask(Ask { user: "1002", call_id: "b", cseq: 1, lines: &other });
    bench.flow = flow(Transport::Tcp, 8, "192.0.2.7:50002");
    bench.ask(Ask {
        user: "1002",
        call_id: "c",
        cseq: 1,
        lines: &["Contact: <sip:c@192.0.2.8;transport=tcp>"],
    });
    let gone = flow(Transport::Tcp, 7, "192.0.2.7:50001");
    assert_eq!(bench.location.handle_flow_closed(bench.now, gone), 2);
    assert_eq!(bench.location.handle_flow_closed(bench.now, gone), 0);
    assert_eq!(bench.uris("1001"), ["sip:udp@192.0.2.7"]);
    assert_eq!(bench.uris("1002"), ["sip:c@192.0.2.8;transport=tcp"]);
    assert_eq!(bench.location.handle_flow_closed(bench.now, udp), 0);
}

#[test]
fn phone_that_moves_to_another_connection_is_not_ended_with_the_old_one() {
    let mut bench = Bench::new();
    bench.flow = flow(Transport::Tcp, 7, "192.0.2.7:50001");
    bench.register(1, &["Contact: <sip:a@192.0.2.7;transport=tcp>"]);
    bench.flow = flow(Transport::Tcp, 8, "192.0.2.7:50002");
    bench.register(2, &["Contact: <sip:a@192.0.2.7;transport=tcp>"]);
    assert_eq!(bench.location.handle_flow_closed(bench.now, flow(Transport::Tcp, 7, "192.0.2.7:50001")), 0);
    assert_eq!(bench.uris("1001").len(), 1);
}

#[test]
fn two_devices_refreshing_ten_thousand_times_stay_two_bindings() {
    let mut bench = Bench::new();
    for round in 1..=10_000 {
        for device in ["a", "b"] {
            let line = format!("Contact: <sip:{device}@192.0.2.7>");
            let outcome = bench.ask(Ask { user: "1001", call_id: device, cseq: round, lines: &[&line] });
            assert_eq!(outcome.code, 200);
        }
        bench.pass(Duration::from_millis(200));
    }
    assert_eq!(bench.location.len(), 2);
    assert_eq!(bench.uris("1001").len(), 2);
}
