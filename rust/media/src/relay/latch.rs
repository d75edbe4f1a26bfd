//! Where one stream's packets come from and go to (§6 of the configuration contract).

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::command::LatchResult;
use super::drop_reason::DropReason;
use super::latched::{Heard, Source};
use super::payload_types::PayloadTypes;
use super::probation::{Observation, Probation, TIER_STRANGER};
use super::remote::Remote;
use crate::net_set::{canonical, is_private, is_sendable};
use crate::rtp::RtpHeader;

/// Comfort noise needs no negotiation to be heard (RFC 3389).
const COMFORT_NOISE: u8 = 13;

/// The source of one stream, or the search for it.
#[derive(Clone, Debug)]
pub(super) struct Latch {
    state: State,
    /// Address the description named last, holds aside.
    sdp: Option<SocketAddr>,
    /// Latched address from before a hold; as good as a named one.
    before_hold: Option<SocketAddr>,
    send_to: Option<SocketAddr>,
    signalling: IpAddr,
    payload_types: PayloadTypes,
    ssrcs: Box<[u32]>,
    probation: u8,
    behind_proxy: bool,
    is_learning: bool,
    is_held: bool,
}

#[derive(Clone, Debug)]
enum State {
    Idle,
    Probing(Box<Probation>),
    Latched(Source),
    /// Latching is off: the description alone counts.
    Fixed,
}

/// A packet that is the peer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The choice this packet brought about.
    pub(super) choice: Option<Choice>,
    pub(super) ssrc_changed: bool,
}

/// A source chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) addr: SocketAddr,
    pub(super) tier: u8,
    pub(super) packets: u16,
    pub(super) result: LatchResult,
}

impl Latch {
    /// A stream nobody described yet: everything is dropped.
    pub(super) fn new() -> Self {
        Self {
            state: State::Idle,
            sdp: None,
            before_hold: None,
            send_to: None,
            signalling: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            payload_types: PayloadTypes::NONE,
            ssrcs: Box::default(),
            probation: 0,
            behind_proxy: false,
            is_learning: false,
            is_held: false,
        }
    }

    /// Where packets for the peer go now.
    pub(super) fn send_to(&self) -> Option<SocketAddr> {
        self.send_to
    }

    /// The address the description named last.
    pub(super) fn sdp(&self) -> Option<SocketAddr> {
        self.sdp
    }

    /// Takes a new description (rules 1, 11 and 12). `is_own` tells our own sockets, which are never sent to.
    /// Returns whether the search began anew.
    pub(super) fn describe(&mut self, remote: &Remote, is_own: &dyn Fn(SocketAddr) -> bool) -> bool {
        let was_learning = std::mem::replace(&mut self.is_learning, remote.latching);
        let was_held = std::mem::replace(&mut self.is_held, remote.is_hold());
        self.signalling = remote.signalling.to_canonical();
        self.payload_types = remote.payload_types;
        self.ssrcs = remote.ssrcs.as_slice().into();
        self.probation = remote.probation;
        self.behind_proxy = remote.behind_proxy;
        let Some(rtp) = remote.rtp.map(canonical) else {
            (self.state, self.sdp, self.send_to, self.before_hold) = (State::Idle, None, None, None);
            return true;
        };
        let is_moved = !rtp.ip().is_unspecified() && self.sdp != Some(rtp);
        if matches!(self.state, State::Idle) || is_moved || was_learning != remote.latching {
            self.start(rtp, is_own);
            return true;
        }
        let is_resumed = was_held && !self.is_held && self.is_learning;
        if is_resumed {
            self.resume();
        }
        is_resumed
    }

    fn start(&mut self, rtp: SocketAddr, is_own: &dyn Fn(SocketAddr) -> bool) {
        self.sdp = Some(rtp).filter(|rtp| !rtp.ip().is_unspecified());
        self.before_hold = None;
        let is_behind_nat = self.is_learning && is_private(rtp.ip()) && !is_private(self.signalling);
        let ip = if is_behind_nat { self.signalling } else { rtp.ip() };
        let target = self.sdp.map(|sdp| SocketAddr::new(ip, sdp.port()));
        self.send_to = target.filter(|target| is_sendable(*target, self.signalling) && !is_own(*target));
        self.state = if self.is_learning { State::Probing(Box::default()) } else { State::Fixed };
    }

