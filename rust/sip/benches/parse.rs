//! What reading and writing a message costs. Prints one JSON object; nanoseconds, the best of several rounds.
//!
//! `cargo bench -p pbx-sip --bench parse`

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark reads the clock and prints")]

use std::hint::black_box;
use std::time::Instant;

use pbx_sip::digest::{Algorithm, Ha1};
use pbx_sip::{Builder, Bytes, Limits, Message, Name, StreamFramer, Uri};

const ROUNDS: usize = 40;
const PER_ROUND: u32 = 5_000;

/// An INVITE with a session description, 985 octets, of the shape desk phones send.
fn invite() -> Bytes {
    let body = "v=0\r\no=1001 8000 8000 IN IP4 192.0.2.17\r\ns=call\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\n\
        m=audio 40376 RTP/AVP 0 8 9 18 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
    let message = Builder::request("INVITE", "sip:1002@pbx.example.com;user=phone")
        .header(Name::Via, "SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK2d4790ab3c7;rport")
        .header(Name::MaxForwards, "70")
        .header(Name::From, "\"Reception\" <sip:1001@pbx.example.com>;tag=49583a1c7")
        .header(Name::To, "<sip:1002@pbx.example.com;user=phone>")
        .header(Name::CallId, "3848276298220188511@192.0.2.17")
        .header(Name::CSeq, "1 INVITE")
        .header(Name::Contact, "<sip:1001@192.0.2.17:5060;transport=udp>")
        .header(Name::Allow, "INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, UPDATE")
        .header(Name::Supported, "replaces, timer")
        .header(Name::UserAgent, "Desk Phone 300/4.1.2");
    let padding =
        985 - message.clone().body("application/sdp", body.as_bytes()).finish().len() - "Subject: \r\n".len();
    let message = message.header(Name::Subject, "x".repeat(padding));
    message.body("application/sdp", body.as_bytes()).finish()
}

fn best(mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begun_at = Instant::now();
        for _ in 0..PER_ROUND {
            work();
        }
        best = best.min(begun_at.elapsed().as_nanos() as f64 / f64::from(PER_ROUND));
    }
    best
}

/// What a call looks at: addresses, dialog identifiers, target, offer.
fn read_call(message: &Message) -> usize {
    let via = message.via().map_or(0, |via| via.branch().map_or(0, str::len));
    let from = message.from().map_or(0, |from| from.uri().map_or(0, |uri| uri.host.len()));
    let to = message.to().map_or(0, |to| to.uri().map_or(0, |uri| uri.host.len()));
    let target = Uri::parse(message.request_uri()).map_or(0, |uri| uri.user_decoded().len());
    let contact = message.contacts().flatten().count();
    let tags = message.from_tag().map_or(0, str::len) + message.call_id().len() + message.cseq() as usize;
    let lists = usize::from(message.has_token(Name::Supported, "timer"))
        + message.max_forwards().unwrap_or(70) as usize;
    via + from + to + target + contact + tags + lists + message.sdp().map_or(0, <[u8]>::len)
}

fn main() {
    let octets = invite();
    assert_eq!(octets.len(), 985);
    let limits = Limits::default();
    let parse = |octets: &Bytes| Message::parse(octets.clone(), &limits);
    let Ok(message) = parse(&octets) else { panic!("the benchmark message is malformed") };
    let source = ([192, 0, 2, 17], 40000).into();
    let ha1 = Ha1::new(Algorithm::Sha256, "1001", "pbx.example.com", "secret");
    let credentials = "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA\", \
        uri=\"sip:pbx.example.com\", response=\"00000000000000000000000000000000000000000000000000000000000000ff\", \
        algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"0a4f113b\"";

    let index = best(|| drop(black_box(parse(black_box(&octets)))));
    let headers = best(|| {
        let Ok(message) = parse(black_box(&octets)) else { return };
        black_box(read_call(&message));
    });
    let ringing = best(|| {
        black_box(Builder::response(black_box(&message), 180, "", Some("8f2c")).source(source).finish());
    });
    let framed = best(|| {
        let mut framer = StreamFramer::new(limits);
        framer.push(black_box(&octets));
        black_box(framer.next_frame());
    });
    let verified = best(|| {
        let Ok(credentials) = pbx_sip::digest::Credentials::parse(black_box(credentials.as_bytes())) else {
            return;
        };
        black_box(credentials.verify(&ha1, "REGISTER"));
    });
    println!(
        "{{\"parse_index_ns\":{index:.0},\"parse_headers_ns\":{headers:.0},\"build_response_ns\":{ringing:.0},\
         \"frame_ns\":{framed:.0},\"digest_verify_ns\":{verified:.0}}}"
    );
}
