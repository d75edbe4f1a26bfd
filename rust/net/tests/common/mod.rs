//! What the engine tests share: a document, and phones that speak just enough SIP.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of a test may fail it")]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use pbx_net::{Document, Engine};

pub(crate) mod pki;

pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// The test document with these listeners; empty text: none of the kind.
pub(crate) fn document(udp: &str, tcp: &str) -> Document {
    let list = |address: &str| if address.is_empty() { String::new() } else { format!("\"{address}\"") };
    let json = include_str!("../document.json").replace("@UDP@", &list(udp)).replace("@TCP@", &list(tcp));
    Document::from_json(&json).unwrap()
}

pub(crate) fn counter(engine: &Engine, name: &str) -> u64 {
    let health = engine.health().unwrap();
    health.counters.iter().find(|(known, _)| known == name).map_or(0, |(_, value)| *value)
}

/// Calls `check` until it holds.
pub(crate) fn wait_until(what: &str, mut check: impl FnMut() -> bool) {
    let started_at = Instant::now();
    while !check() {
        assert!(started_at.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
    }
}

/// A request of a test phone; `extra` holds further header lines, each ended by CRLF.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) via: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: u32,
    pub(crate) extra: &'a str,
    pub(crate) body: &'a str,
}

impl Request<'_> {
    pub(crate) fn write(&self) -> String {
        let Self { method, uri, via, from, to, call_id, cseq, extra, body } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK{call_id}{cseq}{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             {extra}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A header's value in a message, by its usual name.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find(|line| line.starts_with(name) && line[name.len()..].starts_with(':'));
    line.unwrap_or_else(|| panic!("no {name} in {message}"))[name.len() + 1..].trim()
}

pub(crate) fn phone() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub(crate) fn receive(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buf = [0; 8192];
    let (len, from) = socket.recv_from(&mut buf).unwrap();
    (String::from_utf8_lossy(&buf[..len]).into_owned(), from)
}

/// The next message that begins so; others are skipped.
pub(crate) fn expect(socket: &UdpSocket, start: &str) -> String {
    loop {
        let (text, _) = receive(socket);
        if text.starts_with(start) {
            return text;
        }
    }
}

/// An OPTIONS that asks the server itself.
pub(crate) fn options(transport: &str, branch: &str) -> String {
    format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/{transport} 127.0.0.1:5099;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:probe@127.0.0.1>;tag=1\r\n\
         To: <sip:127.0.0.1>\r\n\
         Call-ID: {branch}@127.0.0.1\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// The next head on a stream, its empty line included; SIP without a body, or HTTP.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let mut octets = BufReader::with_capacity(1, stream);
    while !text.ends_with(b"\r\n\r\n") {
        assert!(octets.read_until(b'\n', &mut text).unwrap() > 0, "ended after {text:?}");
    }
    String::from_utf8(text).unwrap()
}