    /// After a hold the peer may come back from another address, but until it does we go on as before.
    fn resume(&mut self) {
        if let State::Latched(source) = &self.state {
            self.before_hold = Some(source.addr);
        }
        self.state = State::Probing(Box::default());
    }

    /// Judges an RTP packet (rules 3 to 9).
    pub(super) fn handle_rtp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        header: RtpHeader,
    ) -> Result<Accepted, DropReason> {
        match &mut self.state {
            State::Idle => Err(DropReason::Idle),
            State::Fixed if self.sdp.is_some_and(|sdp| sdp.ip() == source.ip()) => Ok(Accepted::default()),
            State::Fixed => Err(DropReason::Source),
            State::Probing(_) => self.probe(now, source, header),
            State::Latched(known) if known.addr != source && !is_sendable(source, self.signalling) => {
                Err(DropReason::Source)
            }
            State::Latched(known) => match known.hear(now, source, header) {
                Heard::Known { ssrc_changed } => Ok(Accepted { choice: None, ssrc_changed }),
                Heard::Moved => Ok(self.moved(source)),
                Heard::Stranger => Err(DropReason::Source),
            },
        }
    }

    fn moved(&mut self, addr: SocketAddr) -> Accepted {
        self.send_to = Some(addr);
        let choice = Choice { addr, tier: 0, packets: 0, result: LatchResult::Moved };
        Accepted { choice: Some(choice), ssrc_changed: false }
    }

    fn probe(&mut self, now: Instant, source: SocketAddr, header: RtpHeader) -> Result<Accepted, DropReason> {
        let tier = self.tier(source).ok_or(DropReason::Source)?;
        if !self.ssrcs.is_empty() && !self.ssrcs.contains(&header.ssrc) {
            return Err(DropReason::Ssrc);
        }
        if !self.payload_types.contains(header.payload_type) && header.payload_type != COMFORT_NOISE {
            return Err(DropReason::Payload);
        }
        let State::Probing(probation) = &mut self.state else { return Err(DropReason::Idle) };
        match probation.observe(source, tier, header, self.probation) {
            Observation::Duplicate => Err(DropReason::Duplicate),
            Observation::Waiting { is_leader: true } => Ok(Accepted::default()),
            Observation::Waiting { is_leader: false } => Err(DropReason::Probing),
            Observation::Chosen { candidate, packets, result } => {
                let addr = candidate.addr;
                self.state = State::Latched(Source::new(now, addr, candidate.ssrc, candidate.last_seq));
                self.send_to = Some(addr);
                let choice = Some(Choice { addr, tier: candidate.tier, packets, result });
                // The packet that decides may be another candidate's; it is not heard, but the choice stands.
                Ok(Accepted { choice, ssrc_changed: false })
            }
        }
    }

    /// How well the description and signalling vouch for an address (rule 3); none = inadmissible.
    fn tier(&self, source: SocketAddr) -> Option<u8> {
        if !is_sendable(source, self.signalling) {
            return None;
        }
        if self.sdp == Some(source) || self.before_hold == Some(source) {
            return Some(1);
        }
        if self.sdp.is_some_and(|sdp| sdp.ip() == source.ip()) {
            return Some(2);
        }
        if self.signalling == source.ip() {
            return Some(3);
        }
        let says_nothing = self.behind_proxy && self.sdp.is_some_and(|sdp| is_private(sdp.ip()));
        says_nothing.then_some(TIER_STRANGER)
    }

    /// Whether RTCP on a socket of its own may come from `source` (rule 10).
    pub(super) fn admits_rtcp(&self, source: SocketAddr) -> bool {
        match &self.state {
            State::Idle | State::Probing(_) => false,
            State::Latched(known) => known.addr.ip() == source.ip(),
            State::Fixed => self.sdp.is_some_and(|sdp| sdp.ip() == source.ip()),
        }
    }

    /// Whether RTCP on the RTP socket may come from `source` (rule 10).
    pub(super) fn admits_muxed_rtcp(&self, source: SocketAddr) -> bool {
        match &self.state {
            State::Latched(known) => known.addr == source,
            _ => self.admits_rtcp(source),
        }
    }
}
