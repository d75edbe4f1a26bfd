//! P7 of the reliability checks: what comes out of a stream does not depend on how it arrives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use pbx_sip::{Bytes, Fault, Frame, Limits, Name, Part, StreamFramer};
use support::{text, torture};

/// Everything a framer makes of `chunks`.
fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Vec<Result<Frame, Fault>> {
    let mut framer = StreamFramer::new(limits);
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        while let Some(frame) = framer.next_frame() {
            frames.push(frame);
        }
    }
    frames
}

fn whole(octets: &[u8]) -> Vec<Result<Frame, Fault>> {
    frames([octets], Limits::default())
}

/// The torture messages whose length a stream can tell.
fn framable() -> Vec<(String, Bytes)> {
    let named = torture().into_iter().map(|(entry, octets)| (text(&entry, "file").to_owned(), octets));
    named.filter(|(_, octets)| whole(octets).iter().all(Result::is_ok) && !whole(octets).is_empty()).collect()
}

fn message(name: &str, length: &str, body: &str) -> String {
    format!(
        "OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:b@example.com>;tag=1\r\n\
         To: <sip:a@example.com>\r\nCall-ID: {name}\r\nCSeq: 1 OPTIONS\r\n{length}\r\n{body}"
    )
}

#[test]
fn a_stream_cut_at_every_octet_gives_the_same_frames() {
    for (file, octets) in framable() {
        let expected = whole(&octets);
        for cut in 0..=octets.len() {
            let (before, after) = octets.split_at(cut);
            assert_eq!(frames([before, after], Limits::default()), expected, "{file} cut at {cut}");
        }
        assert_eq!(frames(octets.chunks(1), Limits::default()), expected, "{file} octet by octet");
    }
}

#[test]
fn all_torture_messages_glued_come_apart_again() {
    let messages = framable();
    assert!(messages.len() > 45, "only {} messages can be framed", messages.len());
    let mut glued = Vec::new();
    let mut expected = Vec::new();
    for (_, octets) in &messages {
        glued.extend_from_slice(octets);
        expected.extend(whole(octets));
    }
    assert_eq!(whole(&glued), expected);
    for size in [1, 2, 3, 7, 64, 1460] {
        assert_eq!(frames(glued.chunks(size), Limits::default()), expected, "in pieces of {size}");
    }
}

