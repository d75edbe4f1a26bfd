//! Several signalling threads serve as one.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail it")]

mod common;

use std::collections::HashSet;
use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};

use common::{PATIENCE, Request, counter, document, expect, header, phone, read_head, wait_until};
use pbx_net::{Document, Engine, StartError};
use pbx_switch::Command;
use pbx_switch::config::MediaMode;

const SHARDS: usize = 3;
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

fn sharded(tcp: &str) -> Document {
    let mut document = document("127.0.0.1:0", tcp);
    document.net.sip_worker_threads = SHARDS;
    document.switch.media.mode = MediaMode::None;
    document.switch.t1_ms = 100;
    document.switch.t1x64_ms = 1000;
    document
}

/// A phone on a port of its own, so that the system may give it to any thread.
struct Phone {
    socket: UdpSocket,
    server: SocketAddr,
    user: String,
}

impl Phone {
    fn new(engine: &Engine, user: &str) -> Self {
        Self { socket: phone(), server: engine.locals().udp[0], user: user.to_owned() }
    }

    fn contact(&self) -> String {
        format!("Contact: <sip:{}@{}>\r\n", self.user, self.socket.local_addr().unwrap())
    }

    fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    fn register(&self) {
        let uri = "sip:127.0.0.1";
        let to = format!("<sip:{}@127.0.0.1>", self.user);
        let (from, call_id) = (format!("{to};tag=r"), format!("reg-{}", self.user));
        let via = format!("UDP {}", self.socket.local_addr().unwrap());
        let request = Request {
            method: "REGISTER",
            uri,
            via: &via,
            from: &from,
            to: &to,
            call_id: &call_id,
            cseq: 1,
            extra: &self.contact(),
            body: "",
        };
        self.send(&request.write());
        expect(&self.socket, "SIP/2.0 200 ");
    }

    fn ask(&self, method: &str, call: &str, (callee, to_tag): (&str, &str), body: &str) {
        let via = format!("UDP {}", self.socket.local_addr().unwrap());
        let uri = format!("sip:{callee}@127.0.0.1");
        let (from, to) = (format!("<sip:{}@127.0.0.1>;tag=a", self.user), format!("<{uri}>{to_tag}"));
        let cseq = if method == "BYE" { 2 } else { 1 };
        let extra = self.contact();
        self.send(
            &Request {
                method,
                uri: &uri,
                via: &via,
                from: &from,
                to: &to,
                call_id: call,
                cseq,
                extra: &extra,
                body,
            }
            .write(),
        );
    }

