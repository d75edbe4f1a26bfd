//! The rules of RFC 3261 §12, on requests as they would be sent.

use super::{CseqVerdict, Dialog, MAX_ROUTES};
use crate::transport::{Flow, Transport};
use crate::{Bytes, Fault, Limits, Message, Method, Name};

const VIA: &str = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx;rport";

fn udp() -> Flow {
    Flow { transport: Transport::Udp, socket: 0, remote: "192.0.2.1:5060".parse().unwrap() }
}

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

fn read(bytes: Bytes) -> Message {
    Message::parse(bytes, &Limits::default()).unwrap()
}

fn request(method: &str, cseq: u32, extra: &str) -> Message {
    parse(&format!(
        "{method} sip:pbx@192.0.2.9 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n\
         From: \"Alice\" <sip:alice@192.0.2.1>;tag=theirs\r\n\
         To: <sip:bob@192.0.2.9>\r\n\
         Call-ID: call\r\n\
         CSeq: {cseq} {method}\r\n\
         {extra}Content-Length: 0\r\n\r\n"
    ))
}

fn response(code: u16, to: &str, extra: &str) -> Message {
    parse(&format!(
        "SIP/2.0 {code} Text\r\n\
         Via: {VIA}\r\n\
         From: <sip:pbx@192.0.2.9>;tag=ours\r\n\
         To: {to}\r\n\
         Call-ID: call\r\n\
         CSeq: 12 INVITE\r\n\
         {extra}Content-Length: 0\r\n\r\n"
    ))
}

const CONTACT: &str = "Contact: <sip:alice@192.0.2.1:5062;ob>;expires=60\r\n";

fn uas(extra: &str) -> Dialog {
    Dialog::uas(&request("INVITE", 7, &format!("{CONTACT}{extra}")), "ours", udp()).unwrap()
}

fn routes(message: &Message) -> Vec<&str> {
    message.values(Name::Route).map(|value| std::str::from_utf8(value).unwrap()).collect()
}

#[test]
fn a_uas_dialog_mirrors_the_invite() {
    let mut dialog = uas("Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: <sip:p0;lr>\r\n");
    assert_eq!(dialog.id(), ("call", "ours", "theirs"));
    let bye = read(dialog.request(Method::Bye, VIA).finish());
    assert_eq!(bye.request_uri(), "sip:alice@192.0.2.1:5062;ob");
    assert_eq!(routes(&bye), ["<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr>"]);
    assert_eq!(bye.text(Name::From), Some("<sip:bob@192.0.2.9>;tag=ours"));
    assert_eq!(bye.text(Name::To), Some("\"Alice\" <sip:alice@192.0.2.1>;tag=theirs"));
    assert_eq!((bye.cseq(), bye.cseq_method(), bye.max_forwards()), (1, Method::Bye, Some(70)));
    assert_eq!(read(dialog.request(Method::Bye, VIA).finish()).cseq(), 2);
}

#[test]
fn a_uac_dialog_reverses_the_record_route() {
    let record = "Contact: <sip:bob@192.0.2.2>\r\nRecord-Route: <sip:p1;lr>,<sip:p2;lr>\r\n";
    let mut dialog = Dialog::uac(&response(200, "<sip:bob@b>;tag=theirs", record), udp()).unwrap();
    assert_eq!(dialog.id(), ("call", "ours", "theirs"));
    let ack = read(dialog.ack(12, VIA).finish());
    assert_eq!((ack.method(), ack.cseq()), (Method::Ack, 12));
    assert_eq!(ack.request_uri(), "sip:bob@192.0.2.2");
    assert_eq!(routes(&ack), ["<sip:p2;lr>", "<sip:p1;lr>"]);
    assert_eq!(ack.text(Name::From), Some("<sip:pbx@192.0.2.9>;tag=ours"));
    assert_eq!(read(dialog.request(Method::Bye, VIA).finish()).cseq(), 13);
}

