//! URIs: what is accepted, and which are the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use pbx_sip::{Scheme, Uri};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn same(one: &str, other: &str) -> bool {
    let (forth, back) = (uri(one).equals(&uri(other)), uri(other).equals(&uri(one)));
    assert_eq!(forth, back, "{one} and {other} must compare the same both ways");
    forth
}

#[test]
fn all_parts_are_found() {
    let whole = uri("sips:alice%20b:pa;ss@[2001:db8::1]:5071;transport=tcp;lr?Subject=a&Priority=b");
    assert_eq!((whole.scheme, whole.user, whole.password), (Scheme::Sips, Some("alice%20b"), Some("pa;ss")));
    assert_eq!((whole.host, whole.port), ("[2001:db8::1]", Some(5071)));
    assert_eq!((whole.params.value("TRANSPORT"), whole.params.get("lr")), (Some("tcp"), Some(None)));
    assert_eq!(whole.headers, Some("Subject=a&Priority=b"));
    assert_eq!(whole.user_decoded(), "alice b");
    assert_eq!(uri("tel:+1-201-555-0123;phone-context=x").user, Some("+1-201-555-0123"));
    assert_eq!(uri("urn:service:sos.fire").opaque(), "service:sos.fire");
}

#[test]
fn what_phones_really_dial_is_accepted() {
    for text in ["sip:*97@pbx", "sip:#31#0301234567@pbx", "sip:pbx_1.local", "sip:a@b."] {
        assert!(Uri::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn malformed_uris_are_refused() {
    let refused = [
        "",
        "sip",
        "sip:",
        "sip:@",
        "sip:@@",
        "sip:@host",
        "sip::pw@host",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@host",
        "sip:a@host:",
        "sip:a@host:x",
        "sip:a@host:65536",
        "sip:a@host:-1",
        "sip:2001:db8::10",
        "sip:[2001:db8::10",
        "sip:[host]",
        "sip:[::1]x",
        "sip:a%4@host",
        "sip:a%zz@host",
        "sip:a@host;x=%1",
        "sip:a@host;;",
        "sip:a@host;=x",
        "sip:a@ho st",
        "sip:a@host :5060",
        "sip:<a@host>",
        "sip:a@host>",
        "sip:a\r\nb@host",
        "sip:a\0@host",
        "tel:",
        "tel:+",
        "tel:12a4x",
        "tel:--",
        "1sip:a@host",
        ":a",
        "sip:[2001:db8:::192.0.2.1]",
    ];
    for text in refused {
        assert!(Uri::parse(text).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn the_first_at_sign_ends_the_user() {
    let read = uri("sip:user;par=u%40example.net@example.com");
    assert_eq!((read.user_decoded().as_ref(), read.host), ("user;par=u@example.net", "example.com"));
}

#[test]
fn rfc_3261_examples_of_equal_uris() {
    assert!(same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"));
    assert!(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
    assert!(same("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"));
    assert!(same(
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
    ));
    assert!(same(
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
    ));
}

#[test]
fn rfc_3261_examples_of_different_uris() {
    assert!(!same("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"));
    assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
    assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
    assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"));
    assert!(!same("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"));
    assert!(!same("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"));
    assert!(!same("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;newparam=6"));
    assert!(!same("sip:alice@atlanta.com", "sips:alice@atlanta.com"));
    assert!(!same("sip:atlanta.com", "sip:alice@atlanta.com"));
}

#[test]
fn rfc_5954_compares_ipv6_by_value() {
    assert!(same("sip:bob@[2001:DB8::1]", "sip:bob@[2001:db8:0:0:0:0:0:1]"));
    assert!(!same("sip:bob@[2001:db8::1]", "sip:bob@[2001:db8::2]"));
}

#[test]
fn an_escaped_reserved_character_is_another_one() {
    assert!(!same("sip:a%3Bb@host", "sip:a;b@host"));
    assert!(same("sip:a%2db@host", "sip:a-b@host"));
    assert!(same("sip:a%3bb@host", "sip:a%3Bb@host"));
}

#[test]
fn telephone_numbers_compare_without_separators() {
    assert!(same("tel:+1-201-555-0123", "tel:+1(201)555.0123"));
    assert!(!same("tel:+12015550123", "tel:12015550123;phone-context=example.com"));
    assert!(same("tel:7042;phone-context=example.com;ext=5", "tel:70-42;ext=5;phone-context=EXAMPLE.com"));
    assert!(!same("tel:7042;phone-context=example.com", "tel:7042"));
}

#[test]
fn endless_uris_are_compared_as_text() {
    let of = |separator: &str, range: std::ops::Range<u32>| {
        let items = range.map(|number| format!("{separator}p{number}=v"));
        format!("sip:a@host{}", items.collect::<String>())
    };
    let long = of(";", 0..5000);
    assert!(same(&long, &long));
    assert!(!same(&long, &of(";", 1..5000)));
    let headers = of("&", 0..5000).replacen('&', "?", 1);
    assert!(same(&headers, &headers));
    assert!(!same(&headers, &of("&", 1..5000).replacen('&', "?", 1)));
}

#[test]
fn the_normal_form_is_the_same_uri() {
    for (text, normal) in [
        ("SIP:%61lice@AtlanTa.CoM;Transport=tcp", "sip:alice@atlanta.com;Transport=tcp"),
        ("sip:a%3bb@[2001:DB8:0::1]:05060", "sip:a%3Bb@[2001:db8::1]:5060"),
        ("sip:%C3%BC@host?x=%79", "sip:%C3%BC@host?x=y"),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
        ("URN:service:sos", "urn:service:sos"),
    ] {
        assert_eq!(uri(text).to_string(), normal);
        assert!(same(text, normal), "{text}");
    }
}

#[test]
fn another_host_leaves_everything_else() {
    let read = uri("sip:u%40x:pw@10.0.0.9:5060;x=1;lr?h=v");
    assert_eq!(read.with_host_port("192.0.2.7", Some(4000)), "sip:u%40x:pw@192.0.2.7:4000;x=1;lr?h=v");
    assert_eq!(read.with_host_port("2001:db8::1", None), "sip:u%40x:pw@[2001:db8::1];x=1;lr?h=v");
    assert_eq!(uri("sip:10.0.0.9").with_host_port("h", Some(1)), "sip:h:1");
    assert_eq!(uri("tel:123").with_host_port("h", Some(1)), "tel:123");
}

#[test]
fn users_that_do_not_decode_to_text_stay_escaped() {
    assert_eq!(uri("sip:%ff%fe@host").user_decoded(), "%ff%fe");
    assert_eq!(uri("sip:value%2541@host").user_decoded(), "value%41");
}