#[test]
fn two_requests_in_one_write_are_two_frames() {
    let (_, octets) = torture().into_iter().find(|(entry, _)| text(entry, "file") == "dblreq.dat").unwrap();
    // The second body is a few octets longer than its length says; what is left over is no message.
    let messages: Vec<_> = whole(&octets).into_iter().map_while(Result::ok).collect();
    let methods: Vec<_> = messages
        .iter()
        .filter_map(|frame| match frame {
            Frame::Message(bytes) => Some(bytes[..8].to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(methods, [b"REGISTER".to_vec(), b"INVITE s".to_vec()]);
}

#[test]
fn keep_alives_are_told_apart_however_they_arrive() {
    use Frame::{Ping, Pong};
    assert_eq!(whole(b"\r\n\r\n"), [Ok(Pong), Ok(Ping)]);
    assert_eq!(frames([&b"\r"[..], b"\n", b"\r", b"\n"], Limits::default()), [Ok(Pong), Ok(Ping)]);
    assert_eq!(whole(b"\r\n"), [Ok(Pong)]);
    let request = message("a", "l: 0\r\n", "");
    let padded = format!("\r\n\r\n{request}\r\n");
    let octets = Bytes::from(request.into_bytes());
    assert_eq!(whole(padded.as_bytes()), [Ok(Pong), Ok(Ping), Ok(Frame::Message(octets)), Ok(Pong)]);
}

#[test]
fn a_length_that_cannot_be_trusted_ends_the_stream() {
    let fault = |length: &str| {
        let frames = whole(message("a", length, "").as_bytes());
        assert_eq!(frames.len(), 1, "{length}");
        frames[0].clone().unwrap_err()
    };
    let bad = Part::Header(Name::ContentLength);
    let is_bad = |fault: Fault| matches!(fault, Fault::Bad { part, .. } if part == bad);
    assert_eq!(fault(""), Fault::Missing(Name::ContentLength));
    assert_eq!(fault("Content-Length: 1\r\nl: 2\r\n"), Fault::Duplicate(Name::ContentLength));
    for length in
        ["-1", "4294967296", "18446744073709551616", "18446744073709551615", "0x10", "", "1 1", "+1"]
    {
        assert!(is_bad(fault(&format!("Content-Length: {length}\r\n"))), "{length:?}");
    }
    assert_eq!(fault("Content-Length: 4294967295\r\n"), Fault::TooLarge);
    assert!(matches!(fault("Content-Length 5\r\nl: 0\r\n"), Fault::HeaderLine { .. }));
    assert!(matches!(fault("X: a\nl: 5\r\nl: 0\r\n"), Fault::LineEnd { .. }));
}

#[test]
fn nothing_comes_after_a_fault() {
    let octets = message("a", "l: x\r\n", "") + &message("b", "l: 0\r\n", "");
    let mut framer = StreamFramer::new(Limits::default());
    framer.push(octets.as_bytes());
    assert!(framer.next_frame().is_some_and(|frame| frame.is_err()));
    framer.push(message("c", "l: 0\r\n", "").as_bytes());
    assert_eq!((framer.next_frame(), framer.buffered()), (None, 0));
    assert_eq!(framer.take_refused().map(|request| request.call_id().to_owned()), Some("a".into()));
}

#[test]
fn a_bad_header_elsewhere_does_not_end_the_stream() {
    let bad = message("a", "l: 0\r\n", "").replace("CSeq: 1", "CSeq: x");
    let octets = bad.clone() + &message("b", "l: 0\r\n", "");
    assert_eq!(whole(octets.as_bytes()).len(), 2);
    assert!(support::parse(bad.into_bytes()).is_err());
}

#[test]
fn an_endless_head_or_body_is_given_up_at_the_limit() {
    let limits = Limits { max_message: 2000, max_head: 1000, max_headers: 20 };
    let endless = message("a", &format!("X: {}", "x".repeat(2000)), "");
    let mut framer = StreamFramer::new(limits);
    let mut largest = 0;
    let fault = endless.as_bytes().chunks(10).find_map(|chunk| {
        framer.push(chunk);
        largest = largest.max(framer.buffered());
        framer.next_frame()
    });
    assert_eq!(fault, Some(Err(Fault::HeadTooLarge)));
    assert!(largest <= 1010);
    assert!(framer.take_refused().is_some());
    let long = message("a", "l: 1900\r\n", "");
    assert_eq!(frames([long.as_bytes()], limits), [Err(Fault::TooLarge)]);
    let many = message("a", &("X: y\r\n".repeat(20) + "l: 0\r\n"), "");
    assert_eq!(frames([many.as_bytes()], limits), [Err(Fault::TooManyHeaders)]);
}

#[test]
fn octets_that_are_no_sip_are_refused_at_once() {
    assert_eq!(whole(b"\x16\x03\x01"), [Err(Fault::NotSip)]);
    assert_eq!(whole(b"\rx"), [Err(Fault::NotSip)]);
}

#[test]
fn a_partial_message_is_known_to_be_partial() {
    let mut framer = StreamFramer::new(Limits::default());
    assert!(!framer.has_partial());
    framer.push(message("a", "l: 5\r\n", "abc").as_bytes());
    assert_eq!(framer.next_frame(), None);
    assert!(framer.has_partial());
    framer.push(b"de");
    assert!(matches!(framer.next_frame(), Some(Ok(Frame::Message(_)))));
    assert!(!framer.has_partial());
}
