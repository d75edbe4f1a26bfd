//! A switch on a desk: packets in, packets out, time by hand.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pbx_dns::ResolverOutput;
use pbx_media::relay::{MediaCommand, MediaEvent, OpenError, Side};
use pbx_sip::{Bytes, Flow, Limits, Message, Transport};
use pbx_sim::Hall;
use pbx_switch::{Event, Facing, Locals, Output, Query, SwitchConfig};

pub(crate) const CALLER: &str = "127.0.0.1:6001";
pub(crate) const CALLEE: &str = "127.0.0.1:6002";
pub(crate) const SECOND: &str = "127.0.0.1:6003";

struct Loopback;

impl Facing for Loopback {
    fn facing(&self, _remote: IpAddr) -> IpAddr {
        "127.0.0.1".parse().unwrap()
    }
}

/// The switch, its clock, and what it sent.
pub(crate) struct Desk {
    pub(crate) switch: Hall,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<(SocketAddr, Message)>,
    pub(crate) media: Vec<MediaCommand>,
    pub(crate) asked: Vec<Query>,
    /// Queries a resolver has yet to answer.
    pub(crate) queries: Vec<(u64, Vec<u8>)>,
    /// Transport of the last message sent.
    pub(crate) last_transport: Option<Transport>,
    /// Names of the log lines.
    pub(crate) logged: Vec<&'static str>,
    /// How many of the next attempts to bind find another process there.
    pub(crate) busy_ports: usize,
    /// Answers carry no Contact.
    pub(crate) without_contact: bool,
    transport: Transport,
    /// UDP socket things arrive on.
    socket: u32,
    /// Socket the last datagram left from.
    pub(crate) last_socket: u32,
}

pub(crate) fn config(changes: serde_json::Value) -> SwitchConfig {
    let mut document = serde_json::json!({
        "generation": 1,
        "identity": {
            "user_agent": "pbx/test", "callid_suffix": "pbx.test", "contact_username": "pbx", "realms": [],
            "external_ips": [], "machine_ips": ["127.0.0.1"]
        },
        "t1_ms": 500, "t1x64_ms": 32000,
        "modules": ["acl", "registrar", "call"],
        "acl": [], "users": [], "routes": [],
        "registrar": { "expires_secs": 60, "max_expires_secs": 3600, "max_bindings": 16 },
        "call": {
            "passthrough_failure": true, "max_ring_secs": null, "parallel_fork": true, "ask_router": false,
            "decision_timeout_ms": 2000, "blind_transfer_use_refer": false,
            "session_timer": { "always": false, "expires_secs": 1800 }
        },
        "media": {
            "mode": "none", "rtp_start_port": 20000, "rtp_end_port": 20099, "bind_ips": ["127.0.0.1"],
            "audio_codecs": ["opus", "g722", "pcmu", "pcma"], "codec_strategy": "performance",
            "enable_latching": true, "latching_probation_max_packets": 6
        },
        "nat_fix": true,
        "limits": {
            "max_message_size": 65535, "max_transactions": 10000, "max_calls": 1000, "max_bindings": 1000,
            "max_queries": 100
        }
    });
    merge(&mut document, changes);
    SwitchConfig::from_json(&document.to_string()).unwrap()
}

