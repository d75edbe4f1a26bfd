//! Several addresses and ports at once: what leaves for a peer leaves from the socket the peer knows.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail it")]

mod common;

use std::net::{SocketAddr, UdpSocket};

use common::{PATIENCE, Request, document, header, options, receive};
use pbx_net::Engine;

/// Two addresses of one family, a second port of the first, and the other family.
fn engine() -> Engine {
    let mut document = document("", "");
    document.net.udp =
        ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0", "[::1]:0"].map(|at| at.parse().unwrap()).to_vec();
    Engine::start(document).unwrap()
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 7000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

struct Phone {
    user: &'static str,
    socket: UdpSocket,
    /// The one address of the server it knows.
    server: SocketAddr,
}

impl Phone {
    fn new(user: &'static str, server: SocketAddr) -> Self {
        let any = SocketAddr::new(if server.is_ipv4() { "127.0.0.1" } else { "::1" }.parse().unwrap(), 0);
        let socket = UdpSocket::bind(any).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { user, socket, server }
    }

    fn contact(&self) -> String {
        format!("Contact: <sip:{}@{}>\r\n", self.user, self.socket.local_addr().unwrap())
    }

    fn send(&self, (method, cseq): (&str, u32), (from, to): (&str, &str), call_id: &str) {
        let via = format!("UDP {}", self.socket.local_addr().unwrap());
        // The domain is that of the user, whatever address the phone sends to.
        let domain = to.split_once('@').unwrap().1.split('>').next().unwrap();
        let uri = match method {
            "REGISTER" => format!("sip:{domain}"),
            _ => format!("sip:{}@{domain}", user_of(to)),
        };
        let extra = self.contact();
        let body = if method == "INVITE" { SDP } else { "" };
        let request = Request { method, uri: &uri, via: &via, from, to, call_id, cseq, extra: &extra, body };
        self.socket.send_to(request.write().as_bytes(), self.server).unwrap();
    }

    /// The next message that begins so, which must come from the address the phone knows.
    fn expect(&self, start: &str) -> String {
        loop {
            let (text, from) = receive(&self.socket);
            assert_eq!(from, self.server, "{text}");
            if text.starts_with(start) {
                return text;
            }
        }
    }

    fn register(&self, domain: SocketAddr) {
        let own = format!("<sip:{}@{domain}>", self.user);
        self.send(("REGISTER", 1), (&format!("{own};tag=r"), &own), self.user);
        self.expect("SIP/2.0 200 ");
    }

    fn accept(&self, request: &str) {
        let copied =
            ["Via", "From", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\r\n", header(request, name)));
        let to = header(request, "To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=b") };
        let body = if request.starts_with("INVITE ") { SDP } else { "" };
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}To: {to}\r\n{}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            copied.concat(),
            self.contact(),
            body.len()
        );
        self.socket.send_to(answer.as_bytes(), self.server).unwrap();
    }
}

fn user_of(party: &str) -> &str {
    party.split_once("sip:").unwrap().1.split('@').next().unwrap()
}

#[test]
fn the_reply_leaves_from_the_address_and_port_the_request_came_to() {
    let engine = engine();
    for &server in &engine.locals().udp {
        let phone = Phone::new("1001", server);
        phone.socket.send_to(options("UDP", "where").as_bytes(), server).unwrap();
        phone.expect("SIP/2.0 200 ");
    }
}

/// A call between two sockets of the server, ended by either side.
fn call_across(engine: &Engine, (here, there): (usize, usize)) {
    let servers = &engine.locals().udp;
    let (alice, bob) = (Phone::new("1001", servers[here]), Phone::new("1002", servers[there]));
    bob.register(servers[0]);
    for ends in ["caller", "callee"] {
        let call_id = format!("{ends}-{here}-{there}");
        let from = format!("<sip:1001@{}>;tag=a", servers[0]);
        let to = format!("<sip:1002@{}>", servers[0]);
        alice.send(("INVITE", 1), (&from, &to), &call_id);
        let invite = bob.expect("INVITE ");
        let contact = header(&invite, "Contact");
        assert!(
            contact.contains(&bob.server.to_string()),
            "the callee is shown the address it knows: {contact}"
        );
        bob.accept(&invite);
        let ok = alice.expect("SIP/2.0 200 ");
        assert!(header(&ok, "Contact").contains(&alice.server.to_string()), "{ok}");
        alice.send(("ACK", 1), (&from, header(&ok, "To")), &call_id);
        bob.expect("ACK ");
        if ends == "caller" {
            alice.send(("BYE", 2), (&from, header(&ok, "To")), &call_id);
            bob.accept(&bob.expect("BYE "));
            alice.expect("SIP/2.0 200 ");
        } else {
            let from = format!("{};tag=b", header(&invite, "To"));
            bob.send(("BYE", 1), (&from, header(&invite, "From")), header(&invite, "Call-ID"));
            alice.accept(&alice.expect("BYE "));
            bob.expect("SIP/2.0 200 ");
        }
    }
}

#[test]
fn calls_cross_addresses_ports_and_families_and_stay_on_the_socket_each_peer_knows() {
    let engine = engine();
    for pair in [(0, 1), (1, 2), (1, 3), (3, 0)] {
        call_across(&engine, pair);
    }
}
