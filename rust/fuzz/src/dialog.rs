//! Two dialogs back to back, driven by the fuzzer: a real switch between phones that say anything at any time.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pbx_media::relay::{MediaCommand, MediaEvent, OpenError, SessionId, SessionStats, Side};
use pbx_sip::{Bytes, Flow, Limits, Message, Method, Name, Transport};
use pbx_switch::{Command, Decision, Facing, Forward, Locals, Output, Query, Switch, SwitchConfig, Target};

/// Ports of the caller and of the two phones of the callee.
const PHONES: [u16; 3] = [6001, 6002, 6003];
const METHODS: [&str; 16] = [
    "INVITE",
    "ACK",
    "BYE",
    "UPDATE",
    "INFO",
    "PRACK",
    "OPTIONS",
    "MESSAGE",
    "REFER",
    "NOTIFY",
    "CANCEL",
    "SUBSCRIBE",
    "PUBLISH",
    "REGISTER",
    "JUMP",
    "INVITE",
];
const STATUSES: [u16; 16] = [100, 180, 183, 200, 200, 200, 202, 302, 401, 405, 408, 422, 481, 486, 491, 603];
const FURTHER: [&str; 16] = [
    "X-None: -",
    "Supported: timer, 100rel, replaces\r\nAllow: INVITE, UPDATE, PRACK",
    "Session-Expires: 90;refresher=uac\r\nRequire: timer",
    "Session-Expires: 90;refresher=uas",
    "Session-Expires: 4294967295\r\nMin-SE: 4294967295",
    "Session-Expires: 1;refresher=uac\r\nSupported: timer",
    "Min-SE: 4000000000",
    "Retry-After: 4294967295",
    "Require: 100rel\r\nRSeq: 1",
    "RSeq: 4294967295\r\nRequire: 100rel",
    "RAck: 1 1 INVITE",
    "Refer-To: <sip:1002@127.0.0.1>",
    "Replaces: a;to-tag=b;from-tag=c",
    "Info-Package: x",
    "Max-Forwards: 0",
    "Require: nonsense",
];
/// Of the octet that chooses the configuration.
const SETTING_BITS: u32 = 5;
/// Inputs of one run.
const MAX_STEPS: usize = 200;
/// What a run may send: each input, each copy and each timer of what it began.
const MAX_SENT: usize = 400 * MAX_STEPS;

struct Loopback;

impl Facing for Loopback {
    fn facing(&self, _remote: IpAddr) -> IpAddr {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    }
}

struct Table<'a> {
    switch: Switch,
    now: Instant,
    bytes: &'a [u8],
    requests: Vec<(SocketAddr, Message)>,
    answers: Vec<(SocketAddr, Message)>,
    asked: Vec<Query>,
    opened: HashSet<SessionId>,
    sent: usize,
    cseq: u32,
}

/// Whatever the phones, the network and Python do: nothing panics, everything sent is SIP, and once every call is hung
/// up and every timer has run, nothing is left.
pub fn dialog(data: &[u8]) {
    let Some((&setting, bytes)) = data.split_first() else { return };
    #[allow(clippy::disallowed_methods, reason = "the base of virtual time")]
    let now = Instant::now();
    let socket = |port| vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)];
    let locals = Locals { udp: socket(5060), tcp: socket(5060), ..Locals::default() };
    let Ok(switch) = Switch::new(now, config(setting), locals, Box::new(Loopback), [setting; 32]) else {
        panic!("the configuration is refused");
    };
    let mut table = Table {
        switch,
        now,
        bytes,
        requests: Vec::new(),
        answers: Vec::new(),
        asked: Vec::new(),
        opened: HashSet::new(),
        sent: 0,
        cseq: 1,
    };
    table.register(1);
    table.register(2);
    table.invite();
    for _ in 0..MAX_STEPS {
        let Some(order) = table.byte() else { break };
        table.step(order);
    }
    table.end();
}

