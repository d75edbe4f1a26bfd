//! Whom we accept as the TLS peer we meant to reach (RFC 5922, reliability.md S8).

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pbx_sip::{Flow, Limits, Transport};
use rustls::{ServerConnection, StreamOwned};

use crate::config::{NetConfig, PairFiles};
use crate::counters::NetCounters;
use crate::outgoing::Outgoing;
use crate::pki::Pki;
use crate::poller::Poller;
use crate::streams::{StreamEvent, Streams};
use crate::test_support::{net_config, wait_for, whose};
use crate::tls::{Pair, TlsContext};
use crate::token::Token;

const EC: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\n\r\n";

/// A peer with this pair. Its thread gives what each of so many connections brought; nothing if it was refused.
fn peer(pair: &PairFiles, connections: usize) -> (SocketAddr, JoinHandle<Vec<Vec<u8>>>) {
    let config = Pair::load(pair).unwrap().config;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let sockets: Vec<_> = (0..connections).map(|_| listener.accept().unwrap().0).collect();
        let read = |socket: std::net::TcpStream| {
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), socket);
            let mut octets = vec![0; MESSAGE.len()];
            stream.read_exact(&mut octets).map(|()| octets).unwrap_or_default()
        };
        sockets.into_iter().map(read).collect()
    };
    (address, thread::spawn(serve))
}

struct Caller {
    streams: Streams,
    poller: Poller,
    counters: NetCounters,
    now: Instant,
}

impl Caller {
    fn new(pki: &Pki) -> Self {
        let config = NetConfig { ca_certificates: Some(pki.authority()), ..net_config() };
        let (poller, now) = (Poller::new().unwrap(), Instant::now());
        let tls = TlsContext::new(now, &config).unwrap();
        let streams =
            Streams::new(whose(&config), &config, Limits::default(), Vec::new(), tls, &poller).unwrap();
        Self { streams, poller, counters: NetCounters::default(), now }
    }

    fn send(&mut self, remote: SocketAddr, name: Option<&str>) {
        let flow = Flow::asked(Transport::Tls, remote, name.map(|name| name.len() as u32));
        let outgoing = Outgoing { flow, name: name.map(Arc::from), bytes: Bytes::from_static(MESSAGE) };
        self.streams.send(self.now, &self.poller, &mut self.counters, outgoing);
    }

    /// Goes on until all sessions stand, or why one does not.
    fn outcome(&mut self) -> Result<(), String> {
        wait_for("handshake", || {
            let mut ready = Vec::new();
            self.poller.wait(Some(Duration::from_millis(5)), &mut ready);
            self.streams.begin_turn();
            for event in ready {
                let Some(Token::Stream(id)) = Token::decode(event.token) else { continue };
                self.streams.handle_ready(self.now, &self.poller, &mut self.counters, (id, event));
            }
            let mut cause = None;
            let mut has_failed = false;
            while let Some(event) = self.streams.poll_event() {
                match event {
                    StreamEvent::Log(line) if line.event == "tls_peer_refused" => {
                        cause = line.fields.into_iter().find(|(name, _)| *name == "cause");
                    }
                    StreamEvent::SendFailed(_) => has_failed = true,
                    _ => {}
                }
            }
            let is_done = self.counters.tls_handshakes_ok_total == self.counters.connections_opened_total;
            match cause {
                Some((_, cause)) => Some(Err(cause)),
                None if has_failed => Some(Err("failed without a reason".to_owned())),
                None => is_done.then_some(Ok(())),
            }
        })
    }
}

fn outcome(pki: &Pki, pair: &PairFiles, name: Option<&str>) -> Result<(), String> {
    let (address, thread) = peer(pair, 1);
    let mut caller = Caller::new(pki);
    caller.send(address, name);
    let outcome = caller.outcome();
    let received = thread.join().unwrap().remove(0);
    assert_eq!(received == MESSAGE, outcome.is_ok(), "{outcome:?}");
    outcome
}

