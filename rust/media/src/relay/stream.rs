//! What comes from one side on one media line, and where what goes to that side is sent.

use std::net::SocketAddr;
use std::time::Instant;

use super::command::{Latched, Side, StreamStats};
use super::counters::Counters;
use super::drop_reason::DropReason;
use super::latch::{Choice, Latch};
use super::remote::Remote;
use crate::net_set::{canonical, is_sendable};
use crate::rtcp::{RtcpCompound, is_secure_rtcp};
use crate::rtp::RtpHeader;

#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) side: Side,
    pub(super) line: u8,
    latch: Latch,
    rtcp: Rtcp,
    receives: bool,
    is_secure: bool,
    pub(super) counters: Counters,
    pub(super) accepted_at: Option<Instant>,
    pub(super) latched: Option<Latched>,
    /// Whether `latched` was not reported yet.
    pub(super) has_news: bool,
}

/// Where RTCP for the peer goes.
#[derive(Clone, Copy, Debug, Default)]
struct Rtcp {
    is_muxed: bool,
    written: Option<SocketAddr>,
    learnt: Option<SocketAddr>,
}

impl Stream {
    pub(super) fn new(side: Side, line: u8) -> Self {
        Self {
            side,
            line,
            latch: Latch::new(),
            rtcp: Rtcp::default(),
            receives: false,
            is_secure: false,
            counters: Counters::default(),
            accepted_at: None,
            latched: None,
            has_news: false,
        }
    }

    pub(super) fn describe(&mut self, remote: &Remote, is_own: &dyn Fn(SocketAddr) -> bool) {
        self.receives = remote.receives();
        self.is_secure = remote.is_secure;
        let is_new = self.latch.describe(remote, is_own);
        let allowed = |rtcp: &SocketAddr| is_sendable(*rtcp, remote.signalling) && !is_own(*rtcp);
        self.rtcp.written = remote.rtcp.map(canonical).filter(allowed);
        self.rtcp.is_muxed = remote.rtcp_mux;
        if is_new {
            self.rtcp.learnt = None;
        }
    }

    /// Judges an RTP packet from this side.
    pub(super) fn handle_rtp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &[u8],
    ) -> Result<(), DropReason> {
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::NotRtp)?;
        let accepted = self.latch.handle_rtp(now, source, header)?;
        self.counters.ssrc_changed_total += u32::from(accepted.ssrc_changed);
        if let Some(choice) = accepted.choice {
            self.record(choice);
            if choice.addr != source {
                // The probation count made the choice, and it fell on another than the sender of this packet.
                return Err(DropReason::Source);
            }
        }
        self.accepted_at = Some(now);
        Ok(())
    }

    fn record(&mut self, choice: Choice) {
        let Choice { addr, tier, packets, result } = choice;
        self.rtcp.learnt = None;
        self.latched = Some(Latched { side: self.side, line: self.line, addr, tier, packets, result });
        self.has_news = true;
    }

    /// Judges an RTCP packet from this side.
    pub(super) fn handle_rtcp(
        &mut self,
        source: SocketAddr,
        on_rtp_socket: bool,
        packet: &[u8],
    ) -> Result<(), DropReason> {
        let is_whole =
            if self.is_secure { is_secure_rtcp(packet) } else { RtcpCompound::parse(packet).is_ok() };
        if on_rtp_socket != self.rtcp.is_muxed || !is_whole {
            return Err(DropReason::Rtcp);
        }
        if on_rtp_socket {
            return if self.latch.admits_muxed_rtcp(source) { Ok(()) } else { Err(DropReason::Source) };
        }
        if !self.latch.admits_rtcp(source) {
            return Err(DropReason::Source);
        }
        self.rtcp.learnt.get_or_insert(source);
        Ok(())
    }

    /// Where RTP for this side goes.
    pub(super) fn rtp_target(&self) -> Result<SocketAddr, DropReason> {
        let target = self.latch.send_to().ok_or(DropReason::Idle)?;
        if self.receives { Ok(target) } else { Err(DropReason::Held) }
    }

    /// Where RTCP for this side goes, and whether it leaves from the RTCP socket. A hold does not stop RTCP.
    pub(super) fn rtcp_target(&self) -> Result<(SocketAddr, bool), DropReason> {
        let rtp = self.latch.send_to().ok_or(DropReason::Idle)?;
        if self.rtcp.is_muxed {
            return Ok((rtp, false));
        }
        let is_where_described = self.latch.sdp().is_some_and(|sdp| sdp.ip() == rtp.ip());
        let written = self.rtcp.written.filter(|_| is_where_described);
        let next = || Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?));
        let target = self.rtcp.learnt.or(written).or_else(next).ok_or(DropReason::Idle)?;
        Ok((target, true))
    }

    pub(super) fn stats(&self) -> StreamStats {
        StreamStats { side: self.side, line: self.line, counters: self.counters, latched: self.latched }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_of_a_line_stay_within_a_kilobyte() {
        assert!(size_of::<[Stream; 2]>() <= 1_024, "{}", size_of::<[Stream; 2]>());
    }
}