impl Table<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::from(self.byte().unwrap_or(0)) % bound.max(1)
    }

    fn step(&mut self, order: u8) {
        let is_stream = order & 0x80 != 0;
        match order & 0x0f {
            0..=4 => self.answer_something(is_stream),
            5..=7 => self.ask_something(is_stream),
            8 => self.invite(),
            9 => self.cancel(),
            10 => self.decide(),
            11 => {
                let flow = flow(usize::from(order >> 4) % 3, is_stream);
                if order & 0x40 == 0 {
                    self.switch.handle_flow_closed(self.now, flow);
                } else {
                    self.switch.handle_send_failure(self.now, flow);
                }
                self.drain();
            }
            12 => {
                let length = self.index(200).min(self.bytes.len());
                let (raw, rest) = self.bytes.split_at(length);
                self.bytes = rest;
                self.deliver(flow(0, is_stream), raw);
            }
            13 => self.pass(Duration::from_secs(30)),
            _ => {
                let millis = self.index(256) as u64;
                self.pass(Duration::from_millis(millis * 20));
            }
        }
    }

    /// A response to some request that was sent, by whoever got it.
    fn answer_something(&mut self, is_stream: bool) {
        if self.requests.is_empty() {
            return;
        }
        // The newest first: old ones are mostly over.
        let back = self.index(self.requests.len().min(16));
        let (to, request) = self.requests[self.requests.len() - 1 - back].clone();
        let status = STATUSES[self.index(STATUSES.len())];
        let (tag, further, body) = (self.index(3), self.further(), self.body());
        let text = |name| String::from_utf8_lossy(request.header(name).unwrap_or_default()).into_owned();
        let known = if request.to_tag().is_some() { String::new() } else { format!(";tag=t{tag}") };
        let head = format!(
            "SIP/2.0 {status} Word\r\nVia: {}\r\nFrom: {}\r\nTo: {}{known}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:b@{to}>\r\n{further}\r\n",
            text(Name::Via),
            text(Name::From),
            text(Name::To),
            text(Name::CallId),
            text(Name::CSeq),
        );
        let phone = PHONES.iter().position(|&port| port == to.port()).unwrap_or(0);
        self.send(flow(phone, is_stream), &head, &body);
    }

    /// A request inside some dialog: the caller's, or one that an INVITE to a phone began.
    fn ask_something(&mut self, is_stream: bool) {
        let method = METHODS[self.index(METHODS.len())];
        let (further, body) = (self.further(), self.body());
        let invites: Vec<_> =
            self.requests.iter().filter(|(_, request)| request.method() == Method::Invite).cloned().collect();
        let answers: Vec<_> =
            self.answers.iter().filter(|(_, answer)| answer.to_tag().is_some()).cloned().collect();
        let which = self.index(16);
        let by_caller = which < 8 && !answers.is_empty();
        if !by_caller && invites.is_empty() {
            return;
        }
        let of = if by_caller { &answers } else { &invites };
        let (to, message) = &of[of.len() - 1 - which % of.len()];
        let text = |name| String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned();
        let (from, peer) = if by_caller {
            (text(Name::From), text(Name::To))
        } else {
            (format!("{};tag=t{}", text(Name::To), which % 3), text(Name::From))
        };
        self.cseq += 1;
        let cseq = if which == 7 { 1 } else { self.cseq };
        let head = format!(
            "{method} sip:pbx@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {to};branch=z9hG4bK{}.{cseq};rport\r\n\
             From: {from}\r\nTo: {peer}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:c@{to}>\r\n{further}\r\n",
            self.sent,
            text(Name::CallId),
        );
        let phone = PHONES.iter().position(|&port| port == to.port()).unwrap_or(0);
        self.send(flow(phone, is_stream), &head, &body);
    }

    fn register(&mut self, phone: usize) {
        let port = PHONES[phone];
        let head = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKr{port};rport\r\n\
             From: <sip:1002@127.0.0.1>;tag=r\r\nTo: <sip:1002@127.0.0.1>\r\nCall-ID: r{port}\r\nCSeq: 1 REGISTER\r\n\
             Max-Forwards: 70\r\nContact: <sip:1002@127.0.0.1:{port}>\r\n"
        );
        self.send(flow(phone, false), &head, "");
    }

    fn invite(&mut self) {
        let (further, body) = (self.further(), self.body());
        let calls = self.index(2);
        let head = format!(
            "INVITE sip:1002@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6001;branch=z9hG4bKi{calls};rport\r\n\
             From: <sip:1001@127.0.0.1>;tag=a\r\nTo: <sip:1002@127.0.0.1>\r\nCall-ID: c{calls}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:1001@127.0.0.1:6001>\r\n{further}\r\n"
        );
        self.send(flow(0, false), &head, &body);
    }

    fn cancel(&mut self) {
        let calls = self.index(2);
        let head = format!(
            "CANCEL sip:1002@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6001;branch=z9hG4bKi{calls};rport\r\n\
             From: <sip:1001@127.0.0.1>;tag=a\r\nTo: <sip:1002@127.0.0.1>\r\nCall-ID: c{calls}\r\nCSeq: 1 CANCEL\r\n\
             Max-Forwards: 70\r\n"
        );
        self.send(flow(0, false), &head, "");
    }

    fn decide(&mut self) {
        let Some(query) = self.asked.pop() else { return };
        let parallel = self.index(2) == 0;
        let targets = vec![Target::User("1002".to_owned()), Target::Uri("sip:x@127.0.0.1:6003".to_owned())];
        let forward = Forward { targets, parallel, ..Forward::default() };
        self.switch.handle_decision(self.now, query.id, Decision::Forward(forward));
        self.drain();
    }

    fn further(&mut self) -> &'static str {
        FURTHER[self.index(FURTHER.len())]
    }

    fn body(&mut self) -> String {
        let port = 7000 + 2 * self.index(4);
        let plain = format!(
            "v=0\r\no=- 1 {port} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8\r\n"
        );
        match self.index(6) {
            0 | 1 => String::new(),
            2 => "v=0\r\nnonsense".to_owned(),
            3 => plain + "a=sendonly\r\nm=video 7010 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n",
            _ => plain,
        }
    }

    fn send(&mut self, flow: Flow, head: &str, body: &str) {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        self.deliver(flow, text.as_bytes());
    }

    fn deliver(&mut self, flow: Flow, bytes: &[u8]) {
        self.switch.handle_bytes(self.now, flow, Bytes::copy_from_slice(bytes));
        self.drain();
    }

    fn pass(&mut self, by: Duration) {
        let end = self.now + by;
        let mut turns = 0;
        while let Some(at) = self.switch.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.switch.handle_timeout(self.now);
            self.drain();
            turns += 1;
            assert!(turns < 100_000, "the clock does not move on");
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    self.sent += 1;
                    assert!(self.sent < MAX_SENT, "a storm");
                    let Ok(message) = Message::parse(transmit.bytes, &Limits::default()) else {
                        panic!("what was sent is no SIP");
                    };
                    let to = transmit.flow.remote;
                    if !message.is_request() {
                        self.answers.push((to, message));
                    } else if message.method() != Method::Ack {
                        self.requests.push((to, message));
                    }
                }
                Output::Media(MediaCommand::Open { session, legs }) => {
                    let is_busy = self.bytes.first().is_some_and(|octet| octet & 7 == 7);
                    let error = OpenError { side: Side::Caller, port: legs[0].rtp[0], is_busy: true };
                    self.opened.insert(session);
                    let result = if is_busy { Err(error) } else { Ok(()) };
                    self.bytes = self.bytes.get(usize::from(is_busy)..).unwrap_or_default();
                    self.switch.handle_media(self.now, &MediaEvent::Opened { session, result });
                }
                Output::Media(MediaCommand::Close { session }) => {
                    let event = MediaEvent::Closed { session, stats: SessionStats::default() };
                    self.opened.remove(&session);
                    self.switch.handle_media(self.now, &event);
                }
                Output::Ask(query) => self.asked.push(query),
                _ => {}
            }
        }
    }

    /// Hangs up everything and lets every timer run.
    fn end(&mut self) {
        self.bytes = &[];
        for call in self.switch.calls(self.now, 1000, None) {
            let Ok(call) = call.id.parse() else { panic!("a handle that is no number") };
            self.switch.handle_command(self.now, &Command::Hangup { call, code: None });
            self.drain();
        }
        self.pass(Duration::from_secs(400));
        let health = self.switch.health();
        let left = [
            health.calls,
            health.dialogs,
            health.transactions,
            health.server_transactions,
            health.queries,
            health.media_sessions,
            health.ports_used,
            self.opened.len(),
        ];
        assert_eq!(left, [0; 8], "{health:?}");
    }
}

