//! Who may be the peer, while a stream's source is still to be found (§6 rules 3–7 of the contract).

use std::net::SocketAddr;

use super::command::LatchResult;
use crate::rtp::RtpHeader;

/// Packets in unbroken order that prove a source.
pub(super) const RUN: u8 = 3;

/// Sources watched at once; a sprayer must not make us remember more.
const MAX_CANDIDATES: usize = 4;

/// Worst tier: an address neither the description nor signalling named.
pub(super) const TIER_STRANGER: u8 = 4;

/// A source that might be the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) addr: SocketAddr,
    pub(super) ssrc: u32,
    pub(super) tier: u8,
    pub(super) last_seq: u16,
    run: u8,
    count: u16,
    /// Order of appearance.
    born: u16,
}

/// The table of candidates.
#[derive(Clone, Debug, Default)]
pub(super) struct Probation {
    candidates: [Option<Candidate>; MAX_CANDIDATES],
    total: u16,
    births: u16,
}

/// What one packet led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observation {
    /// A copy; it does not count.
    Duplicate,
    /// Nobody is chosen yet.
    Waiting {
        /// Whether the packet is from the most likely candidate.
        is_leader: bool,
    },
    /// This candidate is the source.
    Chosen { candidate: Candidate, packets: u16, result: LatchResult },
}

impl Probation {
    /// Counts an admissible packet and chooses when it is time.
    pub(super) fn observe(
        &mut self,
        addr: SocketAddr,
        tier: u8,
        header: RtpHeader,
        limit: u8,
    ) -> Observation {
        let index = match self.find(addr, header.ssrc) {
            Some(index) => match self.candidates[index].as_mut().map(|known| known.hear(header.sequence)) {
                Some(true) => index,
                _ => return Observation::Duplicate,
            },
            None => self.admit(addr, tier, header),
        };
        self.total = self.total.saturating_add(1);
        self.choose(index, limit)
    }

    fn find(&self, addr: SocketAddr, ssrc: u32) -> Option<usize> {
        let is_it = |known: &Candidate| known.addr == addr && known.ssrc == ssrc;
        self.candidates.iter().position(|slot| slot.as_ref().is_some_and(is_it))
    }

    fn admit(&mut self, addr: SocketAddr, tier: u8, header: RtpHeader) -> usize {
        let free = self.candidates.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| self.worst());
        self.births = self.births.saturating_add(1);
        let last_seq = header.sequence;
        let ssrc = header.ssrc;
        self.candidates[index] =
            Some(Candidate { addr, ssrc, tier, last_seq, run: 1, count: 1, born: self.births });
        index
    }

    /// The one to give up for a newcomer; never the leader.
    fn worst(&self) -> usize {
        let leader = self.leader();
        let others = (0..MAX_CANDIDATES).filter(|index| Some(*index) != leader);
        let badness = |index: &usize| self.candidates[*index].map(|c| (c.tier, u16::MAX - c.count, c.born));
        others.max_by_key(badness).unwrap_or_default()
    }

    fn leader(&self) -> Option<usize> {
        let merit = |c: Candidate| (c.run >= RUN, u8::MAX - c.tier, c.count, u16::MAX - c.born);
        (0..MAX_CANDIDATES).max_by_key(|index| self.candidates[*index].map(merit))
    }

    fn choose(&self, index: usize, limit: u8) -> Observation {
        let leader = self.leader();
        let chosen = |candidate, result| Observation::Chosen { candidate, packets: self.total, result };
        if let Some(candidate) = self.candidates[index].filter(|candidate| self.is_proven(candidate)) {
            return chosen(candidate, LatchResult::Run);
        }
        match leader.and_then(|leader| self.candidates[leader]) {
            Some(candidate) if self.total >= u16::from(limit.max(1)) => {
                chosen(candidate, LatchResult::Forced)
            }
            _ => Observation::Waiting { is_leader: leader == Some(index) },
        }
    }

    fn is_proven(&self, candidate: &Candidate) -> bool {
        let is_outranked = self.candidates.iter().flatten().any(|other| other.tier < candidate.tier);
        candidate.run >= RUN && candidate.tier < TIER_STRANGER && !is_outranked
    }
}

impl Candidate {
    /// Takes the next sequence number; false for a duplicate.
    fn hear(&mut self, sequence: u16) -> bool {
        let distance = sequence.wrapping_sub(self.last_seq) as i16;
        match distance {
            0 => return false,
            1 => self.run = self.run.saturating_add(1),
            -100..=-1 => {}
            _ => self.run = 1,
        }
        if !(-100..=-1).contains(&distance) {
            self.last_seq = sequence;
        }
        self.count = self.count.saturating_add(1);
        true
    }
}
