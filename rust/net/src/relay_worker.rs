//! A media thread: sockets of many sessions behind one epoll.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pbx_media::relay::{Arrival, MediaEvent, Remote, SessionId, Side};
use pbx_switch::shard_of_session;
use slab::Slab;

use crate::address::for_socket;
use crate::mailbox::Mailbox;
use crate::own_sockets::OwnSockets;
use crate::poller::{Interest, Poller, Ready};
use crate::relay_counters::RelayCounters;
use crate::relay_table::{RelayTable, Seat};
use crate::token::Token;

/// Largest datagram.
const PACKET_SIZE: usize = 65_535;
/// Events that found no room are offered again after this time.
const EVENT_RETRY: Duration = Duration::from_millis(10);

/// What the signalling thread tells a worker.
#[derive(Debug)]
pub(crate) enum WorkerCommand {
    /// Serve these sockets for a session.
    Install { session: SessionId, sockets: Vec<MediaSocket> },
    /// A peer's description took effect.
    Describe { session: SessionId, side: Side, line: u8, remote: Box<Remote> },
    /// Drop a session's sockets and report what it carried.
    Close { session: SessionId },
}

/// A bound socket on its way to a worker.
#[derive(Debug)]
pub(crate) struct MediaSocket {
    pub(crate) socket: UdpSocket,
    pub(crate) local: SocketAddr,
    pub(crate) arrival: Arrival,
}

/// What both ends of a worker's queues share.
#[derive(Debug)]
pub(crate) struct WorkerPort {
    pub(crate) commands: Mailbox<WorkerCommand>,
    /// One for each shard.
    pub(crate) events: Vec<Mailbox<MediaEvent>>,
    pub(crate) counters: RelayCounters,
    stopping: AtomicBool,
}

impl WorkerPort {
    pub(crate) fn new(commands: usize, events: usize, shards: usize) -> rustix::io::Result<Self> {
        Ok(Self {
            commands: Mailbox::new(commands)?,
            events: (0..shards).map(|_| Mailbox::new(events)).collect::<Result<_, _>>()?,
            counters: RelayCounters::default(),
            stopping: AtomicBool::new(false),
        })
    }

    /// Makes the worker end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.commands.nudge();
    }
}

#[derive(Debug)]
struct Served {
    socket: UdpSocket,
    seat: Seat,
    port: u16,
    is_ipv6: bool,
}

/// The thread's state.
#[derive(Debug)]
pub(crate) struct RelayWorker {
    port: Arc<WorkerPort>,
    own: Arc<OwnSockets>,
    poller: Poller,
    table: RelayTable,
    sockets: Slab<Served>,
    commands: VecDeque<WorkerCommand>,
    /// Events not yet queued: none of them may be lost, and none can be produced without a packet or command.
    held: Vec<VecDeque<MediaEvent>>,
    buf: Box<[u8]>,
}

impl RelayWorker {
    pub(crate) fn new(port: Arc<WorkerPort>, own: Arc<OwnSockets>) -> rustix::io::Result<Self> {
        let poller = Poller::new()?;
        let held = port.events.iter().map(|_| VecDeque::new()).collect();
        poller.add(&port.commands, Token::Inbox.encode(), Interest::READ)?;
        Ok(Self {
            port,
            own,
            poller,
            table: RelayTable::default(),
            sockets: Slab::new(),
            commands: VecDeque::new(),
            held,
            buf: vec![0; PACKET_SIZE].into_boxed_slice(),
        })
    }

    /// Serves until stopped.
    pub(crate) fn run(mut self) {
        let mut ready: Vec<Ready> = Vec::new();
        while !self.port.stopping.load(Ordering::Acquire) {
            let is_behind = self.held.iter().any(|held| !held.is_empty());
            let timeout = is_behind.then_some(EVENT_RETRY);
            self.poller.wait(timeout, &mut ready);
            self.port.counters.wakeups_total.add(1);
            let now = Instant::now();
            for event in ready.drain(..) {
                match Token::decode(event.token) {
                    Some(Token::Media(place)) => self.handle_readable(now, place),
                    _ => self.handle_commands(),
                }
            }
            for (events, held) in self.port.events.iter().zip(&mut self.held) {
                if !held.is_empty() {
                    events.push_from(held);
                }
            }
        }
    }

    /// Keeps an event for the shard whose session it is about.
    fn hold(&mut self, session: SessionId, event: MediaEvent) {
        if let Some(held) = self.held.get_mut(shard_of_session(session).index()) {
            held.push_back(event);
        }
    }

    /// One packet a wake-up and socket: real streams have no more, and a flooded one cannot starve others.
    fn handle_readable(&mut self, now: Instant, place: u32) {
        let Some(served) = self.sockets.get(place as usize) else { return };
        let Ok((len, source)) = served.socket.recv_from(&mut self.buf) else { return };
        let seat = served.seat;
        let counters = &self.port.counters;
        match self.table.handle_packet(now, seat, source, &self.buf[..len]) {
            Ok(onward) => {
                if let Some(from) = self.sockets.get(onward.socket as usize)
                    && from.socket.send_to(&self.buf[..len], for_socket(onward.to, from.is_ipv6)).is_ok()
                {
                    counters.packets_total.add(1);
                    counters.octets_total.add(len as u64);
                } else {
                    counters.send_failed_total.add(1);
                }
            }
            Err(reason) => counters.count_drop(reason),
        }
        while let Some((session, latched)) = self.table.poll_latched(seat) {
            self.hold(session, MediaEvent::Latched { session, latched });
        }
    }

    fn handle_commands(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        self.port.commands.drain(&mut commands);
        for command in commands.drain(..) {
            match command {
                WorkerCommand::Install { session, sockets } => self.install(session, sockets),
                WorkerCommand::Describe { session, side, line, remote } => {
                    let own = &self.own;
                    self.table.describe(session, (side, line), &remote, &|address| own.contains(address));
                }
                WorkerCommand::Close { session } => self.close(session),
            }
        }
        self.commands = commands;
        self.port.counters.sessions.set(self.table.len() as u64);
        self.port.counters.sockets.set(self.sockets.len() as u64);
    }

    fn install(&mut self, session: SessionId, sockets: Vec<MediaSocket>) {
        for MediaSocket { socket, local, arrival } in sockets {
            let entry = self.sockets.vacant_entry();
            let place = entry.key() as u32;
            let seat = self.table.seat(session, arrival, place);
            // Without kernel memory for the registration the stream stays silent, as rtp_timeout will notice.
            let _ = self.poller.add(&socket, Token::Media(place).encode(), Interest::READ);
            entry.insert(Served { socket, seat, port: local.port(), is_ipv6: local.is_ipv6() });
        }
    }

    fn close(&mut self, session: SessionId) {
        let (stats, places) = self.table.close(session);
        for place in places {
            if let Some(served) = self.sockets.try_remove(place as usize) {
                self.own.remove(served.port);
            }
        }
        self.hold(session, MediaEvent::Closed { session, stats });
    }
}
