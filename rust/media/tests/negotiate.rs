//! Offer and answer across two legs: §5, §7 and §8 of the configuration contract.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::IpAddr;

use pbx_media::decide::KindsDiffer;
use pbx_media::negotiate::{
    AudioCodec, CodecPolicy, LegMedia, LocalOrigin, MediaFacts, NegotiationError, RemoteSource, anchor,
    answer_for_offerer, offer_for_answerer, rewrite_bypass,
};
use pbx_media::sdp::{Direction, Sdp};
use proptest::prelude::*;

const DEFAULTS: CodecPolicy<'_> =
    CodecPolicy { offerer: &AudioCodec::DEFAULT, answerer: &AudioCodec::DEFAULT, same_kind: true };

const MAPS: &str = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\n\
    a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:96 opus/48000/2\r\n";

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn body(media: &str) -> Sdp {
    parse(&format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}"))
}

/// One audio line with these formats; only their maps are written.
fn audio(formats: &str) -> Sdp {
    let is_named = |line: &&str| {
        let payload = line.split_once(':').and_then(|(_, rest)| rest.split_once(' ')).unwrap().0;
        formats.split(' ').any(|format| format == payload)
    };
    let maps: String = MAPS.split_inclusive("\r\n").filter(is_named).collect();
    body(&format!("m=audio 4000 RTP/AVP {formats}\r\n{maps}a=ptime:20\r\n"))
}

fn formats(sdp: &Sdp, line: usize) -> String {
    sdp.media()[line].formats().collect::<Vec<_>>().join(" ")
}

fn leg(ports: &[u16]) -> LegMedia {
    LegMedia { address: ip("198.51.100.7"), ports: ports.to_vec(), origin: LocalOrigin::new(20) }
}

#[test]
fn row_1_defaults_order_the_offer_and_keep_the_answer() {
    let offer = audio("0 8 9 101");
    let passed_on = offer_for_answerer(&offer, &DEFAULTS).unwrap();
    assert_eq!(formats(&passed_on, 0), "9 0 8 101");
    assert_eq!(passed_on.media()[0].fmtp(101), Some("0-16"));
    assert_eq!(passed_on.media()[0].ptime(), Some(20));
    let answer = answer_for_offerer(&offer, &audio("8 101"), &DEFAULTS).unwrap();
    assert_eq!(formats(&answer, 0), "8 101");
}

#[test]
fn row_2_no_codec_in_common_is_refused() {
    let policy = CodecPolicy { offerer: &[AudioCodec::Pcma], answerer: &[AudioCodec::Pcma], same_kind: true };
    let refused = offer_for_answerer(&audio("0 18 101"), &policy).unwrap_err();
    assert_eq!(refused, NegotiationError::NoCommonCodec);
}

#[test]
fn row_3_payload_lists_of_a_browser_offer() {
    let offer = audio("111 63 9 0 8 13 110 126");
    let passed_on = offer_for_answerer(&offer, &DEFAULTS).unwrap();
    assert_eq!(formats(&passed_on, 0), "111 9 0 8 110 126");
    assert_eq!(passed_on.media()[0].fmtp(111), Some("useinbandfec=1"));
    let text = passed_on.to_string();
    assert!(!text.contains(":63 ") && !text.contains(":13 "), "{text}");
    let answer = answer_for_offerer(&offer, &audio("0 126"), &DEFAULTS).unwrap();
    assert_eq!(formats(&answer, 0), "0 126");
}

#[test]
fn row_6_a_late_offer_is_ordered_for_the_caller_and_its_answer_passes() {
    let offer = audio("8 0 18 96");
    let for_caller = offer_for_answerer(&offer, &DEFAULTS).unwrap();
    assert_eq!(formats(&for_caller, 0), "96 18 0 8");
    let for_callee = answer_for_offerer(&offer, &audio("0"), &DEFAULTS).unwrap();
    assert_eq!(formats(&for_callee, 0), "0");
}

