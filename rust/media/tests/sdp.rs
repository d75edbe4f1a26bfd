//! Reading and writing session descriptions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;

use pbx_media::sdp::{
    Direction, MAX_ATTRIBUTES, MAX_FORMATS, MAX_LINES, MAX_MEDIA, MediaKind, Sdp, SdpFault,
};
use proptest::prelude::*;

const PHONE: &str = "v=0\r\no=- 3 4 IN IP4 192.0.2.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\n\
    m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
    m=video 4002/2 RTP/SAVPF 96\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:96 H264/90000\r\na=inactive\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\na=rtcp-mux\r\na=ssrc:77 cname:x\r\na=ssrc:77 msid:y\r\n";

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn fault(text: &str) -> (u32, SdpFault) {
    let error = Sdp::parse(text.as_bytes()).expect_err("accepted");
    (error.line, error.fault)
}

#[test]
fn lines_are_seen_as_what_they_mean() {
    let sdp = parse(PHONE);
    let origin = sdp.origin().unwrap();
    assert_eq!((origin.session_id, origin.version, origin.address), ("3", "4", "192.0.2.1"));
    let [audio, video] = sdp.media() else { panic!("two lines") };
    assert_eq!((audio.kind(), audio.port(), audio.proto()), (MediaKind::Audio, 4000, "RTP/AVP"));
    assert_eq!(audio.payloads().collect::<Vec<_>>(), [0, 8, 101]);
    assert_eq!(audio.rtpmap(0).unwrap().name, "PCMU");
    assert_eq!(audio.rtpmap(101).unwrap().name, "telephone-event");
    assert_eq!((audio.fmtp(101), audio.ptime()), (Some("0-15"), Some(20)));
    assert_eq!((video.port_count(), video.has_rtcp_mux(), video.has_crypto()), (2, true, true));
    assert_eq!(video.ssrcs(), [77]);
    assert!(sdp.is_srtp() && sdp.is_ipv6() && !sdp.is_webrtc());
}

#[test]
fn session_values_hold_for_lines_without_their_own() {
    let sdp = parse(PHONE);
    assert_eq!(sdp.direction(0), Direction::SendOnly);
    assert_eq!(sdp.direction(1), Direction::Inactive);
    assert_eq!(sdp.remote(0), Some("192.0.2.1:4000".parse().unwrap()));
    assert_eq!(sdp.remote(1), Some("[2001:db8::1]:4002".parse().unwrap()));
}

