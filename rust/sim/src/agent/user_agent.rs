//! A phone as one value: fed datagrams and wake-ups, drained of both.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pbx_sip::{Bytes, Limits, Message, Transport};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::account::Account;
use super::client::Client;
use super::leg::{Leg, LegState, LegView};
use super::outbox::{AgentTimer, Deed, Outbox};
use super::paging::Page;
use super::registering::Registration;
use super::server::{Server, Stage};
use super::wallet::Wallet;
use crate::coverage::Coverage;
use crate::scenario::{CallPlan, Device, Manners, MessagePlan, Phone, PhoneTimer};

/// RFC 3261 T1.
pub(super) const T1: Duration = Duration::from_millis(500);
/// RFC 3261 T2.
pub(super) const T2: Duration = Duration::from_secs(4);
/// 64×T1.
pub(super) const T1X64: Duration = Duration::from_secs(32);

/// A phone.
pub(crate) struct UserAgent {
    pub(crate) account: Account,
    pub(crate) out: Outbox,
    pub(crate) registration: Registration,
    /// What the phone found wrong with what it was sent.
    pub(crate) faults: Vec<String>,
    /// Responses that belong to no request.
    pub(crate) strays: u64,
    pub(super) expires_secs: u32,
    pub(super) manners: Vec<Manners>,
    pub(super) calls: Vec<CallPlan>,
    pub(super) messages: Vec<MessagePlan>,
    /// MESSAGEs sent.
    pub(crate) pages: Vec<Page>,
    /// Labels of the MESSAGEs got.
    pub(crate) heard: Vec<String>,
    pub(super) message_reply: (u16, &'static str),
    pub(crate) device: Option<Device>,
    pub(super) incoming: usize,
    pub(super) clients: Vec<Client>,
    /// INVITE and CANCEL transactions that belong together.
    pub(super) cancels: Vec<(usize, usize)>,
    pub(super) servers: Vec<Server>,
    pub(super) legs: Vec<Leg>,
    pub(super) wallet: Wallet,
    pub(super) finished: bool,
    /// Bodies of strangers are offered in this run.
    pub(super) foreign_bodies: bool,
    /// It offers another session before the answer.
    pub(super) updates_early: bool,
    /// How it keeps sessions alive; `None`: not at all.
    pub(super) timer: Option<PhoneTimer>,
    /// What it answers to REFER; `None`: it does what it is asked.
    pub(super) refer_refusal: Option<u16>,
    /// When it hangs up once a transfer of its own went well; `None`: it leaves that to the peer.
    pub(super) leaves_after: Option<Duration>,
    /// When it asks for no more transfers, which could go in circles; `None`: never.
    pub(super) refers_until: Option<Instant>,
    /// What it did.
    pub(crate) coverage: Coverage,
    random: ChaCha8Rng,
}

impl UserAgent {
    /// A phone with its plans; `start` is the beginning of the run.
    pub(crate) fn new(
        start: Instant,
        account: Account,
        phone: &Phone,
        (calls, messages): (Vec<CallPlan>, Vec<MessagePlan>),
        seed: u64,
    ) -> Self {
        let mut out = Outbox::default();
        if let Some(after) = phone.registers_after {
            out.arm(start + after, AgentTimer::Register);
        }
        for (index, call) in calls.iter().enumerate() {
            out.arm(start + call.at, AgentTimer::Dial(index));
        }
        for (index, message) in messages.iter().enumerate() {
            out.arm(start + message.at, AgentTimer::Page(index));
        }
        let manners = match phone.manners.as_slice() {
            [] => vec![Manners::answering(Duration::ZERO)],
            manners => manners.to_vec(),
        };
        Self {
            account,
            out,
            registration: Registration::default(),
            faults: Vec::new(),
            strays: 0,
            expires_secs: phone.expires_secs,
            manners,
            calls,
            messages,
            pages: Vec::new(),
            heard: Vec::new(),
            message_reply: phone.message_reply,
            device: phone.device,
            incoming: 0,
            clients: Vec::new(),
            cancels: Vec::new(),
            servers: Vec::new(),
            legs: Vec::new(),
            wallet: Wallet::default(),
            finished: false,
            foreign_bodies: false,
            timer: phone.timer,
            updates_early: phone.updates_early,
            refer_refusal: phone.refer_refusal,
            leaves_after: phone.leaves_after,
            refers_until: None,
            coverage: Coverage::default(),
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Bodies that are not ours may come: their want of a mark is no fault.
    pub(crate) fn expect_foreign_bodies(&mut self) {
        self.foreign_bodies = true;
    }

    /// Asks for no transfers from a moment on.
    pub(crate) fn refer_until(&mut self, until: Instant) {
        self.refers_until = Some(until);
    }

    /// A datagram arrived.
    pub(crate) fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: Bytes) {
        match Message::parse(bytes, &Limits::default()) {
            Ok(message) if message.is_request() => self.on_request(now, source, &message),
            Ok(message) => self.on_response(now, &message),
            Err(error) => self.fault(format!("unreadable message: {error}")),
        }
    }

    /// The stream to the switch is gone: what was asked on it is not answered any more (RFC 3261 §17.1.4).
    pub(crate) fn handle_stream_closed(&mut self, now: Instant) {
        for index in 0..self.clients.len() {
            self.fail_client(now, index);
        }
    }

    /// A wake-up is due.
    pub(crate) fn handle_timer(&mut self, now: Instant, timer: AgentTimer) {
        match timer {
            AgentTimer::Register => self.register(now),
            AgentTimer::Dial(plan) => self.dial(now, plan),
            AgentTimer::Page(plan) => self.page(now, plan),
            AgentTimer::Client(index) => self.on_client_timer(now, index),
            AgentTimer::Server(index) => self.on_server_timer(now, index),
            AgentTimer::Repeat(leg) => self.on_repeat_timer(now, leg),
            AgentTimer::Deed(leg, deed) => match deed {
                Deed::Ring => self.ring(now, leg),
                Deed::Provisional => self.repeat_provisional(now, leg),
                Deed::Reply => self.reply(now, leg),
                Deed::Cancel => self.give_up(now, leg),
                Deed::HangUp => self.hang_up(now, leg),
                Deed::EarlyUpdate => self.update_early(now, leg),
                Deed::Session => self.on_session_timer(now, leg),
                Deed::Reinvite(change) => self.reinvite(now, leg, change),
            },
        }
    }

    /// Ends everything that stands: calls are hung up or cancelled, registrations not refreshed.
    pub(crate) fn finish(&mut self, now: Instant) {
        self.finished = true;
        for index in 0..self.legs.len() {
            match self.legs[index].state {
                LegState::Confirmed => self.hang_up(now, index),
                LegState::Inviting if self.legs[index].is_caller => self.give_up(now, index),
                _ => {}
            }
        }
    }

    /// Calls of this phone, both ways. Dialogs that were only ended are left out.
    pub(crate) fn legs(&self) -> impl Iterator<Item = LegView> + '_ {
        self.legs.iter().filter(|leg| !leg.label.is_empty()).map(|leg| leg.view(self.account.index))
    }