#[test]
fn the_legs_allow_lists_meet_in_the_order_of_the_answering_leg() {
    let policy = CodecPolicy {
        offerer: &[AudioCodec::Pcmu, AudioCodec::Opus, AudioCodec::Pcma],
        answerer: &[AudioCodec::Pcma, AudioCodec::G722, AudioCodec::Pcmu],
        same_kind: true,
    };
    assert_eq!(formats(&offer_for_answerer(&audio("0 8 9 111"), &policy).unwrap(), 0), "8 0");
    assert_eq!(formats(&offer_for_answerer(&audio("0 8 9 111"), &policy.reversed()).unwrap(), 0), "0 8");
}

#[test]
fn telephone_event_stays_once_for_each_clock_in_use() {
    let of = |list: &str| formats(&offer_for_answerer(&audio(list), &DEFAULTS).unwrap(), 0);
    assert_eq!(of("0 110 126 101"), "0 126");
    assert_eq!(of("111 110 126"), "111 110");
    assert_eq!(of("111 101"), "111 101", "the only one is kept though its clock differs");
    assert_eq!(
        offer_for_answerer(&audio("101"), &DEFAULTS).unwrap_err(),
        NegotiationError::NoCommonCodec,
        "events alone are no codec"
    );
}

#[test]
fn same_codec_under_two_payload_types_keeps_both() {
    let offer = body(
        "m=audio 4000 RTP/AVP 96 97 0\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 OPUS/48000/2\r\na=fmtp:97 stereo=1\r\n",
    );
    assert_eq!(formats(&offer_for_answerer(&offer, &DEFAULTS).unwrap(), 0), "96 97 0");
}

#[test]
fn an_answer_beyond_the_offer_is_cut_down_or_refused() {
    let offer = audio("0 8 101");
    let answer = |list: &str| answer_for_offerer(&offer, &audio(list), &DEFAULTS).map(|sdp| formats(&sdp, 0));
    assert_eq!(answer("8 13 101"), Ok("8 101".to_owned()));
    assert_eq!(answer("18"), Err(NegotiationError::AnswerMismatch));
    assert_eq!(answer("101"), Err(NegotiationError::AnswerMismatch));
    let video = body("m=video 4000 RTP/AVP 0\r\n");
    assert_eq!(answer_for_offerer(&offer, &video, &DEFAULTS), Err(NegotiationError::AnswerMismatch));
    let secure = body("m=audio 4000 RTP/SAVP 0\r\n");
    assert_eq!(answer_for_offerer(&offer, &secure, &DEFAULTS), Err(NegotiationError::AnswerMismatch));
    let refused = body("m=audio 0 RTP/AVP 0\r\n");
    assert_eq!(answer_for_offerer(&offer, &refused, &DEFAULTS), Err(NegotiationError::NothingAccepted));
    assert_eq!(answer_for_offerer(&offer, &body(""), &DEFAULTS), Err(NegotiationError::NothingAccepted));
}

#[test]
fn a_codec_not_passed_on_cannot_be_answered() {
    let policy = CodecPolicy { offerer: &[AudioCodec::Pcma], answerer: &[AudioCodec::Pcma], same_kind: true };
    let answer = answer_for_offerer(&audio("0 8"), &audio("0"), &policy);
    assert_eq!(answer, Err(NegotiationError::AnswerMismatch));
}

#[test]
fn an_answer_without_a_map_gets_the_one_offered() {
    let offer = audio("111 0");
    let answer = answer_for_offerer(&offer, &body("m=audio 6000 RTP/AVP 111\r\n"), &DEFAULTS).unwrap();
    assert_eq!(answer.media()[0].rtpmap(111).unwrap().name, "opus");
    assert!(answer.to_string().contains("a=rtpmap:111 opus/48000/2\r\n"));
}

