//! The registrar against RFC 3261 §10.3 and `config.md` §2.9.

use std::time::{Duration, Instant};

use pbx_sip::{Bytes, Flow, Limits, Message, Name, Transport};
use serde_json::{Value, json};

use super::{Location, RegisterOutcome};
use crate::policy::{Policy, fixture};

/// A registrar with its clock and one phone's way of sending.
struct Bench {
    location: Location,
    policy: Policy,
    now: Instant,
    flow: Flow,
}

/// One REGISTER to be sent.
#[derive(Clone, Copy)]
struct Ask<'a> {
    user: &'a str,
    call_id: &'a str,
    cseq: u32,
    lines: &'a [&'a str],
}

/// `now` of every bench. The switch reads no clock, so any instant will do.
#[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
fn origin() -> Instant {
    Instant::now()
}

fn flow(transport: Transport, socket: u32, remote: &str) -> Flow {
    Flow { transport, socket, remote: remote.parse().unwrap() }
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Value)) -> Self {
        let policy = Policy::compile(fixture::config(change)).unwrap();
        Self {
            location: Location::new(),
            policy,
            now: origin(),
            flow: flow(Transport::Udp, 0, "192.0.2.7:4000"),
        }
    }

    fn send(&mut self, message: &Message) -> RegisterOutcome {
        self.location.handle_register(self.now, &self.policy, self.flow, message)
    }

    fn ask(&mut self, ask: Ask<'_>) -> RegisterOutcome {
        let message = register(ask);
        self.send(&message)
    }

    /// A REGISTER of user 1001 in the Call-ID `a`.
    fn register(&mut self, cseq: u32, lines: &[&str]) -> RegisterOutcome {
        self.ask(Ask { user: "1001", call_id: "a", cseq, lines })
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.location.handle_timeout(self.now);
    }

    fn uris(&self, user: &str) -> Vec<String> {
        let aor = self.policy.aor(user, "lab.test");
        self.location.targets(self.now, &aor).into_iter().map(|binding| binding.uri().to_owned()).collect()
    }

    /// What the registrar tells of 1001 without changing it.
    fn query(&mut self) -> Vec<String> {
        let outcome = self.ask(Ask { user: "1001", call_id: "query", cseq: 1, lines: &[] });
        assert_eq!(outcome.code, 200);
        contacts(&outcome)
    }
}

fn register(Ask { user, call_id, cseq, lines }: Ask<'_>) -> Message {
    let mut text = format!(
        "REGISTER sip:lab.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:4000;branch=z9hG4bK{cseq}\r\n\
         From: <sip:{user}@lab.test>;tag=1\r\nTo: <sip:{user}@lab.test>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n"
    );
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    parse(text.into())
}

fn parse(bytes: Vec<u8>) -> Message {
    Message::parse(Bytes::from(bytes), &Limits::default()).unwrap()
}