    /// The device a call of this phone is for, by its label.
    pub(crate) fn device_called(&self, label: &str) -> Option<Device> {
        let (_, plan) = label.split_once('-')?;
        self.calls.get(plan.parse::<usize>().ok()?)?.device
    }

    /// Requests that still wait for something.
    pub(crate) fn open_transactions(&self) -> usize {
        let clients = self.clients.iter().filter(|client| !client.is_over()).count();
        let waiting = |server: &&Server| matches!(server.stage, Stage::Proceeding | Stage::Completed);
        // An INVITE that is met by silence stays open on purpose.
        clients + self.servers.iter().filter(waiting).filter(|server| server.was_answered()).count()
    }

    pub(super) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    pub(super) fn contact(&self) -> String {
        let Account { user, address, transport, .. } = &self.account;
        match transport {
            Transport::Udp => format!("<sip:{user}@{address}>"),
            other => format!("<sip:{user}@{address};transport={}>", other.param()),
        }
    }

    /// A Via value.
    pub(super) fn via(&self, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch};rport", self.account.transport, self.account.address)
    }

    /// When something is to be sent again; streams deliver by themselves.
    pub(super) fn repeat_at(&self, now: Instant) -> Instant {
        if self.account.transport.is_reliable() { now + T1X64 } else { now + T1 }
    }

    /// Text nobody used before.
    pub(super) fn token(&mut self) -> String {
        format!("{:016x}", self.random.next_u64())
    }

    pub(super) fn chance(&mut self) -> u32 {
        self.random.next_u32()
    }
}
