//! P6 and P10: the bodies and packets of the corpus beside the repository, read in place when it is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use pbx_media::demux::{PacketClass, classify};
use pbx_media::negotiate::{
    AudioCodec, CodecPolicy, LegMedia, LocalOrigin, anchor, answer_for_offerer, offer_for_answerer,
};
use pbx_media::rtcp::RtcpCompound;
use pbx_media::rtp::RtpPacket;
use pbx_media::sdp::Sdp;
use toml::{Table, Value};

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));

const POLICY: CodecPolicy<'_> =
    CodecPolicy { offerer: &AudioCodec::ALL, answerer: &AudioCodec::ALL, same_kind: true };

struct Entry {
    file: String,
    is_ok: bool,
    octets: Vec<u8>,
    table: Table,
}

/// The entries of one kind; none where the corpus is absent.
fn entries(kind: &str) -> Vec<Entry> {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let Ok(index) = std::fs::read_to_string(corpus.join("INDEX.toml")) else { return Vec::new() };
    let index: Table = index.parse().unwrap();
    let read = |entry: &Value| {
        let table = entry.as_table().unwrap().clone();
        let file = table["file"].as_str().unwrap().to_owned();
        let octets = std::fs::read(corpus.join(&file)).unwrap();
        Entry { is_ok: table["expect"].as_str() == Some("ok"), file, octets, table }
    };
    index[kind].as_array().unwrap().iter().map(read).collect()
}

fn check_media(entry: &Entry, sdp: &Sdp) {
    let listed = entry.table.get("media").and_then(Value::as_array).cloned().unwrap_or_default();
    assert_eq!(sdp.media().len(), listed.len(), "{}", entry.file);
    for (media, listed) in sdp.media().iter().zip(&listed) {
        assert_eq!(Some(media.kind_name()), listed["type"].as_str(), "{}", entry.file);
        assert_eq!(Some(i64::from(media.port())), listed["port"].as_integer(), "{}", entry.file);
        assert_eq!(Some(media.proto()), listed["proto"].as_str(), "{}", entry.file);
        assert_eq!(Some(media.formats().count() as i64), listed["fmt"].as_integer(), "{}", entry.file);
    }
}

fn check_attributes(entry: &Entry, sdp: &Sdp) {
    for name in entry.table.get("has").and_then(Value::as_array).into_iter().flatten() {
        let name = name.as_str().unwrap();
        let in_media = sdp.media().iter().any(|media| media.section().has_attribute(name));
        assert!(in_media || sdp.session().has_attribute(name), "{}: {name}", entry.file);
    }
}

#[test]
fn well_formed_bodies_are_read_with_the_media_listed() {
    for entry in entries("sdp").iter().filter(|entry| entry.is_ok) {
        let sdp = Sdp::parse(&entry.octets).unwrap_or_else(|error| panic!("{}: {error}", entry.file));
        check_media(entry, &sdp);
        check_attributes(entry, &sdp);
    }
}

#[test]
fn writing_and_reading_again_is_a_fixed_point() {
    for entry in entries("sdp") {
        let Ok(sdp) = Sdp::parse(&entry.octets) else { continue };
        let written = sdp.to_bytes();
        assert_eq!(Sdp::parse(&written).unwrap().to_bytes(), written, "{}", entry.file);
        if entry.is_ok && entry.octets.windows(3).all(|window| window != b" \r\n") {
            assert_eq!(written, entry.octets, "{}", entry.file);
        }
    }
}

/// Checks what a strict reader insists on: the mandatory lines, their order, and the number of media lines.
fn check_valid(file: &str, sdp: &Sdp, lines: usize) {
    let written = sdp.to_bytes();
    let again = Sdp::parse(&written).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(again.media().len(), lines, "{file}");
    let letters: Vec<u8> = sdp.session().lines().map(|(letter, _)| letter).collect();
    assert!(letters.starts_with(b"vos") && letters.contains(&b't'), "{file}");
    assert!(again.origin().is_some(), "{file}");
    assert!(written.ends_with(b"\r\n"), "{file}");
}

#[test]
fn every_body_passes_the_two_legs_with_its_media_lines_in_place() {
    let (mut seen, mut passed) = (0, 0);
    for entry in entries("sdp") {
        let Ok(offer) = Sdp::parse(&entry.octets) else { continue };
        seen += 1;
        let lines = offer.media().len();
        let Ok(mut passed_on) = offer_for_answerer(&offer, &POLICY) else { continue };
        passed += 1;
        check_valid(&entry.file, &passed_on, lines);
        let ports = (0..lines).map(|line| 20_000 + 2 * line as u16).collect();
        anchor(&mut passed_on, &mut LegMedia { address: OURS, ports, origin: LocalOrigin::new(7) });
        check_valid(&entry.file, &passed_on, lines);
        for line in 0..lines {
            let remote = passed_on.remote(line);
            assert!(remote.is_none_or(|remote| remote.ip() == OURS), "{}", entry.file);
        }
        // A callee that takes everything it is offered must be understood.
        let answer = answer_for_offerer(&offer, &passed_on, &POLICY);
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", entry.file));
        check_valid(&entry.file, &answer, lines);
    }
    assert!(seen == 0 || passed * 10 >= seen * 9, "only {passed} of {seen} bodies passed");
}

#[test]
fn packets_are_classified_as_the_index_says() {
    for entry in entries("packet") {
        let class = classify(&entry.octets);
        let rtp = RtpPacket::parse(&entry.octets);
        let rtcp = RtcpCompound::parse(&entry.octets);
        if !entry.is_ok {
            continue;
        }
        match entry.table["kind"].as_str().unwrap() {
            "rtp" => assert!(class == PacketClass::Rtp && rtp.is_ok(), "{} {rtp:?}", entry.file),
            "rtcp" => assert!(class == PacketClass::Rtcp && rtcp.is_ok(), "{} {rtcp:?}", entry.file),
            _ => assert_eq!(class, PacketClass::Stun, "{}", entry.file),
        }
    }
}
