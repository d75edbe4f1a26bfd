//! The signalling thread: receive, handle, drain, send.
//!
//! It is an epoll loop of our own instead of an async runtime. The switch is one value that is fed and
//! drained, so there are no tasks to schedule: a runtime would add a task wake-up, a timer wheel beside the
//! switch's own and an allocation for each, where a turn here costs one `epoll_wait` for many datagrams.
//! TLS and WebSocket need no runtime either; their libraries take and give octets.
//!
//! Level-triggered readiness and bounded batches keep one busy socket from starving the others: what is left
//! is reported again by the next wait.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pbx_media::relay::MediaEvent;
use pbx_sip::transaction::Transmit;
use pbx_sip::{Flow, Transport};
use pbx_switch::{Decision, Event, Output, QueryId, Switch};

use crate::bridge::{Bridge, BridgeItem};
use crate::call_flows::CallFlows;
use crate::counters::NetCounters;
use crate::dns::DnsSockets;
use crate::handover::Handover;
use crate::input::Input;
use crate::mailbox::Mailbox;
use crate::media_link::MediaLink;
use crate::neighbours::{Neighbours, Passed};
use crate::outgoing::Outgoing;
use crate::poller::{Interest, Poller, Ready};
use crate::streams::{StreamEvent, Streams};
use crate::token::Token;
use crate::udp::{Sending, UdpListener};

/// Datagrams taken from one socket in one turn.
const MAX_BATCH: usize = 64;
/// One octet more than a datagram can have.
const DATAGRAM_SIZE: usize = 65_536;
/// How long a thread rests whose sockets must wait because a neighbour is behind.
const REST: Duration = Duration::from_micros(200);

/// What a signalling thread shares with the engine's callers and with its neighbours.
#[derive(Debug)]
pub(crate) struct ShardPort {
    pub(crate) inbox: Mailbox<Input>,
    pub(crate) passed: Mailbox<Passed>,
    stopping: AtomicBool,
}

impl ShardPort {
    pub(crate) fn new(capacity: usize) -> rustix::io::Result<Self> {
        let passed = Mailbox::new(0)?;
        Ok(Self { inbox: Mailbox::new(capacity)?, passed, stopping: AtomicBool::new(false) })
    }

    /// Makes the thread end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.inbox.nudge();
    }
}

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) switch: Switch,
    pub(crate) poller: Poller,
    pub(crate) udp: Vec<UdpListener>,
    pub(crate) streams: Streams,
    pub(crate) media: MediaLink,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) port: Arc<ShardPort>,
    pub(crate) neighbours: Neighbours,
    pub(crate) call_flows: CallFlows,
}

/// The thread's state.
pub(crate) struct Driver {
    pub(crate) switch: Switch,
    pub(crate) counters: NetCounters,
    pub(crate) streams: Streams,
    pub(crate) poller: Poller,
    pub(crate) neighbours: Neighbours,
    pub(crate) port: Arc<ShardPort>,
    /// Reused by each look at what the neighbours passed.
    pub(crate) heard: VecDeque<Passed>,
    udp: Vec<UdpListener>,
    media: MediaLink,
    bridge: Arc<Bridge>,
    buf: Box<[u8]>,
    inputs: VecDeque<Input>,
    events: VecDeque<MediaEvent>,
    /// For Python; handed over once a turn.
    batch: Vec<BridgeItem>,
    refused: Vec<QueryId>,
    media_retry_at: Option<Instant>,
    dns: DnsSockets,
    call_flows: CallFlows,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> rustix::io::Result<Self> {
        let Parts { switch, poller, udp, streams, media, bridge, port, neighbours, call_flows } = parts;
        for (index, listener) in udp.iter().enumerate() {
            poller.add(listener, Token::Udp(index as u32).encode(), Interest::READ)?;
        }
        for (index, events) in media.events().enumerate() {
            poller.add(events, Token::Worker(index as u32).encode(), Interest::READ)?;
        }
        poller.add(&port.inbox, Token::Inbox.encode(), Interest::READ)?;
        poller.add(&port.passed, Token::Passed.encode(), Interest::READ)?;
        Ok(Self {
            switch,
            counters: NetCounters::default(),
            streams,
            poller,
            neighbours,
            port,
            heard: VecDeque::new(),
            udp,
            media,
            bridge,
            buf: vec![0; DATAGRAM_SIZE].into_boxed_slice(),
            inputs: VecDeque::new(),
            events: VecDeque::new(),
            batch: Vec::new(),
            refused: Vec::new(),
            media_retry_at: None,
            dns: DnsSockets::default(),
            call_flows,
        })
    }

