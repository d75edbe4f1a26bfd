//! Properties of offers and answers, and of what arrives on media ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use pbx_media::demux::{PacketClass, classify};
use pbx_media::negotiate::{
    AudioCodec, CodecPolicy, LegMedia, LocalOrigin, anchor, answer_for_offerer, offer_for_answerer,
};
use pbx_media::relay::{Arrival, Remote, Session, Side, Verdict};
use pbx_media::rtcp::RtcpCompound;
use pbx_media::rtp::{RtpHeader, RtpPacket};
use pbx_media::sdp::{Direction, Sdp};

/// An offer and an answer, parted by a zero octet: what either party is shown is a description with the lines of the
/// offer, and anchored it names no port but ours.
pub fn offer_answer(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let cut = rest.iter().position(|&octet| octet == 0).unwrap_or(rest.len());
    let Ok(offer) = Sdp::parse(&rest[..cut]) else { return };
    let codecs: Vec<_> = ["opus", "g722", "pcmu", "pcma", "gsm"]
        .into_iter()
        .enumerate()
        .filter(|(index, _)| choice & (1 << index) != 0)
        .filter_map(|(_, name)| AudioCodec::parse(name))
        .collect();
    let policy = CodecPolicy { offerer: &codecs, answerer: &codecs, same_kind: choice & 0x80 != 0 };
    if let Ok(shown) = offer_for_answerer(&offer, &policy) {
        description_holds(&offer, shown);
    }
    let Ok(answer) = Sdp::parse(rest.get(cut + 1..).unwrap_or_default()) else { return };
    if let Ok(shown) = answer_for_offerer(&offer, &answer, &policy) {
        for (line, media) in shown.media().iter().enumerate() {
            assert!(!media.is_active() || offer.media()[line].is_active(), "a refused line came back");
        }
        description_holds(&offer, shown);
    }
}

fn description_holds(offer: &Sdp, mut shown: Sdp) {
    assert_eq!(shown.media().len(), offer.media().len());
    reads_back(&shown);
    let ports = vec![20_000; shown.media().len()];
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    let mut leg = LegMedia { address, ports, origin: LocalOrigin::new(7) };
    anchor(&mut shown, &mut leg);
    assert!(shown.media().iter().all(|media| matches!(media.port(), 0 | 20_000)));
    let version = leg.origin.version();
    reads_back(&shown);
    anchor(&mut shown, &mut leg);
    assert_eq!(leg.origin.version(), version, "an unchanged body keeps its version");
}

fn reads_back(shown: &Sdp) {
    let once = shown.to_string();
    match Sdp::parse(once.as_bytes()) {
        Ok(again) => assert_eq!(again.to_string(), once),
        Err(error) => panic!("what we show is refused: {error}\n{once}"),
    }
}

/// Any packet: the readers agree with the demultiplexer and stay inside.
pub fn packet(data: &[u8]) {
    let class = classify(data);
    if let Ok(packet) = RtpPacket::parse(data) {
        assert!(matches!(class, PacketClass::Rtp | PacketClass::Rtcp));
        assert_eq!(RtpHeader::parse(data), Ok(packet.header));
        assert!(packet.payload.len() <= data.len());
    }
    if let Ok(compound) = RtcpCompound::parse(data) {
        let mut count = 0;
        for packet in compound.packets() {
            let _ = packet.ssrc();
            count += 1;
        }
        assert!(count >= 1 && count * 4 <= data.len());
    }
}

/// Any packets from anywhere at any time: nothing is ever sent to an address of ours, or to one that is neither
/// described nor a source that was latched.
pub fn relay(data: &[u8]) {
    #[allow(clippy::disallowed_methods, reason = "the base of virtual time")]
    let mut now = Instant::now();
    let mut session = Session::new(1);
    let is_own = |address: SocketAddr| address.port() == 20_000;
    let mut rest = data;
    while let [head, length, tail @ ..] = rest {
        let (packet, after) = tail.split_at(tail.len().min(usize::from(*length)));
        rest = after;
        let side = if head & 1 == 0 { Side::Caller } else { Side::Callee };
        let source = source(head >> 4);
        if head & 0x0e == 0x0e {
            session.describe(side, 0, &remote(source, *length), &is_own);
            continue;
        }
        now += Duration::from_millis(u64::from(head & 0x0c) * 40);
        let arrival = Arrival { side, line: head >> 7, rtcp: head & 2 != 0 };
        if let Verdict::Forward { to, .. } = session.handle_packet(now, arrival, source, packet) {
            assert!(!is_own(to), "sent to ourselves");
            assert_eq!(arrival.line, 0, "a line nobody described");
        }
        while session.poll_latched().is_some() {}
    }
    let _ = session.stats();
}

/// One of sixteen addresses, ours among them.
fn source(choice: u8) -> SocketAddr {
    let port = if choice == 15 { 20_000 } else { 4000 + 2 * u16::from(choice % 4) };
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, choice / 4)), port)
}

fn remote(rtp: SocketAddr, choice: u8) -> Remote {
    Remote {
        rtp: Some(rtp).filter(|_| choice & 1 == 0),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)).filter(|_| choice & 2 == 0),
        rtcp_mux: choice & 4 != 0,
        signalling: rtp.ip(),
        direction: Direction::new(choice & 8 == 0, choice & 16 == 0),
        payload_types: [0, 8, 101].into_iter().collect(),
        ssrcs: Vec::new(),
        latching: choice & 32 == 0,
        probation: choice >> 5,
        behind_proxy: choice & 64 != 0,
        is_secure: choice & 128 != 0,
    }
}
