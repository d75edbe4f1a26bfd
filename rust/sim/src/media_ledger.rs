//! Stands in for the media workers: which sessions are open and which ports they hold.

use std::collections::{BTreeMap, HashMap};

use pbx_media::relay::{LegPorts, MediaCommand, MediaEvent, OpenError, SessionId, SessionStats, Side};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// Open sessions, and what was wrong about the commands that came.
pub(crate) struct MediaLedger {
    sessions: BTreeMap<SessionId, Vec<u16>>,
    holders: HashMap<u16, SessionId>,
    /// Share of attempts that find another process on the first port.
    busy: f64,
    chance: ChaCha8Rng,
    pub(crate) faults: Vec<String>,
}

impl MediaLedger {
    pub(crate) fn new(busy: f64, seed: u64) -> Self {
        Self {
            sessions: BTreeMap::new(),
            holders: HashMap::new(),
            busy,
            chance: ChaCha8Rng::seed_from_u64(seed),
            faults: Vec::new(),
        }
    }

    /// Sessions open now.
    pub(crate) fn open_total(&self) -> usize {
        self.sessions.len()
    }

    /// Whether a socket is bound to this RTP port.
    pub(crate) fn holds(&self, port: u16) -> bool {
        self.holders.contains_key(&port)
    }

    /// Does what a worker would and gives its answer.
    pub(crate) fn handle(&mut self, command: &MediaCommand) -> Option<MediaEvent> {
        match command {
            MediaCommand::Open { session, legs } => {
                Some(MediaEvent::Opened { session: *session, result: self.open(*session, legs) })
            }
            MediaCommand::Describe { session, .. } => {
                if !self.sessions.contains_key(session) {
                    self.faults.push(format!("media session {} described but not open", session.0));
                }
                None
            }
            MediaCommand::Close { session } => {
                for port in self.sessions.remove(session).unwrap_or_default() {
                    self.holders.remove(&port);
                }
                Some(MediaEvent::Closed { session: *session, stats: SessionStats::default() })
            }
        }
    }

    fn open(&mut self, session: SessionId, legs: &[LegPorts; 2]) -> Result<(), OpenError> {
        let held = self.sessions.get(&session).cloned().unwrap_or_default();
        let wanted = Side::ALL.into_iter().flat_map(|side| {
            legs[side.index()].rtp.iter().filter(|port| **port != 0).map(move |port| (side, *port))
        });
        let new: Vec<(Side, u16)> = wanted.filter(|(_, port)| !held.contains(port)).collect();
        if let Some(&(side, port)) = new.first()
            && self.happens()
        {
            return Err(OpenError { side, port, is_busy: true });
        }
        let ports = self.sessions.entry(session).or_default();
        for (_, port) in new {
            if let Some(other) = self.holders.insert(port, session) {
                self.faults.push(format!("port {port} given to session {} and {}", other.0, session.0));
            }
            ports.push(port);
        }
        Ok(())
    }

    fn happens(&mut self) -> bool {
        self.busy > 0.0 && f64::from(self.chance.next_u32()) < self.busy * f64::from(u32::MAX)
    }
}
