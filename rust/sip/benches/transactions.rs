//! Cost of the transaction layer: nanoseconds for one call through a back-to-back user agent (INVITE with
//! 100, 180, 200 and ACK, BYE with 200, a server and a client side each) at a virtual 1,000 calls/s, so
//! that every call also pays for the timers of the calls before it. And the timer wheel beside a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use pbx_sip::timer::Timers;
use pbx_sip::transaction::{Branch, Incoming, TransactionId, TransactionSettings, Transactions};
use pbx_sip::{Bytes, Flow, Limits, Message, Method, Transport};

const CALLS: usize = 60_000;
/// From here on as many transactions end as begin.
const WARM_UP: usize = 35_000;
const STANDING_TIMERS: u64 = 250_000;

#[allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn clock() -> Instant {
    Instant::now()
}

fn main() {
    let (call_ns, peak) = calls();
    let wheel_ns = wheel();
    let heap_ns = heap();
    #[allow(clippy::print_stdout, reason = "the result")]
    {
        println!(
            "{{\"transactions_call_ns\":{call_ns},\"transactions_peak\":{peak},\
             \"timer_wheel_ns\":{wheel_ns},\"timer_heap_ns\":{heap_ns}}}"
        );
    }
}

fn calls() -> (u64, usize) {
    let base = clock();
    let mut rehearsal = Bench::new();
    let branches: Vec<_> = (0..CALLS)
        .map(|number| {
            let mut script = Script::new(number, &Branches::default());
            script.is_rehearsal = true;
            rehearsal.call(base + Duration::from_millis(number as u64), &mut script)
        })
        .collect();
    let mut bench = Bench::new();
    let (mut spent, mut peak) = (Duration::ZERO, 0);
    for (number, branches) in branches.iter().enumerate() {
        let mut script = Script::new(number, branches);
        let now = base + Duration::from_millis(number as u64);
        let started_at = clock();
        black_box(bench.call(now, &mut script));
        if number >= WARM_UP {
            spent += clock() - started_at;
        }
        peak = peak.max(bench.layer.len());
    }
    assert_eq!(bench.layer.counters().stray_total, 0, "the answers were not taken");
    (spent.as_nanos() as u64 / (CALLS - WARM_UP) as u64, peak)
}

/// Branches of the INVITE and the BYE towards the callee.
#[derive(Default)]
struct Branches {
    invite: Option<Branch>,
    bye: Option<Branch>,
}

/// The messages of one call, built before the clock runs.
struct Script {
    number: usize,
    /// The branches are not known yet: the answers are built as the call goes on.
    is_rehearsal: bool,
    invite: Message,
    ack: Message,
    bye: Message,
    trying: Bytes,
    ringing: Bytes,
    answer: Bytes,
    bye_answer: Bytes,
    outgoing_invite: Bytes,
    outgoing_bye: Bytes,
    callee_ringing: Message,
    callee_answer: Message,
    callee_bye_answer: Message,
}

impl Script {
    fn new(number: usize, branches: &Branches) -> Self {
        let (invite, bye) = (text(branches.invite), text(branches.bye));
        let caller = |method: &str| {
            message(&request_line(method), method, number, &format!("z9hG4bK{method}{number}"))
        };
        let respond = |code: u16, method: &str| message(&status_line(code), method, number, "z9hG4bKcaller");
        Self {
            number,
            is_rehearsal: false,
            invite: parse(caller("INVITE")),
            ack: parse(caller("ACK")),
            bye: parse(caller("BYE")),
            trying: respond(100, "INVITE"),
            ringing: respond(180, "INVITE"),
            answer: respond(200, "INVITE"),
            bye_answer: respond(200, "BYE"),
            outgoing_invite: message(&request_line("INVITE"), "INVITE", number, &invite),
            outgoing_bye: message(&request_line("BYE"), "BYE", number, &bye),
            callee_ringing: parse(message(&status_line(180), "INVITE", number, &invite)),
            callee_answer: parse(message(&status_line(200), "INVITE", number, &invite)),
            callee_bye_answer: parse(message(&status_line(200), "BYE", number, &bye)),
        }
    }

    fn rehearse(&mut self, branches: &Branches) {
        if self.is_rehearsal {
            *self = Self { is_rehearsal: true, ..Self::new(self.number, branches) };
        }
    }
}

fn text(branch: Option<Branch>) -> String {
    branch.map_or_else(|| "z9hG4bKx".to_owned(), |branch| branch.to_string())
}