fn flow(phone: usize, is_stream: bool) -> Flow {
    let remote = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PHONES[phone]);
    if is_stream {
        Flow { transport: Transport::Tcp, socket: 77 + phone as u32, remote }
    } else {
        Flow { transport: Transport::Udp, socket: 0, remote }
    }
}

/// A configuration, read once for each setting.
fn config(setting: u8) -> SwitchConfig {
    static CONFIGS: [OnceLock<SwitchConfig>; 1 << SETTING_BITS] =
        [const { OnceLock::new() }; 1 << SETTING_BITS];
    let setting = setting & ((1 << SETTING_BITS) - 1);
    let read = || match SwitchConfig::from_json(&document(setting)) {
        Ok(config) => config,
        Err(error) => panic!("the document is refused: {error}"),
    };
    CONFIGS[usize::from(setting)].get_or_init(read).clone()
}

/// The setting chooses media mode, router and session timers.
fn document(setting: u8) -> String {
    let mode = ["none", "all", "auto", "bypass"][usize::from(setting & 3)];
    let asks = setting & 4 != 0;
    let timer = match setting & 0x18 {
        0 => "null",
        8 => r#"{"always": true, "expires_secs": 90}"#,
        _ => r#"{"always": false, "expires_secs": 90}"#,
    };
    DOCUMENT.replace("$MODE", mode).replace("$ASKS", &asks.to_string()).replace("$TIMER", timer)
}

const DOCUMENT: &str = r#"{
    "generation": 1,
    "identity": {
        "user_agent": "pbx", "callid_suffix": "", "contact_username": "pbx", "realms": [],
        "external_ips": [], "machine_ips": ["127.0.0.1"]
    },
    "t1_ms": 500, "t1x64_ms": 32000,
    "modules": ["acl", "registrar", "call"],
    "acl": [], "users": [], "routes": [],
    "registrar": { "expires_secs": 60, "max_expires_secs": 3600, "max_bindings": 16 },
    "call": {
        "passthrough_failure": true, "max_ring_secs": 30, "parallel_fork": true, "ask_router": $ASKS,
        "decision_timeout_ms": 2000, "blind_transfer_use_refer": false, "session_timer": $TIMER
    },
    "media": {
        "mode": "$MODE", "rtp_start_port": 20000, "rtp_end_port": 20099, "bind_ips": ["127.0.0.1"],
        "audio_codecs": ["opus", "g722", "pcmu", "pcma"], "codec_strategy": "performance",
        "enable_latching": true, "latching_probation_max_packets": 6
    },
    "nat_fix": true,
    "limits": {
        "max_message_size": 65535, "max_transactions": 10000, "max_calls": 100, "max_bindings": 100,
        "max_queries": 10
    }
}"#;
