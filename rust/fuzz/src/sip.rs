//! Properties of the message layer.

use pbx_sip::digest::{Algorithm, Challenge, Credentials, Ha1};
use pbx_sip::{Builder, Bytes, Edit, Fault, Frame, Limits, Message, Name, StreamFramer, Uri};

/// Twice the usual limits: what we write may be a little longer than what we read.
const ROOMY: Limits = Limits { max_message: 200_000, max_head: 65_535, max_headers: 512 };

/// Any message: nothing panics, what is accepted is written and read back the same, and its answer is acceptable.
pub fn message(data: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(data), &Limits::default()) {
        Ok(message) => {
            look_at_everything(&message);
            serialises_to_itself(&message);
            answer_parses(&message);
        }
        Err(error) => {
            assert!(matches!(error.fault.status(), 400 | 505 | 513));
            assert!(!error.fault.reason().is_empty());
            if let Some(partial) = error.partial {
                look_at_everything(&partial);
                assert!(partial.is_request() && partial.via().is_ok());
                let answer =
                    Builder::response(&partial, error.fault.status(), &error.fault.reason(), Some("t"));
                assert!(answer.finish().ends_with(b"Content-Length: 0\r\n\r\n"));
            }
        }
    }
}

fn look_at_everything(message: &Message) {
    let mut end = message.start_line().len();
    for field in message.fields() {
        assert!(field.raw.ends_with(b"\r\n") && !field.name.is_empty());
        assert!(
            field.raw.windows(field.value.len().max(1)).any(|window| window == field.value)
                || field.value.is_empty()
        );
        end += field.raw.len();
    }
    assert!(end + message.body().len() <= message.bytes().len());
    for result in message.vias() {
        let _ =
            result.map(|via| (via.ip(), via.received(), via.rport(), via.ttl(), via.branch().map(str::len)));
    }
    for contact in message.contacts().flatten() {
        let _ = contact.addr().map(|address| (address.q(), address.expires(), address.display_name()));
    }
    for name in [Name::Route, Name::RecordRoute, Name::ReferTo, Name::PAssertedIdentity] {
        let _ = message.name_addr(name).map(|address| address.uri().is_ok());
    }
    let _ = (message.expires(), message.max_forwards(), message.sdp().map(<[u8]>::len));
    let _ = message.has_token(Name::Supported, "timer");
}

fn serialises_to_itself(message: &Message) {
    let once = Edit::new(message).finish();
    let again = match Message::parse(once.clone(), &ROOMY) {
        Ok(again) => again,
        Err(error) => panic!("what we write is refused: {error}"),
    };
    assert_eq!(Edit::new(&again).finish(), once);
    assert_eq!(again.body(), message.body());
    assert_eq!(again.method_text(), message.method_text());
    assert_eq!((again.from_tag(), again.to_tag()), (message.from_tag(), message.to_tag()));
    assert_eq!((again.call_id(), again.cseq()), (message.call_id(), message.cseq()));
}

fn answer_parses(message: &Message) {
    if !message.is_request() {
        return;
    }
    for code in [100, 180, 200, 404] {
        let answer =
            Builder::response(message, code, "", Some("tag")).source(([192, 0, 2, 1], 9).into()).finish();
        match Message::parse(answer, &ROOMY) {
            Ok(answer) => {
                assert_eq!(answer.status(), code);
                assert_eq!(answer.call_id(), message.call_id());
                assert_eq!(answer.from_tag(), message.from_tag());
                assert_eq!(answer.values(Name::Via).count(), message.values(Name::Via).count());
                assert!(code == 100 || answer.to_tag().is_some());
            }
            Err(error) => panic!("our {code} is refused: {error}"),
        }
    }
}

/// Any stream: what comes out does not depend on the cuts, and a frame has the length its head tells.
pub fn framer(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    let whole = frames(std::iter::once(stream));
    let cut = frames(stream.chunks(usize::from(size).max(1)));
    assert_eq!(whole, cut);
    for frame in whole.into_iter().flatten() {
        let Frame::Message(bytes) = frame else { continue };
        let length = bytes.len();
        if let Ok(message) = Message::parse(bytes, &Limits::default()) {
            assert_eq!(Some(message.body().len() as u32), message.number(Name::ContentLength));
            assert_eq!(Edit::new(&message).finish().len() >= message.body().len(), length > 0);
        }
    }
}

fn frames<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Result<Frame, Fault>> {
    let mut framer = StreamFramer::new(Limits { max_message: 4096, max_head: 2048, max_headers: 32 });
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        while let Some(frame) = framer.next_frame() {
            frames.push(frame);
        }
    }
    frames
}

/// Any URI: what is accepted equals itself and its normal form, and the normal form is its own.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(uri) = Uri::parse(text) else { return };
    assert!(uri.equals(&uri));
    let normal = uri.to_string();
    let Ok(read) = Uri::parse(&normal) else { panic!("the normal form {normal:?} is refused") };
    assert_eq!(read.to_string(), normal);
    let counted = |text: &str| text.matches([';', '&']).count();
    if counted(text) <= 60 {
        assert!(uri.equals(&read) && read.equals(&uri), "{text:?} is not its normal form {normal:?}");
    }
    let moved = uri.with_host_port("192.0.2.7", Some(4000));
    let Ok(moved) = Uri::parse(&moved) else { panic!("{moved:?} is refused") };
    assert_eq!((moved.user, moved.params, moved.headers), (uri.user, uri.params, uri.headers));
    let _ = (uri.user_decoded(), uri.host_ip(), uri.opaque());
}

/// Any authentication header: what is accepted can be judged, and a challenge is written and read back the same.
pub fn digest(data: &[u8]) {
    if let Ok(credentials) = Credentials::parse(data) {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
            let ha1 =
                Ha1::new(algorithm, &credentials.user(), credentials.realm, "a password nobody guesses");
            assert!(!credentials.verify(&ha1, "REGISTER"));
        }
    }
    if let Ok(challenge) = Challenge::parse(data)
        && challenge.algorithm.is_some()
    {
        let once = challenge.to_string();
        match Challenge::parse(once.as_bytes()) {
            Ok(again) => assert_eq!(again.to_string(), once),
            Err(fault) => panic!("what we write is refused: {fault}"),
        }
    }
}
