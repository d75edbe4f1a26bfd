//! A running PBX: its threads, and what the rest of the process may ask of them.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pbx_sip::Shard;
use pbx_switch::{
    CallView, Command, Decision, DialogView, Health, Locals, QueryId, RegistrationView, shard_of_call,
};

use crate::bridge::Bridge;
use crate::config::Document;
use crate::driver::ShardPort;
use crate::engine_error::EngineError;
use crate::input::Input;
use crate::launch;
use crate::relay_counters::MediaCounters;
use crate::relay_worker::WorkerPort;
use crate::start_error::StartError;

/// How long a request to the signalling thread may take.
const MAX_ANSWER: Duration = Duration::from_secs(1);
/// How soon a thread whose inbox is full is asked again.
const BUSY_RETRY: Duration = Duration::from_millis(10);
/// A reload compiles a whole configuration.
const MAX_RELOAD: Duration = Duration::from_secs(30);

/// Handle of the running threads. All methods may be called from any thread; dropping it stops them.
#[derive(Debug)]
pub struct Engine {
    pub(crate) locals: Locals,
    /// One for each signalling thread.
    pub(crate) ports: Vec<Arc<ShardPort>>,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) workers: Vec<Arc<WorkerPort>>,
    pub(crate) threads: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) handover: Mutex<Option<OwnedFd>>,
}

impl Engine {
    /// Binds every listener, then starts the threads. When this returns, the PBX serves.
    ///
    /// # Errors
    /// What stood in the way; nothing is left running or bound.
    pub fn start(document: Document) -> Result<Self, StartError> {
        launch::launch(document)
    }

    /// The addresses really bound: port 0 has become a number.
    pub fn locals(&self) -> &Locals {
        &self.locals
    }

    /// Questions and news for Python.
    pub fn bridge(&self) -> &Arc<Bridge> {
        &self.bridge
    }

