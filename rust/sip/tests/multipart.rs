//! Multipart bodies (RFC 2046 §5.1, RFC 5621): cut in place, and with another session description in them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use pbx_sip::{Bytes, Cause, Fault, Limits, Message, Multipart, Part};
use proptest::prelude::*;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nm=audio 7000 RTP/AVP 0\r\n";

fn parts<'a>(kind: &str, body: &'a str) -> Result<Vec<(&'a str, &'a str)>, Cause> {
    let text = |octets| std::str::from_utf8(octets).unwrap();
    match Multipart::parse(kind, body.as_bytes()) {
        Ok(whole) => Ok(whole.parts().iter().map(|part| (text(part.head()), text(part.body()))).collect()),
        Err(Fault::Bad { part: Part::Body | Part::Header(_), cause }) => Err(cause),
        Err(fault) => panic!("{fault:?}"),
    }
}

fn message(kind: &str, body: &str) -> Message {
    let text = format!(
        "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKm\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
         Call-ID: m\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

/// The body with another description, and its type.
fn rewritten(kind: &str, body: &str, sdp: Option<&'static str>) -> Option<(String, String)> {
    let sdp = sdp.map(|sdp| Bytes::from_static(sdp.as_bytes()));
    let body = message(kind, body).body_with(sdp.as_ref())?;
    Some((body.content_type.into(), String::from_utf8(body.octets.to_vec()).unwrap()))
}

#[test]
fn preamble_and_epilogue_belong_to_no_part() {
    let body = "ignore me\r\n--b\r\nContent-Type: a/b\r\n\r\none\r\n--b  \r\n\r\ntwo\r\n\r\n--b--\t\r\nand me\r\n--b\r\n";
    assert_eq!(
        parts("multipart/mixed;boundary=b", body).unwrap(),
        [("Content-Type: a/b\r\n", "one"), ("", "two\r\n")]
    );
}

#[test]
fn boundary_may_be_quoted_and_hold_blanks_and_colons() {
    let body = "--a b:c\r\n\r\none\r\n--a b:c--";
    for kind in ["multipart/mixed; boundary=\"a b:c\"", "Multipart/Mixed ; x=y;\r\n BOUNDARY=\"a b\\:c\""] {
        assert_eq!(parts(kind, body).unwrap(), [("", "one")], "{kind}");
    }
}

#[test]
fn boundary_that_is_absent_doubled_or_no_boundary_is_bad() {
    let long = format!("multipart/mixed;boundary={}", "x".repeat(71));
    for kind in [
        "multipart/mixed",
        "multipart/mixed;boundary",
        "multipart/mixed;boundary=",
        "multipart/mixed;boundary=\"\"",
        "multipart/mixed;boundary=\"b \"",
        "multipart/mixed;boundary=\"b\u{e4}\"",
        "multipart/mixed;boundary=b;boundary=c",
        &long,
    ] {
        assert_eq!(parts(kind, "--b\r\n\r\none\r\n--b--"), Err(Cause::Parameter), "{kind}");
    }
}

#[test]
fn longer_lines_and_lines_in_the_middle_are_no_delimiters() {
    let body = "--b\r\n\r\none --b--\r\n--bb\r\n--b-\r\n--b--x\r\n--b--";
    assert_eq!(
        parts("multipart/mixed;boundary=b", body).unwrap(),
        [("", "one --b--\r\n--bb\r\n--b-\r\n--b--x")]
    );
}

#[test]
fn end_of_a_multipart_is_found_inside_the_body_only() {
    // What follows the body in the buffer would close it.
    let whole = b"--b\r\n\r\none\r\n--b--\r\n";
    for end in 0..whole.len() - 2 {
        let cut = Multipart::parse("multipart/mixed;boundary=b", &whole[..end]);
        let fault = Fault::Bad { part: Part::Body, cause: Cause::Unclosed };
        assert_eq!(cut, Err(fault), "{end}");
    }
}

#[test]
fn empty_parts_are_parts_and_none_at_all_is_bad() {
    let kind = "multipart/mixed;boundary=b";
    assert_eq!(parts(kind, "--b\r\n--b\r\n\r\n--b--").unwrap(), [("", ""), ("", "")]);
    assert_eq!(parts(kind, "--b--"), Err(Cause::Empty));
}

#[test]
fn parts_and_depth_are_bounded() {
    let many = |count| "--b\r\n\r\nx\r\n".repeat(count) + "--b--";
    assert_eq!(parts("multipart/mixed;boundary=b", &many(32)).unwrap().len(), 32);
    assert_eq!(parts("multipart/mixed;boundary=b", &many(33)), Err(Cause::Number));
    let nested = |depth: usize| {
        (1..depth).fold(
            format!("--b0\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--b0--"),
            |inner, at| {
                format!(
                    "--b{at}\r\nContent-Type: multipart/mixed;boundary=b{}\r\n\r\n{inner}\r\n--b{at}--",
                    at - 1
                )
            },
        )
    };
    let of = |depth: usize| message(&format!("multipart/mixed;boundary=b{}", depth - 1), &nested(depth));
    assert_eq!(of(4).sdp(), Some(SDP.as_bytes()));
    assert_eq!(of(5).judge_body(), Err(Fault::Bad { part: Part::Body, cause: Cause::Depth }));
    assert_eq!(of(5).sdp(), None);
}

#[test]
fn header_lines_two_readers_would_read_differently_are_bad() {
    for head in [
        "Content-Type: a/b\r\nc: application/sdp\r\n",
        "Content-Type: a/b\nContent-Type: application/sdp\r\n",
        "Content-Type: a/b\rx\r\n",
        "no colon\r\n",
        " folded: first\r\n",
    ] {
        let body = format!("--b\r\n{head}\r\nx\r\n--b--");
        assert!(parts("multipart/mixed;boundary=b", &body).is_err(), "{head:?}");
    }
}

#[test]
fn session_description_is_found_among_other_parts_and_exchanged_alone() {
    let head = "Content-Disposition: session;\r\n handling=required\r\n";
    let body = |head: &str, sdp: &str| {
        format!(
            "pre\r\n--b\r\nContent-Type: application/isup;version=itu\r\nContent-Disposition: signal;handling=optional\r\n\
             \r\n\u{1}\u{0}\u{7f}\r\n--b\r\n{head}c: application/sdp\r\n\r\n{sdp}\r\n--b\r\n\
             Content-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--b--\r\nepilogue"
        )
    };
    let kind = "multipart/mixed;boundary=b";
    let written = body(&format!("{head}Content-Length: 4\r\n"), SDP);
    assert_eq!(message(kind, &written).sdp(), Some(SDP.as_bytes()));
    let (shown, octets) = rewritten(kind, &written, Some("v=0\r\nother\r\n")).unwrap();
    assert_eq!((&*shown, octets), (kind, body(head, "v=0\r\nother\r\n")));
    assert_eq!(rewritten(kind, &written, Some(SDP)).unwrap().1, written, "unchanged it stays octet by octet");
}

#[test]
fn taking_the_description_out_leaves_the_other_parts() {
    let kind = "multipart/mixed;boundary=b";
    let sdp = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n");
    let other = "--b\r\nContent-Type: application/isup\r\n\r\nx";
    for body in [format!("{sdp}{other}\r\n--b--"), format!("{other}\r\n{sdp}--b--")] {
        let left = rewritten(kind, &body, None).unwrap().1;
        assert_eq!(parts(kind, &left).unwrap(), [("Content-Type: application/isup\r\n", "x")], "{left}");
    }
    assert_eq!(rewritten(kind, &format!("{sdp}--b--"), None), None, "nothing is left of it");
}

#[test]
fn last_session_description_among_alternatives_counts_and_the_choice_is_made() {
    let part = |kind: &str, body: &str| format!("--a\r\nContent-Type: {kind}\r\n\r\n{body}\r\n");
    let alternatives = part("application/sdp", "v=0\r\nfirst\r\n")
        + &part("application/sdp;x=y", SDP)
        + &part("application/sdpng", "<ng/>")
        + "--a--";
    let kind = "multipart/alternative;boundary=a";
    assert_eq!(message(kind, &alternatives).sdp(), Some(SDP.as_bytes()));
    assert_eq!(
        rewritten(kind, &alternatives, Some("v=0\r\n")).unwrap(),
        ("application/sdp".to_owned(), "v=0\r\n".to_owned())
    );
    let mixed = format!("--b\r\nContent-Type: {kind}\r\n\r\n{alternatives}\r\n--b\r\n\r\ntext\r\n--b--");
    let (_, shown) = rewritten("multipart/mixed;boundary=b", &mixed, Some("v=0\r\n")).unwrap();
    assert_eq!(shown, "--b\r\nContent-Type: application/sdp;x=y\r\n\r\nv=0\r\n\r\n--b\r\n\r\ntext\r\n--b--");
}

#[test]
fn two_sessions_side_by_side_are_bad_and_early_sessions_are_none() {
    let part = |disposition: &str| {
        format!("--b\r\nContent-Type: application/sdp\r\nContent-Disposition: {disposition}\r\n\r\n{SDP}\r\n")
    };
    let kind = "multipart/mixed;boundary=b";
    let two = part("session") + &part("session;handling=optional") + "--b--";
    assert!(message(kind, &two).judge_body().is_err());
    let early = part("early-session") + "--b--";
    assert_eq!((message(kind, &early).judge_body(), message(kind, &early).sdp()), (Ok(()), None));
}

#[test]
fn encoded_description_is_known_but_not_read() {
    for line in ["Content-Encoding: gzip", "Content-Transfer-Encoding: base64"] {
        let body = format!("--b\r\nContent-Type: application/sdp\r\n{line}\r\n\r\n{SDP}\r\n--b--");
        let message = message("multipart/mixed;boundary=b", &body);
        assert_eq!((message.has_encoded_session(), message.sdp()), (true, None), "{line}");
    }
}

proptest! {
    #[test]
    fn whatever_the_octets_the_parts_lie_inside_the_body_in_order(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("--b"), Just("--"), Just("\r\n"), Just("--b\r\n"), Just("\r\n--b--"), Just(" "), Just("\n"),
                Just("Content-Type: application/sdp\r\n\r\n"), Just("Content-Type: multipart/mixed;boundary=b\r\n\r\n"),
                Just("v=0\r\n"),
            ],
            0..30,
        )
    ) {
        let body = pieces.concat();
        if let Ok(whole) = Multipart::parse("multipart/mixed;boundary=b", body.as_bytes()) {
            let mut from = body.as_ptr() as usize;
            for part in whole.parts() {
                prop_assert!(part.head().as_ptr() as usize >= from);
                prop_assert!(part.body().as_ptr() as usize >= part.head().as_ptr() as usize + part.head().len());
                from = part.body().as_ptr() as usize + part.body().len();
            }
            prop_assert!(from <= body.as_ptr() as usize + body.len());
        }
        let message = message("multipart/mixed;boundary=b", &body);
        let other = Bytes::from_static(b"v=0\r\nnew\r\n");
        if message.sdp().is_some() {
            let shown = message.body_with(Some(&other)).unwrap();
            let again = self::message(&shown.content_type, std::str::from_utf8(&shown.octets).unwrap());
            prop_assert_eq!(again.sdp(), Some(&other[..]));
        }
    }
}