#[test]
fn another_dynamic_number_for_the_same_codec_is_kept() {
    let answer = answer_for_offerer(&audio("111 0"), &audio("96"), &DEFAULTS).unwrap();
    assert_eq!(formats(&answer, 0), "96");
}

#[test]
fn answers_have_the_lines_of_the_offer_in_their_order() {
    let offer = body(
        "m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=mid:v\r\nm=audio 4000 RTP/AVP 0\r\n\
         m=image 4004 udptl t38\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4008 RTP/AVP 3\r\n",
    );
    let passed_on = offer_for_answerer(&offer, &DEFAULTS).unwrap();
    let ports: Vec<u16> = passed_on.media().iter().map(pbx_media::sdp::Media::port).collect();
    assert_eq!(ports, [4002, 4000, 4004, 0, 0]);
    let short = body("m=video 0 RTP/AVP 99\r\nm=audio 6000 RTP/AVP 0\r\n");
    let answer = answer_for_offerer(&offer, &short, &DEFAULTS).unwrap();
    let shown: Vec<_> = answer.media().iter().map(|media| (media.kind_name(), media.port())).collect();
    assert_eq!(shown, [("video", 0), ("audio", 6000), ("image", 0), ("audio", 0), ("audio", 0)]);
    assert_eq!(formats(&answer, 2), "t38");
    assert!(answer.to_string().contains("m=video 0 RTP/AVP 99\r\na=mid:v\r\n"));
}

#[test]
fn an_answer_speaks_the_profile_of_the_offer() {
    let offer = audio("0 8");
    let answer = answer_for_offerer(&offer, &body("m=audio 6000 RTP/AVPF 0\r\n"), &DEFAULTS).unwrap();
    assert_eq!(answer.media()[0].proto(), "RTP/AVP");
}

#[test]
fn other_lines_pass_between_equal_legs_only() {
    let offer = body("m=audio 4000 RTP/AVP 0\r\nm=image 4004 udptl t38\r\na=T38FaxVersion:0\r\n");
    let same = offer_for_answerer(&offer, &DEFAULTS).unwrap();
    assert_eq!(same.to_bytes(), offer.to_bytes());
    let differing = CodecPolicy { same_kind: false, ..DEFAULTS };
    assert_eq!(offer_for_answerer(&offer, &differing).unwrap().media()[1].port(), 0);
    let fax = body("m=image 4004 udptl t38\r\n");
    assert!(offer_for_answerer(&fax, &DEFAULTS).is_ok());
    assert_eq!(offer_for_answerer(&fax, &differing), Err(NegotiationError::NoUsableLine));
}

#[test]
fn offers_without_wanted_media_pass() {
    assert!(offer_for_answerer(&body(""), &DEFAULTS).is_ok());
    let ended = body("m=audio 0 RTP/AVP 0\r\n");
    let answer = answer_for_offerer(&ended, &ended, &DEFAULTS).unwrap();
    assert_eq!(answer.media()[0].port(), 0);
}

#[test]
fn disordered_bodies_leave_in_order_and_complete() {
    let offer =
        parse("v=0\r\na=x\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=y\r\nc=IN IP4 192.0.2.2\r\n");
    let written = offer_for_answerer(&offer, &DEFAULTS).unwrap().to_string();
    assert_eq!(
        written,
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=x\r\n\
         m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\na=y\r\n"
    );
}

#[test]
fn an_anchored_body_shows_our_addresses_and_nothing_around_us() {
    let mut sdp = parse(
        "v=0\r\no=joe 1 1 IN IP4 10.0.0.1\r\ns=call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\n\
         m=audio 4000 RTP/AVP 0\r\nc=IN IP4 10.0.0.2\r\na=rtcp:4009 IN IP4 10.0.0.3\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\n\
         a=candidate:1 1 UDP 1 10.0.0.4 4000 typ host\r\na=rtcp-mux\r\na=ptime:20\r\n\
         m=video 4002/2 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 0 RTP/AVP 0\r\n",
    );
    anchor(&mut sdp, &mut leg(&[12_000, 12_002, 12_004]));
    assert_eq!(
        sdp.to_string(),
        "v=0\r\no=- 10 1 IN IP4 198.51.100.7\r\ns=call\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
         m=audio 12000 RTP/AVP 0\r\na=rtcp-mux\r\na=ptime:20\r\n\
         m=video 12002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 0 RTP/AVP 0\r\n"
    );
}

