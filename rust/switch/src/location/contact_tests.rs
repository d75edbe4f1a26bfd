//! What a binding keeps of its Contact, and which bindings are one.

use pbx_sip::Name;
use proptest::prelude::*;
use serde_json::json;

use super::bench::{Ask, Bench, contacts, parse};

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
fn path_is_kept_and_returned_when_supported() {
    let mut bench = Bench::new();
    let path = ["Path: <sip:p1.test;lr>, <sip:p2.test;lr>", "Path: <sip:p3.test;lr>"];
    let aor = bench.policy.aor("1001", "lab.test");
    let silent = bench.register(1, &["Contact: <sip:a@192.0.2.7>", path[0]]);
    assert_eq!(bench.location.targets(bench.now, &aor)[0].path().count(), 2);
    assert!(silent.headers.iter().all(|(name, _)| *name != Name::Path));
    let outcome =
        bench.register(2, &["Contact: <sip:a@192.0.2.7>", "Supported: gruu, path", path[0], path[1]]);
    let hops: Vec<&str> = bench.location.targets(bench.now, &aor)[0].path().collect();
    assert_eq!(hops, ["<sip:p1.test;lr>", "<sip:p2.test;lr>", "<sip:p3.test;lr>"]);
    let returned: Vec<&(Name, String)> =
        outcome.headers.iter().filter(|(name, _)| *name == Name::Path).collect();
    assert_eq!(returned.len(), 3);
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

proptest! {
    #[test]
    fn any_contact_is_bound_or_refused_and_its_answer_is_one_line(
        contact in "[ -~]{0,12}(<sip:a@[a-z\\[\\]:.]{1,9}>|sip:a@b)[;=,\"\\\\<>?%a-z0-9\u{e9} ]{0,40}",
        path in "[ -~]{0,30}",
    ) {
        let mut bench = Bench::new();
        let lines = [format!("Contact: {contact}"), "Supported: path".to_owned(), format!("Path: {path}\r\n ,x")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let outcome = bench.register(1, &lines);
        prop_assert!([200, 400, 403, 423].contains(&outcome.code), "{outcome:?}");
        prop_assert!(outcome.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
        let bound = bench.uris("1001").len();
        prop_assert!(bound <= bench.location.len());
        prop_assert_eq!(contacts(&outcome).len(), bench.location.len());
    }
}
