//! A phone's side of a call.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pbx_sip::{Bytes, Message, Method, Name, Uri};

use super::client::Purpose;
use super::description::{self, Mark};
use super::following::Errand;
use super::outbox::{AgentTimer, Deed};
use super::referring::Referral;
use super::reliable::Provisional;
use super::session::Session;
use super::user_agent::{T1, T1X64, T2, UserAgent};
use crate::coverage::Feature;
use crate::scenario::{Change, Reinvite};

/// Methods a phone understands.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, INFO, PRACK, UPDATE, REFER, NOTIFY, MESSAGE";

/// Where a leg stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegState {
    /// INVITE sent or received, no final response.
    Inviting,
    /// Answered.
    Confirmed,
    /// BYE sent.
    Ending,
    /// Over.
    Ended,
}

/// How a call ended, or stands, for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No final response yet.
    Pending,
    /// A 2xx came.
    Answered,
    /// A failure came.
    Failed(u16),
    /// No final response ever came.
    Unanswered,
}

/// What both ends of a call are compared by.
#[derive(Clone, Debug)]
pub struct LegView {
    /// Index of the phone.
    pub phone: usize,
    /// Which call, as the caller named it.
    pub label: String,
    /// Whether this phone called.
    pub is_caller: bool,
    /// Where it stands.
    pub state: LegState,
    /// What the caller learnt.
    pub outcome: Outcome,
    /// Description this end sent last, if the exchange was completed.
    pub local: Option<Mark>,
    /// Description this end received last, if the exchange was completed.
    pub remote: Option<Mark>,
    /// Answers of other dialogs that reached the caller.
    pub other_answers: u32,
    /// Call-ID on this side.
    pub call_id: String,
    /// A transfer was asked for on this side: its ends may be elsewhere.
    pub is_touched: bool,
    /// Interval of its session timer, seconds.
    pub session_secs: Option<u32>,
}

/// A 2xx that waits for its ACK.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) cseq: u32,
    pub(super) bytes: Bytes,
    pub(super) destination: SocketAddr,
    pub(super) interval: Duration,
    pub(super) next_at: Instant,
    pub(super) ends_at: Instant,
    /// Our offer, when the INVITE had none.
    pub(super) offer: Option<Mark>,
}

/// One dialog, or one in the making.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) label: String,
    pub(super) is_caller: bool,
    /// Number of the call plan of a caller, of the manners of a callee.
    pub(super) plan: usize,
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) remote_tag: Option<String>,
    pub(super) local_uri: String,
    pub(super) remote_uri: String,
    pub(super) target: String,
    pub(super) local_cseq: u32,
    pub(super) remote_cseq: u32,
    pub(super) state: LegState,
    pub(super) outcome: Outcome,
    pub(super) rung: bool,
    pub(super) challenges: u8,
    pub(super) retries: u8,
    pub(super) cancel_wanted: bool,
    pub(super) hang_up_wanted: bool,
    /// Our INVITE without a final response.
    pub(super) inviting: Option<usize>,
    /// The peer's INVITE without a final response of ours.
    pub(super) invited: Option<usize>,
    pub(super) accepted: Option<Accepted>,
    /// ACKs sent, by CSeq.
    pub(super) acks: Vec<(u32, Bytes)>,
    /// RSeq of the last reliable response acknowledged.
    pub(super) rseq: Option<u32>,
    /// A reliable response of ours that waits for its PRACK.
    pub(super) provisional: Option<Provisional>,
    /// The final response waits for that PRACK.
    pub(super) reply_wanted: bool,
    /// Offer and answer were exchanged reliably before the answer.
    pub(super) settled: bool,
    pub(super) other_answers: u32,
    pub(super) version: u32,
    pub(super) holds: bool,
    pub(super) alaw_first: bool,
    /// Offer sent and not answered.
    pub(super) offered: Option<Mark>,
    pub(super) local: Option<Mark>,
    pub(super) remote: Option<Mark>,
    /// To tag of the last provisional response.
    pub(super) early_tag: Option<String>,
    /// REFERs sent.
    pub(super) referrals: Vec<Referral>,
    /// The REFER this call was placed for.
    pub(super) errand: Errand,
    /// Replaces of the first INVITE.
    pub(super) replaces: Option<String>,
    pub(super) is_touched: bool,
    /// An early UPDATE of ours is unanswered.
    pub(super) updating: bool,
    /// The interval in force.
    pub(super) session: Option<Session>,
    /// The smallest the peer takes.
    pub(super) min_se: Option<u32>,
}