#[test]
fn an_early_dialog_is_confirmed_by_its_2xx() {
    let early = response(183, "<sip:bob@b>;tag=theirs", "Record-Route: <sip:p1;lr>\r\n");
    let mut dialog = Dialog::uac(&early, udp()).unwrap();
    assert_eq!(&*dialog.remote_target, "sip:bob@b", "no Contact: the To URI has to do");
    let answer = "Contact: <sip:bob@192.0.2.2>\r\nRecord-Route: <sip:p3;lr>\r\n";
    dialog.confirm(&response(200, "<sip:bob@b>;tag=theirs", answer)).unwrap();
    let bye = read(dialog.request(Method::Bye, VIA).finish());
    assert_eq!((bye.request_uri(), routes(&bye)), ("sip:bob@192.0.2.2", vec!["<sip:p3;lr>"]));
}

#[test]
fn a_provisional_without_to_tag_makes_no_dialog_and_a_2xx_does() {
    assert!(Dialog::uac(&response(180, "<sip:bob@b>", ""), udp()).is_err());
    let dialog = Dialog::uac(&response(200, "<sip:bob@b>", ""), udp()).unwrap();
    assert_eq!(&*dialog.remote_tag, "");
}

#[test]
fn an_invite_without_contact_makes_no_dialog() {
    let fault = Dialog::uas(&request("INVITE", 1, ""), "ours", udp()).unwrap_err();
    assert_eq!(fault, Fault::Missing(Name::Contact));
    let star = request("INVITE", 1, "Contact: *\r\n");
    assert_eq!(Dialog::uas(&star, "ours", udp()).unwrap_err().status(), 400);
}

#[test]
fn an_endless_route_set_is_refused() {
    let hops = |count: usize| "Record-Route: <sip:p;lr>\r\n".repeat(count);
    assert_eq!(uas(&hops(MAX_ROUTES)).route_set.len(), MAX_ROUTES);
    let long = request("INVITE", 1, &format!("{CONTACT}{}", hops(MAX_ROUTES + 1)));
    assert_eq!(Dialog::uas(&long, "ours", udp()).unwrap_err().status(), 400);
}

#[test]
fn a_strict_router_gets_its_own_uri_and_the_target_as_last_route() {
    let mut dialog = uas("Record-Route: <sip:p1;method=INVITE;maddr=192.0.2.3?Subject=x>, <sip:p2;lr>\r\n");
    let bye = read(dialog.request(Method::Bye, VIA).finish());
    assert_eq!(bye.request_uri(), "sip:p1;maddr=192.0.2.3");
    assert_eq!(routes(&bye), ["<sip:p2;lr>", "<sip:alice@192.0.2.1:5062;ob>"]);
}

#[test]
fn requests_of_the_peer_must_count_upwards() {
    let mut dialog = uas("");
    assert_eq!(dialog.handle_request(&request("ACK", 7, "")), CseqVerdict::Ok);
    assert_eq!(dialog.handle_request(&request("CANCEL", 7, "")), CseqVerdict::Ok);
    assert_eq!(dialog.handle_request(&request("BYE", 6, "")), CseqVerdict::Stale);
    assert_eq!(dialog.handle_request(&request("BYE", 7, "")), CseqVerdict::Stale);
    assert_eq!(dialog.handle_request(&request("INFO", 9, "")), CseqVerdict::Ok, "gaps are allowed");
    assert_eq!(dialog.handle_request(&request("INFO", 8, "")), CseqVerdict::Stale);
    assert_eq!(dialog.handle_request(&request("ACK", 7, "")), CseqVerdict::Ok, "the ACK of an older INVITE");
    assert_eq!(dialog.remote_cseq, Some(9));
}

