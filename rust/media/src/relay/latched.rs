//! A stream whose source is known, and the proof a new address must give (§6 rules 8 and 9 of the contract).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::probation::RUN;
use crate::rtp::RtpHeader;

/// Silence of the old address before a new one is believed.
const QUIET: Duration = Duration::from_secs(1);

/// Sequence numbers a stream may have advanced at once, beyond what elapsed time explains.
const GAP: u128 = 100;

/// Where a stream comes from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) addr: SocketAddr,
    ssrc: u32,
    last_seq: u16,
    last_at: Instant,
    rival: Option<Rival>,
}

/// An address that continues the stream while the known one is silent.
#[derive(Clone, Copy, Debug)]
struct Rival {
    addr: SocketAddr,
    last_seq: u16,
    last_at: Instant,
    run: u8,
}

/// What a packet says about the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is from the source.
    Known { ssrc_changed: bool },
    /// It is not, or not yet.
    Stranger,
    /// The source is this address from now on.
    Moved,
}

impl Source {
    pub(super) fn new(now: Instant, addr: SocketAddr, ssrc: u32, last_seq: u16) -> Self {
        Self { addr, ssrc, last_seq, last_at: now, rival: None }
    }

    pub(super) fn hear(&mut self, now: Instant, addr: SocketAddr, header: RtpHeader) -> Heard {
        if addr == self.addr {
            return self.hear_known(now, header);
        }
        let is_quiet = now.saturating_duration_since(self.last_at) >= QUIET;
        if !is_quiet || header.ssrc != self.ssrc || !self.hear_rival(now, addr, header.sequence) {
            return Heard::Stranger;
        }
        *self = Self::new(now, addr, self.ssrc, header.sequence);
        Heard::Moved
    }

    fn hear_known(&mut self, now: Instant, header: RtpHeader) -> Heard {
        let ssrc_changed = header.ssrc != self.ssrc;
        let distance = header.sequence.wrapping_sub(self.last_seq) as i16;
        // A late packet must not draw back the number a rival has to continue from.
        if ssrc_changed || !(-100..=0).contains(&distance) {
            self.last_seq = header.sequence;
        }
        self.ssrc = header.ssrc;
        self.last_at = now;
        self.rival = None;
        Heard::Known { ssrc_changed }
    }

    /// Whether `addr` has now given its proof.
    fn hear_rival(&mut self, now: Instant, addr: SocketAddr, sequence: u16) -> bool {
        match &mut self.rival {
            Some(rival) if rival.addr == addr => match sequence.wrapping_sub(rival.last_seq) {
                0 => return false,
                1 => {
                    *rival = Rival { addr, last_seq: sequence, last_at: now, run: rival.run + 1 };
                    return rival.run >= RUN;
                }
                _ => {}
            },
            // One rival at a time, so that a third party cannot keep the peer from completing its run.
            Some(rival) if now.saturating_duration_since(rival.last_at) < QUIET => return false,
            _ => {}
        }
        let rival = Rival { addr, last_seq: sequence, last_at: now, run: 1 };
        self.rival = self.continues(now, sequence).then_some(rival);
        false
    }

    /// Whether a sequence number is where the stream can be by now.
    fn continues(&self, now: Instant, sequence: u16) -> bool {
        let advance = u128::from(sequence.wrapping_sub(self.last_seq));
        let elapsed = now.saturating_duration_since(self.last_at).as_millis();
        (1..=GAP + elapsed / 10).contains(&advance)
    }
}