impl Leg {
    pub(super) fn new(label: String, is_caller: bool, plan: usize) -> Self {
        Self {
            label,
            is_caller,
            plan,
            call_id: String::new(),
            local_tag: String::new(),
            remote_tag: None,
            local_uri: String::new(),
            remote_uri: String::new(),
            target: String::new(),
            local_cseq: 0,
            remote_cseq: 0,
            state: LegState::Inviting,
            outcome: Outcome::Pending,
            rung: false,
            challenges: 0,
            retries: 0,
            cancel_wanted: false,
            hang_up_wanted: false,
            inviting: None,
            invited: None,
            accepted: None,
            acks: Vec::new(),
            rseq: None,
            provisional: None,
            reply_wanted: false,
            settled: false,
            other_answers: 0,
            version: 0,
            holds: false,
            alaw_first: false,
            offered: None,
            local: None,
            remote: None,
            early_tag: None,
            referrals: Vec::new(),
            errand: None,
            replaces: None,
            is_touched: false,
            updating: false,
            session: None,
            min_se: None,
        }
    }

    /// Tag of the peer, of an early dialog if there is no other.
    pub(super) fn known_tag(&self) -> Option<&str> {
        self.remote_tag.as_deref().or(self.early_tag.as_deref())
    }

    /// Where the peer's Contact leads.
    pub(super) fn destination(&self, otherwise: SocketAddr) -> SocketAddr {
        let Ok(uri) = Uri::parse(&self.target) else { return otherwise };
        match uri.host_ip() {
            Some(ip) => SocketAddr::new(ip, uri.port.unwrap_or(5060)),
            None => otherwise,
        }
    }

    pub(super) fn view(&self, phone: usize) -> LegView {
        LegView {
            phone,
            label: self.label.clone(),
            is_caller: self.is_caller,
            state: self.state,
            outcome: self.outcome,
            local: self.local.clone(),
            remote: self.remote.clone(),
            other_answers: self.other_answers,
            call_id: self.call_id.clone(),
            is_touched: self.is_touched,
            session_secs: self.session_secs(),
        }
    }
}

impl UserAgent {
    /// A new description of a leg, and its mark.
    pub(super) fn describe(&mut self, index: usize, answering: Option<&Mark>) -> (Mark, String) {
        let address = self.account.media;
        let phone = self.account.index;
        let leg = &mut self.legs[index];
        leg.version += 1;
        let direction = match answering {
            Some(offer) => offer.mirrored(leg.holds),
            None if leg.holds => "sendonly",
            None => "sendrecv",
        };
        let mark = Mark { id: format!("{phone}.{index}.{}", leg.version), direction };
        let body = description::write(&mark, address, leg.version, leg.alaw_first);
        (mark, body)
    }

    /// The description in a message; its absence is noted.
    pub(super) fn read_mark(&mut self, message: &Message, what: &str) -> Option<Mark> {
        let mark = message.sdp().and_then(Mark::read);
        if mark.is_none() && !self.foreign_bodies {
            self.fault(format!("{what} without a description, Call-ID {}", message.call_id()));
        }
        mark
    }

    /// Arms what a phone plans for an answered call.
    pub(super) fn arm_deeds(
        &mut self,
        now: Instant,
        index: usize,
        hangs_up_after: Option<Duration>,
        reinvites: &[Reinvite],
    ) {
        if let Some(after) = hangs_up_after {
            self.out.arm(now + after, AgentTimer::Deed(index, Deed::HangUp));
        }
        for reinvite in reinvites {
            let deed = Deed::Reinvite(reinvite.change);
            self.out.arm(now + reinvite.after, AgentTimer::Deed(index, deed));
        }
    }

    /// Sends BYE, unless our 2xx still waits for its ACK (RFC 3261 §15).
    pub(super) fn hang_up(&mut self, now: Instant, index: usize) {
        let leg = &mut self.legs[index];
        if leg.state != LegState::Confirmed {
            return;
        }
        if leg.accepted.is_some() {
            leg.hang_up_wanted = true;
            return;
        }
        leg.state = LegState::Ending;
        self.send_in_dialog(now, index, Method::Bye, Purpose::Bye(index), None);
    }

    /// Sends a request inside the dialog.
    pub(super) fn send_in_dialog(
        &mut self,
        now: Instant,
        index: usize,
        method: Method,
        purpose: Purpose,
        body: Option<&str>,
    ) -> usize {
        let leg = &mut self.legs[index];
        leg.local_cseq += 1;
        let cseq = leg.local_cseq;
        let destination = leg.destination(self.account.server);
        self.launch(now, (method, purpose), destination, |agent, via| {
            let builder = agent.in_dialog(index, method.as_str(), cseq, via);
            match body {
                Some(body) => builder.body("application/sdp", body.as_bytes()),
                None => builder,
            }
        })
    }

