//! The script of a run: phones, their manners, and the calls they place.

use std::time::Duration;

use pbx_sip::{Refresher, Transport};

use super::config::DOMAIN;
use super::zones::Zone;
use crate::address::phone_address;
use crate::network::Network;

/// A whole run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Seed of everything random: switch, network, media, phones.
    pub seed: u64,
    /// The network.
    pub network: Network,
    /// Share of media openings that find a port taken by another process.
    pub busy_ports: f64,
    /// The phones.
    pub phones: Vec<Phone>,
    /// The calls.
    pub calls: Vec<CallPlan>,
    /// The MESSAGEs.
    pub messages: Vec<MessagePlan>,
    /// Domains the switch finds by name.
    pub zones: Vec<Zone>,
    /// What the operator does, and when.
    pub orders: Vec<(Duration, Order)>,
}

/// A deed of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Shut down, cutting off what is left after this time.
    Drain(Duration),
    /// Hang up the oldest call.
    HangUp,
    /// Load the same configuration as the next generation.
    Reload,
    /// Every stream breaks; phones open new ones.
    BreakStreams,
    /// A phone loses its network for good.
    Vanish(usize),
}

/// A phone with its account.
#[derive(Clone, Debug)]
pub struct Phone {
    /// User part and digest name.
    pub user: String,
    /// Password; phones without one do not answer challenges.
    pub password: Option<String>,
    /// When it registers; `None`: never.
    pub registers_after: Option<Duration>,
    /// It has a private address of its own; the network sees another.
    pub natted: bool,
    /// Its session descriptions name a private address.
    pub private_media: bool,
    /// How it speaks with the switch: UDP or TCP.
    pub transport: Transport,
    /// Expiry asked for, seconds.
    pub expires_secs: u32,
    /// Which device it is; `None`: it does not say.
    pub device: Option<Device>,
    /// What it answers to MESSAGE.
    pub message_reply: (u16, &'static str),
    /// It offers another session before the answer, by UPDATE (RFC 3311).
    pub updates_early: bool,
    /// How it keeps sessions alive (RFC 4028); `None`: not at all.
    pub timer: Option<PhoneTimer>,
    /// What it answers to REFER; `None`: it does what it is asked.
    pub refer_refusal: Option<u16>,
    /// When it hangs up once a transfer of its own went well; `None`: it leaves that to the switch.
    pub leaves_after: Option<Duration>,
    /// How it treats incoming calls, one after the other; the last entry holds for all later calls.
    pub manners: Vec<Manners>,
}

/// How a phone keeps its sessions alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneTimer {
    /// Interval it asks for, seconds.
    pub interval_secs: u32,
    /// Who is to refresh, as seen from whoever sends the request; `None`: the other side may choose.
    pub refresher: Option<Refresher>,
    /// By UPDATE instead of re-INVITE.
    pub by_update: bool,
}

/// A device and one of its flows (RFC 5626 §3.1). Two phones of one user and device are two flows of one phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Number of the device in the run.
    pub number: u32,
    /// `reg-id`.
    pub reg_id: u8,
}

impl Device {
    /// `+sip.instance`.
    pub fn instance(&self) -> String {
        format!("urn:uuid:00000000-0000-0000-0000-{:012x}", self.number)
    }
}

/// A MESSAGE a phone sends.
#[derive(Clone, Debug)]
pub struct MessagePlan {
    /// When, counted from the start of the run.
    pub at: Duration,
    /// Index of the phone that sends.
    pub phone: usize,
    /// User it is for.
    pub to: String,
    /// The one device of that user it is for (RFC 5627).
    pub device: Option<Device>,
}

impl MessagePlan {
    /// Request-URI.
    pub fn uri(&self) -> String {
        address_of(&self.to, self.device)
    }
}

impl CallPlan {
    /// Request-URI.
    pub fn uri(&self) -> String {
        address_of(&self.to, self.device)
    }
}