fn merge(into: &mut serde_json::Value, changes: serde_json::Value) {
    match (into, changes) {
        (serde_json::Value::Object(into), serde_json::Value::Object(changes)) => {
            for (key, value) in changes {
                merge(into.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, value) => *into = value,
    }
}

impl Desk {
    pub(crate) fn new(changes: serde_json::Value) -> Self {
        Self::seeded(changes, 7)
    }

    /// The seed decides which of several switches has which call.
    pub(crate) fn seeded(changes: serde_json::Value, seed: u8) -> Self {
        Self::of(crate::SHARDS, changes, seed)
    }

    /// So many switches.
    pub(crate) fn of(shards: usize, changes: serde_json::Value, seed: u8) -> Self {
        #[allow(clippy::disallowed_methods, reason = "the base of virtual time")]
        let now = Instant::now();
        let locals = Locals {
            udp: ["127.0.0.1:5060", "127.0.0.1:5070", "127.0.0.1:5080"]
                .map(|at| at.parse().unwrap())
                .to_vec(),
            tcp: vec!["127.0.0.1:5060".parse().unwrap()],
            tls: vec!["127.0.0.1:5061".parse().unwrap()],
            ws: vec!["127.0.0.1:8088".parse().unwrap()],
        };
        let facing = || Box::new(Loopback) as Box<dyn Facing>;
        let switch = Hall::new(now, &config(changes), &locals, facing, [seed; 32], shards).unwrap();
        Self {
            switch,
            now,
            sent: Vec::new(),
            media: Vec::new(),
            asked: Vec::new(),
            queries: Vec::new(),
            last_transport: None,
            logged: Vec::new(),
            busy_ports: 0,
            without_contact: false,
            transport: Transport::Udp,
            socket: 0,
            last_socket: 0,
        }
    }

    /// Loads another configuration.
    pub(crate) fn reload(&mut self, changes: serde_json::Value) {
        self.switch.handle_config(self.now, &config(changes)).unwrap();
    }

    /// Delivers one datagram; lines are joined by CRLF and the length is added.
    pub(crate) fn deliver(&mut self, from: &str, head: &str, body: &str) {
        let head = head.trim().lines().map(str::trim).collect::<Vec<_>>().join("\r\n");
        let is_typed = body.is_empty() || head.contains("Content-Type:");
        let kind = if is_typed { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!("{head}\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        let socket = if self.transport == Transport::Udp { self.socket } else { 77 };
        let flow = Flow { transport: self.transport, socket, remote: from.parse().unwrap() };
        self.switch.handle_bytes(self.now, flow, Bytes::from(text));
        self.drain();
    }

    /// Delivers octets as they are.
    pub(crate) fn deliver_raw(&mut self, from: &str, text: &str) {
        let flow = Flow { transport: Transport::Udp, socket: 0, remote: from.parse().unwrap() };
        self.switch.handle_bytes(self.now, flow, Bytes::copy_from_slice(text.as_bytes()));
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let message =
                        Message::parse(transmit.bytes, &Limits::default()).expect("the switch sends SIP");
                    self.last_socket = transmit.flow.socket;
                    self.last_transport = Some(transmit.flow.transport);
                    self.sent.push((transmit.flow.remote, message));
                }
                Output::Media(command) => {
                    if let MediaCommand::Open { session, legs } = &command {
                        let error = OpenError { side: Side::Caller, port: legs[0].rtp[0], is_busy: true };
                        let result = if self.busy_ports > 0 { Err(error) } else { Ok(()) };
                        self.busy_ports = self.busy_ports.saturating_sub(1);
                        let event = MediaEvent::Opened { session: *session, result };
                        self.switch.handle_media(self.now, &event);
                    }
                    self.media.push(command);
                }
                Output::Ask(query) => self.asked.push(query),
                Output::Dns(
                    ResolverOutput::Send { token, bytes, .. } | ResolverOutput::Stream { token, bytes, .. },
                ) => self.queries.push((token, bytes)),
                Output::Dns(ResolverOutput::Close { token }) => {
                    self.queries.retain(|(open, _)| *open != token);
                }
                Output::Event(Event::Log(line)) => self.logged.push(line.event),
                _ => {}
            }
        }
    }

    /// Lets something arrive on another UDP socket.
    pub(crate) fn on_socket(&mut self, socket: u32, act: impl FnOnce(&mut Self)) {
        self.socket = socket;
        act(self);
        self.socket = 0;
    }

    /// Lets something arrive on a connection of the caller.
    pub(crate) fn over_stream(&mut self, act: impl FnOnce(&mut Self)) {
        self.transport = Transport::Tcp;
        act(self);
        self.transport = Transport::Udp;
    }

    /// That connection breaks.
    pub(crate) fn close_stream(&mut self) {
        let flow = Flow { transport: Transport::Tcp, socket: 77, remote: CALLER.parse().unwrap() };
        self.switch.handle_flow_closed(self.now, flow);
        self.drain();
    }

    /// Runs the clock.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.switch.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.switch.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Takes what was sent to an address so far.
    pub(crate) fn taken(&mut self, to: &str) -> Vec<Message> {
        let to: SocketAddr = to.parse().unwrap();
        let (taken, rest) =
            std::mem::take(&mut self.sent).into_iter().partition(|(address, _)| *address == to);
        self.sent = rest;
        let taken: Vec<(SocketAddr, Message)> = taken;
        taken.into_iter().map(|(_, message)| message).collect()
    }

    pub(crate) fn register(&mut self, user: &str, from: &str) {
        self.register_as(user, from, "", "X-None: -");
    }

    /// A REGISTER with Contact parameters and further header lines. Gives the answer.
    pub(crate) fn register_as(&mut self, user: &str, from: &str, params: &str, further: &str) -> Message {
        self.register_with(user, from, &format!("<sip:{user}@{from}>{params}"), further)
    }

    /// A REGISTER with a Contact of its own.
    pub(crate) fn register_at(&mut self, user: &str, from: &str, contact: &str) -> Message {
        self.register_with(user, from, contact, "X-None: -")
    }

    fn register_with(&mut self, user: &str, from: &str, contact: &str, further: &str) -> Message {
        self.deliver(
            from,
            &format!(
                "REGISTER sip:127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {from};branch=z9hG4bKreg{user}{from};rport
             From: <sip:{user}@127.0.0.1>;tag=r{user}
             To: <sip:{user}@127.0.0.1>
             Call-ID: reg-{user}-{from}
             CSeq: 1 REGISTER
             Max-Forwards: 70
             {further}
             Contact: {contact}"
            ),
            "",
        );
        let answer = self.taken(from).remove(0);
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer
    }

    pub(crate) fn invite(&mut self, body: &str) {
        self.invite_to("sip:1002@127.0.0.1", "X-Custom: kept  as written", body);
    }

    /// An INVITE of the caller with further header lines.
    pub(crate) fn invite_to(&mut self, uri: &str, further: &str, body: &str) {
        self.deliver(
            CALLER,
            &format!(
                "INVITE {uri} SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKinv1;rport
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>
             Call-ID: call-1
             CSeq: 1 INVITE
             Max-Forwards: 70
             {further}
             Contact: <sip:1001@{CALLER}>"
            ),
            body,
        );
    }

    /// Answers a request as its receiver would.
    pub(crate) fn answer(&mut self, from: &str, request: &Message, status: &str, tag: &str, body: &str) {
        self.answer_with(from, request, (status, tag), "X-None: -", body);
    }

    /// The same with further header lines.
    pub(crate) fn answer_with(
        &mut self,
        from: &str,
        request: &Message,
        (status, tag): (&str, &str),
        further: &str,
        body: &str,
    ) {
        let text = |name| String::from_utf8_lossy(request.header(name).unwrap()).into_owned();
        let to = text(pbx_sip::Name::To);
        let to = if to.contains("tag=") { to } else { format!("{to};tag={tag}") };
        let contact =
            if self.without_contact { "X-None: -".to_owned() } else { format!("Contact: <sip:b@{from}>") };
        self.deliver(
            from,
            &format!(
                "SIP/2.0 {status}
             Via: {}
             From: {}
             To: {to}
             Call-ID: {}
             CSeq: {}
             {further}
             {contact}",
                text(pbx_sip::Name::Via),
                text(pbx_sip::Name::From),
                text(pbx_sip::Name::CallId),
                text(pbx_sip::Name::CSeq)
            ),
            body,
        );
    }
}

impl Desk {
    /// ACK of the caller for the answer of the call.
    pub(crate) fn ack(&mut self, answer: &Message, cseq: u32, body: &str) {
        let tag = answer.to_tag().unwrap().to_owned();
        self.in_dialog("ACK", &tag, cseq, body);
    }

    /// A request of the caller inside the call.
    pub(crate) fn in_dialog(&mut self, method: &str, tag: &str, cseq: u32, body: &str) {
        self.in_dialog_with(method, (tag, cseq), "Subject: x", body);
    }

    /// The same with further header lines.
    pub(crate) fn in_dialog_with(
        &mut self,
        method: &str,
        (tag, cseq): (&str, u32),
        further: &str,
        body: &str,
    ) {
        self.deliver(
            CALLER,
            &format!(
                "{method} sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bK{method}{cseq};rport
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>;tag={tag}
             Call-ID: call-1
             CSeq: {cseq} {method}
             Contact: <sip:1001@{CALLER}>
             {further}
             Max-Forwards: 70"
            ),
            body,
        );
    }

    /// A second call of the caller, to 1003.
    pub(crate) fn consult(&mut self, body: &str) {
        self.deliver(
            CALLER,
            &format!(
                "INVITE sip:1003@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKconsult;rport
             From: <sip:1001@127.0.0.1>;tag=consult
             To: <sip:1003@127.0.0.1>
             Call-ID: call-2
             CSeq: 1 INVITE
             Contact: <sip:1001@{CALLER}>
             Max-Forwards: 70"
            ),
            body,
        );
    }

    /// The same, answered and acknowledged; gives 1003's INVITE and our tag towards the caller.
    pub(crate) fn consulted(&mut self) -> (Message, String) {
        self.consult(&sdp("127.0.0.1", 7020));
        let summons = self.taken(SECOND).remove(0);
        self.answer(SECOND, &summons, "200 OK", "third", &sdp("127.0.0.1", 7004));
        let answer = self.taken(CALLER).pop().unwrap();
        let tag = answer.to_tag().unwrap().to_owned();
        self.deliver(
            CALLER,
            &format!(
                "ACK sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKconsultack;rport
             From: <sip:1001@127.0.0.1>;tag=consult
             To: <sip:1003@127.0.0.1>;tag={tag}
             Call-ID: call-2
             CSeq: 1 ACK
             Max-Forwards: 70"
            ),
            "",
        );
        self.taken(SECOND);
        (summons, tag)
    }

    /// The second phone wants the place of a party (RFC 3891).
    pub(crate) fn take_over(&mut self, replaces: &str, body: &str) {
        self.deliver(
            SECOND,
            &format!(
                "INVITE sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {SECOND};branch=z9hG4bKtakeover;rport
             From: <sip:1003@127.0.0.1>;tag=taker
             To: <sip:1002@127.0.0.1>
             Call-ID: call-3
             CSeq: 1 INVITE
             Replaces: {replaces}
             Contact: <sip:1003@{SECOND}>
             Max-Forwards: 70"
            ),
            body,
        );
    }

    /// A request of 1003 inside its dialog with us.
    pub(crate) fn third_says(&mut self, method: &str, invite: &Message) {
        let text = |name| String::from_utf8_lossy(invite.header(name).unwrap()).into_owned();
        self.deliver(
            SECOND,
            &format!(
                "{method} sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {SECOND};branch=z9hG4bK{method}third;rport
             From: {};tag=third
             To: {}
             Call-ID: {}
             CSeq: 7 {method}
             Max-Forwards: 70",
                text(pbx_sip::Name::To),
                text(pbx_sip::Name::From),
                text(pbx_sip::Name::CallId)
            ),
            "",
        );
    }

    /// A request of the callee inside its dialog, which began with `invite`.
    pub(crate) fn callee_request(
        &mut self,
        method: &str,
        invite: &Message,
        tag: &str,
        cseq: u32,
        body: &str,
    ) {
        self.callee_says(method, invite, (tag, cseq), "X-None: -", body);
    }

    /// The same with a further header line and no body.
    pub(crate) fn callee_request_with(
        &mut self,
        method: &str,
        invite: &Message,
        (tag, cseq): (&str, u32),
        further: &str,
    ) {
        self.callee_says(method, invite, (tag, cseq), further, "");
    }

    fn callee_says(
        &mut self,
        method: &str,
        invite: &Message,
        (tag, cseq): (&str, u32),
        further: &str,
        body: &str,
    ) {
        let text = |name| String::from_utf8_lossy(invite.header(name).unwrap()).into_owned();
        self.deliver(
            CALLEE,
            &format!(
                "{method} sip:pbx@127.0.0.1:5060 SIP/2.0
             Via: SIP/2.0/UDP {CALLEE};branch=z9hG4bK{method}b{cseq};rport
             From: {};tag={tag}
             To: {}
             Call-ID: {}
             CSeq: {cseq} {method}
             Contact: <sip:b@{CALLEE}>
             {further}
             Max-Forwards: 70",
                text(pbx_sip::Name::To),
                text(pbx_sip::Name::From),
                text(pbx_sip::Name::CallId)
            ),
            body,
        );
    }

    /// Registers the callee and calls it; gives the callee's INVITE.
    pub(crate) fn ringing(&mut self) -> Message {
        self.register("1002", CALLEE);
        self.invite(&sdp("127.0.0.1", 7000));
        self.taken(CALLEE).remove(0)
    }

    /// Registers two phones of the callee and calls them; gives their INVITEs.
    pub(crate) fn forked(&mut self) -> (Message, Message) {
        self.register("1002", CALLEE);
        self.register("1002", SECOND);
        self.invite(&sdp("127.0.0.1", 7000));
        assert_eq!(self.caller_statuses(), [100]);
        (self.taken(CALLEE).remove(0), self.taken(SECOND).remove(0))
    }

    /// CANCEL of the caller for its INVITE of that branch.
    pub(crate) fn cancel(&mut self, branch: &str) {
        self.deliver(
            CALLER,
            &format!(
                "CANCEL sip:1002@127.0.0.1 SIP/2.0
             Via: SIP/2.0/UDP {CALLER};branch={branch};rport
             From: \"A\" <sip:1001@127.0.0.1>;tag=caller
             To: <sip:1002@127.0.0.1>
             Call-ID: call-1
             CSeq: 1 CANCEL
             Max-Forwards: 70"
            ),
            "",
        );
    }

    /// Registers the callee and establishes a call; gives the callee's INVITE and the caller's answer.
    pub(crate) fn established(&mut self) -> (Message, Message) {
        let invite = self.ringing();
        self.answer(CALLEE, &invite, "200 OK", "callee", &sdp("127.0.0.1", 7002));
        let answer = self.taken(CALLER).pop().unwrap();
        assert_eq!(answer.status(), 200);
        self.ack(&answer, 1, "");
        assert_eq!(self.taken(CALLEE)[0].method(), pbx_sip::Method::Ack);
        (invite, answer)
    }

    /// Status codes the caller got since last asked.
    pub(crate) fn caller_statuses(&mut self) -> Vec<u16> {
        self.taken(CALLER).iter().map(Message::status).collect()
    }

    /// Lets every timer run out; nothing may be left.
    pub(crate) fn assert_clean(&mut self) {
        self.advance(Duration::from_secs(80));
        let health = self.switch.health();
        let alive =
            (health.calls, health.dialogs, health.transactions, health.server_transactions, health.queries);
        assert_eq!(alive, (0, 0, 0, 0, 0), "{health:?}");
        let elsewhere = health.counters.iter().find(|(name, _)| name == "dialogs_elsewhere");
        assert_eq!(elsewhere.map_or(0, |(_, count)| *count), 0, "{health:?}");
    }
}

pub(crate) fn sdp(address: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
}
