use std::net::SocketAddr;
use std::time::Instant;

use super::command::{Latched, SessionStats, Side};
use super::counters::Counters;
use super::drop_reason::DropReason;
use super::remote::Remote;
use super::stream::Stream;
use crate::demux::{PacketClass, classify};
use crate::net_set::canonical;

/// Media lines of one session; as many as a description may have.
pub const MAX_LINES: usize = crate::sdp::MAX_MEDIA;

/// One relayed call in a media worker.
///
/// Feed it with [`describe`](Session::describe) and [`handle_packet`](Session::handle_packet); after packets,
/// drain [`poll_latched`](Session::poll_latched). Nothing is allocated per packet.
#[derive(Clone, Debug)]
pub struct Session {
    lines: Vec<[Stream; 2]>,
    has_news: bool,
}

/// The socket a packet arrived on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arrival {
    /// Whose leg.
    pub side: Side,
    /// Index of the media line.
    pub line: u8,
    /// Whether it is the RTCP socket of the pair.
    pub rtcp: bool,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send the octets as they are.
    Forward {
        /// From a socket of this leg,
        side: Side,
        /// of this media line,
        line: u8,
        /// the RTCP socket or the RTP socket,
        rtcp: bool,
        /// to this address.
        to: SocketAddr,
    },
    /// Forget it; it has been counted.
    Drop(DropReason),
}

impl Session {
    /// A session of `lines` media lines, at most [`MAX_LINES`], none described yet.
    pub fn new(lines: usize) -> Self {
        let mut session = Self { lines: Vec::new(), has_news: false };
        session.extend(lines);
        session
    }

    /// Adds media lines until there are `lines`, at most [`MAX_LINES`].
    pub fn extend(&mut self, lines: usize) {
        for line in self.lines.len()..lines.min(MAX_LINES) {
            self.lines.push(Side::ALL.map(|side| Stream::new(side, line as u8)));
        }
    }

    /// Number of media lines.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// A description of `side` took effect for `line`; an unknown line is ignored. `is_own` tells which
    /// addresses are sockets of ours: nothing is ever sent there.
    pub fn describe(&mut self, side: Side, line: u8, remote: &Remote, is_own: &dyn Fn(SocketAddr) -> bool) {
        if let Some(pair) = self.lines.get_mut(usize::from(line)) {
            pair[side.index()].describe(remote, is_own);
        }
    }

    /// Judges a packet that came from `source`.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        arrival: Arrival,
        source: SocketAddr,
        packet: &[u8],
    ) -> Verdict {
        let Some(pair) = self.lines.get_mut(usize::from(arrival.line)) else {
            return Verdict::Drop(DropReason::Idle);
        };
        let [caller, callee] = pair;
        let (from, to) = match arrival.side {
            Side::Caller => (caller, callee),
            Side::Callee => (callee, caller),
        };
        let source = canonical(source);
        let class = classify(packet);
        let judged = match class {
            PacketClass::Rtcp => relay_rtcp(from, to, arrival, source, packet),
            PacketClass::Rtp if !arrival.rtcp => {
                let judged = from.handle_rtp(now, source, packet);
                self.has_news |= from.has_news;
                judged.and_then(|()| to.rtp_target()).map(|target| (target, false))
            }
            _ => Err(DropReason::NotRtp),
        };
        match judged {
            Ok((target, rtcp)) => {
                from.counters.count(class, packet.len());
                Verdict::Forward { side: arrival.side.other(), line: arrival.line, rtcp, to: target }
            }
            Err(reason) => {
                from.counters.count_drop(reason);
                Verdict::Drop(reason)
            }
        }
    }

    /// A source found or changed since the last call.
    pub fn poll_latched(&mut self) -> Option<Latched> {
        if !self.has_news {
            return None;
        }
        let news = self.lines.iter_mut().flatten().find(|stream| stream.has_news);
        self.has_news = news.is_some();
        let stream = news?;
        stream.has_news = false;
        stream.latched
    }

    /// When RTP of a side was last accepted on a line: what `rtp_timeout` watches.
    pub fn last_accepted_at(&self, side: Side, line: u8) -> Option<Instant> {
        self.stream(side, line)?.accepted_at
    }

    /// Counters of what a side sent on a line.
    pub fn counters(&self, side: Side, line: u8) -> Option<&Counters> {
        self.stream(side, line).map(|stream| &stream.counters)
    }

    /// What the session carried so far.
    pub fn stats(&self) -> SessionStats {
        SessionStats { streams: self.lines.iter().flatten().map(Stream::stats).collect() }
    }

    fn stream(&self, side: Side, line: u8) -> Option<&Stream> {
        self.lines.get(usize::from(line)).map(|pair| &pair[side.index()])
    }
}

fn relay_rtcp(
    from: &mut Stream,
    to: &Stream,
    arrival: Arrival,
    source: SocketAddr,
    packet: &[u8],
) -> Result<(SocketAddr, bool), DropReason> {
    from.handle_rtcp(source, !arrival.rtcp, packet)?;
    to.rtcp_target()
}