fn contacts(outcome: &RegisterOutcome) -> Vec<String> {
    let is_contact = |(name, _): &&(Name, String)| *name == Name::Contact;
    outcome.headers.iter().filter(is_contact).map(|(_, value)| value.clone()).collect()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

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
fn targets_come_by_q_then_newest_first() {
    let mut bench = Bench::new();
    let lines = ["Contact: <sip:low@192.0.2.7>;q=0.2, <sip:one@192.0.2.7>, <sip:two@192.0.2.7>;q=1.0"];
    let written = bench.register(1, &lines);
    assert!(contacts(&written).contains(&"<sip:low@192.0.2.7>;q=0.2;expires=30".to_owned()));
    assert_eq!(bench.uris("1001"), ["sip:two@192.0.2.7", "sip:one@192.0.2.7", "sip:low@192.0.2.7"]);
    // A refresh keeps its place; a phone that restarted is the newest.
    bench.register(2, &["Contact: <sip:one@192.0.2.7>"]);
    assert_eq!(bench.uris("1001")[0], "sip:two@192.0.2.7");
    bench.ask(Ask { user: "1001", call_id: "restarted", cseq: 1, lines: &["Contact: <sip:one@192.0.2.7>"] });
    assert_eq!(bench.uris("1001")[0], "sip:one@192.0.2.7");
}

#[test]
fn contacts_that_are_no_sip_uri_are_listed_but_not_called() {
    let mut bench = Bench::new();
    let outcome = bench.register(1, &["Contact: <mailto:a@lab.test>, <sip:a@192.0.2.7>"]);
    assert_eq!(contacts(&outcome).len(), 2);
    assert_eq!(bench.uris("1001"), ["sip:a@192.0.2.7"]);
}

#[test]
fn equal_uris_are_one_binding() {
    let mut bench = Bench::new();
    bench.register(1, &["Contact: <sip:alice@LAB.test;transport=TCP>"]);
    let outcome = bench.register(2, &["Contact: <sip:%61lice@lab.test;transport=tcp>"]);
    assert_eq!(contacts(&outcome), ["<sip:%61lice@lab.test;transport=tcp>;expires=30"]);
    assert_eq!(contacts(&bench.register(3, &["Contact: <sip:Alice@lab.test;transport=tcp>"])).len(), 2);
    // Twice in one request: the last one counts.
    let twice = bench.register(4, &["Contact: <sip:x@192.0.2.7>;q=0.1, <sip:x@192.0.2.7>;q=0.9"]);
    assert_eq!(contacts(&twice).len(), 3);
    assert!(contacts(&twice).contains(&"<sip:x@192.0.2.7>;q=0.9;expires=30".to_owned()));
}

#[test]
fn same_instance_and_reg_id_replace_whatever_the_uri() {
    let mut bench = Bench::new();
    let line = |port: u16, reg_id: u8| {
        format!("Contact: <sip:a@10.0.0.9:{port}>;+sip.instance=\"<urn:uuid:00>\";reg-id={reg_id}")
    };
    bench.register(1, &[&line(4000, 1)]);
    bench.ask(Ask { user: "1001", call_id: "b", cseq: 1, lines: &[&line(4001, 1)] });
    assert_eq!(bench.uris("1001"), ["sip:a@10.0.0.9:4001"]);
    bench.ask(Ask { user: "1001", call_id: "b", cseq: 2, lines: &[&line(4002, 2)] });
    assert_eq!(bench.uris("1001").len(), 2);
    // Two lines of one box are two addresses and stay apart.
    bench.ask(Ask { user: "1002", call_id: "c", cseq: 1, lines: &[&line(4003, 1)] });
    assert_eq!((bench.uris("1001").len(), bench.uris("1002").len()), (2, 1));
    // Unregistering by URI alone works too.
    let plain = ["Contact: <sip:a@10.0.0.9:4001>;expires=0"];
    bench.ask(Ask { user: "1001", call_id: "b", cseq: 3, lines: &plain });
    assert_eq!(bench.uris("1001"), ["sip:a@10.0.0.9:4002"]);
}

#[test]
fn path_is_kept_and_returned_only_when_supported() {
    let mut bench = Bench::new();
    let path = ["Path: <sip:p1.test;lr>, <sip:p2.test;lr>", "Path: <sip:p3.test;lr>"];
    let aor = bench.policy.aor("1001", "lab.test");
    bench.register(1, &["Contact: <sip:a@192.0.2.7>", path[0]]);
    assert_eq!(bench.location.targets(bench.now, &aor)[0].path().count(), 0);
    let outcome =
        bench.register(2, &["Contact: <sip:a@192.0.2.7>", "Supported: gruu, path", path[0], path[1]]);
    let hops: Vec<&str> = bench.location.targets(bench.now, &aor)[0].path().collect();
    assert_eq!(hops, ["<sip:p1.test;lr>", "<sip:p2.test;lr>", "<sip:p3.test;lr>"]);
    let returned: Vec<&(Name, String)> =
        outcome.headers.iter().filter(|(name, _)| *name == Name::Path).collect();
    assert_eq!(returned.len(), 3);
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
fn nat_is_noticed_and_the_contact_returned_as_written() {
    for (nat_fix, contact, nat) in [
        (true, "<sip:u@10.0.0.9:5060;x=1>", true),
        (false, "<sip:u@10.0.0.9:5060;x=1>", false),
        (true, "<sip:u@192.0.2.7:5060;x=1>", false),
        (true, "<sip:u@df7jal23ls0d.invalid;transport=ws>", true),
    ] {
        let mut bench = Bench::with(|doc| doc["nat_fix"] = json!(nat_fix));
        let outcome = bench.register(1, &[&format!("Contact: {contact}")]);
        assert_eq!(contacts(&outcome), [format!("{contact};expires=30")]);
        let aor = bench.policy.aor("1001", "lab.test");
        let binding = bench.location.targets(bench.now, &aor)[0];
        assert_eq!((binding.nat, binding.flow), (nat, bench.flow), "{contact}");
    }
}

#[test]
fn contact_is_echoed_as_written_but_for_its_expires() {
    for (written, echoed) in [
        (
            "\"A; B\" <sip:a@h.test>;expires=40;x=\"; expires=1\";q=0.5",
            "\"A; B\" <sip:a@h.test>;x=\"; expires=1\";q=0.5",
        ),
        ("Ann <sip:a@h.test;p=1?h=v>; EXPIRES = 40 ;y", "Ann <sip:a@h.test;p=1?h=v>;y"),
        ("sip:a@h.test;unknown;expires=40", "sip:a@h.test;unknown"),
    ] {
        let mut bench = Bench::new();
        let outcome = bench.register(1, &[&format!("Contact: {written}")]);
        assert_eq!(contacts(&outcome), [format!("{echoed};expires=40")]);
    }
}

#[test]
fn contact_that_cannot_be_parsed_is_never_patched() {
    let mut bench = Bench::new();
    for contact in ["<sip:@@>", "<>", "sip:user@example.com?Route=%3Csip:sip.example.com%3E", "<sip:a@h.test"]
    {
        assert_eq!(bench.register(1, &[&format!("Contact: {contact}")]).code, 400, "{contact}");
    }
    assert!(bench.location.is_empty());
}

#[test]
fn oversized_text_is_refused() {
    let mut bench = Bench::new();
    let long = format!("Contact: <sip:a@192.0.2.7;p={}>", "x".repeat(4096));
    assert_eq!(bench.register(1, &[&long]).code, 400);
    let many: Vec<String> = (0..9).map(|n| format!("Contact: <sip:{n}@192.0.2.7>;expires=0")).collect();
    let lines: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(bench.register(1, &lines).code, 403);
}

#[test]
fn listing_is_ordered_and_continues_after_an_address() {
    let mut bench = Bench::new();
    for user in ["c", "a", "b"] {
        let line = ["Contact: <sip:1@192.0.2.7>, <sip:2@192.0.2.7>", "User-Agent: Desk/1"];
        bench.ask(Ask { user, call_id: "a", cseq: 1, lines: &line });
    }
    let page = bench.location.views(bench.now, 1, None);
    assert_eq!(page.iter().map(|view| view.aor.as_str()).collect::<Vec<_>>(), ["a@lab.test"; 2]);
    let rest = bench.location.views(bench.now, 100, Some("a@lab.test"));
    assert_eq!(
        rest.iter().map(|view| view.aor.as_str()).collect::<Vec<_>>()[..],
        ["b@lab.test", "b@lab.test", "c@lab.test", "c@lab.test"]
    );
    assert_eq!(rest[0].user_agent.as_deref(), Some("Desk/1"));
    assert_eq!((rest[0].expires_secs, rest[0].q, rest[0].nat), (30, 1000, false));
    assert_eq!(rest[0].source, "UDP 192.0.2.7:4000");
}

#[test]
fn torture_contacts_are_bound_and_echoed_octet_for_octet() {
    let torture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/torture/rfc4475");
    for (file, aor, echoed) in [
        ("cparam01", "watson@example.com", &["sip:+19725552222@gw1.example.net;unknownparam"][..]),
        ("cparam02", "watson@example.com", &["<sip:+19725552222@gw1.example.net;unknownparam>"]),
        ("regescrt", "user@example.com", &["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"]),
        (
            "escnull",
            "null-\0-null@example.com",
            &["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"],
        ),
    ] {
        let message = parse(std::fs::read(format!("{torture}/{file}.dat")).unwrap());
        let mut bench =
            Bench::with(|doc| doc["identity"]["realms"] = json!([{"host": "example.com", "port": null}]));
        let outcome = bench.send(&message);
        let expected: Vec<String> = echoed.iter().map(|contact| format!("{contact};expires=30")).collect();
        assert_eq!((outcome.code, contacts(&outcome)), (200, expected), "{file}");
        assert_eq!(bench.location.views(bench.now, 9, None)[0].aor, aor);
    }
    let bad = parse(std::fs::read(format!("{torture}/regbadct.dat")).unwrap());
    assert_eq!(Bench::new().send(&bad).code, 400);
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
