//! TLS as a server and as a client (config.md §2.2, reliability.md S7, S8).
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail it")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use common::pki::Pki;
use common::{PATIENCE, counter, document, options, read_head, wait_until};
use pbx_net::{Document, Engine, PairFiles, StartError};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned, version};

type Tls = StreamOwned<ClientConnection, TcpStream>;

const EC: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

fn serving(pair: PairFiles) -> Document {
    let mut document = document("127.0.0.1:0", "");
    document.net.tls = vec!["127.0.0.1:0".parse().unwrap()];
    document.net.certificate = Some(pair);
    document
}

fn connect(address: SocketAddr, config: Arc<ClientConfig>, name: &str) -> Tls {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let session = ClientConnection::new(config, ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    StreamOwned::new(session, socket)
}

fn ask(stream: &mut Tls, branch: &str) -> String {
    stream.write_all(options("TLS", branch).as_bytes()).unwrap();
    read_head(stream)
}

#[test]
fn every_kind_of_key_is_served_over_both_versions() {
    let pki = Pki::new("kinds");
    for (name, kind) in [("rsa", "rsa:2048"), ("ecdsa", EC), ("ed25519", "ed25519")] {
        let engine = Engine::start(serving(pki.issue(name, kind, "DNS:pbx.test", 2))).unwrap();
        for version in [&version::TLS12, &version::TLS13] {
            let mut config = (*pki.client()).clone();
            let provider = Arc::clone(config.crypto_provider());
            let roots =
                ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
            config = roots.dangerous().with_custom_certificate_verifier(verifier(&pki)).with_no_client_auth();
            let mut stream = connect(engine.locals().tls[0], Arc::new(config), "pbx.test");
            let answer = ask(&mut stream, "one");
            assert!(answer.starts_with("SIP/2.0 200 "), "{name}: {answer}");
            assert_eq!(stream.conn.protocol_version(), Some(version.version), "{name}");
        }
        assert_eq!(counter(&engine, "tls_handshakes_total{ok}"), 2);
        assert_eq!(counter(&engine, "sip_messages_total{tls,in}"), 2);
        let expiry = counter(&engine, "tls_cert_expiry_seconds");
        assert!((86_400..=172_800).contains(&expiry), "{expiry}");
    }
}

fn verifier(pki: &Pki) -> Arc<dyn rustls::client::danger::ServerCertVerifier> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.authority()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap()
}

#[test]
fn handshake_that_is_never_finished_is_closed_at_its_deadline() {
    let pki = Pki::new("deadline");
    let mut document = serving(pki.issue("a", EC, "DNS:pbx.test", 2));
    document.net.handshake_secs = 1;
    let engine = Engine::start(document).unwrap();
    for first in [&b""[..], b"\x16\x03\x01"] {
        let mut socket = TcpStream::connect(engine.locals().tls[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(first).unwrap();
        assert_eq!(socket.read(&mut [0]).unwrap_or(0), 0);
    }
    assert_eq!(counter(&engine, "tls_handshakes_total{timeout}"), 2);
}

#[test]
fn octets_that_are_no_tls_end_the_connection() {
    let pki = Pki::new("plain");
    let engine = Engine::start(serving(pki.issue("a", EC, "DNS:pbx.test", 2))).unwrap();
    let mut socket = TcpStream::connect(engine.locals().tls[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(options("TCP", "plain").as_bytes()).unwrap();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"SIP"), "answered in the clear");
    assert_eq!(counter(&engine, "tls_handshakes_total{failed}"), 1);
}

#[test]
fn message_larger_than_a_record_passes_both_ways() {
    let pki = Pki::new("large");
    let engine = Engine::start(serving(pki.issue("a", EC, "DNS:pbx.test", 2))).unwrap();
    let mut stream = connect(engine.locals().tls[0], pki.client(), "pbx.test");
    let padding = "X-Pad: 0123456789012345678901234567890123456789\r\n".repeat(100);
    let body = "b".repeat(30_000);
    let message = options("TLS", "large").replace("Content-Length: 0\r\n\r\n", "");
    let message = format!("{message}{padding}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(message.as_bytes()).unwrap();
    assert!(read_head(&mut stream).starts_with("SIP/2.0 200 "));
    assert!(ask(&mut stream, "after").contains("z9hG4bKafter"));
}

#[test]
fn unusable_pair_refuses_to_start_and_names_the_file() {
    let pki = Pki::new("unusable");
    let (good, other) = (pki.issue("a", EC, "DNS:a", 2), pki.issue("b", EC, "DNS:b", 2));
    let mixed = PairFiles { certificate: good.certificate.clone(), private_key: other.private_key };
    let missing = PairFiles { certificate: pki.path("none.pem"), private_key: good.private_key.clone() };
    let swapped = PairFiles { certificate: good.private_key.clone(), private_key: good.private_key };
    for (pair, named) in [(mixed, "b.key"), (missing, "none.pem"), (swapped, "a.key")] {
        let error = Engine::start(serving(pair)).unwrap_err();
        assert!(matches!(error, StartError::Tls(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(named) && !text.contains("BEGIN"), "{text}");
    }
}

#[test]
fn swapped_pair_serves_new_handshakes_and_old_connections_stay() {
    let pki = Pki::new("swap");
    let pair = pki.issue("first", EC, "DNS:first.test", 2);
    let document = serving(pair.clone());
    let engine = Engine::start(document.clone()).unwrap();
    let address = engine.locals().tls[0];
    let mut old = connect(address, pki.client(), "first.test");
    assert!(ask(&mut old, "a").starts_with("SIP/2.0 200 "));

    let second = pki.issue("second", "rsa:2048", "DNS:second.test", 2);
    std::fs::copy(&second.certificate, &pair.certificate).unwrap();
    engine.reload(&document.clone()).unwrap();
    let mut still = connect(address, pki.client(), "first.test");
    assert!(ask(&mut still, "b").starts_with("SIP/2.0 200 "), "half of a pair took the whole out of service");

    std::fs::copy(&second.private_key, &pair.private_key).unwrap();
    engine.reload(&document).unwrap();
    let mut new = connect(address, pki.client(), "second.test");
    assert!(ask(&mut new, "c").starts_with("SIP/2.0 200 "));
    assert!(ask(&mut old, "d").starts_with("SIP/2.0 200 "));
    let mut late = connect(address, pki.client(), "first.test");
    assert!(late.write_all(b"x").is_err(), "the old pair is still served");
}

#[test]
fn handshakes_leave_room_for_datagrams() {
    let pki = Pki::new("room");
    let engine = Engine::start(serving(pki.issue("a", "rsa:2048", "DNS:pbx.test", 2))).unwrap();
    let (address, config) = (engine.locals().tls[0], pki.client());
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                for _ in 0..25 {
                    let mut stream = connect(address, Arc::clone(&config), "pbx.test");
                    assert!(ask(&mut stream, "load").starts_with("SIP/2.0 200 "));
                }
            })
        })
        .collect();
    let phone = common::phone();
    let mut worst = Duration::ZERO;
    for n in 0..50 {
        let asked_at = std::time::Instant::now();
        phone.send_to(options("UDP", &format!("u{n}")).as_bytes(), engine.locals().udp[0]).unwrap();
        common::receive(&phone);
        worst = worst.max(asked_at.elapsed());
    }
    for client in clients {
        client.join().unwrap();
    }
    assert!(worst < Duration::from_millis(500), "{worst:?}");
    wait_until("handshakes", || counter(&engine, "tls_handshakes_total{ok}") == 100);
}
