//! A call with one stream under test.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pbx_media::relay::{Arrival, DropReason, Latched, Remote, Session, Side, Verdict};
use pbx_media::sdp::Direction;

pub(crate) const SDP: &str = "203.0.113.5:4000";
pub(crate) const PEER: &str = "198.51.100.9:6000";

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// One packet: sequence number, SSRC 7, payload type 0 unless changed.
#[derive(Clone, Copy)]
pub(crate) struct Rtp {
    pub(crate) seq: u16,
    pub(crate) ssrc: u32,
    pub(crate) payload: u8,
    pub(crate) marker: bool,
}

pub(crate) fn rtp(seq: u16) -> Rtp {
    Rtp { seq, ssrc: 7, payload: 0, marker: false }
}

impl Rtp {
    pub(crate) fn octets(self) -> Vec<u8> {
        let mut packet = vec![0x80, self.payload | (u8::from(self.marker) << 7)];
        packet.extend(self.seq.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend([0x55; 160]);
        packet
    }
}

/// A call whose callee is latched off at [`PEER`], so that only the caller's stream is under test.
pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) remote: Remote,
}

pub(crate) fn plain(rtp: &str, signalling: &str) -> Remote {
    let rtp = addr(rtp);
    Remote {
        rtp: Some(rtp),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
        rtcp_mux: false,
        signalling: ip(signalling),
        direction: Direction::SendRecv,
        payload_types: [0, 8, 101].into_iter().collect(),
        ssrcs: Vec::new(),
        latching: true,
        probation: 6,
        behind_proxy: false,
        is_secure: false,
    }
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts at some instant")]
    pub(crate) fn with(remote: Remote) -> Self {
        let mut bench = Self { session: Session::new(1), now: Instant::now(), remote };
        let callee = Remote { latching: false, ..plain(PEER, "198.51.100.9") };
        bench.session.describe(Side::Callee, 0, &callee, &|_| false);
        bench.describe(|_| {});
        bench
    }

    pub(crate) fn new() -> Self {
        Self::with(plain(SDP, "203.0.113.5"))
    }

    pub(crate) fn describe(&mut self, change: impl FnOnce(&mut Remote)) {
        change(&mut self.remote);
        self.session.describe(Side::Caller, 0, &self.remote, &|_| false);
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    pub(crate) fn hear(&mut self, from: &str, packet: Rtp) -> Verdict {
        self.hear_octets(from, false, &packet.octets())
    }

    pub(crate) fn hear_octets(&mut self, from: &str, rtcp: bool, octets: &[u8]) -> Verdict {
        let arrival = Arrival { side: Side::Caller, line: 0, rtcp };
        self.session.handle_packet(self.now, arrival, addr(from), octets)
    }

    /// Feeds packets of consecutive sequence numbers and returns whether the last was relayed.
    pub(crate) fn run(&mut self, from: &str, first: u16, count: u16) -> bool {
        let verdicts: Vec<Verdict> =
            (0..count).map(|index| self.hear(from, rtp(first.wrapping_add(index)))).collect();
        verdicts.last().is_some_and(|verdict| is_relayed(*verdict))
    }

    pub(crate) fn target(&mut self) -> Verdict {
        let arrival = Arrival { side: Side::Callee, line: 0, rtcp: false };
        self.session.handle_packet(self.now, arrival, addr(PEER), &rtp(1).octets())
    }

    pub(crate) fn target_addr(&mut self) -> Option<SocketAddr> {
        match self.target() {
            Verdict::Forward { to, .. } => Some(to),
            Verdict::Drop(_) => None,
        }
    }

    pub(crate) fn latched(&mut self) -> Option<Latched> {
        self.session.poll_latched()
    }
}

pub(crate) fn is_relayed(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Forward { .. })
}

pub(crate) const fn dropped(reason: DropReason) -> Verdict {
    Verdict::Drop(reason)
}

pub(crate) const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];
