//! Outbound flows (RFC 5626 §6) and addresses of one phone (RFC 5627).

use pbx_sip::{Name, Uri};

use super::bench::{Ask, Bench, contacts, secs};
use super::{Reached, RegisterOutcome};

const PHONE: &str = "urn:uuid:58ff49c1-61e3-4b22-9a0c-000000000001";

fn flow_line(port: u16, reg_id: u8) -> String {
    format!("Contact: <sip:a@10.0.0.9:{port};ob>;+sip.instance=\"<{PHONE}>\";reg-id={reg_id}")
}

fn header(outcome: &RegisterOutcome, name: Name) -> Option<&str> {
    outcome.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
}

/// Value of a Contact parameter of an answer, without quotes.
fn parameter(outcome: &RegisterOutcome, index: usize, name: &str) -> Option<String> {
    let contact = contacts(outcome).remove(index);
    let start = contact.find(&format!(";{name}=\""))? + name.len() + 3;
    contact[start..].split('"').next().map(str::to_owned)
}

/// How many ways a URI leads to; `None`: it is not valid.
fn ways(bench: &Bench, text: &str) -> Option<usize> {
    let uri = Uri::parse(text).unwrap();
    let aor = bench.policy.aor(&uri.user_decoded(), uri.host);
    match bench.location.reached(bench.now, &aor, &uri) {
        Reached::Phone(bindings) => Some(bindings.len()),
        Reached::Invalid => None,
        Reached::NotOne => panic!("{text} is an ordinary URI"),
    }
}

#[test]
fn outbound_is_required_in_the_answer_when_it_was_used() {
    let mut bench = Bench::new();
    let used = bench.register(1, &[&flow_line(4000, 1), "Supported: path, outbound"]);
    assert_eq!(header(&used, Name::Require), Some("outbound"));
    let aor = bench.policy.aor("1001", "lab.test");
    assert!(bench.location.targets(bench.now, &aor)[0].keeps_flow());
    for (cseq, lines) in (2..).zip([
        [&*flow_line(4000, 1), "Supported: path"],
        ["Contact: <sip:b@192.0.2.7>;reg-id=1", "Supported: outbound"],
    ]) {
        let unused = bench.register(cseq, &lines);
        assert_eq!((unused.code, header(&unused, Name::Require)), (200, None), "{lines:?}");
    }
}

#[test]
fn proxy_without_ob_next_to_the_phone_is_439_and_changes_nothing() {
    let mut bench = Bench::new();
    let via = "Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKp";
    let line = flow_line(4000, 1);
    for paths in
        [&[][..], &["Path: <sip:edge.test;lr>"], &["Path: <sip:core.test;lr;ob>, <sip:edge.test;lr>"]]
    {
        let mut lines = vec![line.as_str(), "Supported: path, outbound", via];
        lines.extend(paths);
        assert_eq!(bench.register(1, &lines).code, 439, "{paths:?}");
    }
    assert!(bench.location.is_empty());
    let edge = "Path: <sip:core.test;lr>, <sip:edge.test;lr;ob>";
    assert_eq!(bench.register(1, &[&line, "Supported: path, outbound", via, edge]).code, 200);
    // Without outbound nobody asks for it.
    assert_eq!(bench.register(2, &[&line, "Supported: path", via]).code, 200);
}

#[test]
fn one_request_registers_one_flow() {
    let mut bench = Bench::new();
    let (one, two) = (flow_line(4000, 1), flow_line(4001, 2));
    assert_eq!(bench.register(1, &[&one, &two, "Supported: outbound"]).code, 400);
    assert!(bench.location.is_empty());
    assert_eq!(bench.register(1, &[&one, "Supported: outbound"]).code, 200);
    assert_eq!(bench.register(2, &[&two, &format!("{one};expires=0"), "Supported: outbound"]).code, 200);
    assert_eq!(bench.location.len(), 1);
}

