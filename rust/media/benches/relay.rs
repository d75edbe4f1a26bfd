//! Nanoseconds per relayed packet, per description read, and per offer carried to the other leg; one JSON line.

#![allow(clippy::print_stdout, reason = "the figures are the output")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with a clock")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use pbx_media::negotiate::{
    AudioCodec, CodecPolicy, LegMedia, LocalOrigin, anchor, answer_for_offerer, offer_for_answerer,
};
use pbx_media::relay::{Arrival, PayloadTypes, Remote, Session, Side, Verdict};
use pbx_media::sdp::{Direction, Sdp};

const SESSIONS: usize = 1_000;

const OFFER: &str = "v=0\r\no=- 3345678 3345679 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
    m=audio 40376 RTP/AVP 0 8 9 18 111 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\n\
    a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n\
    m=audio 50000 RTP/AVP 9 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

const POLICY: CodecPolicy<'_> =
    CodecPolicy { offerer: &AudioCodec::DEFAULT, answerer: &AudioCodec::DEFAULT, same_kind: true };

fn main() {
    let offer = parse(OFFER);
    let answer = parse(ANSWER);
    let figures = [
        ("handle_packet_1000_sessions_ns", relay()),
        ("sdp_parse_ns", measure(|| drop(black_box(Sdp::parse(black_box(OFFER.as_bytes())))))),
        ("sdp_write_ns", measure(|| drop(black_box(offer.to_bytes())))),
        ("offer_for_answerer_ns", measure(|| drop(black_box(offer_for_answerer(&offer, &POLICY))))),
        ("answer_for_offerer_ns", measure(|| drop(black_box(answer_for_offerer(&offer, &answer, &POLICY))))),
        ("anchor_ns", anchoring(&offer)),
    ];
    let fields: Vec<String> = figures.iter().map(|(name, value)| format!("\"{name}\": {value:.1}")).collect();
    println!("{{{}}}", fields.join(", "));
}

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).expect("a good body")
}

/// Best of ten rounds: the rest is other people's load.
fn measure(mut work: impl FnMut()) -> f64 {
    const TIMES: u32 = 20_000;
    let mut round = || {
        let start = Instant::now();
        (0..TIMES).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    };
    (0..10).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn anchoring(offer: &Sdp) -> f64 {
    let address = SocketAddr::from(([192, 0, 2, 1], 0)).ip();
    let mut leg = LegMedia { address, ports: vec![12_000], origin: LocalOrigin::new(7) };
    let cloning = measure(|| drop(black_box(offer.clone())));
    let both = measure(|| {
        let mut sdp = offer.clone();
        anchor(&mut sdp, &mut leg);
        black_box(&sdp);
    });
    both - cloning
}

fn peer(session: usize, side: Side) -> SocketAddr {
    let host = [10, 1 + side.index() as u8, (session >> 8) as u8, session as u8];
    SocketAddr::from((host, 4_000))
}

fn remote(address: SocketAddr) -> Remote {
    Remote {
        rtp: Some(address),
        rtcp: None,
        rtcp_mux: false,
        signalling: address.ip(),
        direction: Direction::SendRecv,
        payload_types: PayloadTypes::from_iter([0]),
        ssrcs: Vec::new(),
        latching: true,
        probation: 6,
        behind_proxy: false,
        is_secure: false,
    }
}

fn relay() -> f64 {
    let mut sessions: Vec<Session> = (0..SESSIONS).map(|_| Session::new(1)).collect();
    for (index, session) in sessions.iter_mut().enumerate() {
        for side in Side::ALL {
            session.describe(side, 0, &remote(peer(index, side)), &|_| false);
        }
    }
    let now = Instant::now();
    let mut packet = [0_u8; 172];
    packet[0] = 0x80;
    let (mut step, mut relayed) = (0_usize, 0_usize);
    let nanoseconds = measure(|| {
        let (index, round) = (step % SESSIONS, step / SESSIONS);
        let side = Side::ALL[round % 2];
        packet[2..4].copy_from_slice(&((round / 2) as u16).to_be_bytes());
        let arrival = Arrival { side, line: 0, rtcp: false };
        let verdict = sessions[index].handle_packet(now, arrival, peer(index, side), black_box(&packet));
        relayed += usize::from(matches!(verdict, Verdict::Forward { .. }));
        step += 1;
    });
    assert_eq!(relayed, step, "every packet is relayed");
    nanoseconds
}
