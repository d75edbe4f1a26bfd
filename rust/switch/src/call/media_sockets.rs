//! The sockets of an anchored call: their ports are chosen here and bound by the driver.

use std::net::IpAddr;
use std::time::Instant;

use pbx_media::negotiate::{LegMedia, LocalOrigin};
use pbx_media::relay::{LegPorts, MediaCommand, OpenError, SessionId};
use rand_core::RngCore;

use super::id::Side;
use super::media::CallMedia;
use super::state::{Call, Phase};
use crate::core::Core;
use crate::output::Level;
use crate::refusal::Refusal;

/// Attempts to find a pair of ports no other process holds.
const MAX_OPEN_ATTEMPTS: u8 = 8;

/// Sockets of an anchored call.
pub(super) struct Session {
    pub(super) id: SessionId,
    /// What each party is shown of us.
    pub(super) legs: [LegMedia; 2],
    bind: [IpAddr; 2],
}

impl Session {
    fn command(&self) -> MediaCommand {
        let leg = |side: Side| LegPorts {
            bind: self.bind[side.index()],
            rtp: self.legs[side.index()].ports.clone(),
        };
        MediaCommand::Open { session: self.id, legs: [leg(Side::Caller), leg(Side::Callee)] }
    }
}

impl Call {
    /// The worker opened the sockets, or could not. Ports are exchanged as long as nobody was told of them.
    pub(super) fn on_media_opened(&mut self, core: &mut Core, now: Instant, result: Result<(), OpenError>) {
        let is_opening = self.phase == Phase::Opening;
        let is_for_target = self.target.as_mut().is_some_and(|target| std::mem::take(&mut target.opening));
        match result {
            Ok(()) if is_opening => self.dial_next(core, now),
            Ok(()) => self.on_answer_sockets(core, now),
            Err(error) if is_opening || is_for_target || self.held.is_some() => {
                match self.media.reopen(core, now, error) {
                    Ok(()) => {
                        if let Some(target) = self.target.as_mut().filter(|_| is_for_target) {
                            target.opening = true;
                        }
                    }
                    Err(refusal) if is_opening => self.refuse(core, now, &refusal),
                    Err(_) => self.stay_direct(core, now),
                }
            }
            Err(_) => {
                // A line added by a re-INVITE stays silent; the call goes on.
                core.counters.count("media_total", "line_not_opened");
                core.log(Level::Warn, "media_line_not_opened", vec![("call", self.id.as_u64().to_string())]);
            }
        }
    }
}

impl CallMedia {
    /// Takes a pair of ports for every line and leg, and asks the worker to bind them.
    pub(super) fn open(
        &mut self,
        core: &mut Core,
        now: Instant,
        lines: usize,
        peers: [IpAddr; 2],
    ) -> Result<(), Refusal> {
        let id = SessionId(core.next_id());
        core.ports.lend().open(id);
        let legs = peers.map(|peer| LegMedia {
            address: core.media_address(peer),
            ports: Vec::new(),
            origin: LocalOrigin::new(core.rng.next_u64()),
        });
        let bind = peers.map(|peer| core.media_bind(peer));
        self.session = Some(Session { id, legs, bind });
        let taken = self.extend(core, now, lines);
        if taken.is_err() {
            core.ports.lend().release(now, id);
            self.session = None;
        }
        taken
    }

    /// Grows the session to `lines` media lines.
    pub(super) fn extend(&mut self, core: &mut Core, now: Instant, lines: usize) -> Result<(), Refusal> {
        let Some(session) = &mut self.session else { return Ok(()) };
        for side in Side::ALL {
            let ports = &mut session.legs[side.index()].ports;
            while ports.len() < lines {
                ports.push(core.take_port(now, session.id).ok_or(Refusal::NoPorts)?);
            }
        }
        core.media(session.command());
        Ok(())
    }

    /// Another process held a port: others are tried a few times.
    pub(super) fn reopen(&mut self, core: &mut Core, now: Instant, error: OpenError) -> Result<(), Refusal> {
        self.attempts += 1;
        let Some(session) = &mut self.session else { return Ok(()) };
        if !error.is_busy || self.attempts > MAX_OPEN_ATTEMPTS {
            core.counters.count("media_total", "open_failed");
            return Err(Refusal::NoPorts);
        }
        core.counters.count("media_total", "port_busy");
        let ports = &mut session.legs[error.side.index()].ports;
        if let Some(port) = ports.iter_mut().find(|port| **port == error.port) {
            core.ports.lend().mark_busy(now, session.id, error.port);
            *port = core.take_port(now, session.id).ok_or(Refusal::NoPorts)?;
        }
        core.media(session.command());
        Ok(())
    }

    /// Closes the sockets. The ports are free when the worker says so.
    pub(super) fn close(&mut self, core: &mut Core, _now: Instant) {
        if let Some(session) = self.session.take() {
            core.media(MediaCommand::Close { session: session.id });
        }
    }

    pub(super) fn extend_if_needed(
        &mut self,
        core: &mut Core,
        now: Instant,
        lines: usize,
    ) -> Result<(), Refusal> {
        let known = self.session.as_ref().map_or(0, |session| session.legs[0].ports.len());
        if lines > known { self.extend(core, now, lines) } else { Ok(()) }
    }
}
