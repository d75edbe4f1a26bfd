//! P10 and M7: captures of the corpus beside the repository, fed to the demultiplexer and to a relayed call.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pbx_media::demux::{PacketClass, classify};
use pbx_media::relay::{Arrival, DropReason, Remote, Session, Side, Verdict};
use pbx_media::rtcp::RtcpCompound;
use pbx_media::sdp::Direction;

type Datagram = (u16, Vec<u8>);

/// Source port and payload of every whole UDP/IPv4 datagram of a capture; none where the corpus is absent.
fn datagrams(name: &str) -> Vec<Datagram> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/pcap").join(name);
    let Ok(octets) = std::fs::read(path) else { return Vec::new() };
    let (link, frames) =
        if octets.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) { read_ng(&octets) } else { read_classic(&octets) };
    let header = match link {
        1 => 14,
        113 => 16,
        228 => 0,
        other => panic!("{name}: link type {other}"),
    };
    frames.into_iter().filter_map(|frame| udp(frame.get(header..)?)).collect()
}

fn u32_at(octets: &[u8], at: usize) -> usize {
    u32::from_le_bytes(octets[at..at + 4].try_into().unwrap()) as usize
}

fn read_classic(octets: &[u8]) -> (usize, Vec<&[u8]>) {
    let mut frames = Vec::new();
    let mut at = 24;
    while at + 16 <= octets.len() {
        let length = u32_at(octets, at + 8);
        frames.extend(octets.get(at + 16..at + 16 + length));
        at += 16 + length;
    }
    (u32_at(octets, 20), frames)
}

fn read_ng(octets: &[u8]) -> (usize, Vec<&[u8]>) {
    let (mut link, mut frames, mut at) = (0, Vec::new(), 0);
    while at + 12 <= octets.len() {
        let length = u32_at(octets, at + 4);
        match u32_at(octets, at) {
            1 => link = u32_at(octets, at + 8) & 0xffff,
            6 => frames.extend(octets.get(at + 28..at + 28 + u32_at(octets, at + 20))),
            _ => {}
        }
        at += length;
    }
    (link, frames)
}

fn udp(ip: &[u8]) -> Option<Datagram> {
    let ip = if ip.first()? >> 4 == 4 { ip } else { return None };
    let is_fragment = u16::from_be_bytes([ip[6] & 0x3f, ip[7]]) != 0;
    let udp = ip.get(usize::from(ip[0] & 15) * 4..).filter(|_| ip[9] == 17 && !is_fragment)?;
    let end = usize::from(u16::from_be_bytes([*udp.get(4)?, *udp.get(5)?]));
    Some((u16::from_be_bytes([udp[0], udp[1]]), udp.get(8..end)?.to_vec()))
}

/// A call whose parties listen at fixed addresses and are latched by what the caller sends.
struct Call {
    session: Session,
    now: Instant,
}

fn peer(side: Side) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, side.index() as u8], 4_000))
}

impl Call {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts at some instant")]
    fn new() -> Self {
        let mut session = Session::new(1);
        for side in Side::ALL {
            let remote = Remote {
                rtp: Some(peer(side)),
                rtcp: None,
                rtcp_mux: true,
                signalling: peer(side).ip(),
                direction: Direction::SendRecv,
                payload_types: (0..128).collect(),
                ssrcs: Vec::new(),
                latching: true,
                probation: 6,
                behind_proxy: false,
                is_secure: false,
            };
            session.describe(side, 0, &remote, &|_| false);
        }
        Self { session, now: Instant::now() }
    }

    fn hear(&mut self, source: SocketAddr, packet: &[u8]) -> Verdict {
        self.now += Duration::from_millis(20);
        let arrival = Arrival { side: Side::Caller, line: 0, rtcp: false };
        self.session.handle_packet(self.now, arrival, source, packet)
    }
}

