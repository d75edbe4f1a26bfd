//! P8 of the reliability checks: no header costs more than its length.

#![allow(clippy::disallowed_methods, reason = "time is what this test measures")]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use pbx_sip::{Builder, Bytes, Fault, Frame, Limits, Message, Name, StreamFramer, Uri};

const KIB: usize = 1024;
/// Sizes whose costs are compared, and how much more the larger one may cost: eight times, and half as much again.
const SIZES: (usize, usize) = (8 * KIB, 64 * KIB);
const MAX_RATIO: f64 = 12.0;

/// Twenty ways to make a header long: name, beginning, what is repeated, end.
const SHAPES: [(&str, &str, &str, &str); 20] = [
    ("Via", "SIP/2.0/UDP a.example.com;branch=z9hG4bKa", ", SIP/2.0/UDP b.example.com;branch=z9hG4bKb", ""),
    ("Via", "SIP/2.0/UDP a.example.com", ";p=v", ""),
    ("From", "\"", "\\\"", "\" <sip:a@example.com>;tag=1"),
    ("From", "<sip:a@example.com>;tag=1", ";p=\"v;\"", ""),
    ("To", "<sip:", "%61", "@example.com>"),
    ("To", "<sip:a@example.com", ";p=v", ">"),
    ("To", "<sip:a@example.com?h=v", "&h=v", ">"),
    ("Call-ID", "", "abcd", ""),
    ("Contact", "<sip:a@example.com>", ", <sip:b@example.com>", ""),
    ("Contact", "\"", "a,", ""),
    ("Contact", "<", "<<<<", ""),
    ("Route", "<sip:a.example.com;lr>", ",<sip:b.example.com;lr>", ""),
    ("Allow", "INVITE", ", ACK", ""),
    ("Supported", "", ",,,,", "timer"),
    ("Authorization", "Digest username=\"a\"", ", p=\"v\"", ""),
    ("Proxy-Authorization", "Digest ", ",,,,", ""),
    ("Subject", "", "\r\n x", ""),
    ("Subject", "", "    ", "x"),
    ("X-Unknown", "", ";;,,\"\"", ""),
    ("CSeq", "", "0000", "1 INVITE"),
];

fn invite(name: &str, value: &str) -> Bytes {
    let standard = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", "<sip:a@example.com>;tag=1"),
        ("To", "<sip:b@example.com>"),
        ("Call-ID", "cost"),
        ("CSeq", "1 INVITE"),
    ];
    let mut text = String::from("INVITE sip:b@example.com SIP/2.0\r\n");
    for (standard_name, standard_value) in standard {
        let value = if standard_name == name { value } else { standard_value };
        text.extend([standard_name, ": ", value, "\r\n"]);
    }
    if standard.iter().all(|(standard_name, _)| *standard_name != name) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    Bytes::from(text + "l: 0\r\n\r\n")
}

fn long((name, begin, repeated, end): (&str, &str, &str, &str), size: usize) -> Bytes {
    invite(name, &format!("{begin}{}{end}", repeated.repeat(size / repeated.len())))
}

fn limits() -> Limits {
    Limits { max_message: 1 << 20, max_head: 65_535, max_headers: 256 }
}

/// Does with the message all that a server might.
fn exercise(octets: &Bytes) {
    let message = match Message::parse(octets.clone(), &limits()) {
        Ok(message) => message,
        Err(error) => match error.partial {
            Some(partial) => *partial,
            None => return,
        },
    };
    black_box(message.vias().count());
    black_box(message.contacts().count());
    for name in [Name::Route, Name::Allow, Name::Supported] {
        black_box(message.values(name).count());
    }
    for address in [message.from(), message.to()].into_iter().flatten() {
        black_box(address.display_name());
        black_box(address.tag());
        if let Ok(uri) = Uri::parse(address.uri) {
            black_box((uri.equals(&uri), uri.to_string().len(), uri.user_decoded().len()));
        }
    }
    for name in [Name::Authorization, Name::ProxyAuthorization] {
        black_box(message.header(name).map(|value| pbx_sip::digest::Credentials::parse(value).is_ok()));
    }
    let source = ([192, 0, 2, 9], 5060).into();
    black_box(Builder::response(&message, 200, "", Some("t")).source(source).finish());
}

/// The shortest of several runs. Each is short, so that on a busy machine some fit between two interruptions.
fn best(rounds: usize, mut work: impl FnMut()) -> Duration {
    let rounds = (0..rounds).map(|_| {
        let begun_at = Instant::now();
        work();
        begun_at.elapsed()
    });
    rounds.min().unwrap_or_default()
}

/// Measures until the ratio is good: other work on the machine only ever makes it worse.
fn assert_linear(what: &str, mut small: impl FnMut(), mut large: impl FnMut()) {
    let mut ratios = Vec::new();
    for rounds in [20, 40, 80, 160, 320] {
        let ratio = best(rounds, &mut large).as_secs_f64() / best(rounds, &mut small).as_secs_f64();
        if ratio <= MAX_RATIO {
            return;
        }
        ratios.push(ratio);
    }
    panic!("{what}: 64 KiB cost {ratios:?} times what 8 KiB cost");
}

#[test]
fn a_header_eight_times_as_long_costs_at_most_twelve_times_as_much() {
    for shape in SHAPES {
        let (small, large) = (long(shape, SIZES.0 - 300), long(shape, SIZES.1 - 600));
        assert_linear(&format!("{shape:?}"), || exercise(&small), || exercise(&large));
    }
}

#[test]
fn the_twenty_shapes_are_judged_the_same_at_every_size() {
    for shape in SHAPES {
        let judge =
            |size: usize| Message::parse(long(shape, size), &limits()).map_err(|error| error.fault).err();
        assert_eq!(judge(KIB), judge(SIZES.1 - 600), "{shape:?}");
    }
}

#[test]
fn a_stream_octet_by_octet_costs_its_length() {
    let feed = |octets: &Bytes| {
        let mut framer = StreamFramer::new(limits());
        let frames = octets.chunks(16).filter_map(|chunk| {
            framer.push(chunk);
            framer.next_frame()
        });
        let found: Vec<Result<Frame, Fault>> = frames.collect();
        assert_eq!(found.len(), 1);
    };
    let shape = ("X-Unknown", "", "\r\n \r\n ", "");
    let (small, large) = (long(shape, SIZES.0), long(shape, SIZES.1 - 600));
    assert_linear("framer", || feed(&small), || feed(&large));
}
