//! A transaction layer, a clock and the messages that came out.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::transaction::{Incoming, TransactionEvent, TransactionId, TransactionSettings, Transactions};
use crate::transport::{Flow, Transport};
use crate::virtual_time::epoch;
use crate::{Limits, Message, Method};

pub(super) const UDP: Flow = flow(Transport::Udp, 0, 5060);
pub(super) const TCP: Flow = flow(Transport::Tcp, 7, 40_000);

pub(super) const fn flow(transport: Transport, socket: u32, port: u16) -> Flow {
    let ip = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    Flow { transport, socket, remote: std::net::SocketAddr::new(ip, port) }
}

pub(super) struct Station {
    pub(super) layer: Transactions,
    base: Instant,
    elapsed: Duration,
    log: Vec<(u64, Flow, Bytes)>,
}

impl Station {
    pub(super) fn new() -> Self {
        Self::with(TransactionSettings::default(), 1_000)
    }

    pub(super) fn with(settings: TransactionSettings, max: usize) -> Self {
        let layer = Transactions::new(settings, max, [7; 32]);
        Self { layer, base: epoch(), elapsed: Duration::ZERO, log: Vec::new() }
    }

    pub(super) fn now(&self) -> Instant {
        self.base + self.elapsed
    }

    /// Lets time pass up to `milliseconds` after the start.
    pub(super) fn advance_to(&mut self, milliseconds: u64) {
        let end = self.base + Duration::from_millis(milliseconds);
        while let Some(at) = self.layer.poll_timeout().filter(|&at| at <= end) {
            self.elapsed = self.elapsed.max(at - self.base);
            self.layer.handle_timeout(self.now());
            self.collect();
        }
        self.elapsed = self.elapsed.max(end - self.base);
    }

    pub(super) fn receive(&mut self, flow: Flow, text: &str) -> Incoming {
        let incoming = self.layer.handle_message(self.now(), flow, message(text));
        self.collect();
        incoming
    }

    /// Receives a request that must be new.
    pub(super) fn serve(&mut self, flow: Flow, text: &str) -> TransactionId {
        match self.receive(flow, text) {
            Incoming::Request { id, .. } => id,
            other => panic!("not a new request: {other:?}"),
        }
    }

    /// Answers with a status line only: the layer does not read responses of its user.
    pub(super) fn respond(&mut self, id: TransactionId, code: u16) -> bool {
        let done = self.layer.respond(self.now(), id, code, response_bytes(code));
        self.collect();
        done
    }

    /// Sends a request and returns its transaction and branch.
    pub(super) fn send(&mut self, flow: Flow, method: &str) -> (TransactionId, String) {
        let opening = self.layer.open(self.now(), flow).expect("room in the table");
        let branch = opening.branch.to_string();
        let text = ours(method, &branch);
        self.layer.send(self.now(), opening.id, Method::parse(method.as_bytes()), text.into());
        self.collect();
        (opening.id, branch)
    }

    pub(super) fn cancel(&mut self, id: TransactionId) {
        self.layer.cancel(self.now(), id, None);
        self.collect();
    }

    pub(super) fn answer(&mut self, branch: &str, code: u16, method: &str) -> Incoming {
        self.receive(UDP, &answer(branch, code, method, "callee"))
    }

    pub(super) fn break_flow(&mut self, flow: Flow) {
        self.layer.handle_transport_error(self.now(), flow);
        self.collect();
    }

    fn collect(&mut self) {
        let at = self.elapsed.as_millis() as u64;
        while let Some(transmit) = self.layer.poll_transmit() {
            self.log.push((at, transmit.flow, transmit.bytes));
        }
    }

    /// Milliseconds and start line of everything sent since the last call.
    pub(super) fn sent(&mut self) -> Vec<(u64, String)> {
        let start_line =
            |bytes: &Bytes| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().into();
        self.log.drain(..).map(|(at, _, bytes)| (at, start_line(&bytes))).collect()
    }

    /// Milliseconds of everything sent since the last call that begins with `start`.
    pub(super) fn sent_at(&mut self, start: &str) -> Vec<u64> {
        self.sent().into_iter().filter(|(_, line)| line.starts_with(start)).map(|(at, _)| at).collect()
    }

    pub(super) fn sent_messages(&mut self) -> Vec<(Flow, Message)> {
        let read = |bytes: Bytes| Message::parse(bytes, &Limits::default()).expect("a message of ours");
        self.log.drain(..).map(|(_, flow, bytes)| (flow, read(bytes))).collect()
    }

    pub(super) fn events(&mut self) -> Vec<TransactionEvent> {
        std::iter::from_fn(|| self.layer.poll_event()).collect()
    }
}

pub(super) fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default())
        .unwrap_or_else(|error| panic!("{}: {text}", error.fault))
}

pub(super) fn response_bytes(code: u16) -> Bytes {
    format!("SIP/2.0 {code} Text\r\n\r\n").into()
}

/// A request of a peer.
pub(super) fn theirs(method: &str, branch: &str) -> String {
    theirs_with(method, branch, "<sip:bob@192.0.2.9>")
}

pub(super) fn theirs_with(method: &str, branch: &str, to: &str) -> String {
    format!(
        "{method} sip:bob@192.0.2.9 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@192.0.2.1>;tag=alice\r\n\
         To: {to}\r\n\
         Call-ID: theirs\r\n\
         CSeq: 1 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// A request of ours.
pub(super) fn ours(method: &str, branch: &str) -> String {
    format!(
        "{method} sip:carol@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\n\
         Route: <sip:first@192.0.2.1;lr>\r\n\
         Route: <sip:second@192.0.2.2;lr>\r\n\
         From: <sip:pbx@192.0.2.9>;tag=ours\r\n\
         To: <sip:carol@192.0.2.1>\r\n\
         Call-ID: ours\r\n\
         CSeq: 4711 {method}\r\n\
         Proxy-Authorization: Digest username=\"pbx\", realm=\"r\", nonce=\"n\", uri=\"sip:c\", response=\"00000000000000000000000000000000\"\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// A response to a request of ours.
pub(super) fn answer(branch: &str, code: u16, method: &str, to_tag: &str) -> String {
    format!(
        "SIP/2.0 {code} Text\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;branch={branch};rport\r\n\
         From: <sip:pbx@192.0.2.9>;tag=ours\r\n\
         To: <sip:carol@192.0.2.1>;tag={to_tag}\r\n\
         Call-ID: ours\r\n\
         CSeq: 4711 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}