    /// The head of a request inside the dialog.
    pub(super) fn in_dialog(&self, index: usize, method: &str, cseq: u32, via: &str) -> pbx_sip::Builder {
        let leg = &self.legs[index];
        let remote_tag = leg.remote_tag.as_deref().unwrap_or("");
        let builder = pbx_sip::Builder::request(method, &leg.target)
            .header(Name::Via, via)
            .header(Name::MaxForwards, "70")
            .header(Name::From, format!("<{}>;tag={}", leg.local_uri, leg.local_tag))
            .header(Name::To, format!("<{}>;tag={remote_tag}", leg.remote_uri))
            .header(Name::CallId, &leg.call_id)
            .header(Name::CSeq, format!("{cseq} {method}"));
        match method {
            "REFER" | "NOTIFY" => builder.header(Name::Contact, self.contact()),
            "INVITE" | "UPDATE" => {
                let builder = builder.header(Name::Contact, self.contact()).header(Name::Allow, ALLOW);
                self.ask_session(index, builder)
            }
            _ => builder,
        }
    }

    /// A BYE of ours was answered, or never will be.
    pub(super) fn on_bye_over(&mut self, index: usize) {
        self.end(index);
    }

    /// Nothing is left of a leg.
    pub(super) fn end(&mut self, index: usize) {
        let leg = &mut self.legs[index];
        leg.state = LegState::Ended;
        leg.accepted = None;
        leg.hang_up_wanted = false;
        // Its dialog gone, nothing is expected of a re-INVITE any more.
        if let Some(client) = leg.inviting.take() {
            self.clients[client].give_up();
        }
    }

    /// Repeats a 2xx (RFC 3261 §13.3.1.4), or gives the leg up.
    pub(super) fn on_repeat_timer(&mut self, now: Instant, index: usize) {
        let leg = &mut self.legs[index];
        let Some(accepted) = leg.accepted.as_mut().filter(|accepted| accepted.next_at <= now) else { return };
        if now >= accepted.ends_at {
            leg.accepted = None;
            return self.hang_up(now, index);
        }
        accepted.interval = (2 * accepted.interval).min(T2);
        accepted.next_at = (now + accepted.interval).min(accepted.ends_at);
        self.out.arm(accepted.next_at, AgentTimer::Repeat(index));
        self.out.send(accepted.destination, accepted.bytes.clone());
    }

    /// Keeps a 2xx of ours until its ACK.
    pub(super) fn await_ack(
        &mut self,
        now: Instant,
        index: usize,
        request: &Message,
        (bytes, offer): (Bytes, Option<Mark>),
    ) {
        let destination = self.account.server;
        self.out.arm(now + T1, AgentTimer::Repeat(index));
        self.legs[index].accepted = Some(Accepted {
            cseq: request.cseq(),
            bytes,
            destination,
            interval: T1,
            next_at: now + T1,
            ends_at: now + T1X64,
            offer,
        });
    }

    /// A planned change of the session; put off while another exchange runs.
    pub(super) fn reinvite(&mut self, now: Instant, index: usize, change: Change) {
        let leg = &mut self.legs[index];
        if leg.state != LegState::Confirmed {
            return;
        }
        if change == Change::Info {
            self.send_in_dialog(now, index, Method::Info, Purpose::Info, None);
            return;
        }
        if leg.updating || leg.inviting.is_some() || leg.invited.is_some() || leg.accepted.is_some() {
            self.out.arm(now + T1, AgentTimer::Deed(index, Deed::Reinvite(change)));
            return;
        }
        if let Change::Refer { to, is_silent } = change {
            return self.refer(now, index, to, is_silent);
        }
        match change {
            Change::Hold => {
                leg.holds = true;
                self.coverage.count(Feature::Held);
            }
            Change::Resume => leg.holds = false,
            Change::Codec | Change::Update => leg.alaw_first = !leg.alaw_first,
            Change::NoOffer | Change::Info | Change::Refresh | Change::Refer { .. } => {}
        }
        let body = (change != Change::NoOffer).then(|| {
            let (mark, body) = self.describe(index, None);
            self.legs[index].offered = Some(mark);
            body
        });
        let (method, purpose) = match change {
            Change::Update => (Method::Update, Purpose::Update(index, change)),
            _ => (Method::Invite, Purpose::Reinvite(index, change)),
        };
        let client = self.send_in_dialog(now, index, method, purpose, body.as_deref());
        self.legs[index].inviting = Some(client);
    }
}
