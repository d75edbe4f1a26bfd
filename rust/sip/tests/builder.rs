//! What we write: answers, requests, edited copies; nothing put in can break out of its place.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::net::SocketAddr;

use pbx_sip::{Builder, Bytes, Edit, Limits, Message, Method, Name, reason_phrase};
use proptest::prelude::*;
use support::{parse, torture, torture_message};

const REQUEST: &str = "INVITE sip:b@example.com SIP/2.0\r\n\
    v: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;rport , SIP/2.0/TCP [2001:db8::5];branch=z9hG4bK2\r\n\
    Via: SIP/2.0/UDP c.example.com\r\n\
    Record-Route: <sip:p1.example.com;lr>\r\n\
    From: A <sip:a@example.com>;tag=1\r\n\
    To: sip:b@example.com\r\n ;x=y \r\n\
    Timestamp: 54\r\n\
    i: call\r\n\
    CSeq: 7 INVITE\r\n\
    Record-Route: <sip:p2.example.com;lr>\r\n\
    Content-Length: 0\r\n\r\n";

fn request() -> Message {
    parse(REQUEST).unwrap()
}

fn answer(code: u16, source: &str) -> Message {
    let source: SocketAddr = source.parse().unwrap();
    parse(Builder::response(&request(), code, "", Some("mine")).source(source).finish()).unwrap()
}

#[test]
fn an_answer_repeats_what_identifies_the_request() {
    let answer = answer(200, "192.0.2.7:4000");
    assert_eq!((answer.status(), answer.reason(), answer.method()), (200, "OK", Method::Invite));
    assert_eq!(
        (answer.call_id(), answer.cseq(), answer.from_tag(), answer.to_tag()),
        ("call", 7, Some("1"), Some("mine"))
    );
    assert_eq!(answer.to().unwrap().params.value("x"), Some("y"));
    let hosts: Vec<_> = answer.vias().map(|via| via.unwrap().host.to_owned()).collect();
    assert_eq!(hosts, ["10.0.0.9", "[2001:db8::5]", "c.example.com"]);
}

#[test]
fn only_an_answer_that_makes_a_dialog_carries_the_record_route() {
    let routes = |code| answer(code, "192.0.2.7:4000").values(Name::RecordRoute).count();
    assert_eq!([routes(100), routes(180), routes(200), routes(404)], [0, 2, 2, 0]);
}

#[test]
fn a_100_has_no_tag_and_repeats_the_timestamp() {
    let trying = answer(100, "192.0.2.7:4000");
    assert_eq!((trying.to_tag(), trying.text(Name::Timestamp)), (None, Some("54")));
    assert_eq!(answer(180, "192.0.2.7:4000").text(Name::Timestamp), None);
}

#[test]
fn a_tag_that_is_there_stays() {
    let message = torture_message("wsinv.dat");
    let answer = parse(Builder::response(&message, 481, "", Some("mine")).finish()).unwrap();
    assert_eq!(answer.to_tag(), Some("1918181833n"));
}

#[test]
fn the_topmost_via_tells_where_the_request_came_from() {
    let message = answer(200, "192.0.2.7:4000");
    let via = message.via().unwrap();
    assert_eq!((via.received(), via.rport()), (Some("192.0.2.7".parse().unwrap()), Some(Some(4000))));
    assert_eq!(via.branch(), Some("z9hG4bK1"));
    let message = answer(200, "[2001:db8::7]:4000");
    assert_eq!(message.via().unwrap().received(), Some("2001:db8::7".parse().unwrap()));
}

#[test]
fn without_rport_only_a_different_host_is_told() {
    let of = |via: &str, source: &str| {
        let text = REQUEST.replace("SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;rport", via);
        let request = parse(text.into_bytes()).unwrap();
        let bytes = Builder::response(&request, 200, "", None).source(source.parse().unwrap()).finish();
        let line = String::from_utf8(bytes.to_vec()).unwrap();
        line.split("v: ").nth(1).unwrap().split(" ,").next().unwrap().to_owned()
    };
    assert_eq!(of("SIP/2.0/UDP 192.0.2.7;branch=a", "192.0.2.7:4000"), "SIP/2.0/UDP 192.0.2.7;branch=a");
    assert_eq!(of("SIP/2.0/UDP [::ffff:192.0.2.7]", "192.0.2.7:4000"), "SIP/2.0/UDP [::ffff:192.0.2.7]");
    assert_eq!(
        of("SIP/2.0/UDP h.example.com", "192.0.2.7:4000"),
        "SIP/2.0/UDP h.example.com;received=192.0.2.7"
    );
    let lie = "SIP/2.0/UDP 192.0.2.7;received=203.0.113.1;branch=a";
    assert_eq!(of(lie, "192.0.2.7:4000"), "SIP/2.0/UDP 192.0.2.7;branch=a;received=192.0.2.7");
    assert_eq!(
        of("SIP/2.0/UDP 192.0.2.7 ;rport=1", "192.0.2.7:4000"),
        "SIP/2.0/UDP 192.0.2.7;rport=4000;received=192.0.2.7"
    );
}

#[test]
fn every_answerable_torture_request_gets_a_well_formed_answer() {
    for (entry, octets) in torture() {
        let Ok(message) = parse(octets) else { continue };
        if !message.is_request() {
            continue;
        }
        let bytes =
            Builder::response(&message, 400, "", Some("t")).source(([192, 0, 2, 1], 5060).into()).finish();
        let answer =
            parse(bytes).unwrap_or_else(|error| panic!("{}: {error}", support::text(&entry, "file")));
        assert_eq!(answer.values(Name::Via).count(), message.values(Name::Via).count());
        assert_eq!((answer.call_id(), answer.from_tag()), (message.call_id(), message.from_tag()));
    }
}

