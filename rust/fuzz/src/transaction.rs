//! The transaction layer, driven by the fuzzer: any order of messages, orders of the user, broken flows and time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pbx_sip::transaction::{
    Incoming, TransactionEvent, TransactionId, TransactionSettings, Transactions, Transmit,
};
use pbx_sip::{Bytes, Flow, Limits, Message, Method, Transport};

const METHODS: [&str; 5] = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"];
const CODES: [u16; 8] = [100, 180, 200, 202, 302, 408, 486, 699];
const CAP: usize = 6;
/// Requests, responses, CANCELs and ACKs one transaction may send without being asked: 7 INVITEs, 11 CANCELs, and 11
/// copies of a failure are the most.
const MAX_UNASKED: usize = 40;

/// What the user of a client transaction was told.
#[derive(Default)]
struct Told {
    is_invite: bool,
    failures: usize,
    is_over: bool,
}

struct Station {
    layer: Transactions,
    now: Instant,
    served: Vec<TransactionId>,
    sent: Vec<(TransactionId, String)>,
    told: HashMap<TransactionId, Told>,
    transmitted: usize,
    /// Inputs that may cause a message each.
    stimuli: usize,
}

/// Whatever happens, the books balance: no user hears two final failures or anything after the end, traffic is bounded
/// by what was asked for, the cap holds, and in the end nothing is left.
pub fn transactions(data: &[u8]) {
    #[allow(clippy::disallowed_methods, reason = "the base of virtual time")]
    let now = Instant::now();
    let mut station = Station {
        layer: Transactions::new(TransactionSettings::default(), CAP, [7; 32]),
        now,
        served: Vec::new(),
        sent: Vec::new(),
        told: HashMap::new(),
        transmitted: 0,
        stimuli: 0,
    };
    for order in data.chunks_exact(3).take(400) {
        station.obey(order[0], order[1], order[2]);
        station.drain();
        assert!(station.layer.len() <= 2 * CAP, "{} transactions", station.layer.len());
        assert!(station.layer.server_len() <= 2 * CAP);
        let bound = (station.stimuli + 1) * MAX_UNASKED;
        assert!(station.transmitted <= bound, "{} messages", station.transmitted);
    }
    for id in std::mem::take(&mut station.served) {
        station.layer.respond(station.now, id, 500, Bytes::from_static(b"SIP/2.0 500 X\r\n\r\n"));
    }
    station.pass(Duration::from_secs(300));
    station.drain();
    assert!(station.layer.is_empty(), "{} transactions left", station.layer.len());
    assert_eq!((station.layer.server_len(), station.layer.poll_timeout()), (0, None));
}

impl Station {
    fn obey(&mut self, order: u8, which: u8, detail: u8) {
        self.stimuli += 1;
        let method = METHODS[usize::from(detail) % METHODS.len()];
        let code = CODES[usize::from(detail >> 3) % CODES.len()];
        let flow = flow(order & 0x80 != 0);
        let now = self.now;
        match order % 8 {
            0 => self.receive(flow, theirs(usize::from(detail) % METHODS.len(), which)),
            1 => {
                if let Some(&id) = pick(&self.served, which) {
                    let bytes = Bytes::from(format!("SIP/2.0 {code} X\r\n\r\n"));
                    self.layer.respond(now, id, code, bytes);
                }
            }
            2 => self.send(flow, method),
            3 => {
                let text = pick(&self.sent, which).map(|(_, branch)| answer(branch, code, method));
                if let Some(text) = text {
                    self.receive(flow, parsed(&text));
                }
            }
            4 => {
                if let Some(&(id, _)) = pick(&self.sent, which) {
                    self.layer.cancel(now, id, None);
                }
            }
            5 => {
                if let Some(&(id, _)) = pick(&self.sent, which) {
                    self.layer.abandon(id);
                }
            }
            6 => self.layer.handle_transport_error(now, flow),
            _ => self.pass(Duration::from_millis(u64::from(which) * u64::from(detail))),
        }
    }

    fn receive(&mut self, flow: Flow, message: Message) {
        match self.layer.handle_message(self.now, flow, message) {
            Incoming::Request { id, .. } | Incoming::Cancel { id, .. } => self.served.push(id),
            Incoming::Response { id, message } => {
                let told = self.told.get_mut(&id);
                let Some(told) = told else { panic!("a response to nobody") };
                assert!(!told.is_over, "a response after the end");
                let is_copy = told.is_invite && message.status() / 100 == 2;
                told.failures += usize::from(message.status() >= 200 && !is_copy);
                assert!(told.failures <= 1, "two final responses");
            }
            Incoming::Ack(_) | Incoming::Absorbed | Incoming::Stray(_) | Incoming::Refused { .. } => {}
        }
    }

    fn send(&mut self, flow: Flow, method: &str) {
        let Some(opening) = self.layer.open(self.now, flow) else {
            return assert!(self.layer.len() >= CAP, "room is refused");
        };
        let branch = opening.branch.to_string();
        let text = ours(method, &branch);
        self.layer.send(self.now, opening.id, Method::parse(method.as_bytes()), text.into());
        let told = Told { is_invite: method == "INVITE", ..Told::default() };
        self.told.insert(opening.id, told);
        self.sent.push((opening.id, branch));
    }

    fn pass(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.layer.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.layer.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(Transmit { bytes, .. }) = self.layer.poll_transmit() {
            assert!(!bytes.is_empty());
            self.transmitted += 1;
        }
        while let Some(event) = self.layer.poll_event() {
            if let TransactionEvent::Terminated { id } = event
                && let Some(told) = self.told.get_mut(&id)
            {
                assert!(!std::mem::replace(&mut told.is_over, true), "ended twice");
            }
        }
    }
}

fn pick<T>(of: &[T], which: u8) -> Option<&T> {
    if of.is_empty() { None } else { of.get(usize::from(which) % of.len()) }
}

fn flow(is_stream: bool) -> Flow {
    let remote = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
    if is_stream {
        Flow { transport: Transport::Tcp, socket: 7, remote }
    } else {
        Flow { transport: Transport::Udp, socket: 0, remote }
    }
}

fn parsed(text: &str) -> Message {
    match Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()) {
        Ok(message) => message,
        Err(error) => panic!("a message of ours is refused: {error}: {text}"),
    }
}

/// A request with one of four branches. There are few and a run takes many, so they are read once.
fn theirs(method: usize, branch: u8) -> Message {
    static REQUESTS: OnceLock<Vec<Message>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| {
        let branches = |method| (0..4).map(move |branch| parsed(&request(method, branch)));
        METHODS.into_iter().flat_map(branches).collect()
    });
    requests[method * 4 + usize::from(branch % 4)].clone()
}

fn request(method: &str, branch: u8) -> String {
    format!(
        "{method} sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@192.0.2.1>;tag=alice\r\nTo: <sip:bob@192.0.2.9>\r\n\
         Call-ID: theirs\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn ours(method: &str, branch: &str) -> String {
    format!(
        "{method} sip:carol@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:pbx@192.0.2.9>;tag=ours\r\nTo: <sip:carol@192.0.2.1>\r\n\
         Call-ID: ours\r\nCSeq: 4711 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn answer(branch: &str, code: u16, method: &str) -> String {
    format!(
        "SIP/2.0 {code} Text\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch={branch};rport\r\n\
         From: <sip:pbx@192.0.2.9>;tag=ours\r\nTo: <sip:carol@192.0.2.1>;tag=callee\r\n\
         Call-ID: ours\r\nCSeq: 4711 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}
