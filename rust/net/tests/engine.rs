//! The engine as the rest of the process sees it, on loopback.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail it")]

mod common;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use common::{PATIENCE, Request, counter, document, options, phone, receive};
use pbx_net::{Document, Engine, EngineError, StartError};
use pbx_switch::{Command, Decision, QueryId};

fn engine() -> Engine {
    Engine::start(document("127.0.0.1:0", "127.0.0.1:0")).unwrap()
}

/// One response without a body.
fn stream_answer(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        text.push(octet[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn options_over_udp_is_answered_from_the_socket_asked() {
    let engine = engine();
    let phone = phone();
    let server = engine.locals().udp[0];
    phone.send_to(options("UDP", "one").as_bytes(), server).unwrap();
    let (text, from) = receive(&phone);
    assert!(text.starts_with("SIP/2.0 200 "), "{text}");
    assert_eq!(from, server);
}

#[test]
fn stun_keepalive_over_udp_tells_the_phone_its_address() {
    let engine = engine();
    let phone = phone();
    let request = *b"\x00\x01\x00\x00\x21\x12\xa4\x42flow-and-one";
    phone.send_to(&request, engine.locals().udp[0]).unwrap();
    let mut answer = [0; 64];
    let (len, _) = phone.recv_from(&mut answer).unwrap();
    assert_eq!((len, &answer[..2], &answer[4..20]), (32, &[1, 1][..], &request[4..20]));
    let port = u16::from_be_bytes([answer[26] ^ 0x21, answer[27] ^ 0x12]);
    assert_eq!(port, phone.local_addr().unwrap().port());
    assert_eq!(counter(&engine, "keepalives_total{stun}"), 1);
}

#[test]
fn options_over_tcp_is_answered_whatever_the_cuts() {
    let engine = engine();
    let mut stream = TcpStream::connect(engine.locals().tcp[0]).unwrap();
    stream.set_nodelay(true).unwrap();
    let glued = options("TCP", "a") + &options("TCP", "b");
    for part in glued.as_bytes().chunks(37) {
        stream.write_all(part).unwrap();
    }
    for branch in ["z9hG4bKa", "z9hG4bKb"] {
        let text = stream_answer(&mut stream);
        assert!(text.starts_with("SIP/2.0 200 ") && text.contains(branch), "{text}");
    }
    assert_eq!(counter(&engine, "sip_messages_total{tcp,in}"), 2);
}

#[test]
fn stream_without_content_length_is_answered_400_and_closed() {
    let engine = engine();
    let mut stream = TcpStream::connect(engine.locals().tcp[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let message = options("TCP", "bad").replace("Content-Length: 0\r\n", "");
    stream.write_all(message.as_bytes()).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.starts_with(b"SIP/2.0 400 "), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(counter(&engine, "connections_closed_total{fault}"), 1);
}

#[test]
fn idle_connection_stays_while_a_phone_is_registered_on_it() {
    let mut document = document("", "127.0.0.1:0");
    document.net.idle_secs = 1;
    let engine = Engine::start(document).unwrap();
    let mut registered = TcpStream::connect(engine.locals().tcp[0]).unwrap();
    let contact = format!("Contact: <sip:1001@{};transport=tcp>\r\n", registered.local_addr().unwrap());
    let register = Request {
        method: "REGISTER",
        uri: "sip:127.0.0.1",
        via: "TCP 127.0.0.1:5099",
        from: "<sip:1001@127.0.0.1>;tag=1",
        to: "<sip:1001@127.0.0.1>",
        call_id: "register",
        cseq: 1,
        extra: &contact,
        body: "",
    };
    registered.write_all(register.write().as_bytes()).unwrap();
    assert!(stream_answer(&mut registered).starts_with("SIP/2.0 200 "));
    let mut idle = TcpStream::connect(engine.locals().tcp[0]).unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    registered.write_all(options("TCP", "still").as_bytes()).unwrap();
    assert!(stream_answer(&mut registered).starts_with("SIP/2.0 200 "));
}

#[test]
fn every_datagram_of_a_burst_is_served() {
    let engine = engine();
    let phone = phone();
    for n in 0..100 {
        phone.send_to(options("UDP", &format!("burst{n}")).as_bytes(), engine.locals().udp[0]).unwrap();
    }
    for _ in 0..100 {
        assert!(receive(&phone).0.starts_with("SIP/2.0 200 "));
    }
}

#[test]
fn answers_to_vanished_peers_do_not_stop_the_listener() {
    let engine = engine();
    let server = engine.locals().udp[0];
    for n in 0..50 {
        // The socket is gone before the answer comes, so the answer meets a closed port.
        phone().send_to(options("UDP", &format!("gone{n}")).as_bytes(), server).unwrap();
    }
    let phone = phone();
    phone.send_to(options("UDP", "alive").as_bytes(), server).unwrap();
    assert!(receive(&phone).0.starts_with("SIP/2.0 200 "));
}

#[test]
fn taken_port_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = UdpSocket::bind(taken).unwrap();
    let error = Engine::start(document(&taken.to_string(), "")).unwrap_err();
    assert!(matches!(&error, StartError::Bind { address, .. } if *address == taken));
    let text = error.to_string();
    assert!(text.contains(&format!("UDP {taken}")) && text.contains("in use"), "{text}");
}

#[test]
fn stop_ends_every_thread_soon_and_frees_the_ports() {
    let engine = engine();
    assert!(engine.is_running());
    let locals = engine.locals().clone();
    let started_at = Instant::now();
    engine.stop();
    assert!(started_at.elapsed() < Duration::from_secs(1));
    assert!(!engine.is_running());
    UdpSocket::bind(locals.udp[0]).unwrap();
    assert!(matches!(engine.health(), Err(EngineError::Stopped)));
    engine.stop();
}

#[test]
fn requests_from_other_threads_are_answered() {
    let engine = engine();
    assert_eq!(engine.health().unwrap().calls, 0);
    assert!(engine.calls(10, None).unwrap().is_empty());
    assert!(engine.dialogs(10, None).unwrap().is_empty());
    assert!(engine.registrations(10, None).unwrap().is_empty());
    assert!(!engine.command(&Command::Hangup { call: 99, code: None }).unwrap());
    assert!(engine.decide(QueryId(99), Decision::NotHandled {}));
    engine.reload(&document("", "")).unwrap();
    assert_eq!(engine.media_counters().sessions, 0);
}

#[test]
fn unknown_keys_of_the_document_are_refused() {
    let json = include_str!("document.json").replace("@UDP@", "").replace("@TCP@", "");
    let error = Document::from_json(&json.replacen("\"udp\"", "\"udb\"", 1)).unwrap_err();
    assert!(error.contains("udb"), "{error}");
}