fn address_of(user: &str, device: Option<Device>) -> String {
    match device {
        Some(device) => format!("sip:{user}@{DOMAIN};gr={}", device.instance()),
        None => format!("sip:{user}@{DOMAIN}"),
    }
}

/// How a phone treats an incoming call.
#[derive(Clone, Debug)]
pub struct Manners {
    /// When 180 is sent; `None`: never.
    pub rings_after: Option<Duration>,
    /// What follows.
    pub reply: Reply,
    /// When it hangs up, counted from its 200; `None`: never.
    pub hangs_up_after: Option<Duration>,
    /// Re-INVITEs it sends.
    pub reinvites: Vec<Reinvite>,
    /// 183 with a session description instead of 180, reliably, to callers who can take it.
    pub reliable: bool,
}

/// Whether a caller acknowledges provisional responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// It does not know how.
    None,
    /// It can.
    Supported,
    /// It insists.
    Required,
}

/// The final word of a phone on an incoming call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 200 with as many different To tags as `tags` says: more than one is a fork behind the phone.
    Answer {
        /// Counted from the INVITE.
        after: Duration,
        /// Dialogs, 1 or more.
        tags: u8,
    },
    /// 200 without a description.
    AnswerBare {
        /// Counted from the INVITE.
        after: Duration,
    },
    /// A failure.
    Reject {
        /// Counted from the INVITE.
        after: Duration,
        /// 300–699.
        code: u16,
    },
    /// No final response, until the phone itself gives up long after any ring limit.
    Ring,
    /// No response at all.
    Silence,
}

/// A call a phone places.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// When, counted from the start of the run.
    pub at: Duration,
    /// Index of the phone that calls.
    pub phone: usize,
    /// User called.
    pub to: String,
    /// The one device of that user that is called (RFC 5627).
    pub device: Option<Device>,
    /// INVITE without a body.
    pub late_offer: bool,
    /// How it treats reliable provisional responses (RFC 3262).
    pub reliability: Reliability,
    /// The 2xx is never acknowledged.
    pub never_acks: bool,
    /// When CANCEL is wanted, counted from the INVITE.
    pub cancels_after: Option<Duration>,
    /// When the caller hangs up, counted from the answer; `None`: only at the end of the run.
    pub hangs_up_after: Option<Duration>,
    /// Re-INVITEs it sends.
    pub reinvites: Vec<Reinvite>,
    /// A body to offer instead of the phone's own.
    pub body: Option<Vec<u8>>,
}

impl CallPlan {
    /// A plain call that stays up.
    pub fn new(at: Duration, phone: usize, to: &str) -> Self {
        Self {
            at,
            phone,
            to: to.to_owned(),
            device: None,
            late_offer: false,
            reliability: Reliability::None,
            never_acks: false,
            cancels_after: None,
            hangs_up_after: None,
            reinvites: Vec::new(),
            body: None,
        }
    }
}

/// A change of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reinvite {
    /// Counted from the answer.
    pub after: Duration,
    /// What changes.
    pub change: Change,
}

/// What a re-INVITE changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// `sendonly`.
    Hold,
    /// Back to `sendrecv`.
    Resume,
    /// Another codec first.
    Codec,
    /// No offer: the peer makes one.
    NoOffer,
    /// Another codec first, by UPDATE (RFC 3311).
    Update,
    /// Nothing: an INFO is sent instead.
    Info,
    /// Nothing: the session is kept alive.
    Refresh,
    /// The peer is to speak with somebody else: REFER (RFC 3515).
    Refer {
        /// With whom.
        to: Transfer,
        /// Without being told how it goes (RFC 4488).
        is_silent: bool,
    },
}

/// Whom the peer of a call is to speak with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// A user.
    Blind(u32),
    /// The peer of another call of the phone.
    Attended,
}