#[test]
fn rtcp_goes_where_the_description_says() {
    let with = |line: &str| parse(&format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n{line}"));
    let rtcp = |line: &str| with(line).remote_rtcp(0).map(|address| address.to_string());
    assert_eq!(rtcp(""), Some("192.0.2.1:4001".to_owned()));
    assert_eq!(rtcp("a=rtcp:5000\r\n"), Some("192.0.2.1:5000".to_owned()));
    assert_eq!(rtcp("a=rtcp:5000 IN IP4 192.0.2.2\r\n"), Some("192.0.2.2:5000".to_owned()));
    assert_eq!(
        rtcp(
            "a=rtcp-mux
"
        ),
        Some("192.0.2.1:4001".to_owned()),
        "the other side may not agree"
    );
    assert_eq!(rtcp("a=rtcp:99999\r\n"), Some("192.0.2.1:4001".to_owned()));
}

#[test]
fn both_forms_of_hold_are_a_hold() {
    let with = |c: &str, line: &str| parse(&format!("v=0\r\nc=IN {c}\r\nm=audio 4000 RTP/AVP 0\r\n{line}"));
    for (connection, line, meant) in [
        ("IP4 192.0.2.1", "", Direction::SendRecv),
        ("IP4 192.0.2.1", "a=recvonly\r\n", Direction::RecvOnly),
        ("IP4 192.0.2.1", "a=sendonly\r\n", Direction::SendOnly),
        ("IP4 0.0.0.0", "", Direction::SendOnly),
        ("IP4 0.0.0.0", "a=recvonly\r\n", Direction::Inactive),
        ("IP6 ::", "", Direction::SendOnly),
    ] {
        let sdp = with(connection, line);
        assert_eq!((sdp.meant_direction(0), sdp.is_held(0)), (meant, meant.is_hold()), "{connection} {line}");
    }
}

#[test]
fn what_real_phones_send_is_tolerated() {
    let expected =
        parse("v=0\r\ns=-\r\no=- 1 1 IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n").to_bytes();
    for text in [
        "v=0\ns=-\no=- 1 1 IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        "v=0\r\ns=-\r\no=- 1 1 IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0",
        "v=0\r\n\r\ns=-\r\no=- 1 1 IN IP4 192.0.2.1\r\nt=0 0 \r\nm=audio  4000 RTP/AVP 0 \r\n\r\n",
    ] {
        assert_eq!(parse(text).to_bytes(), expected, "{text:?}");
    }
    assert_eq!(parse("v=0\r\no=Jane Doe 1 2 IN IP4 192.0.2.1\r\n").origin().unwrap().username, "Jane Doe");
}

#[test]
fn values_that_are_not_text_survive() {
    let body = b"v=0\r\ns=caf\xe9\r\na=x:\xff\r\nm=audio 1 RTP/AVP 0\r\n";
    assert_eq!(Sdp::parse(body).unwrap().to_bytes(), body.as_slice());
}

#[test]
fn faults_are_named_with_their_line() {
    assert_eq!(fault(""), (1, SdpFault::Version));
    assert_eq!(fault("s=-\r\nv=0\r\n"), (1, SdpFault::Version));
    assert_eq!(fault("v=0\r\nhello\r\n"), (2, SdpFault::NoType));
    assert_eq!(fault("v=0\r\n=1\r\n"), (2, SdpFault::NoType));
    assert_eq!(fault("v=0\r\na=x\0y\r\n"), (2, SdpFault::ControlOctet));
    assert_eq!(fault("v=0\r\na=x\ry\r\n"), (2, SdpFault::ControlOctet));
    assert_eq!(fault("v=0\r\no=- 1 1\r\n"), (2, SdpFault::Origin));
    for connection in
        ["IN IP4", "IN IP4 1.2.3", "IN IP4 999.1.1.1", "IN IP5 1.1.1.1", "1.1.1.1", "IN IP4 a b"]
    {
        assert_eq!(fault(&format!("v=0\r\nc={connection}\r\n")), (2, SdpFault::Connection), "{connection}");
    }
    for media in
        ["", "audio", "audio 1 RTP/AVP", "audio -1 RTP/AVP 0", "audio 1/ RTP/AVP 0", "audio x RTP/AVP 0"]
    {
        assert_eq!(fault(&format!("v=0\r\nm={media}\r\n")), (2, SdpFault::Media), "{media}");
    }
    assert_eq!(fault("v=0\r\nm=audio 65536 RTP/AVP 0\r\n"), (2, SdpFault::Port));
    assert_eq!(fault("v=0\r\nm=audio 99999999999999999999 RTP/AVP 0\r\n"), (2, SdpFault::Port));
}

#[test]
fn every_count_has_a_limit() {
    let media = "m=audio 1 RTP/AVP 0\r\n";
    assert!(Sdp::parse(format!("v=0\r\n{}", media.repeat(MAX_MEDIA)).as_bytes()).is_ok());
    assert_eq!(fault(&format!("v=0\r\n{}", media.repeat(MAX_MEDIA + 1))).1, SdpFault::TooManyMedia);
    let formats = |count: usize| format!("v=0\r\nm=audio 1 RTP/AVP{}\r\n", " 0".repeat(count));
    assert!(Sdp::parse(formats(MAX_FORMATS).as_bytes()).is_ok());
    assert_eq!(fault(&formats(MAX_FORMATS + 1)).1, SdpFault::TooManyFormats);
    let attributes = |count: usize| format!("v=0\r\n{media}{}", "a=x\r\n".repeat(count));
    assert!(Sdp::parse(attributes(MAX_ATTRIBUTES).as_bytes()).is_ok());
    assert_eq!(fault(&attributes(MAX_ATTRIBUTES + 1)).1, SdpFault::TooManyAttributes);
    assert_eq!(fault(&format!("v=0\r\n{}", "b=AS:1\r\n".repeat(MAX_LINES))).1, SdpFault::TooManyLines);
    assert_eq!(fault(&format!("v=0\r\na={}", "x".repeat(65_536))), (0, SdpFault::TooLong));
    let ssrcs = (0..100).fold(String::new(), |mut all, ssrc| {
        let _ = writeln!(all, "a=ssrc:{ssrc} cname:x\r");
        all
    });
    assert_eq!(parse(&format!("v=0\r\n{media}{ssrcs}")).media()[0].ssrcs().len(), 16);
}

#[test]
fn debug_output_holds_no_keys() {
    let shown = format!("{:?}", parse(PHONE));
    assert!(shown.contains("audio 4000") && !shown.contains("c2VjcmV0"), "{shown}");
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"v=0\r\n".to_vec()),
        Just(b"m=audio 4000 RTP/AVP 0 101\r\n".to_vec()),
        Just(b"a=rtpmap:101 telephone-event/8000\r\n".to_vec()),
        Just(b"c=IN IP4 0.0.0.0\n".to_vec()),
        Just(b"a=ssrc:\r\n".to_vec()),
        Just(b"a=rtcp:0\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
        "[a-z]=[ -~]{0,30}\r\n".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn no_body_harms_the_reader_and_what_is_read_can_be_read_again(body in hostile()) {
        let body = [b"v=0\r\n".to_vec(), body].concat();
        if let Ok(sdp) = Sdp::parse(&body) {
            let written = sdp.to_bytes();
            prop_assert_eq!(&Sdp::parse(&written).unwrap().to_bytes(), &written);
            for line in 0..sdp.media().len() {
                let _ = (sdp.remote(line), sdp.remote_rtcp(line), sdp.meant_direction(line));
                let media = &sdp.media()[line];
                let _ = (media.ssrcs(), media.ptime(), media.candidates().count(), media.is_secure());
            }
        }
    }
}
