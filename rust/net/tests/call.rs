//! One anchored call through sockets, switch and relay.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail it")]

mod common;

use std::net::{SocketAddr, UdpSocket};

use common::{Request, counter, document, expect, header, phone, receive, wait_until};
use pbx_net::{BridgeItem, Engine};
use pbx_switch::config::MediaMode;
use pbx_switch::{Decision, Reject};

fn sdp(media: &UdpSocket) -> String {
    let port = media.local_addr().unwrap().port();
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}

/// Where a description wants its audio.
fn media_address(message: &str) -> SocketAddr {
    let line = message.lines().find(|line| line.starts_with("m=audio ")).unwrap();
    format!("127.0.0.1:{}", line.split(' ').nth(1).unwrap()).parse().unwrap()
}

fn rtp(seq: u8, ssrc: u8) -> [u8; 172] {
    let mut packet = [seq; 172];
    packet[..12].copy_from_slice(&[0x80, 0, 0, seq, 0, 0, seq, 0, 0, 0, 0, ssrc]);
    packet
}

struct Phone {
    signalling: UdpSocket,
    media: UdpSocket,
    via: String,
    server: SocketAddr,
}

impl Phone {
    fn new(server: SocketAddr) -> Self {
        let signalling = phone();
        let via = format!("UDP {}", signalling.local_addr().unwrap());
        Self { signalling, media: phone(), via, server }
    }

    fn contact(&self, user: &str) -> String {
        format!("Contact: <sip:{user}@{}>\r\n", self.signalling.local_addr().unwrap())
    }

    fn send(&self, message: &str) {
        self.signalling.send_to(message.as_bytes(), self.server).unwrap();
    }

    fn request(&self, method: &str, to: &str, extra: &str, body: &str) -> String {
        let (from, uri) = ("<sip:1001@127.0.0.1>;tag=a", "sip:1002@127.0.0.1");
        let cseq = if method == "BYE" { 2 } else { 1 };
        let call_id = "call-1";
        Request { method, uri, via: &self.via, from, to, call_id, cseq, extra, body }.write()
    }

    fn register(&self) {
        let (from, to) = ("<sip:1002@127.0.0.1>;tag=r", "<sip:1002@127.0.0.1>");
        let (method, uri, call_id, extra) = ("REGISTER", "sip:127.0.0.1", "reg", &*self.contact("1002"));
        self.send(
            &Request { method, uri, via: &self.via, from, to, call_id, cseq: 1, extra, body: "" }.write(),
        );
        expect(&self.signalling, "SIP/2.0 200 ");
    }

    fn answer(&self, request: &str, status: &str, extra: &str, body: &str) {
        let line = |name: &str| format!("{name}: {}\r\n", header(request, name));
        let copied = ["Via", "From", "Call-ID", "CSeq"].map(line).concat();
        let to = header(request, "To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=b") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.send(&format!(
            "SIP/2.0 {status}\r\n{copied}To: {to}\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }
}

fn asking(max_queued_asks: usize) -> Engine {
    let mut document = document("127.0.0.1:0", "");
    document.switch.call.ask_router = true;
    document.net.max_queued_asks = max_queued_asks;
    Engine::start(document).unwrap()
}

#[test]
fn question_crosses_the_bridge_and_its_answer_reaches_the_caller() {
    let engine = asking(8);
    let alice = Phone::new(engine.locals().udp[0]);
    alice.send(&alice.request("INVITE", "<sip:1002@127.0.0.1>", &alice.contact("1001"), &sdp(&alice.media)));
    let mut asked = None;
    wait_until("question", || {
        asked = engine.bridge().take(8).into_iter().find_map(|item| match item {
            BridgeItem::Ask(query) => Some(query),
            _ => None,
        });
        asked.is_some()
    });
    let query = asked.unwrap();
    assert_eq!(query.invite.to_user, "1002");
    let verdict = Reject { code: 603, reason: None, headers: Vec::new() };
    assert!(engine.decide(query.id, Decision::Reject(verdict)));
    expect(&alice.signalling, "SIP/2.0 603 ");
}

#[test]
fn question_without_room_is_refused_at_once() {
    let engine = asking(0);
    let alice = Phone::new(engine.locals().udp[0]);
    alice.send(&alice.request("INVITE", "<sip:1002@127.0.0.1>", &alice.contact("1001"), &sdp(&alice.media)));
    let refusal = expect(&alice.signalling, "SIP/2.0 503 ");
    assert!(header(&refusal, "Retry-After").parse::<u32>().unwrap() >= 1);
    assert_eq!(counter(&engine, "asks_refused_total"), 1);
}

#[test]
fn anchored_call_carries_audio_both_ways_and_leaves_nothing() {
    let mut document = document("127.0.0.1:0", "");
    document.switch.media.mode = MediaMode::All;
    document.switch.t1_ms = 20;
    document.switch.t1x64_ms = 200;
    let engine = Engine::start(document).unwrap();
    let server = engine.locals().udp[0];
    let (alice, bob) = (Phone::new(server), Phone::new(server));
    bob.register();

    alice.send(&alice.request("INVITE", "<sip:1002@127.0.0.1>", &alice.contact("1001"), &sdp(&alice.media)));
    let invite = expect(&bob.signalling, "INVITE ");
    bob.answer(&invite, "200 OK", &bob.contact("1002"), &sdp(&bob.media));
    let ok = expect(&alice.signalling, "SIP/2.0 200 ");
    alice.send(&alice.request("ACK", header(&ok, "To"), "", ""));
    expect(&bob.signalling, "ACK ");

    let (for_alice, for_bob) = (media_address(&ok), media_address(&invite));
    for seq in 0..10 {
        alice.media.send_to(&rtp(seq, 1), for_alice).unwrap();
        let mut buf = [0; 200];
        assert_eq!(bob.media.recv_from(&mut buf).unwrap(), (172, for_bob));
        assert_eq!(buf[..172], rtp(seq, 1));
        bob.media.send_to(&rtp(seq, 2), for_bob).unwrap();
        assert_eq!(alice.media.recv_from(&mut buf).unwrap(), (172, for_alice));
        assert_eq!(buf[..172], rtp(seq, 2));
    }

    assert_eq!(engine.calls(10, None).unwrap()[0].media, "anchored");
    alice.send(&alice.request("BYE", header(&ok, "To"), "", ""));
    let bye = expect(&bob.signalling, "BYE ");
    bob.answer(&bye, "200 OK", "", "");
    assert!(receive(&alice.signalling).0.starts_with("SIP/2.0 200 "));
    wait_until("rest", || {
        let health = engine.health().unwrap();
        let left =
            [health.calls, health.dialogs, health.media_sessions, health.ports_used, health.transactions];
        left == [0; 5] && engine.media_counters().sockets == 0
    });
}