impl Phone {
    /// A phone that registers at once and answers every call after half a second.
    pub fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: Some(format!("secret-{user}")),
            registers_after: Some(Duration::ZERO),
            natted: false,
            private_media: false,
            transport: Transport::Udp,
            expires_secs: 60,
            device: None,
            message_reply: (200, "OK"),
            timer: None,
            updates_early: false,
            refer_refusal: None,
            leaves_after: Some(Duration::from_millis(200)),
            manners: vec![Manners::answering(Duration::from_millis(500))],
        }
    }

    /// The same phone with other manners.
    pub fn with_manners(mut self, manners: Vec<Manners>) -> Self {
        self.manners = manners;
        self
    }

    /// The same phone, never registered.
    pub fn unregistered(mut self) -> Self {
        self.registers_after = None;
        self
    }
}

impl From<Reply> for Manners {
    fn from(reply: Reply) -> Self {
        Self::replying(reply)
    }
}

impl Manners {
    /// Rings at once, answers after a while, stays.
    pub fn answering(after: Duration) -> Self {
        Self::replying(Reply::Answer { after, tags: 1 })
    }

    /// Rings at once, then replies as told.
    pub fn replying(reply: Reply) -> Self {
        let rings_after = (reply != Reply::Silence).then_some(Duration::ZERO);
        Self { rings_after, reply, hangs_up_after: None, reinvites: Vec::new(), reliable: false }
    }

    /// Refuses after a while.
    pub fn rejecting(code: u16, after: Duration) -> Self {
        Self::replying(Reply::Reject { after, code })
    }
}

impl Scenario {
    /// Phones and calls over a perfect network.
    pub fn new(phones: Vec<Phone>, calls: Vec<CallPlan>) -> Self {
        Self {
            seed: 1,
            network: Network::PERFECT,
            busy_ports: 0.0,
            phones,
            calls,
            messages: Vec::new(),
            zones: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// Whether any phone wants to transfer a call.
    pub fn has_transfers(&self) -> bool {
        let manners = self.phones.iter().flat_map(|phone| &phone.manners).map(|manners| &manners.reinvites);
        let mut changes = self.calls.iter().map(|call| &call.reinvites).chain(manners).flatten();
        changes.any(|reinvite| matches!(reinvite.change, Change::Refer { .. }))
    }

    /// Whether phones keep sessions alive themselves.
    pub(crate) fn has_timers(&self) -> bool {
        self.phones.iter().any(|phone| phone.timer.is_some())
    }

    /// Phones that come before those called by name only.
    pub(crate) fn callers(&self) -> usize {
        let is_server = |index: &usize| self.zones.iter().any(|zone| zone.has_server(phone_address(*index)));
        (0..self.phones.len()).find(is_server).unwrap_or(self.phones.len())
    }

    /// When the last planned deed of any phone is due.
    pub fn last_deed(&self) -> Duration {
        let calls = self.calls.iter().map(|call| {
            let talk = call.hangs_up_after.unwrap_or_default();
            let changes = call.reinvites.iter().map(|reinvite| reinvite.after).max().unwrap_or_default();
            call.at + talk.max(changes).max(call.cancels_after.unwrap_or_default())
        });
        let manners = self.phones.iter().flat_map(|phone| &phone.manners).map(|manners| {
            let reply = match manners.reply {
                Reply::Answer { after, .. } | Reply::AnswerBare { after } | Reply::Reject { after, .. } => {
                    after
                }
                Reply::Ring | Reply::Silence => Duration::ZERO,
            };
            let changes = manners.reinvites.iter().map(|reinvite| reinvite.after).max().unwrap_or_default();
            reply + manners.hangs_up_after.unwrap_or_default().max(changes)
        });
        let orders = self.orders.iter().map(|(at, order)| match order {
            Order::Drain(limit) => *at + *limit,
            Order::HangUp | Order::Reload | Order::BreakStreams | Order::Vanish(_) => *at,
        });
        let calls = calls.chain(self.messages.iter().map(|message| message.at));
        let deeds = calls.max().unwrap_or_default() + manners.max().unwrap_or_default();
        deeds.max(orders.max().unwrap_or_default())
    }
}
