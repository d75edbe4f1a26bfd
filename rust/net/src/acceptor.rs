//! Listening stream sockets, and who may connect.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::address::canonical;
use crate::poller::{Interest, Poller};
use crate::sources::Sources;
use crate::token::Token;

/// How long nothing is accepted after the system had no descriptor left, unless one is freed earlier.
const PAUSE: Duration = Duration::from_millis(100);

/// What a listener gave.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A connection, and where it comes from.
    Peer(TcpStream, SocketAddr),
    /// Nothing waits.
    Nobody,
    /// No descriptor is left; the listeners rest.
    Paused,
}

/// The listeners of one thread.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listeners: Vec<TcpListener>,
    sources: Arc<Sources>,
    /// While set, no listener is watched.
    paused_until: Option<Instant>,
}

impl Acceptor {
    /// Watches bound listeners.
    pub(crate) fn new(
        listeners: Vec<TcpListener>,
        sources: Arc<Sources>,
        poller: &Poller,
    ) -> io::Result<Self> {
        for (index, listener) in listeners.iter().enumerate() {
            poller.add(listener, Token::Listener(index as u32).encode(), Interest::READ)?;
        }
        Ok(Self { listeners, sources, paused_until: None })
    }

    pub(crate) fn accept(&mut self, now: Instant, poller: &Poller, listener: u32) -> Accepted {
        loop {
            let Some(listener) = self.listeners.get(listener as usize) else { return Accepted::Nobody };
            match listener.accept() {
                Ok((socket, remote)) => return Accepted::Peer(socket, canonical(remote)),
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN) => return Accepted::Nobody,
                    // The peer was quicker; the next one may still be there.
                    Some(Errno::CONNABORTED | Errno::INTR | Errno::PROTO) => {}
                    _ => {
                        self.pause(now, poller);
                        return Accepted::Paused;
                    }
                },
            }
        }
    }

    /// Counts a connection against its source, or refuses it. Give it back with [`release`](Self::release).
    pub(crate) fn claim(&self, remote: SocketAddr) -> Option<IpAddr> {
        self.sources.claim(remote)
    }

    pub(crate) fn release(&self, source: IpAddr) {
        self.sources.release(source);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.paused_until
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, poller: &Poller) {
        if self.paused_until.is_some_and(|at| at <= now) {
            self.resume(poller);
        }
    }

    /// A descriptor was freed.
    pub(crate) fn resume(&mut self, poller: &Poller) {
        if self.paused_until.take().is_some() {
            self.watch(poller, Interest::READ);
        }
    }

    /// Without descriptors a listener stays readable; watching it would spin.
    fn pause(&mut self, now: Instant, poller: &Poller) {
        self.paused_until = Some(now + PAUSE);
        self.watch(poller, Interest::NONE);
    }

    fn watch(&self, poller: &Poller, interest: Interest) {
        for (index, listener) in self.listeners.iter().enumerate() {
            let _ = poller.modify(listener, Token::Listener(index as u32).encode(), interest);
        }
    }
}