    /// The ACK for a refusal, in the transaction of the INVITE.
    fn acknowledge(&self, refusal: &str) {
        let line = |name: &str| format!("{name}: {}\r\n", header(refusal, name));
        let copied = ["Via", "From", "To", "Call-ID"].map(line).concat();
        self.send(&format!(
            "ACK sip:127.0.0.1 SIP/2.0\r\n{copied}CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ));
    }

    fn answer(&self, request: &str, status: &str, body: &str) {
        self.send(&response(request, status, &self.contact(), body));
    }
}

fn response(request: &str, status: &str, extra: &str, body: &str) -> String {
    let line = |name: &str| format!("{name}: {}\r\n", header(request, name));
    let copied = ["Via", "From", "Call-ID", "CSeq"].map(line).concat();
    let to = header(request, "To");
    let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=b") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let length = body.len();
    format!("SIP/2.0 {status}\r\n{copied}To: {to}\r\n{extra}{kind}Content-Length: {length}\r\n\r\n{body}")
}

fn tag_of(message: &str) -> String {
    header(message, "To").split_once(';').map(|(_, tag)| format!(";{tag}")).unwrap()
}

/// A call from one phone to the other; gives our tag on the caller's side.
fn call(from: &Phone, to: &Phone, id: &str) -> String {
    from.ask("INVITE", id, (&to.user, ""), SDP);
    let invite = expect(&to.socket, "INVITE ");
    to.answer(&invite, "200 OK", SDP);
    let tag = tag_of(&expect(&from.socket, "SIP/2.0 200 "));
    from.ask("ACK", id, (&to.user, &tag), "");
    expect(&to.socket, "ACK ");
    tag
}

fn hang_up(from: &Phone, to: &Phone, id: &str, tag: &str) {
    from.ask("BYE", id, (&to.user, tag), "");
    let bye = expect(&to.socket, "BYE ");
    to.answer(&bye, "200 OK", "");
    expect(&from.socket, "SIP/2.0 200 ");
}

fn wait_for_rest(engine: &Engine) {
    wait_until("rest", || {
        let health = engine.health().unwrap();
        // Client transactions of refused INVITEs wait for copies longer than we do (Timer D).
        let left = [health.calls, health.dialogs, health.media_sessions, health.ports_used];
        left == [0; 4] && health.server_transactions == 0
    });
}

#[test]
fn calls_work_whichever_thread_reads_them() {
    let engine = Engine::start(sharded("")).unwrap();
    let phones: Vec<Phone> = (0..12).map(|n| Phone::new(&engine, &format!("{}", 2000 + n))).collect();
    phones.iter().for_each(Phone::register);
    assert_eq!(engine.health().unwrap().registrations, phones.len());
    for round in 0..4 {
        for (n, from) in phones.iter().enumerate() {
            let to = &phones[(n + round + 1) % phones.len()];
            let id = format!("call-{round}-{n}");
            let tag = call(from, to, &id);
            hang_up(from, to, &id, &tag);
        }
    }
    assert!(counter(&engine, "handed_over_total") > 0, "every message was read by its own thread");
    wait_for_rest(&engine);
}

/// The binding must be everywhere before its phone is told.
#[test]
fn a_phone_can_be_called_as_soon_as_it_has_its_200() {
    let engine = Engine::start(sharded("")).unwrap();
    let callers: Vec<Phone> = (0..6).map(|n| Phone::new(&engine, &format!("{}", 3000 + n))).collect();
    for n in 0..100 {
        let callee = Phone::new(&engine, &format!("{}", 4000 + n));
        callee.register();
        let caller = &callers[n % callers.len()];
        caller.ask("INVITE", &format!("at-once-{n}"), (&callee.user, ""), SDP);
        callee.answer(&expect(&callee.socket, "INVITE "), "486 Busy Here", "");
        let refused = expect(&caller.socket, "SIP/2.0 4");
        assert!(refused.starts_with("SIP/2.0 486 "), "{refused}");
        caller.acknowledge(&refused);
    }
    wait_for_rest(&engine);
}

#[test]
fn cancel_and_ack_follow_their_invite() {
    let engine = Engine::start(sharded("")).unwrap();
    let callee = Phone::new(&engine, "2000");
    callee.register();
    for n in 0..20 {
        let (caller, id) = (Phone::new(&engine, "1000"), format!("cancelled-{n}"));
        caller.ask("INVITE", &id, ("2000", ""), SDP);
        let invite = expect(&callee.socket, "INVITE ");
        callee.answer(&invite, "180 Ringing", "");
        expect(&caller.socket, "SIP/2.0 180 ");
        // The branch of the INVITE names what is cancelled.
        let via = format!("UDP {}", caller.socket.local_addr().unwrap());
        let request = Request {
            method: "INVITE",
            uri: "sip:2000@127.0.0.1",
            via: &via,
            from: "<sip:1000@127.0.0.1>;tag=a",
            to: "<sip:2000@127.0.0.1>",
            call_id: &id,
            cseq: 1,
            extra: "",
            body: "",
        };
        let cancel = request.write().replacen("INVITE sip", "CANCEL sip", 1).replace("1 INVITE", "1 CANCEL");
        caller.send(&cancel);
        expect(&caller.socket, "SIP/2.0 200 ");
        let asked = expect(&callee.socket, "CANCEL ");
        callee.answer(&asked, "200 OK", "");
        callee.answer(&invite, "487 Request Terminated", "");
        caller.acknowledge(&expect(&caller.socket, "SIP/2.0 487 "));
    }
    wait_for_rest(&engine);
}

#[test]
fn a_connection_carries_the_calls_of_every_thread_and_its_end_is_known_to_all() {
    let engine = Engine::start(sharded("127.0.0.1:0")).unwrap();
    let mut stream = TcpStream::connect(engine.locals().tcp[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let local = stream.local_addr().unwrap();
    let contact = format!("Contact: <sip:5000@{local};transport=tcp>\r\n");
    let register = Request {
        method: "REGISTER",
        uri: "sip:127.0.0.1",
        via: &format!("TCP {local}"),
        from: "<sip:5000@127.0.0.1>;tag=r",
        to: "<sip:5000@127.0.0.1>",
        call_id: "reg-5000",
        cseq: 1,
        extra: &contact,
        body: "",
    };
    stream.write_all(register.write().as_bytes()).unwrap();
    assert!(read_head(&mut stream).starts_with("SIP/2.0 200 "));
    for n in 0..12 {
        let (caller, id) = (Phone::new(&engine, "1000"), format!("over-tcp-{n}"));
        caller.ask("INVITE", &id, ("5000", ""), "");
        let invite = read_head(&mut stream);
        assert!(invite.starts_with("INVITE "), "{invite}");
        stream.write_all(response(&invite, "486 Busy Here", "", "").as_bytes()).unwrap();
        assert!(read_head(&mut stream).starts_with("ACK "));
        let refused = expect(&caller.socket, "SIP/2.0 486 ");
        caller.acknowledge(&refused);
    }
    drop(stream);
    wait_until("end of the binding", || engine.health().unwrap().registrations == 0);
    for n in 0..6 {
        let caller = Phone::new(&engine, "1000");
        let id = format!("too-late-{n}");
        caller.ask("INVITE", &id, ("5000", ""), "");
        let refused = expect(&caller.socket, "SIP/2.0 4");
        caller.acknowledge(&refused);
    }
    wait_for_rest(&engine);
}

#[test]
fn all_threads_share_one_range_of_ports() {
    let mut document = sharded("");
    document.switch.media.mode = MediaMode::All;
    (document.switch.media.rtp_start_port, document.switch.media.rtp_end_port) = (23_000, 23_019);
    let engine = Engine::start(document).unwrap();
    let callee = Phone::new(&engine, "2000");
    callee.register();
    // Two pairs a call, of ten.
    let mut up = Vec::new();
    for n in 0..10 {
        let (caller, id) = (Phone::new(&engine, "1000"), format!("ports-{n}"));
        if n < 5 {
            let tag = call(&caller, &callee, &id);
            up.push((caller, id, tag));
        } else {
            caller.ask("INVITE", &id, ("2000", ""), SDP);
            let refused = expect(&caller.socket, "SIP/2.0 503 ");
            caller.acknowledge(&refused);
        }
    }
    assert_eq!((engine.health().unwrap().ports_used, engine.health().unwrap().ports_free), (10, 0));
    for (caller, id, tag) in &up {
        hang_up(caller, &callee, id, tag);
    }
    wait_for_rest(&engine);
}

#[test]
fn operators_see_and_end_the_calls_of_every_thread() {
    let engine = Engine::start(sharded("")).unwrap();
    let callee = Phone::new(&engine, "2000");
    callee.register();
    let callers: Vec<Phone> = (0..12).map(|_| Phone::new(&engine, "1000")).collect();
    for (n, caller) in callers.iter().enumerate() {
        call(caller, &callee, &format!("seen-{n}"));
    }
    let mut seen = HashSet::new();
    let mut after = None;
    loop {
        let page = engine.calls(5, after).unwrap();
        assert!(page.len() <= 5);
        let Some(last) = page.last() else { break };
        after = Some(last.id.parse().unwrap());
        seen.extend(page.into_iter().map(|call| call.id));
    }
    assert_eq!(seen.len(), callers.len());
    assert_eq!(engine.dialogs(100, None).unwrap().len(), 2 * callers.len());
    for handle in &seen {
        assert!(engine.command(&Command::Hangup { call: handle.parse().unwrap(), code: None }).unwrap());
        callee.answer(&expect(&callee.socket, "BYE "), "200 OK", "");
    }
    for caller in &callers {
        caller.answer(&expect(&caller.socket, "BYE "), "200 OK", "");
    }
    wait_for_rest(&engine);
    assert!(!engine.command(&Command::Hangup { call: 1 << 32, code: None }).unwrap());
}

#[test]
fn a_port_that_another_server_has_is_not_shared_with_it() {
    let engine = Engine::start(sharded("127.0.0.1:0")).unwrap();
    for (udp, tcp) in
        [(engine.locals().udp[0].to_string(), ""), (String::new(), &*engine.locals().tcp[0].to_string())]
    {
        let mut document = document(&udp, tcp);
        document.net.sip_worker_threads = SHARDS;
        assert!(matches!(Engine::start(document), Err(StartError::Bind { .. })), "{udp} {tcp}");
    }
}