#[test]
fn a_line_without_a_port_of_ours_is_refused() {
    let mut sdp = body("m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 99\r\n");
    anchor(&mut sdp, &mut leg(&[12_000]));
    assert_eq!(sdp.media()[1].port(), 0);
}

#[test]
fn the_version_goes_up_with_a_changed_body_only() {
    let mut leg = leg(&[12_000]);
    let mut version = |formats: &str| {
        let mut sdp = audio(formats);
        anchor(&mut sdp, &mut leg);
        let origin = sdp.origin().unwrap();
        assert_eq!(origin.session_id, "10");
        origin.version.to_owned()
    };
    assert_eq!(
        [version("0"), version("0"), version("8"), version("0"), version("0")],
        ["1", "1", "2", "3", "3"]
    );
}

#[test]
fn a_hold_by_address_becomes_one_by_direction() {
    let held = |line: &str| {
        let text = format!("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n{line}");
        let mut sdp = parse(&text);
        anchor(&mut sdp, &mut leg(&[12_000]));
        assert_eq!(sdp.remote(0), Some("198.51.100.7:12000".parse().unwrap()));
        sdp.direction(0)
    };
    assert_eq!(held(""), Direction::SendOnly);
    assert_eq!(held("a=recvonly\r\n"), Direction::Inactive);
    assert_eq!(held("a=sendonly\r\n"), Direction::SendOnly);
}

#[test]
fn bypass_replaces_private_addresses_and_identity_only() {
    let text = "v=0\r\no=joe 5 6 IN IP4 10.0.0.1\r\ns=Joe's call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 99\r\nc=IN IP4 203.0.113.9\r\n";
    let rewritten = |source: &str| {
        let mut sdp = parse(text);
        rewrite_bypass(&mut sdp, &mut LocalOrigin::new(20), "pbx", ip("198.51.100.7"), ip(source));
        sdp.to_string()
    };
    let expected = |address: &str| {
        format!(
            "v=0\r\no=pbx 10 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 99\r\nc=IN IP4 203.0.113.9\r\n"
        )
    };
    assert_eq!(rewritten("192.0.2.77"), expected("192.0.2.77"));
    assert_eq!(rewritten("::ffff:192.0.2.77"), expected("192.0.2.77"));
    assert_eq!(rewritten("10.0.0.1"), expected("10.0.0.1"));
}

#[test]
fn facts_compare_media_addresses_with_the_signalling_source() {
    let facts = |address: &str, source: &str| {
        let sdp = parse(&format!("v=0\r\nc=IN IP4 {address}\r\nm=audio 4000 RTP/AVP 0\r\n"));
        let facts = MediaFacts::of(&sdp, ip(source));
        (facts.private_differs, facts.source_differs, facts.near_private)
    };
    assert_eq!(facts("10.0.0.1", "10.0.0.1"), (false, false, false));
    assert_eq!(facts("10.0.0.1", "::ffff:10.0.0.1"), (false, false, false));
    assert_eq!(facts("10.0.0.1", "192.0.2.1"), (true, true, true));
    assert_eq!(facts("192.0.2.2", "192.0.2.1"), (false, true, false));
    assert_eq!(facts("192.0.2.2", "10.0.0.1"), (false, true, true));
    assert_eq!(facts("0.0.0.0", "192.0.2.1"), (false, false, false), "a hold names no address");
}

