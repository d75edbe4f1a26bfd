//! SIP over WebSocket, plain and over TLS (RFC 6455, RFC 7118; reliability.md S3).
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail it")]

mod common;

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use common::pki::Pki;
use common::{PATIENCE, counter, document, options, read_head, wait_until};
use pbx_net::{Document, Engine};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FINAL: u8 = 0x80;

fn serving() -> Document {
    let mut document = document("", "");
    document.net.ws = vec!["127.0.0.1:0".parse().unwrap()];
    document
}

fn connect(engine: &Engine) -> TcpStream {
    let socket = TcpStream::connect(engine.locals().ws[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn request(path: &str, further: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: pbx.test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{further}\r\n"
    )
}

fn upgrade<S: Read + Write>(mut stream: S) -> S {
    stream.write_all(request("/ws", "Sec-WebSocket-Protocol: chat, sip\r\n").as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.to_lowercase().contains("\nsec-websocket-protocol: sip\r\n"), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    stream
}

/// A frame as a client masks it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 11, 13, 17];
    let mut octets = vec![first];
    match payload.len() {
        length @ 0..=125 => octets.push(FINAL | length as u8),
        length @ 126..=65_535 => {
            octets.push(FINAL | 0x7e);
            octets.extend((length as u16).to_be_bytes());
        }
        length => {
            octets.push(FINAL | 0x7f);
            octets.extend((length as u64).to_be_bytes());
        }
    }
    octets.extend(mask);
    octets.extend(payload.iter().enumerate().map(|(index, octet)| octet ^ mask[index % 4]));
    octets
}

/// First octet and payload of the next frame of the server.
fn receive(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let length = match head[1] {
        126 => {
            let mut long = [0; 2];
            stream.read_exact(&mut long).unwrap();
            u16::from_be_bytes(long) as usize
        }
        short => short as usize,
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).unwrap();
    (head[0], payload)
}

fn close_code(stream: &mut impl Read) -> u16 {
    let (first, payload) = receive(stream);
    assert_eq!(first, FINAL | CLOSE, "{payload:?}");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "still open");
    u16::from_be_bytes([payload[0], payload[1]])
}

#[test]
fn message_in_a_text_or_binary_frame_is_answered() {
    let engine = Engine::start(serving()).unwrap();
    let mut stream = upgrade(connect(&engine));
    for (kind, branch) in [(TEXT, "text"), (BINARY, "binary")] {
        // RFC 7118 §5: the frame tells the length.
        let message = options("WS", branch).replace("Content-Length: 0\r\n", "");
        stream.write_all(&frame(FINAL | kind, message.as_bytes())).unwrap();
        let (first, payload) = receive(&mut stream);
        assert_eq!(first, FINAL | TEXT);
        let text = String::from_utf8(payload).unwrap();
        assert!(text.starts_with("SIP/2.0 200 ") && text.contains(branch), "{text}");
    }
    assert_eq!(counter(&engine, "sip_connections{ws}"), 1);
    assert_eq!(counter(&engine, "sip_messages_total{ws,in}"), 2);
}

#[test]
fn upgrade_cut_anywhere_with_a_frame_behind_it_is_served() {
    let engine = Engine::start(serving()).unwrap();
    let mut stream = connect(&engine);
    stream.set_nodelay(true).unwrap();
    let mut octets = request("/ws", "Sec-WebSocket-Protocol: sip\r\n").into_bytes();
    octets.extend(frame(FINAL | TEXT, options("WS", "glued").as_bytes()));
    for part in octets.chunks(29) {
        stream.write_all(part).unwrap();
    }
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
    assert!(receive(&mut stream).1.starts_with(b"SIP/2.0 200 "));
}

#[test]
fn other_paths_and_other_protocols_are_refused() {
    let engine = Engine::start(serving()).unwrap();
    let sip = "Sec-WebSocket-Protocol: sip\r\n";
    let old = request("/ws", sip).replace("Version: 13", "Version: 8");
    for (request, status) in [
        (request("/", sip), "404"),
        (request("/ws/more", sip), "404"),
        (request("/ws", ""), "400"),
        (request("/ws", "Sec-WebSocket-Protocol: chat\r\n"), "400"),
        (request("/ws", sip).replace("Upgrade: websocket\r\n", ""), "400"),
        (request("/ws", sip).replace("GET", "POST"), "405"),
        (old, "426"),
        (options("WS", "raw"), "400"),
        ("x".repeat(9000), "431"),
    ] {
        let mut stream = connect(&engine);
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(counter(&engine, "sip_messages_total{ws,in}"), 0);
}

#[test]
fn path_with_a_query_is_the_path() {
    let engine = Engine::start(serving()).unwrap();
    let mut stream = connect(&engine);
    stream.write_all(request("/ws?token=1", "Sec-WebSocket-Protocol: SIP\r\n").as_bytes()).unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
}

#[test]
fn fragments_with_control_frames_between_make_one_message() {
    let engine = Engine::start(serving()).unwrap();
    let mut stream = upgrade(connect(&engine));
    let message = options("WS", "parts");
    let (start, rest) = message.as_bytes().split_at(40);
    let (middle, end) = rest.split_at(40);
    stream.write_all(&frame(TEXT, start)).unwrap();
    stream.write_all(&frame(FINAL | PING, b"are you there")).unwrap();
    stream.write_all(&frame(0, middle)).unwrap();
    stream.write_all(&frame(FINAL, end)).unwrap();
    let pong = receive(&mut stream);
    assert_eq!(pong, (FINAL | PONG, b"are you there".to_vec()));
    assert!(receive(&mut stream).1.starts_with(b"SIP/2.0 200 "));
}

#[test]
fn keep_alive_in_a_frame_is_answered_in_a_frame() {
    let engine = Engine::start(serving()).unwrap();
    let mut stream = upgrade(connect(&engine));
    stream.write_all(&frame(FINAL | TEXT, b"\r\n\r\n")).unwrap();
    assert_eq!(receive(&mut stream), (FINAL | TEXT, b"\r\n".to_vec()));
}

#[test]
fn broken_rules_get_the_close_code_of_rfc_6455() {
    let engine = Engine::start(serving()).unwrap();
    let mut unmasked = vec![FINAL | TEXT, 3];
    unmasked.extend(b"SIP");
    let mut endless = vec![FINAL | TEXT, FINAL | 0x7f];
    endless.extend((1u64 << 63).to_be_bytes());
    endless.extend([0; 4]);
    let mut fragments = frame(TEXT, &vec![b'a'; 60_000]);
    fragments.extend(frame(FINAL, &vec![b'a'; 60_000]));
    for (octets, code) in [
        (unmasked, 1002),
        (frame(FINAL | 0x40 | TEXT, b"reserved bit"), 1002),
        (frame(FINAL | 0x3, b"reserved opcode"), 1002),
        (frame(FINAL, b"continues nothing"), 1002),
        (frame(PING, b"fragmented control"), 1002),
        (frame(FINAL | TEXT, b"\xff\xfe"), 1007),
        (endless, 1009),
        (frame(FINAL | BINARY, &vec![b'a'; 70_000]), 1009),
        (fragments, 1009),
    ] {
        let mut stream = upgrade(connect(&engine));
        stream.write_all(&octets).unwrap();
        assert_eq!(close_code(&mut stream), code, "{:02x?}", &octets[..2]);
    }
    let mut stream = upgrade(connect(&engine));
    stream.write_all(&frame(FINAL | CLOSE, &1000u16.to_be_bytes())).unwrap();
    assert_eq!(close_code(&mut stream), 1000);
    let mut alive = upgrade(connect(&engine));
    alive.write_all(&frame(FINAL | TEXT, options("WS", "alive").as_bytes())).unwrap();
    assert!(receive(&mut alive).1.starts_with(b"SIP/2.0 200 "));
}

#[test]
fn megabyte_of_pings_is_answered_within_bounds_or_ended() {
    let engine = Engine::start(serving()).unwrap();
    let mut flooder = upgrade(connect(&engine));
    let mut pings = Vec::new();
    while pings.len() < 1 << 20 {
        pings.extend(frame(FINAL | PING, &[b'p'; 100]));
    }
    flooder.set_write_timeout(Some(PATIENCE)).unwrap();
    // The flooder reads nothing meanwhile.
    let _ = flooder.write_all(&pings);
    let mut other = upgrade(connect(&engine));
    let asked_at = std::time::Instant::now();
    other.write_all(&frame(FINAL | TEXT, options("WS", "other").as_bytes())).unwrap();
    assert!(receive(&mut other).1.starts_with(b"SIP/2.0 200 "));
    assert!(asked_at.elapsed() < Duration::from_secs(1));
}

#[test]
fn silent_socket_is_pinged_and_closed_without_pong() {
    let mut document = serving();
    (document.net.ws_ping_secs, document.net.ws_pong_secs) = (1, 3);
    let engine = Engine::start(document).unwrap();
    let mut answering = upgrade(connect(&engine));
    let mut silent = upgrade(connect(&engine));
    for _ in 0..4 {
        assert_eq!(receive(&mut answering), (FINAL | PING, Vec::new()));
        answering.write_all(&frame(FINAL | PONG, b"")).unwrap();
    }
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [FINAL | PING, 0, FINAL | PING, 0]);
    assert_eq!(counter(&engine, "connections_closed_total{silent}"), 1);
    assert_eq!(counter(&engine, "sip_connections{ws}"), 1);
}

#[test]
fn unfinished_upgrade_is_closed_at_its_deadline() {
    let mut document = serving();
    document.net.handshake_secs = 1;
    let engine = Engine::start(document).unwrap();
    let mut stream = connect(&engine);
    stream.write_all(b"GET /ws HTTP/1.1\r\n").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(counter(&engine, "connections_closed_total{handshake}"), 1);
}

#[test]
fn tls_on_the_same_port_is_secure_web_socket() {
    let pki = Pki::new("wss");
    let mut document = serving();
    let kind = "ec -pkeyopt ec_paramgen_curve:P-256";
    document.net.certificate = Some(pki.issue("a", kind, "DNS:pbx.test", 2));
    let engine = Engine::start(document).unwrap();
    let session = ClientConnection::new(pki.client(), ServerName::try_from("pbx.test").unwrap()).unwrap();
    let mut secure = upgrade(StreamOwned::new(session, connect(&engine)));
    secure.write_all(&frame(FINAL | TEXT, options("WSS", "secure").as_bytes())).unwrap();
    assert!(receive(&mut secure).1.starts_with(b"SIP/2.0 200 "));
    let mut plain = upgrade(connect(&engine));
    plain.write_all(&frame(FINAL | TEXT, options("WS", "plain").as_bytes())).unwrap();
    assert!(receive(&mut plain).1.starts_with(b"SIP/2.0 200 "));
    wait_until("both kinds", || {
        counter(&engine, "sip_connections{wss}") == 1 && counter(&engine, "sip_connections{ws}") == 1
    });
}

/// Gives a connection to the engine as an HTTP server does.
fn hand_over(through: &OwnedFd, socket: &TcpStream, packet: &[u8]) {
    let descriptors = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(through, &[IoSlice::new(packet)], &mut ancillary, SendFlags::empty()).unwrap();
}

#[test]
fn connection_of_the_http_server_is_taken_over_with_what_it_read() {
    let engine = Engine::start(document("", "")).unwrap();
    let through = engine.take_handover().unwrap();
    assert!(engine.take_handover().is_none());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let head = request("/ws", "Sec-WebSocket-Protocol: sip\r\n");
    hand_over(&through, &accepted, format!("192.0.2.7:4711\n{head}").as_bytes());
    drop(accepted);
    assert!(read_head(&mut client).starts_with("HTTP/1.1 101 "));
    client.write_all(&frame(FINAL | TEXT, options("WS", "handed").as_bytes())).unwrap();
    let text = String::from_utf8(receive(&mut client).1).unwrap();
    assert!(text.contains("received=192.0.2.7") && text.contains("rport=4711"), "{text}");
    // What makes no sense takes nothing down, and neither does an HTTP server that is gone.
    hand_over(&through, &client, b"nonsense");
    wait_until("refusal", || counter(&engine, "refused_total{connections}") == 1);
    drop(through);
    client.write_all(&frame(FINAL | TEXT, options("WS", "still").as_bytes())).unwrap();
    assert!(receive(&mut client).1.starts_with(b"SIP/2.0 200 "));
}
