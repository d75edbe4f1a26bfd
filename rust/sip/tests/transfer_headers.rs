//! Refer-To and Replaces: what is understood, and what is refused (RFC 3515, RFC 3891).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use pbx_sip::{ReferTo, Replaces};

#[test]
fn replaces_names_a_dialog_by_call_id_and_both_tags() {
    let replaces = Replaces::parse(b"98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff").unwrap();
    assert!(replaces.names("98732@sip.example.com", "ff87ff", "r33th4x0r"));
    assert!(!replaces.names("98732@sip.example.com", "r33th4x0r", "ff87ff"), "the tags have sides");
    assert!(!replaces.early_only);
    assert!(Replaces::parse(b"a@b;to-tag=1;from-tag=2;early-only").unwrap().early_only);
    assert_eq!(&*Replaces::parse(b"a;to-tag=1;from-tag=0").unwrap().from_tag, "", "RFC 3891 section 6.1");
}

#[test]
fn replaces_without_one_of_its_parts_or_with_two_of_them_is_refused() {
    for bad in [
        "",
        ";to-tag=1;from-tag=2",
        "a@b",
        "a@b;to-tag=1",
        "a@b;from-tag=1",
        "a@b;to-tag=;from-tag=2",
        "a@b;to-tag;from-tag=2",
        "a@b;to-tag=1;to-tag=2;from-tag=3",
        "a@b,c@d;to-tag=1;from-tag=2",
    ] {
        assert!(Replaces::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn refer_to_gives_a_request_uri_and_the_dialog_hidden_in_it() {
    let plain = ReferTo::parse(b"\"Bob\" <sip:bob@example.com;user=phone;method=INVITE>").unwrap();
    assert_eq!((&*plain.uri, plain.replaces), ("sip:bob@example.com;user=phone", None));
    let attended = ReferTo::parse(
        b"<sip:carol@chicago.example.com;transport=tcp?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994&Require=replaces>",
    )
    .unwrap();
    assert_eq!(&*attended.uri, "sip:carol@chicago.example.com;transport=tcp");
    assert!(attended.replaces.unwrap().names("12345@192.168.118.3", "12345", "5FFE-3994"));
    assert_eq!(&*ReferTo::parse(b"tel:+1-201-555-0123").unwrap().uri, "tel:+1-201-555-0123");
    assert_eq!(&*ReferTo::parse(b"<sip:a;method=x@example.com>").unwrap().uri, "sip:a;method=x@example.com");
    // RFC 3261 §25.1: a question mark in the user part begins no headers.
    let asking = ReferTo::parse(b"<sip:who?=x;a@example.com;METHOD=invite;lr?Subject=a>").unwrap();
    assert_eq!(&*asking.uri, "sip:who?=x;a@example.com;lr");
}

#[test]
fn refer_to_what_no_call_can_reach_is_refused() {
    for bad in [
        "",
        "<>",
        "<http://example.com>",
        "<sip:a@b;method=BYE>",
        "<sip:@@>",
        "<sip:a@b?Replaces=x>",
        "<sip:a@b?Replaces=x%3Bto-tag%3D1>",
    ] {
        assert!(ReferTo::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}