    /// The socket through which an HTTP server hands over connections that are to become SIP over WebSocket: one
    /// packet each, `address:port`, a line feed and the request head, with the connection's descriptor. Whoever
    /// asks first owns it.
    pub fn take_handover(&self) -> Option<OwnedFd> {
        self.handover.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Answers a question. `false`: the inbox is full and the call meets its deadline instead.
    pub fn decide(&self, id: QueryId, decision: Decision) -> bool {
        let port = id.shard().and_then(|shard| self.ports.get(shard.index()));
        port.is_some_and(|port| port.inbox.push(Input::Decide(id, decision)).is_ok())
    }

    /// Carries out an operator's command. `Ok(false)`: there is no such call.
    pub fn command(&self, command: &Command) -> Result<bool, EngineError> {
        let shards = match command {
            Command::Hangup { call, .. } => vec![shard_of_call(*call)],
            Command::Drain { .. } => self.shards().collect(),
        };
        let mut known = false;
        for shard in shards.into_iter().filter(|shard| shard.index() < self.ports.len()) {
            let command = command.clone();
            known |= self.ask(shard, MAX_ANSWER, |reply| Input::Command(command, reply))?;
        }
        Ok(known)
    }

    /// Puts the next configuration generation in force, or changes nothing. Of `net`, only what is called live there
    /// is looked at; a certificate pair that cannot be used leaves the old one in force.
    pub fn reload(&self, document: &Document) -> Result<(), EngineError> {
        let ask = |shard| {
            let document = Box::new(document.clone());
            self.ask(shard, MAX_RELOAD, |reply| Input::Reload(document, reply))
        };
        // What the first takes, the others take: it depends on nothing but the document. A full inbox must not leave
        // them with different generations.
        for shard in self.shards() {
            let begun = Instant::now();
            let mut answer = ask(shard);
            while shard != Shard::FIRST
                && matches!(answer, Err(EngineError::Busy))
                && begun.elapsed() < MAX_RELOAD
            {
                thread::sleep(BUSY_RETRY);
                answer = ask(shard);
            }
            answer?.map_err(EngineError::Policy)?;
        }
        Ok(())
    }

    /// State and counters of the switch and of the signalling sockets.
    pub fn health(&self) -> Result<Health, EngineError> {
        let all: Result<Vec<Health>, EngineError> =
            self.shards().map(|shard| self.ask(shard, MAX_ANSWER, Input::Health)).collect();
        Ok(Health::merge(all?))
    }

    /// Up to `limit` calls after the handle `after`.
    pub fn calls(&self, limit: usize, after: Option<u64>) -> Result<Vec<CallView>, EngineError> {
        let mut all = Vec::new();
        for shard in self.shards_after(after) {
            let limit = limit - all.len();
            if limit == 0 {
                break;
            }
            all.extend(self.ask(shard, MAX_ANSWER, |reply| Input::Calls { limit, after, reply })?);
        }
        Ok(all)
    }

    /// Dialogs of up to `limit` calls after the handle `after`.
    pub fn dialogs(&self, limit: usize, after: Option<u64>) -> Result<Vec<DialogView>, EngineError> {
        let mut all: Vec<DialogView> = Vec::new();
        for shard in self.shards_after(after) {
            // Every call has a dialog with its caller.
            let limit = limit - all.iter().filter(|dialog| dialog.id.ends_with("/a")).count();
            if limit == 0 {
                break;
            }
            all.extend(self.ask(shard, MAX_ANSWER, |reply| Input::Dialogs { limit, after, reply })?);
        }
        Ok(all)
    }

    /// Up to `limit` bindings after the AoR `after`.
    pub fn registrations(
        &self,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<RegistrationView>, EngineError> {
        let after = after.map(str::to_owned);
        // Each shard has them all; the first one writes them.
        self.ask(Shard::FIRST, MAX_ANSWER, |reply| Input::Registrations { limit, after, reply })
    }

    /// Packets, drops and sockets of all media workers together. Asks no thread.
    pub fn media_counters(&self) -> MediaCounters {
        let mut sum = MediaCounters::default();
        for worker in &self.workers {
            worker.counters.add_to(&mut sum);
        }
        sum
    }

    /// Whether all threads live.
    pub fn is_running(&self) -> bool {
        let threads = self.lock_threads();
        !threads.is_empty() && threads.iter().all(|thread| !thread.is_finished())
    }

    /// Ends all threads and closes all sockets, at once and without BYE: drain first. Returns when they are
    /// gone. Further calls do nothing.
    pub fn stop(&self) {
        for port in &self.ports {
            port.stop();
        }
        for worker in &self.workers {
            worker.stop();
        }
        let threads = std::mem::take(&mut *self.lock_threads());
        for thread in threads {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }

    /// Joins one more thread at stop.
    pub(crate) fn keep(&self, thread: JoinHandle<()>) {
        self.lock_threads().push(thread);
    }

    fn lock_threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shards(&self) -> impl Iterator<Item = Shard> + use<> {
        Shard::all(self.ports.len())
    }

    /// Shards that have calls after a handle: handles are in order of shards.
    fn shards_after(&self, after: Option<u64>) -> impl Iterator<Item = Shard> + use<> {
        let first = after.map_or(Shard::FIRST, shard_of_call);
        self.shards().filter(move |&shard| shard >= first)
    }

    fn ask<T>(
        &self,
        shard: Shard,
        limit: Duration,
        make: impl FnOnce(SyncSender<T>) -> Input,
    ) -> Result<T, EngineError> {
        if !self.is_running() {
            return Err(EngineError::Stopped);
        }
        let (reply, answer) = sync_channel(1);
        let port = self.ports.get(shard.index()).ok_or(EngineError::Stopped)?;
        port.inbox.push(make(reply)).map_err(|_| EngineError::Busy)?;
        answer.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => EngineError::Timeout,
            RecvTimeoutError::Disconnected => EngineError::Stopped,
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