fn parse(bytes: Bytes) -> Message {
    Message::parse(bytes, &Limits::default()).unwrap_or_else(|error| panic!("{}", error.fault))
}

fn request_line(method: &str) -> String {
    format!("{method} sip:1002@192.0.2.9:5060 SIP/2.0")
}

fn status_line(code: u16) -> String {
    format!("SIP/2.0 {code} Reason")
}

fn message(start: &str, method: &str, number: usize, branch: &str) -> Bytes {
    format!(
        "{start}\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Alice\" <sip:1001@pbx.example.com>;tag=caller{number}\r\n\
         To: <sip:1002@pbx.example.com>;tag=callee{number}\r\n\
         Call-ID: call-{number}@192.0.2.1\r\n\
         CSeq: 20 {method}\r\n\
         Contact: <sip:1001@192.0.2.1:5060>\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into()
}

struct Bench {
    layer: Transactions,
    flow: Flow,
}

impl Bench {
    fn new() -> Self {
        let flow = Flow {
            transport: Transport::Udp,
            socket: 0,
            remote: std::net::SocketAddr::from(([192, 0, 2, 1], 5060)),
        };
        Self { layer: Transactions::new(TransactionSettings::default(), 1_000_000, [9; 32]), flow }
    }

    fn call(&mut self, now: Instant, script: &mut Script) -> Branches {
        let mut branches = Branches::default();
        self.layer.handle_timeout(now);
        let caller = self.receive(now, &script.invite);
        self.respond(now, caller, 100, &script.trying);
        branches.invite = self.send(now, Method::Invite, &script.outgoing_invite);
        script.rehearse(&branches);
        self.receive(now, &script.callee_ringing);
        self.respond(now, caller, 180, &script.ringing);
        self.receive(now, &script.callee_answer);
        self.respond(now, caller, 200, &script.answer);
        self.receive(now, &script.ack);
        let caller = self.receive(now, &script.bye);
        branches.bye = self.send(now, Method::Bye, &script.outgoing_bye);
        script.rehearse(&branches);
        self.receive(now, &script.callee_bye_answer);
        self.respond(now, caller, 200, &script.bye_answer);
        branches
    }

    fn receive(&mut self, now: Instant, message: &Message) -> Option<TransactionId> {
        let incoming = self.layer.handle_message(now, self.flow, message.clone());
        self.drain();
        match incoming {
            Incoming::Request { id, .. } | Incoming::Response { id, .. } => Some(id),
            _ => None,
        }
    }

    fn respond(&mut self, now: Instant, id: Option<TransactionId>, code: u16, bytes: &Bytes) {
        if let Some(id) = id {
            self.layer.respond(now, id, code, bytes.clone());
        }
        self.drain();
    }

    fn send(&mut self, now: Instant, method: Method, bytes: &Bytes) -> Option<Branch> {
        let opening = self.layer.open(now, self.flow)?;
        self.layer.send(now, opening.id, method, bytes.clone());
        self.drain();
        Some(opening.branch)
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.layer.poll_transmit() {
            black_box(transmit);
        }
        while let Some(event) = self.layer.poll_event() {
            black_box(event);
        }
        black_box(self.layer.poll_timeout());
    }
}

/// Deadlines as transactions set them: mostly 32 s away, some half a second.
fn deadline(number: u64) -> Duration {
    let ahead = if number.is_multiple_of(4) { 500 } else { 32_000 };
    Duration::from_micros(number * 128 + ahead * 1_000)
}

fn wheel() -> u64 {
    let base = clock();
    let mut timers = Timers::new();
    let mut out = Vec::new();
    timed(|number| {
        timers.poll(base + Duration::from_micros(number * 128), &mut out);
        black_box(timers.next_at());
        out.clear();
        timers.arm(base + deadline(number), number);
    })
}

fn heap() -> u64 {
    let base = clock();
    let mut timers = BinaryHeap::new();
    timed(|number| {
        let now = base + Duration::from_micros(number * 128);
        while timers.peek().is_some_and(|&Reverse((at, _))| at <= now) {
            black_box(timers.pop());
        }
        timers.push(Reverse((base + deadline(number), number)));
    })
}

fn timed(mut turn: impl FnMut(u64)) -> u64 {
    (0..STANDING_TIMERS).for_each(&mut turn);
    let started_at = clock();
    (STANDING_TIMERS..3 * STANDING_TIMERS).for_each(&mut turn);
    (clock() - started_at).as_nanos() as u64 / (2 * STANDING_TIMERS)
}