#[test]
fn the_first_request_of_a_callee_may_have_any_number() {
    let mut dialog = Dialog::uac(&response(200, "<sip:bob@b>;tag=theirs", ""), udp()).unwrap();
    assert_eq!(dialog.handle_request(&request("BYE", 0, "")), CseqVerdict::Ok);
    assert_eq!(dialog.handle_request(&request("BYE", 0, "")), CseqVerdict::Stale);
}

#[test]
fn a_target_refresh_moves_requests_and_nothing_else() {
    let mut dialog = uas("Record-Route: <sip:p1;lr>\r\n");
    let refresh = "Contact: <sip:alice@192.0.2.77>\r\nRecord-Route: <sip:p9;lr>\r\n";
    dialog.update_target(&request("INVITE", 8, refresh));
    dialog.update_target(&request("INFO", 9, ""));
    let bye = read(dialog.request(Method::Bye, VIA).finish());
    assert_eq!((bye.request_uri(), routes(&bye)), ("sip:alice@192.0.2.77", vec!["<sip:p1;lr>"]));
}

#[test]
fn messages_of_a_dialog_have_its_call_id_and_tags() {
    let invite = request("INVITE", 7, CONTACT);
    let dialog = Dialog::uas(&invite, "ours", udp()).unwrap();
    assert!(!dialog.is_of(&invite), "the INVITE has no To tag");
    let text =
        String::from_utf8_lossy(invite.bytes()).replace("To: <sip:bob@192.0.2.9>", "To: <sip:x>;tag=ours");
    assert!(dialog.is_of(&parse(&text)));
    assert!(!dialog.is_of(&parse(&text.replace("tag=theirs", "tag=other"))));
    assert!(!dialog.is_of(&parse(&text.replace("Call-ID: call", "Call-ID: other"))));
    let theirs = response(200, "<sip:bob@b>;tag=theirs", "");
    assert!(Dialog::uac(&theirs, udp()).unwrap().is_of(&theirs));
}

#[test]
fn a_folded_header_becomes_one_line() {
    let text = "INVITE sip:pbx@192.0.2.9 SIP/2.0\r\n\
                Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n\
                From: Alice\r\n <sip:alice@192.0.2.1>\r\n\t;tag=theirs\r\n\
                To: <sip:bob@192.0.2.9>\r\n\
                Call-ID: call\r\n\
                CSeq: 7 INVITE\r\n\
                Contact: <sip:alice@192.0.2.1>\r\n\
                Content-Length: 0\r\n\r\n";
    let mut dialog = Dialog::uas(&parse(text), "ours", udp()).unwrap();
    let bye = read(dialog.request(Method::Bye, VIA).finish());
    assert_eq!(bye.text(Name::To), Some("Alice <sip:alice@192.0.2.1> ;tag=theirs"));
    assert_eq!(bye.to_tag(), Some("theirs"));
}

#[test]
fn a_typical_dialog_rests_in_700_octets() {
    let invite = parse(
        "INVITE sip:1002@pbx.example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.168.100.120:5060;branch=z9hG4bK74b43nashds8\r\n\
         From: \"Alice Liddell\" <sip:1001@pbx.example.com>;tag=9fxced76sl\r\n\
         To: <sip:1002@pbx.example.com>\r\n\
         Call-ID: 3848276298220188511@192.168.100.120\r\n\
         CSeq: 20 INVITE\r\n\
         Contact: <sip:1001@192.168.100.120:5060;transport=udp;ob>\r\n\
         Content-Length: 0\r\n\r\n",
    );
    let dialog = Dialog::uas(&invite, "0123456789abcdef", udp()).unwrap();
    let texts = [
        &dialog.call_id,
        &dialog.local_tag,
        &dialog.remote_tag,
        &dialog.local,
        &dialog.remote,
        &dialog.remote_target,
    ];
    let heap: usize = texts.iter().map(|text| text.len()).sum();
    assert!(size_of::<Dialog>() + heap <= 700, "{} + {heap}", size_of::<Dialog>());
}