#[test]
fn gruus_are_given_to_those_who_ask_and_have_an_instance() {
    let mut bench = Bench::new();
    let line = flow_line(4000, 1);
    let asked = bench.register(1, &[&line, "Supported: gruu"]);
    let public = format!("sip:1001@lab.test;gr={PHONE}");
    assert_eq!(parameter(&asked, 0, "pub-gruu"), Some(public.clone()));
    let temporary = parameter(&asked, 0, "temp-gruu").unwrap();
    assert!(temporary.ends_with("@lab.test;gr") && !temporary.contains("1001"), "{temporary}");
    assert_eq!((ways(&bench, &public), ways(&bench, &temporary)), (Some(1), Some(1)));
    let unasked = bench.register(2, &[&line]);
    assert_eq!((parameter(&unasked, 0, "pub-gruu"), parameter(&unasked, 0, "temp-gruu")), (None, None));
    let plain = bench.register(3, &["Contact: <sip:b@192.0.2.7>", "Supported: gruu"]);
    assert_eq!(contacts(&plain).iter().filter(|contact| contact.contains("gruu")).count(), 1);
    // What the phone writes itself is not taken for ours.
    let forged = bench.register(4, &[&format!("{line};pub-gruu=\"sip:x@y\"")]);
    assert_eq!(parameter(&forged, 0, "pub-gruu"), None);
}

#[test]
fn public_gruu_of_an_absent_phone_stays_valid_and_leads_nowhere() {
    let mut bench = Bench::new();
    bench.register(1, &["Contact: <sip:b@192.0.2.7>"]);
    assert_eq!(ways(&bench, &format!("sip:1001@lab.test;gr={PHONE}")), Some(0));
    assert_eq!(ways(&bench, "sip:nobody@lab.test;gr=urn:uuid:00"), Some(0));
}

#[test]
fn temporary_gruu_survives_refreshes_and_ends_with_call_id_or_binding() {
    let mut bench = Bench::new();
    let line = flow_line(4000, 1);
    let first = parameter(&bench.register(1, &[&line, "Supported: gruu"]), 0, "temp-gruu").unwrap();
    let second = parameter(&bench.register(2, &[&line, "Supported: gruu"]), 0, "temp-gruu").unwrap();
    assert_ne!(first, second);
    assert_eq!((ways(&bench, &first), ways(&bench, &second)), (Some(1), Some(1)));
    let restarted = Ask { user: "1001", call_id: "b", cseq: 1, lines: &[&line, "Supported: gruu"] };
    let third = parameter(&bench.ask(restarted), 0, "temp-gruu").unwrap();
    assert_eq!((ways(&bench, &first), ways(&bench, &second), ways(&bench, &third)), (None, None, Some(1)));
    bench.pass(secs(31));
    assert_eq!(ways(&bench, &third), None);
    for forged in ["sip:tgruu.@lab.test;gr", "sip:tgruu.AAAA@lab.test;gr", "sip:tgruu.@lab.test;gr="] {
        assert_eq!(ways(&bench, forged), None, "{forged}");
    }
}

#[test]
fn temporary_gruu_leads_to_that_phone_alone_over_all_its_flows() {
    let mut bench = Bench::new();
    bench.register(1, &["Contact: <sip:b@192.0.2.7>"]);
    bench.register(2, &[&flow_line(4000, 1), "Supported: outbound"]);
    let two = bench.register(3, &[&flow_line(4001, 2), "Supported: outbound, gruu"]);
    let temporary = parameter(&two, 2, "temp-gruu").unwrap();
    assert_eq!(ways(&bench, &temporary), Some(2));
}

#[test]
fn ten_thousand_refreshes_from_two_devices_lose_and_double_nothing() {
    let mut bench = Bench::new();
    for cseq in 1..=10_000 {
        for (call_id, port) in [("left", 4000), ("right", 5000)] {
            let line = format!(
                "Contact: <sip:a@192.0.2.7:{port}>;+sip.instance=\"<urn:uuid:{call_id}>\";reg-id=1;expires=50"
            );
            let outcome = bench.ask(Ask { user: "1001", call_id, cseq, lines: &[&line] });
            assert_eq!(outcome.code, 200);
            let bindings = contacts(&outcome);
            let doubled = bindings.windows(2).any(|pair| pair[0] == pair[1]);
            assert!(bindings.len() == 2 - usize::from(cseq == 1 && port == 4000) && !doubled, "{bindings:?}");
        }
        // Copies that come late change nothing.
        if cseq % 7 == 0 {
            let stale = ["Contact: <sip:a@192.0.2.7:4000>;expires=0"];
            assert_eq!(
                bench.ask(Ask { user: "1001", call_id: "left", cseq: cseq - 1, lines: &stale }).code,
                500
            );
        }
        bench.pass(secs(1));
    }
    assert_eq!(bench.location.len(), 2);
    bench.pass(secs(60));
    assert!(bench.location.is_empty());
}