#[test]
fn facts_tell_the_kind_of_leg() {
    let plain = MediaFacts::of(&audio("0"), ip("192.0.2.1"));
    let of = |text: &str| MediaFacts::of(&parse(text), ip("192.0.2.1"));
    let browser = of(
        "v=0\r\nc=IN IP4 0.0.0.0\r\na=fingerprint:sha-256 AA\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:x\r\n",
    );
    let sdes = of("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 X inline:Y\r\n");
    let six = of("v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 4000 RTP/AVP 0\r\n");
    assert!(browser.webrtc && browser.srtp && sdes.srtp && !sdes.webrtc && six.ipv6);
    assert_eq!(plain.kinds_differ(&browser), Some(KindsDiffer::Webrtc));
    assert_eq!(plain.kinds_differ(&sdes), Some(KindsDiffer::Srtp));
    assert_eq!(plain.kinds_differ(&six), Some(KindsDiffer::Family));
    assert_eq!(plain.kinds_differ(&plain), None);
}

#[test]
fn the_relay_learns_of_a_leg_what_both_descriptions_agree() {
    let source =
        RemoteSource { signalling: ip("192.0.2.1"), latching: true, probation: 6, behind_proxy: false };
    let theirs =
        body("m=audio 4000 RTP/AVP 0 101\r\na=rtcp-mux\r\na=recvonly\r\nm=video 4002 RTP/SAVP 99\r\n");
    let ours = body("m=audio 12000 RTP/AVP 0 8\r\nm=video 0 RTP/SAVP 99\r\n");
    let audio = source.remote(&theirs, &ours, 0).unwrap();
    assert_eq!(audio.rtp, Some("192.0.2.1:4000".parse().unwrap()));
    assert!(!audio.rtcp_mux, "we did not agree");
    assert_eq!(audio.rtcp, Some("192.0.2.1:4001".parse().unwrap()));
    assert_eq!(audio.direction, Direction::RecvOnly);
    assert!([0, 8, 101].into_iter().all(|payload| audio.payload_types.contains(payload)));
    assert!(!audio.payload_types.contains(9));
    let video = source.remote(&theirs, &ours, 1).unwrap();
    assert_eq!((video.rtp, video.is_secure), (None, true));
    assert!(source.remote(&theirs, &ours, 2).is_none());
}

proptest! {
    /// RFC 3264: whatever is offered and answered, lines stay in place and an answer is a subset of the offer.
    #[test]
    fn answers_are_subsets_of_offers(
        offered in proptest::collection::vec(0_u8..128, 1..20),
        answered in proptest::collection::vec(0_u8..128, 1..20),
        ports in proptest::collection::vec(0_u16..3, 1..4),
    ) {
        let list = |payloads: &[u8]| payloads.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        let lines = |payloads: &[u8]| -> String {
            let line = |port: &u16| format!("m=audio {port} RTP/AVP {}\r\n{MAPS}", list(payloads));
            ports.iter().map(line).collect::<Vec<_>>().concat()
        };
        let (offer, answer) = (body(&lines(&offered)), body(&lines(&answered)));
        if let Ok(passed_on) = offer_for_answerer(&offer, &DEFAULTS) {
            prop_assert_eq!(passed_on.media().len(), ports.len());
            for media in passed_on.media().iter().filter(|media| media.is_active()) {
                prop_assert!(media.payloads().all(|payload| offered.contains(&payload)));
            }
        }
        if let Ok(out) = answer_for_offerer(&offer, &answer, &DEFAULTS) {
            prop_assert_eq!(out.media().len(), ports.len());
            let named: Vec<_> = offered.iter().filter_map(|payload| offer.media()[0].rtpmap(*payload)).collect();
            for media in out.media().iter().filter(|media| media.is_active()) {
                for payload in media.payloads() {
                    let map = media.rtpmap(payload).unwrap();
                    prop_assert!(named.iter().any(|named| named.is_same(&map)));
                }
            }
        }
    }
}
