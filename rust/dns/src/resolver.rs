//! The stub resolver: questions in, queries out, answers remembered.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use crate::address::Reach;
use crate::answer::{Answer, Lasting, Record, RecordType};
use crate::cache::{Cache, Key};
use crate::counters::DnsCounters;
use crate::hosts::Hosts;
use crate::name::Name;
use crate::question::Question;
use crate::servers::Servers;
use crate::wire::{Reply, ReplyFault, framed, parse_reply, write_query};

/// Questions under way at once, each with a socket; further ones fail at once.
const MAX_QUESTIONS: usize = 256;
/// Streams open at once; past them what a cut-off reply says must do.
const MAX_STREAMS: usize = 32;
/// How long a failure is remembered, so that a broken server is not asked for each call (RFC 2308 §7).
const FAILURE_TTL: Duration = Duration::from_secs(5);

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolverOutput {
    /// Send a query from a new socket with a random port, connected to the server; what arrives there goes to
    /// [`Resolver::handle_reply`], an error of the socket to [`Resolver::handle_failure`].
    Send {
        /// Names the attempt and its socket.
        token: u64,
        /// Where to.
        server: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Open a stream to the server and send the octets; the message that comes back goes to
    /// [`Resolver::handle_reply`], an error or an early end to [`Resolver::handle_failure`].
    Stream {
        /// Names the attempt and its stream.
        token: u64,
        /// Where to.
        server: SocketAddr,
        /// The query with its length before it.
        bytes: Vec<u8>,
    },
    /// Close the socket of an attempt.
    Close {
        /// Which one.
        token: u64,
    },
}

/// A stub resolver (RFC 1034 §5.3.1). After each `handle_*` and `lookup`, drain
/// [`poll_output`](Self::poll_output) and [`poll_answered`](Self::poll_answered).
#[derive(Debug)]
pub struct Resolver {
    servers: Servers,
    hosts: Hosts,
    reach: Reach,
    cache: Cache,
    questions: HashMap<Key, Question>,
    /// Question of each attempt under way.
    attempts: HashMap<u64, Key>,
    outputs: VecDeque<ResolverOutput>,
    answered: VecDeque<Key>,
    rng: ChaCha12Rng,
    next_token: u64,
    counters: DnsCounters,
}

impl Resolver {
    /// A resolver that remembers nothing yet. `seed` feeds the ids of the queries and must not be guessable.
    pub fn new(servers: Servers, hosts: Hosts, reach: Reach, seed: [u8; 32]) -> Self {
        Self {
            servers,
            hosts,
            reach,
            cache: Cache::default(),
            questions: HashMap::new(),
            attempts: HashMap::new(),
            outputs: VecDeque::new(),
            answered: VecDeque::new(),
            rng: ChaCha12Rng::from_seed(seed),
            next_token: 0,
            counters: DnsCounters::default(),
        }
    }

    /// The answer to a question. `None`: it has been asked, and will turn up in
    /// [`poll_answered`](Self::poll_answered). Equal questions share one query.
    pub fn lookup(&mut self, now: Instant, name: &Name, kind: RecordType) -> Option<Arc<Answer>> {
        if let Some(answer) = self.listed(name, kind) {
            return Some(answer.into());
        }
        let key = (name.clone(), kind);
        if let Some(answer) = self.cache.answer(now, &key) {
            self.counters.hits_total += 1;
            return Some(answer);
        }
        if self.questions.contains_key(&key) {
            return None;
        }
        if self.questions.len() >= MAX_QUESTIONS {
            self.counters.refused_total += 1;
            return Some(Answer::Failed.into());
        }
        let question = Question::new(now, self.token(), self.id());
        self.begin(key, question);
        None
    }

    /// A datagram from the server of an attempt. Whatever is no reply to it is ignored, since anybody may have
    /// sent it: the right one may still come.
    pub fn handle_reply(&mut self, now: Instant, token: u64, bytes: &[u8]) {
        let Some((key, question)) = self.attempt(token) else { return };
        match parse_reply(bytes, question.id, &key.0, key.1) {
            Ok(reply) => self.on_reply(now, key, question, reply),
            Err(ReplyFault::Foreign) => self.counters.ignored_total += 1,
            Err(ReplyFault::NotUnderstood) => self.retry(now, key, Question { edns: false, ..question }),
            Err(ReplyFault::Malformed | ReplyFault::Refused) => self.retry(now, key, question),
        }
    }

    fn on_reply(&mut self, now: Instant, key: Key, question: Question, reply: Reply) {
        self.counters.truncated_total += u64::from(reply.is_truncated);
        self.counters.surplus_total += reply.surplus as u64;
        let lasting = self.screened(reply.lasting);
        let has_room = self.questions.values().filter(|question| question.is_stream).count() < MAX_STREAMS;
        match lasting.answer {
            _ if reply.is_truncated && !question.is_stream && has_room => {
                self.ask_over_stream(now, key, question, lasting);
            }
            Answer::Failed => self.retry(now, key, question),
            _ => {
                self.counters.streams_refused_total += u64::from(reply.is_truncated && !has_room);
                self.conclude(now, key, question.token, lasting);
            }
        }
    }

    /// Whole answers may still come over a stream (RFC 7766 §5, RFC 2181 §9).
    fn ask_over_stream(&mut self, now: Instant, key: Key, question: Question, lasting: Lasting) {
        let attempt = (self.token(), self.id());
        self.close(question.token);
        self.counters.streams_total += 1;
        let cut_off = Some(lasting).filter(|lasting| matches!(lasting.answer, Answer::Records(_)));
        self.begin(key, question.over_stream(now, attempt, cut_off));
    }

    /// The server of an attempt cannot be reached.
    pub fn handle_failure(&mut self, now: Instant, token: u64) {
        if let Some((key, question)) = self.attempt(token) {
            self.retry(now, key, question);
        }
    }

    /// Serves every deadline up to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due: Vec<u64> =
            self.questions.values().filter(|q| q.ends_at <= now).map(|q| q.token).collect();
        due.sort_unstable();
        for token in due {
            self.handle_failure(now, token);
        }
    }

    /// When the next deadline is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.questions.values().map(|question| question.ends_at).min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ResolverOutput> {
        self.outputs.pop_front()
    }

    /// A question whose answer [`lookup`](Self::lookup) now has.
    pub fn poll_answered(&mut self) -> Option<(Name, RecordType)> {
        self.answered.pop_front()
    }

    /// Answers remembered.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// What was counted.
    pub fn counters(&self) -> &DnsCounters {
        &self.counters
    }

    /// What needs no query: names of the hosts file, which have addresses and nothing else.
    fn listed(&self, name: &Name, kind: RecordType) -> Option<Answer> {
        let addresses = self.hosts.addresses(name)?;
        let is_wanted = |ip: &IpAddr| match kind {
            RecordType::A => ip.is_ipv4(),
            RecordType::Aaaa => ip.is_ipv6(),
            RecordType::Srv | RecordType::Naptr => false,
        };
        let records: Vec<Record> = addresses.into_iter().filter(is_wanted).map(Record::Address).collect();
        Some(if records.is_empty() { Answer::Nothing } else { Answer::Records(records) })
    }

    /// Leaves out addresses a public name may not stand for.
    fn screened(&mut self, mut lasting: Lasting) -> Lasting {
        if let Answer::Records(records) = &mut lasting.answer {
            let before = records.len();
            records.retain(|record| !matches!(record, Record::Address(ip) if !self.reach.allows(*ip)));
            self.counters.bogus_total += (before - records.len()) as u64;
            if records.is_empty() {
                lasting.answer = Answer::Nothing;
            }
        }
        lasting
    }

    fn attempt(&self, token: u64) -> Option<(Key, Question)> {
        let key = self.attempts.get(&token)?;
        Some((key.clone(), self.questions.get(key)?.clone()))
    }

    fn begin(&mut self, key: Key, question: Question) {
        let server = self.servers.nth(question.attempt);
        let bytes = write_query(question.id, &key.0, key.1, question.edns);
        self.counters.queries_total += 1;
        let token = question.token;
        self.outputs.push_back(if question.is_stream {
            ResolverOutput::Stream { token, server, bytes: framed(&bytes) }
        } else {
            ResolverOutput::Send { token, server, bytes }
        });
        self.attempts.insert(token, key.clone());
        self.questions.insert(key, question);
    }

    fn retry(&mut self, now: Instant, key: Key, mut question: Question) {
        if let Some(lasting) = question.cut_off.take() {
            return self.conclude(now, key, question.token, lasting);
        }
        let (token, id, before) = (self.token(), self.id(), question.token);
        if let Some(next) = question.next(now, token, id) {
            self.close(before);
            self.begin(key, next);
        } else {
            let lasting = Lasting { answer: Answer::Failed, ttl: FAILURE_TTL };
            self.conclude(now, key, before, lasting);
        }
    }

    fn conclude(&mut self, now: Instant, key: Key, token: u64, lasting: Lasting) {
        match lasting.answer {
            Answer::Failed => self.counters.failures_total += 1,
            Answer::Records(_) | Answer::Nothing => self.counters.answers_total += 1,
        }
        self.close(token);
        self.questions.remove(&key);
        self.counters.evicted_total += u64::from(self.cache.insert(now, key.clone(), lasting));
        self.answered.push_back(key);
    }

    fn close(&mut self, token: u64) {
        self.attempts.remove(&token);
        self.outputs.push_back(ResolverOutput::Close { token });
    }

    fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    fn id(&mut self) -> u16 {
        self.rng.next_u32() as u16
    }
}
