//! Properties of single header values.

use pbx_sip::{
    Builder, Bytes, Contact, Limits, Message, NameAddr, ReferTo, Replaces, SessionExpires, Uri, Via,
};

/// Any Via: what is accepted and written is read back the same.
pub fn via(data: &[u8]) {
    let Ok(via) = Via::parse(data) else { return };
    let port = via.port.map(|port| format!(":{port}")).unwrap_or_default();
    let Via { version, transport, host, params, .. } = via;
    let once = format!("SIP/{version}/{transport} {host}{port}{}", params.as_str());
    assert_eq!(Via::parse(once.as_bytes()), Ok(via), "{once:?}");
    let _ = (via.branch(), via.ip(), via.received(), via.rport(), via.maddr(), via.ttl());
}

/// Any address: the same, as far as its URI is one.
pub fn name_addr(data: &[u8]) {
    let Ok(address) = NameAddr::parse(data) else { return };
    address_holds(&address);
}

/// Any Contact value.
pub fn contact(data: &[u8]) {
    let Ok(contact) = Contact::parse(data) else { return };
    let Some(address) = contact.addr() else {
        return assert_eq!(data, b"*");
    };
    assert!(address.uri().is_ok(), "the URI of a Contact is judged with it");
    address_holds(address);
}

fn address_holds(address: &NameAddr<'_>) {
    assert!(address.q().is_none_or(|q| q <= 1000));
    assert!(address.tag().is_none_or(|tag| !tag.is_empty()));
    let _ = (address.display_name(), address.expires());
    if address.uri().is_err() {
        return;
    }
    let display = address.display.map(|display| format!("{display} ")).unwrap_or_default();
    let once = format!("{display}<{}>{}", address.uri, address.params.as_str());
    match NameAddr::parse(once.as_bytes()) {
        Ok(again) => assert_eq!(&again, address, "{once:?}"),
        Err(fault) => panic!("{once:?} is refused: {fault}"),
    }
}

/// Any CSeq: what a request is accepted with, its answer has too.
pub fn cseq(data: &[u8]) {
    let Some(request) = with_header("CSeq", data) else { return };
    assert!(request.cseq() < 1 << 31);
    let answer = Builder::response(&request, 200, "OK", Some("tag")).finish();
    match Message::parse(answer, &Limits::default()) {
        Ok(answer) => assert_eq!((answer.cseq(), answer.status()), (request.cseq(), 200)),
        Err(error) => panic!("our answer is refused: {error}"),
    }
}

/// Any Session-Expires, Min-SE, Replaces and Refer-To: read without harm, and what is written is read back the same.
pub fn session(data: &[u8]) {
    if let Ok(expires) = SessionExpires::parse(data) {
        assert_eq!(SessionExpires::parse(expires.to_string().as_bytes()), Ok(expires));
    }
    if let Ok(replaces) = Replaces::parse(data) {
        replaces_holds(&replaces);
    }
    if let Ok(refer_to) = ReferTo::parse(data) {
        refer_to_holds(data, &refer_to);
    }
    for name in ["Session-Expires", "Min-SE", "Refer-To", "Replaces", "Referred-By"] {
        let Some(message) = with_header(name, data) else { continue };
        let _ = (message.session_expires(), message.min_se());
        let _ = message.name_addr(pbx_sip::Name::ReferTo).map(|address| address.uri().is_ok());
    }
}

fn replaces_holds(replaces: &Replaces) {
    let once = replaces.to_string();
    assert_eq!(Replaces::parse(once.as_bytes()).as_ref(), Ok(replaces), "{once:?}");
    assert!(replaces.names(&replaces.call_id, &replaces.to_tag, &replaces.from_tag));
}

/// The target is the URI that was written, fit for a request line.
fn refer_to_holds(value: &[u8], refer_to: &ReferTo) {
    let Ok(written) = NameAddr::parse(value) else { panic!("read, and no address") };
    let (Ok(written), Ok(target)) = (written.uri(), Uri::parse(&refer_to.uri)) else {
        panic!("{:?} is no URI", refer_to.uri);
    };
    assert_eq!(
        (target.scheme, target.user, target.password),
        (written.scheme, written.user, written.password)
    );
    assert_eq!((target.host, target.port), (written.host, written.port));
    assert!(target.headers.is_none() && !target.params.has("method"), "{:?}", refer_to.uri);
    if let Some(replaces) = &refer_to.replaces {
        replaces_holds(replaces);
    }
    let again = ReferTo::parse(format!("<{}>", refer_to.uri).as_bytes());
    assert_eq!(again, Ok(ReferTo { replaces: None, ..refer_to.clone() }));
}

/// A request with a value of the fuzzer's choice; CSeq is added where that is not it.
fn with_header(name: &str, value: &[u8]) -> Option<Message> {
    let cseq = if name == "CSeq" { "" } else { "CSeq: 1 OPTIONS\r\n" };
    let head = format!(
        "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
         From: <sip:b@192.0.2.2>;tag=1\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: 1\r\nMax-Forwards: 70\r\n{cseq}{name}: "
    );
    let bytes = [head.as_bytes(), value, b"\r\nContent-Length: 0\r\n\r\n"].concat();
    Message::parse(Bytes::from(bytes), &Limits::default()).ok()
}