#[test]
fn peer_that_proves_its_name_is_sent_to() {
    let pki = Pki::new("proves");
    for (san, name) in [
        ("DNS:sip.example.com", Some("sip.example.com")),
        ("DNS:SIP.Example.com", Some("sip.example.com")),
        ("URI:sip:example.com,DNS:host7.example.com", Some("example.com")),
        ("IP:127.0.0.1", None),
    ] {
        let pair = pki.issue("peer", EC, san, 2);
        assert_eq!(outcome(&pki, &pair, name), Ok(()), "{san}");
    }
}

#[test]
fn peer_with_another_name_is_refused_and_the_log_says_why() {
    let pki = Pki::new("another");
    for (san, name) in [
        ("DNS:other.example.com", Some("sip.example.com")),
        // RFC 5922 §7.2: no wildcards; §7.1: a sip URI leaves the DNS names without a say.
        ("DNS:*.example.com", Some("sip.example.com")),
        ("URI:sip:example.org,DNS:example.com", Some("example.com")),
        ("URI:sip:alice@example.com", Some("example.com")),
        ("IP:127.0.0.2", None),
        ("DNS:sip.example.com", None),
    ] {
        let pair = pki.issue("peer", EC, san, 2);
        let cause = outcome(&pki, &pair, name).unwrap_err();
        assert!(cause.contains("not valid for name"), "{san}: {cause}");
    }
}

#[test]
fn expired_and_unknown_certificates_are_refused() {
    let (pki, stranger) = (Pki::new("known"), Pki::new("stranger"));
    let expired = pki.issue("expired", EC, "DNS:a.test", -1);
    let cause = outcome(&pki, &expired, Some("a.test")).unwrap_err();
    assert!(cause.to_lowercase().contains("expired"), "{cause}");
    let unknown = stranger.issue("unknown", EC, "DNS:a.test", 2);
    let cause = outcome(&pki, &unknown, Some("a.test")).unwrap_err();
    assert!(cause.contains("UnknownIssuer"), "{cause}");
}

#[test]
fn connection_proved_for_one_name_is_not_used_for_another() {
    let pki = Pki::new("names");
    let pair = pki.issue("both", EC, "DNS:a.test,DNS:bb.test", 2);
    let (address, thread) = peer(&pair, 2);
    let mut caller = Caller::new(&pki);
    caller.send(address, Some("a.test"));
    caller.send(address, Some("bb.test"));
    caller.send(address, Some("a.test"));
    assert_eq!(caller.counters.connections_opened_total, 2);
    assert_eq!(caller.outcome(), Ok(()));
    assert_eq!(thread.join().unwrap(), [MESSAGE, MESSAGE]);
}

#[test]
fn certificate_files_are_looked_at_every_thirty_seconds_and_a_bad_pair_keeps_the_old_one() {
    const DAY: u64 = 86_400;
    let pki = Pki::new("watch");
    let (pair, longer) = (pki.issue("a", EC, "DNS:a.test", 2), pki.issue("b", EC, "DNS:a.test", 5));
    let config = NetConfig { certificate: Some(pair.clone()), ..net_config() };
    let start = Instant::now();
    let mut tls = TlsContext::new(start, &config).unwrap();
    let days = |tls: &TlsContext| (tls.expiry_secs().unwrap() + DAY / 2) / DAY;
    let look = |tls: &mut TlsContext, secs: u64| {
        let at = start + Duration::from_secs(secs);
        tls.handle_timeout(at).map(|line| line.event)
    };

    std::fs::copy(&longer.certificate, &pair.certificate).unwrap();
    assert_eq!(tls.poll_timeout(), Some(start + Duration::from_secs(30)));
    assert_eq!((look(&mut tls, 29), days(&tls)), (None, 2), "not before its time");
    assert_eq!((look(&mut tls, 30), days(&tls)), (Some("tls_pair_rejected"), 2), "half of a pair");
    std::fs::copy(&longer.private_key, &pair.private_key).unwrap();
    assert_eq!((look(&mut tls, 60), days(&tls)), (Some("tls_pair_loaded"), 5));
    assert_eq!(look(&mut tls, 90), None, "nothing changed");
}