#[test]
fn streams_of_one_source_pass_whole() {
    for name in ["asterisk-ts_g711a.pcap", "asterisk-ts_dtmf_2833_4.pcap", "asterisk-ts_ssrc2.pcap"] {
        let mut call = Call::new();
        let mut last: HashMap<u16, Vec<u8>> = HashMap::new();
        for (port, packet) in
            datagrams(name).iter().filter(|(_, packet)| classify(packet) == PacketClass::Rtp)
        {
            let is_copy = last.insert(*port, packet[2..4].to_vec()).is_some_and(|seen| seen == packet[2..4]);
            let verdict = call.hear(peer(Side::Caller), packet);
            let expected =
                Verdict::Forward { side: Side::Callee, line: 0, rtcp: false, to: peer(Side::Callee) };
            assert!(
                verdict == expected || (is_copy && verdict == Verdict::Drop(DropReason::Duplicate)),
                "{name}: {verdict:?}"
            );
        }
    }
}

#[test]
fn datagrams_of_one_protocol_are_all_classified_as_that() {
    let dtls = [
        "zeek_dtls1_0.pcap",
        "zeek_dtls1_2.pcap",
        "ndpi_dtls_certificate_fragments.pcap",
        "ndpi_dtls_old_version.pcapng",
    ];
    let all = dtls.map(|name| (name, PacketClass::Dtls)).into_iter().chain([
        ("ndpi_rtcp_multiple_pkts_in_the_same_datagram.pcap", PacketClass::Rtcp),
        ("asterisk-ts_g711a.pcap", PacketClass::Rtp),
    ]);
    for (name, class) in all {
        for (_, packet) in datagrams(name) {
            assert_eq!(classify(&packet), class, "{name}");
        }
    }
}

#[test]
fn stun_without_its_cookie_is_told_from_the_audio_after_it() {
    let classes: Vec<_> =
        datagrams("ndpi_stun_classic.pcap").iter().map(|(_, packet)| classify(packet)).collect();
    let (stun, audio) = classes.split_at(classes.len().min(2));
    assert!(stun.iter().all(|class| *class == PacketClass::Stun));
    assert!(audio.iter().all(|class| *class == PacketClass::Rtp));
}

#[test]
fn three_protocols_on_one_port_are_told_apart() {
    let mut seen: HashMap<PacketClass, usize> = HashMap::new();
    for (_, packet) in datagrams("ndpi_stun_dtls_rtp.pcapng") {
        *seen.entry(classify(&packet)).or_default() += 1;
    }
    if !seen.is_empty() {
        let found =
            [PacketClass::Stun, PacketClass::Dtls, PacketClass::Rtp].map(|class| seen.contains_key(&class));
        assert_eq!(found, [true; 3], "{seen:?}");
    }
}

#[test]
fn compound_rtcp_of_a_capture_is_whole() {
    for (_, packet) in datagrams("ndpi_rtcp_multiple_pkts_in_the_same_datagram.pcap") {
        assert!(RtcpCompound::parse(&packet).is_ok());
    }
}

#[test]
fn no_capture_harms_a_session() {
    let captures = [
        "asterisk-ts_crash-27382.pcap",
        "asterisk-ts_crash.pcap",
        "zeek_webrtc-stun.pcap",
        "zeek_dtls-sequence-number-jumps.pcap",
        "ndpi_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
        "ndpi_stun_dtls_rtp.pcapng",
        "ndpi_sip_hello.pcapng",
    ];
    for name in captures {
        let mut call = Call::new();
        let stranger = SocketAddr::from(([192, 0, 2, 66], 5_000));
        for (sequence, (_, packet)) in (0_u16..).zip(datagrams(name)) {
            assert!(matches!(call.hear(stranger, &packet), Verdict::Drop(_)), "{name}");
            let mut good = vec![0x80, 0];
            good.extend(sequence.to_be_bytes());
            good.extend([0; 164]);
            assert!(matches!(call.hear(peer(Side::Caller), &good), Verdict::Forward { .. }), "{name}");
        }
        let mut flooded = Call::new();
        for (_, packet) in datagrams(name) {
            flooded.hear(peer(Side::Caller), &packet);
        }
    }
}
