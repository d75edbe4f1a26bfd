//! Properties of message bodies in several parts.

use pbx_sip::{Body, Bytes, Limits, Message, Multipart};

const SDP: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

/// A Content-Type and a body, parted by a line feed: parts lie in the body one behind the other, and a session
/// description that is put in, left alone or taken out is there, the same or gone, with all other parts untouched.
pub fn multipart(data: &[u8]) {
    let cut = data.iter().position(|&octet| octet == b'\n').unwrap_or(data.len());
    let (kind, body) = (&data[..cut], data.get(cut + 1..).unwrap_or_default());
    if let Some(multipart) = parts(kind, body) {
        parts_lie_in(&multipart, body);
    }
    let Some(message) = carrying(kind, body) else { return };
    if message.has_encoded_session() {
        return assert_eq!(message.sdp(), None, "octets that are no description yet");
    }
    let is_good = message.judge_body().is_ok();
    if let Some(sdp) = message.sdp_bytes() {
        assert!(is_good && body.windows(sdp.len()).any(|window| window == sdp));
        assert_eq!(message.body_with(Some(&sdp)).map(|body| body.octets), Some(message.body_bytes()));
    }
    let Some(with) = message.body_with(Some(&Bytes::from_static(SDP))) else { panic!("no body") };
    assert_eq!(read_back(&with).sdp(), Some(SDP));
    others_stay(&message, &with);
    if let Some(without) = message.body_with(None) {
        let without = read_back(&without);
        assert_eq!((without.sdp(), without.judge_body()), (None, Ok(())));
    }
}

fn parts<'a>(kind: &[u8], body: &'a [u8]) -> Option<Multipart<'a>> {
    Multipart::parse(std::str::from_utf8(kind).ok()?, body).ok()
}

fn parts_lie_in(multipart: &Multipart<'_>, body: &[u8]) {
    assert!(!multipart.parts().is_empty());
    let mut end = body.as_ptr_range().start;
    for part in multipart.parts() {
        for piece in [part.head(), part.body()] {
            let place = piece.as_ptr_range();
            assert!(end <= place.start && place.end <= body.as_ptr_range().end, "out of its place");
            end = place.end;
        }
        let _ = (part.content_type(), part.disposition(), part.is_encoded());
    }
}

/// All parts but the one that was, or held, the session description; of alternatives none has to be left.
fn others_stay(message: &Message, with: &Body) {
    let kind = message.content_type().unwrap_or_default().as_bytes();
    let Some(before) = parts(kind, message.body()).filter(|before| !before.is_alternative()) else { return };
    if message.sdp().is_none() {
        return;
    }
    let Some(after) = parts(with.content_type.as_bytes(), &with.octets) else { panic!("no parts any more") };
    let pairs = before.parts().iter().zip(after.parts());
    let changed =
        pairs.filter(|(before, after)| (before.head(), before.body()) != (after.head(), after.body()));
    assert!(changed.count() <= 1 && before.parts().len() == after.parts().len());
}

fn read_back(body: &Body) -> Message {
    match carrying(body.content_type.as_bytes(), &body.octets) {
        Some(message) => message,
        None => panic!("a message with {body:?} is refused"),
    }
}

fn carrying(kind: &[u8], body: &[u8]) -> Option<Message> {
    let head = b"INVITE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
        From: <sip:b@192.0.2.2>;tag=1\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
        Max-Forwards: 70\r\nContent-Type: ";
    let length = format!("\r\nContent-Length: {}\r\n\r\n", body.len());
    let bytes = [head, kind, length.as_bytes(), body].concat();
    Message::parse(Bytes::from(bytes), &Limits::default()).ok()
}
