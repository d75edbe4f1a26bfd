//! Sessions of one media worker and the places of their sockets.
//!
//! No system call happens here: which thread or ring moves the octets is the worker's business, so that
//! another way of moving them can stand beside it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use pbx_media::relay::{
    Arrival, DropReason, Latched, Remote, Session, SessionId, SessionStats, Side, Verdict,
};
use slab::Slab;

/// No socket.
const NONE: u32 = u32::MAX;

/// A socket's place in a session: where packets that arrive on it belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    session: usize,
    arrival: Arrival,
}

/// A packet to send on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Onward {
    /// Place of the socket it leaves from.
    pub(crate) socket: u32,
    pub(crate) to: SocketAddr,
}

#[derive(Debug)]
struct Relayed {
    id: SessionId,
    session: Session,
    /// Socket places by line, side, and RTP or RTCP.
    places: Vec<[[u32; 2]; 2]>,
}

/// Sessions by id and by seat.
#[derive(Debug, Default)]
pub(crate) struct RelayTable {
    sessions: Slab<Relayed>,
    by_id: HashMap<SessionId, usize>,
}

impl RelayTable {
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Makes room for a socket at `place` in a session, which begins here if it is new.
    pub(crate) fn seat(&mut self, id: SessionId, arrival: Arrival, place: u32) -> Seat {
        let sessions = &mut self.sessions;
        let slot = *self
            .by_id
            .entry(id)
            .or_insert_with(|| sessions.insert(Relayed { id, session: Session::new(0), places: Vec::new() }));
        let line = usize::from(arrival.line);
        let relayed = &mut sessions[slot];
        relayed.session.extend(line + 1);
        if relayed.places.len() <= line {
            relayed.places.resize(line + 1, [[NONE; 2]; 2]);
        }
        relayed.places[line][arrival.side.index()][usize::from(arrival.rtcp)] = place;
        Seat { session: slot, arrival }
    }

    /// A peer's description took effect.
    pub(crate) fn describe(
        &mut self,
        id: SessionId,
        (side, line): (Side, u8),
        remote: &Remote,
        is_own: &dyn Fn(SocketAddr) -> bool,
    ) {
        if let Some(&slot) = self.by_id.get(&id) {
            self.sessions[slot].session.describe(side, line, remote, is_own);
        }
    }

    /// Judges a packet that arrived on a seat.
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        seat: Seat,
        source: SocketAddr,
        packet: &[u8],
    ) -> Result<Onward, DropReason> {
        let Some(relayed) = self.sessions.get_mut(seat.session) else { return Err(DropReason::Idle) };
        match relayed.session.handle_packet(now, seat.arrival, source, packet) {
            Verdict::Drop(reason) => Err(reason),
            Verdict::Forward { side, line, rtcp, to } => {
                let places = relayed.places.get(usize::from(line));
                let socket = places.map_or(NONE, |line| line[side.index()][usize::from(rtcp)]);
                if socket == NONE { Err(DropReason::Idle) } else { Ok(Onward { socket, to }) }
            }
        }
    }

    /// A stream of the seat's session that found its source.
    pub(crate) fn poll_latched(&mut self, seat: Seat) -> Option<(SessionId, Latched)> {
        let relayed = self.sessions.get_mut(seat.session)?;
        Some((relayed.id, relayed.session.poll_latched()?))
    }

    /// Ends a session: what it carried, and the places of its sockets. An unknown one carried nothing.
    pub(crate) fn close(&mut self, id: SessionId) -> (SessionStats, Vec<u32>) {
        let Some(slot) = self.by_id.remove(&id) else { return Default::default() };
        let relayed = self.sessions.remove(slot);
        let places =
            relayed.places.iter().flatten().flatten().copied().filter(|&place| place != NONE).collect();
        (relayed.session.stats(), places)
    }
}