    /// Takes connections of the HTTP server too; gives the end for it.
    pub(crate) fn mount(&mut self) -> rustix::io::Result<OwnedFd> {
        let (handover, theirs) = Handover::new()?;
        self.streams.mount(handover, &self.poller)?;
        Ok(theirs)
    }

    /// Serves until stopped.
    pub(crate) fn run(mut self) {
        let mut ready = Vec::new();
        self.finish_turn(Instant::now());
        while !self.port.stopping.load(Ordering::Acquire) {
            let timeout = self.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
            self.poller.wait(timeout, &mut ready);
            self.streams.begin_turn();
            let is_congested = self.neighbours.is_congested();
            for event in ready.drain(..) {
                self.handle_ready(event, is_congested);
            }
            if is_congested {
                thread::sleep(REST);
            }
            let now = Instant::now();
            self.handle_timeout(now);
            self.finish_turn(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let listing = self.call_flows.poll_timeout();
        [self.switch.poll_timeout(), self.streams.poll_timeout(), self.media_retry_at, listing]
            .into_iter()
            .flatten()
            .min()
    }

    /// While a neighbour is behind, nothing is read that may be for it; what was not read is reported again.
    fn handle_ready(&mut self, ready: Ready, is_congested: bool) {
        let now = Instant::now();
        match Token::decode(ready.token) {
            Some(Token::Udp(_) | Token::Listener(_) | Token::Stream(_) | Token::Handover) if is_congested => {
            }
            Some(Token::Udp(index)) => self.handle_datagrams(index, ready),
            Some(Token::Listener(index)) => {
                self.streams.handle_acceptable(now, &self.poller, &mut self.counters, index);
                self.drain(now);
            }
            Some(Token::Stream(id)) => {
                self.streams.handle_ready(now, &self.poller, &mut self.counters, (id, ready));
                self.drain(now);
            }
            Some(Token::Handover) => {
                self.streams.handle_handover(now, &self.poller, &mut self.counters);
                self.drain(now);
            }
            Some(Token::Inbox) => self.handle_inputs(now),
            Some(Token::Passed) => {
                self.hear_neighbours(now);
                self.drain(now);
            }
            Some(Token::Worker(index)) => self.handle_media_events(now, index),
            Some(Token::Dns(index)) => self.handle_dns(now, index),
            Some(Token::Media(_)) | None => {}
        }
    }

    fn handle_datagrams(&mut self, index: u32, ready: Ready) {
        if ready.writable && self.udp[index as usize].is_blocked() {
            self.flush_datagrams(index);
        }
        for _ in 0..MAX_BATCH {
            let Some((len, remote)) = self.udp[index as usize].receive(&mut self.buf) else { return };
            self.counters.udp_received_total += 1;
            let flow = Flow { transport: Transport::Udp, socket: index, remote };
            let now = Instant::now();
            self.hear_neighbours(now);
            self.switch.handle_bytes(now, flow, Bytes::copy_from_slice(&self.buf[..len]));
            self.drain(now);
        }
    }

    fn flush_datagrams(&mut self, index: u32) {
        let listener = &mut self.udp[index as usize];
        listener.flush();
        if !listener.is_blocked() {
            let _ = self.poller.modify(&*listener, Token::Udp(index).encode(), Interest::READ);
        }
    }

    fn handle_inputs(&mut self, now: Instant) {
        let mut inputs = std::mem::take(&mut self.inputs);
        self.port.inbox.drain(&mut inputs);
        for input in inputs.drain(..) {
            self.handle_input(now, input);
            self.drain(now);
        }
        self.inputs = inputs;
    }

    fn handle_media_events(&mut self, now: Instant, index: u32) {
        let mut events = std::mem::take(&mut self.events);
        if let Some(queue) = self.media.events().nth(index as usize) {
            queue.drain(&mut events);
        }
        for event in events.drain(..) {
            self.switch.handle_media(now, &event);
            self.drain(now);
        }
        self.events = events;
    }

    fn handle_dns(&mut self, now: Instant, index: u32) {
        for news in self.dns.receive(&self.poller, index) {
            self.switch.handle_dns(now, news);
            self.drain(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.switch.poll_timeout().is_some_and(|at| at <= now) {
            self.switch.handle_timeout(now);
            self.drain(now);
        }
        if self.streams.poll_timeout().is_some_and(|at| at <= now) {
            let (switch, call_flows) = (&self.switch, &mut self.call_flows);
            let is_needed = |flow| switch.has_binding(flow) || call_flows.contains(now, switch, flow);
            self.streams.handle_timeout(now, &self.poller, &mut self.counters, is_needed);
            self.drain(now);
        }
        self.call_flows.keep(now, &self.switch);
    }

    /// Hands over what Python should see. A question without room is answered here, which may ask again.
    fn finish_turn(&mut self, now: Instant) {
        self.media_retry_at = self.media.flush(now);
        while !self.batch.is_empty() {
            self.bridge.push_from(&mut self.batch, &mut self.refused);
            for id in std::mem::take(&mut self.refused) {
                self.counters.asks_refused_total += 1;
                self.switch.handle_decision(now, id, Decision::Overdue {});
                self.drain(now);
            }
        }
    }

    /// Carries out everything the switch wants, and feeds it what comes of that, until both are quiet.
    fn drain(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.switch.poll_output() {
                self.perform(now, output);
            } else if let Some(event) = self.streams.poll_event() {
                self.handle_stream_event(now, event);
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, now: Instant, output: Output) {
        match output {
            Output::Transmit(transmit) => self.transmit(now, transmit),
            Output::Ask(query) => self.batch.push(BridgeItem::Ask(query.into())),
            Output::Forget(id) => self.batch.push(BridgeItem::Forget(id)),
            Output::Event(event) => self.batch.push(BridgeItem::Event(event)),
            Output::Media(command) => {
                if let Some(event) = self.media.handle_command(now, command) {
                    self.switch.handle_media(now, &event);
                }
            }
            Output::Dns(output) => {
                if let Some(news) = self.dns.perform(&self.poller, output) {
                    self.switch.handle_dns(now, news);
                }
            }
            Output::Shard { to, news } => self.neighbours.pass(to, Passed::News(news)),
            Output::CloseFlow(flow) => self.close_flow(now, flow),
        }
    }

    fn handle_stream_event(&mut self, now: Instant, event: StreamEvent) {
        match event {
            StreamEvent::Message(flow, bytes) => {
                self.hear_neighbours(now);
                self.switch.handle_bytes(now, flow, bytes);
            }
            StreamEvent::Closed(flow) => self.tell_closed(now, flow),
            StreamEvent::SendFailed(flow) => self.tell_send_failure(now, flow),
            StreamEvent::Refused(remote) => self.switch.handle_refused_connection(now, remote.ip()),
            StreamEvent::Log(line) => self.batch.push(BridgeItem::Event(Event::Log(line))),
            StreamEvent::Fault(flow, fault, refused) => {
                self.switch.handle_framing_fault(now, flow, &fault, refused.as_deref());
                while let Some(output) = self.switch.poll_output() {
                    self.perform(now, output);
                }
                self.streams.close(now, &self.poller, flow);
            }
        }
    }

    pub(crate) fn transmit(&mut self, now: Instant, transmit: Transmit) {
        let Some(Transmit { flow, bytes }) = self.pass_transmit(transmit) else { return };
        match flow.transport {
            Transport::Udp => self.send_datagram(now, flow, bytes),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                let outgoing = Outgoing { flow, name: self.switch.peer_name(flow), bytes };
                self.streams.send(now, &self.poller, &mut self.counters, outgoing);
            }
        }
    }

    fn send_datagram(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        let Some(index) = self.socket_for(flow) else {
            self.counters.udp_unreachable_total += 1;
            return self.switch.handle_send_failure(now, flow);
        };
        let listener = &mut self.udp[index];
        let was_blocked = listener.is_blocked();
        match listener.send(flow.remote, bytes) {
            Sending::Sent => self.counters.udp_sent_total += 1,
            Sending::Blocked => {
                self.counters.udp_blocked_total += 1;
                if !was_blocked {
                    let _ = self.poller.modify(&*listener, Token::Udp(index as u32).encode(), Interest::BOTH);
                }
            }
            Sending::Lost => self.counters.udp_lost_total += 1,
            Sending::Unreachable => {
                self.counters.udp_unreachable_total += 1;
                self.switch.handle_send_failure(now, flow);
            }
        }
    }

    /// The flow's own socket, else the first that reaches the peer's family.
    fn socket_for(&self, flow: Flow) -> Option<usize> {
        let reaches =
            |index: usize| self.udp.get(index).is_some_and(|listener| listener.reaches(flow.remote));
        let own = flow.socket as usize;
        if reaches(own) { Some(own) } else { (0..self.udp.len()).find(|&index| reaches(index)) }
    }
}