#[test]
fn line_ends_in_values_are_dropped_with_their_header() {
    let builder = Builder::status(200, "a\r\nEvil: 1")
        .header(Name::Subject, "x\r\nEvil: 1")
        .header(Name::Reason, "x\nEvil: 1")
        .header(Name::Server, b"\0")
        .raw_name("X-A", b"\r")
        .raw_name("X A", b"y")
        .raw_name("", b"y")
        .raw_name("content-length", b"5")
        .header(Name::ContentLength, "5")
        .header(Name::Other, "5")
        .raw_line(b"X: y")
        .raw_line(b"X: y\r\nEvil: 1\r\n")
        .raw_line(b"X: y\n Evil: 1\r\n")
        .raw_line(b"l: 5\r\n")
        .raw_line(b"\r\n")
        .raw_line(b"no colon\r\n");
    assert_eq!(builder.dropped(), 15);
    assert_eq!(&builder.finish()[..], b"SIP/2.0 200 a  Evil: 1\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn a_request_line_cannot_be_broken() {
    let bytes = Builder::request("INV ITE\r\n", "sip:a b\r\nEvil: 1@h<>").finish();
    assert_eq!(&bytes[..], b"INVITE sip:a%20b%0D%0AEvil:%201@h%3C%3E SIP/2.0\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn folded_lines_pass_byte_for_byte() {
    let message = torture_message("wsinv.dat");
    let field = message.fields().find(|field| field.name == b"NewFangledHeader").unwrap();
    let builder = Builder::status(200, "").raw_line(field.raw);
    assert_eq!(builder.dropped(), 0);
    assert!(builder.finish().windows(field.raw.len()).any(|window| window == field.raw));
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() {
    let message = torture_message("wsinv.dat");
    let bytes = Edit::new(&message)
        .request_uri("sip:other@example.net")
        .prepend(Name::Via, b"SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKnew")
        .set(Name::MaxForwards, b"67")
        .remove(Name::Route)
        .append("X-New", b"value")
        .body("text/plain", b"hello")
        .finish();
    let edited = parse(bytes).unwrap();
    assert_eq!((edited.request_uri(), edited.max_forwards()), ("sip:other@example.net", Some(67)));
    assert_eq!(edited.via().unwrap().branch(), Some("z9hG4bKnew"));
    assert_eq!(edited.vias().count(), 4);
    assert_eq!((edited.body(), edited.content_type()), (&b"hello"[..], Some("text/plain")));
    assert!(edited.header(Name::Route).is_none());
    let unknown = |message: &Message| message.headers(Name::Other).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(unknown(&edited)[..2], unknown(&message)[..]);
    let refused = Edit::new(&message)
        .append("X", b"a\r\nb")
        .append("l", b"9")
        .prepend(Name::Subject, b"\n")
        .request_uri("a b");
    assert_eq!(refused.dropped(), 4);
    assert_eq!(refused.finish(), Edit::new(&message).finish());
}

#[test]
fn unknown_codes_have_the_phrase_of_their_class() {
    assert_eq!(
        (reason_phrase(486), reason_phrase(499), reason_phrase(699)),
        ("Busy Here", "Request Failure", "Global Failure")
    );
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,20}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_is_what_is_read(
        method in token(), user in "[a-z0-9.!~*()&=+$,;?/-]{1,12}", host in "[a-z0-9]{1,10}(\\.[a-z0-9]{1,5}){0,3}", port in any::<u16>(),
        tag in token(), call_id in "[A-Za-z0-9@<>:\\\\/\\[\\]?{}\"-]{1,30}", cseq in 0u32..1 << 31, display in "[^\\p{C}\"\\\\]{0,12}",
        name in "X-[A-Za-z0-9-]{1,10}", value in "[^\\p{C}]{0,40}", body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let uri = format!("sip:{user}@{host}:{port}");
        let bytes = Builder::request(&method, &uri)
            .header(Name::Via, format!("SIP/2.0/TCP {host}:{port};branch={tag}"))
            .header(Name::From, format!("\"{display}\" <{uri}>;tag={tag}"))
            .header(Name::To, format!("<{uri}>"))
            .header(Name::CallId, &call_id)
            .header(Name::CSeq, format!("{cseq} {method}"))
            .raw_name(&name, value.as_bytes())
            .body("application/octet-stream", &body)
            .finish();
        let message = Message::parse(bytes, &Limits::default()).unwrap();
        prop_assert_eq!(message.method_text(), &method);
        prop_assert_eq!(message.request_uri(), &uri);
        prop_assert_eq!((message.call_id(), message.cseq()), (call_id.as_str(), cseq));
        prop_assert_eq!((message.from_tag(), message.to_tag()), (Some(tag.as_str()), None));
        prop_assert_eq!(message.from().unwrap().display_name().unwrap(), display);
        prop_assert_eq!((message.via().unwrap().host, message.via().unwrap().port), (host.as_str(), Some(port)));
        prop_assert_eq!(message.named(&name).next().unwrap(), value.trim_matches([' ', '\t']).as_bytes());
        prop_assert_eq!(message.body(), &body);
    }

    #[test]
    fn no_value_escapes_its_line(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        let plain = Builder::status(200, "OK").header(Name::Subject, &value);
        let dropped = plain.dropped();
        let text = plain.finish();
        prop_assert_eq!(text.windows(2).filter(|pair| pair == b"\r\n").count(), 4 - dropped);
        let _ = Message::parse(Bytes::from(value), &Limits::default());
    }
}
