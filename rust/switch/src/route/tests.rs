//! The route table against `formats.md` §3.

use serde_json::{Value, json};

use super::{Direction, ExplainInput, Explanation, Headers, Party, RouteInput, RouteTable, explain};
use crate::config::SwitchConfig;
use crate::policy::fixture;
use pbx_sip::{Bytes, Limits, Message, Uri};

fn route(name: &str, matchers: &[(Value, &str)], action: &Value) -> Value {
    let matchers: Vec<Value> =
        matchers.iter().map(|(field, pattern)| json!({"field": field, "pattern": pattern})).collect();
    json!({
        "name": name, "origin": format!("routes.toml:{name}"), "direction": null, "matchers": matchers,
        "action": action, "max_ring_secs": null, "codecs": null, "media": null,
    })
}

fn forward() -> Value {
    json!({"kind": "forward", "to_user": null})
}

fn config(routes: Value) -> SwitchConfig {
    fixture::config(|doc| doc["routes"] = routes)
}

fn invite(target: &str, lines: &str) -> Message {
    let text = format!(
        "INVITE {target} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:4000;branch=z9hG4bK1\r\n\
         From: \"A\" <sip:Ali%63e@LAB.test:5070>;tag=1\r\nTo: <sips:b%6Fb@lab.test>\r\nCall-ID: a\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

fn decided(routes: &Value, message: &Message) -> Option<String> {
    let config = config(routes.clone());
    let table = RouteTable::compile(&config.routes).unwrap();
    let input = RouteInput::of(message, Direction::Internal).unwrap();
    table.decide(&input).map(|route| route.name.to_string())
}

fn is_hit(field: Value, pattern: &str, message: &Message) -> bool {
    decided(&json!([route("r", &[(field, pattern)], &forward())]), message).is_some()
}

#[test]
fn each_field_reads_its_part_of_the_request() {
    let message = invite("sip:9001@Lab.Test", "Subject: hello\r\nX-Site: one\r\nX-Site: two, three\r\n");
    for (field, pattern) in [
        (json!("from"), "Alice@lab.test"),
        (json!("from_user"), "Alice"),
        (json!("from_host"), "lab.TEST"),
        (json!("caller"), "Alice@lab.test"),
        (json!("to"), "bob@lab.test"),
        (json!("to_user"), "bob"),
        (json!("to_host"), "lab.test"),
        (json!("to_port"), "5061"),
        (json!("request_uri_user"), "9001"),
        (json!("request_uri_host"), "lab.test"),
        (json!("request_uri_port"), "5060"),
        (json!("callee"), "9001@lab.test"),
        (json!({"header": "s"}), "hello"),
        (json!({"header": "x-site"}), "one, two, three"),
        (json!({"header": "From"}), ".*tag=1"),
    ] {
        assert!(is_hit(field.clone(), pattern, &message), "{field}");
    }
    assert!(!is_hit(json!("from_user"), "alice", &message));
    assert!(!is_hit(json!({"header": "X-Other"}), ".*", &message));
}

#[test]
fn callee_is_to_when_the_request_uri_has_no_user() {
    assert!(is_hit(json!("callee"), "bob@lab.test", &invite("sip:lab.test", "")));
    assert!(is_hit(json!("callee"), r"\+4412", &invite("tel:+4412", "")));
    assert!(is_hit(json!("request_uri_user"), "+4412", &invite("tel:+4412", "")));
}

#[test]
fn first_rule_whose_every_condition_holds_wins() {
    let user = || json!("request_uri_user");
    let routes = json!([
        route("both", &[(user(), "9001"), (json!("from_user"), "Bob")], &forward()),
        route("digits", &[(user(), "[0-9]+")], &forward()),
        route("exact", &[(user(), "9001")], &forward()),
        route("any", &[], &forward()),
    ]);
    assert_eq!(decided(&routes, &invite("sip:9001@lab.test", "")).as_deref(), Some("digits"));
    assert_eq!(decided(&routes, &invite("sip:bob@lab.test", "")).as_deref(), Some("any"));
    assert_eq!(decided(&json!([]), &invite("sip:bob@lab.test", "")), None);
}

#[test]
fn rule_of_another_direction_is_passed_over() {
    let mut outbound = route("out", &[], &forward());
    outbound["direction"] = json!("outbound");
    let config = config(json!([outbound]));
    let table = RouteTable::compile(&config.routes).unwrap();
    let message = invite("sip:bob@lab.test", "");
    for (direction, hit) in
        [(Direction::Outbound, true), (Direction::Internal, false), (Direction::Inbound, false)]
    {
        let input = RouteInput::of(&message, direction).unwrap();
        assert_eq!(table.decide(&input).is_some(), hit, "{direction}");
    }
}

#[test]
fn bad_rules_are_named_by_key_and_value() {
    let error = |route: Value| RouteTable::compile(&config(json!([route])).routes).unwrap_err().to_string();
    let pattern = error(route("r", &[(json!("to_user"), "("), (json!("to_user"), "1")], &forward()));
    assert!(pattern.starts_with("routes[\"r\"].match[0]: \"(\" "), "{pattern}");
    let mut direction = route("r", &[], &forward());
    direction["direction"] = json!("sideways");
    assert!(error(direction).contains("\"sideways\" is not one of inbound, outbound, internal"));
    let reject = json!({"kind": "reject", "code": 302, "reason": null, "headers": []});
    assert!(error(route("r", &[], &reject)).contains("\"302\" is not in 400 to 699"));
}

fn explained(routes: Value, target: &str) -> Explanation {
    let input = ExplainInput {
        from: "sip:1001@lab.test".to_owned(),
        request_uri: target.to_owned(),
        headers: vec![("X-Site".to_owned(), "lab".to_owned())],
        ..ExplainInput::default()
    };
    explain(&config(routes), &input)
}

#[test]
fn explanation_names_the_failing_condition_and_the_outcome() {
    let reject = json!({"kind": "reject", "code": 403, "reason": null, "headers": []});
    let mut inbound = route("inbound", &[], &forward());
    inbound["direction"] = json!("inbound");
    let mut last = route("last", &[], &json!({"kind": "forward", "to_user": "1009"}));
    last["max_ring_secs"] = json!(20);
    let routes = json!([
        inbound,
        route("site", &[(json!({"header": "x-site"}), "lab"), (json!("to_user"), "9.*")], &reject),
        route("absent", &[(json!({"header": "X-None"}), "1")], &forward()),
        route("busy", &[(json!("request_uri_user"), "8000")], &json!({"kind": "busy"})),
        last,
    ]);
    let refused = explained(routes.clone(), "sip:9001@lab.test");
    assert_eq!((refused.matched.as_deref(), refused.code), (Some("site"), Some(403)));
    assert_eq!((refused.action.as_str(), refused.reason.as_deref()), ("reject", Some("Forbidden")));
    assert_eq!(refused.rules.len(), 2);

    let forwarded = explained(routes.clone(), "sip:1002@lab.test");
    assert_eq!((forwarded.matched.as_deref(), forwarded.max_ring_secs), (Some("last"), Some(20)));
    assert_eq!(forwarded.target.as_deref(), Some("1009@lab.test"));
    let failed: Vec<(String, String, Option<String>)> = forwarded
        .rules
        .iter()
        .filter_map(|rule| rule.failed.clone())
        .map(|failure| (failure.field, failure.pattern, failure.value))
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        failed,
        [
            ("direction".to_owned(), "inbound".to_owned(), text("internal")),
            ("to.user".to_owned(), "9.*".to_owned(), text("1002")),
            ("header.X-None".to_owned(), "1".to_owned(), None),
            ("request_uri.user".to_owned(), "8000".to_owned(), text("1002")),
        ]
    );
    assert_eq!(explained(routes.clone(), "sip:8000@lab.test").code, Some(486));
    assert!(
        serde_json::to_string(&explained(routes, "sip:8000@lab.test"))
            .unwrap()
            .contains("\"matched\":\"busy\"")
    );
}

#[test]
fn explanation_without_a_rule_ends_at_the_bindings_and_bad_questions_say_so() {
    let plain = explained(json!([]), "sip:1002@lab.test");
    assert_eq!((plain.action.as_str(), plain.target.as_deref()), ("bindings", Some("1002@lab.test")));
    let bad = explained(json!([]), "sip:@@");
    assert!(bad.error.unwrap().starts_with("request_uri: \"sip:@@\": "));
}

#[test]
fn explanation_agrees_with_the_decision() {
    let patterns = ["9.*", "^9", "9001", "[89]+", "bob", "x"];
    for one in patterns {
        for two in patterns {
            let routes = json!([
                route("one", &[(json!("request_uri_user"), one)], &forward()),
                route("two", &[(json!("request_uri_user"), two)], &forward()),
            ]);
            for target in ["sip:9001@lab.test", "sip:bob@lab.test", "sip:lab.test"] {
                let real = decided(&routes, &invite(target, ""));
                assert_eq!(explained(routes.clone(), target).matched, real, "{one} {two} {target}");
            }
        }
    }
}

#[test]
fn headers_of_a_list_join_like_those_of_a_message() {
    let list = vec![("X".to_owned(), "1".to_owned()), ("x".to_owned(), "2".to_owned())];
    assert_eq!(list.joined("X").unwrap(), b"1, 2");
    assert_eq!(list.joined("Y"), None);
    assert_eq!(Party::of(&Uri::parse("sip:lab.test").unwrap()).address(), "lab.test");
}
