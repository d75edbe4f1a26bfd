//! The signalling thread's end of the media workers: binds ports, hands sockets over, queues commands.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pbx_media::relay::{Arrival, LegPorts, MAX_LINES, MediaCommand, MediaEvent, OpenError, SessionId, Side};
use rustix::io::Errno;

use crate::bind;
use crate::mailbox::Mailbox;
use crate::own_sockets::OwnSockets;
use crate::relay_worker::{MediaSocket, WorkerCommand, WorkerPort};

/// A worker that takes no command for this long gets no further session (config.md §2.11).
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How soon a full queue is offered its backlog again.
const RETRY: Duration = Duration::from_millis(5);

/// Commands a worker's full queue had no room for.
#[derive(Debug, Default)]
struct Backlog {
    commands: VecDeque<WorkerCommand>,
    since: Option<Instant>,
}

/// Lines of each session and side that have sockets, one bit a line. All signalling threads share it, since a call may
/// change its thread.
pub(crate) type BoundLines = Arc<Mutex<HashMap<SessionId, [u64; 2]>>>;

/// All workers.
#[derive(Debug)]
pub(crate) struct MediaLink {
    shard: usize,
    workers: Vec<Arc<WorkerPort>>,
    backlogs: Vec<Backlog>,
    own: Arc<OwnSockets>,
    bound: BoundLines,
}

/// One bit for each line must do.
const _: () = assert!(MAX_LINES <= 64);

impl MediaLink {
    pub(crate) fn new(
        shard: usize,
        workers: Vec<Arc<WorkerPort>>,
        own: Arc<OwnSockets>,
        bound: BoundLines,
    ) -> Self {
        let backlogs = workers.iter().map(|_| Backlog::default()).collect();
        Self { shard, workers, backlogs, own, bound }
    }

    /// News from each worker.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Mailbox<MediaEvent>> {
        self.workers.iter().map(|worker| &worker.events[self.shard])
    }

    /// Carries out a command, or queues it for the session's worker. The answer to `Open` comes at once.
    pub(crate) fn handle_command(&mut self, now: Instant, command: MediaCommand) -> Option<MediaEvent> {
        match command {
            MediaCommand::Open { session, legs } => {
                let result = self.open(now, session, &legs);
                return Some(MediaEvent::Opened { session, result });
            }
            MediaCommand::Describe { session, side, line, remote } => {
                let remote = Box::new(remote);
                self.queue(now, session, WorkerCommand::Describe { session, side, line, remote });
            }
            MediaCommand::Close { session } => {
                self.lines().remove(&session);
                self.queue(now, session, WorkerCommand::Close { session });
            }
        }
        None
    }

    /// Offers backlogs again. Returns when to try next.
    pub(crate) fn flush(&mut self, now: Instant) -> Option<Instant> {
        let mut is_behind = false;
        for (worker, backlog) in self.workers.iter().zip(&mut self.backlogs) {
            if backlog.commands.is_empty() {
                continue;
            }
            let before = backlog.commands.len();
            worker.commands.push_from(&mut backlog.commands);
            if backlog.commands.is_empty() {
                backlog.since = None;
            } else {
                is_behind = true;
                if backlog.commands.len() < before {
                    backlog.since = Some(now);
                }
            }
        }
        is_behind.then(|| now + RETRY)
    }

    fn open(&mut self, now: Instant, session: SessionId, legs: &[LegPorts; 2]) -> Result<(), OpenError> {
        let had = self.lines().get(&session).copied().unwrap_or_default();
        let mut bound = had;
        let mut sockets = Vec::new();
        for side in Side::ALL {
            let leg = &legs[side.index()];
            for (line, &port) in leg.rtp.iter().enumerate().take(MAX_LINES) {
                let bit = 1_u64 << line;
                if port == 0 || had[side.index()] & bit != 0 {
                    continue;
                }
                let arrival = Arrival { side, line: line as u8, rtcp: false };
                bind_pair(leg, port, arrival, &mut sockets)
                    .map_err(|error| open_error(side, port, &error))?;
                bound[side.index()] |= bit;
            }
        }
        if self.is_stuck(now, session) {
            return Err(OpenError { side: Side::Caller, port: 0, is_busy: false });
        }
        for socket in &sockets {
            self.own.insert(socket.local.port());
        }
        self.lines().insert(session, bound);
        self.queue(now, session, WorkerCommand::Install { session, sockets });
        Ok(())
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<SessionId, [u64; 2]>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stuck(&self, now: Instant, session: SessionId) -> bool {
        let since = self.backlogs[self.worker(session)].since;
        since.is_some_and(|since| now.saturating_duration_since(since) >= MAX_WAIT)
    }

    fn queue(&mut self, now: Instant, session: SessionId, command: WorkerCommand) {
        let index = self.worker(session);
        let backlog = &mut self.backlogs[index];
        if !backlog.commands.is_empty() {
            return backlog.commands.push_back(command);
        }
        if let Err(command) = self.workers[index].commands.push(command) {
            backlog.since = Some(now);
            backlog.commands.push_back(command);
        }
    }

    fn worker(&self, session: SessionId) -> usize {
        (session.0 % self.workers.len() as u64) as usize
    }
}

/// Both sockets of a line: RTP on the port, RTCP on the next.
fn bind_pair(leg: &LegPorts, port: u16, rtp: Arrival, out: &mut Vec<MediaSocket>) -> io::Result<()> {
    for (port, arrival) in [(port, rtp), (port.saturating_add(1), Arrival { rtcp: true, ..rtp })] {
        let local = SocketAddr::new(leg.bind, port);
        out.push(MediaSocket { socket: bind::media(local)?, local, arrival });
    }
    Ok(())
}

fn open_error(side: Side, port: u16, error: &io::Error) -> OpenError {
    let is_busy = matches!(Errno::from_io_error(error), Some(Errno::ADDRINUSE | Errno::ACCESS));
    OpenError { side, port, is_busy }
}
