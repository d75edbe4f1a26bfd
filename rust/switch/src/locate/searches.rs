//! All searches under way.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use pbx_dns::{Ability, Hop, Hosts, Locate, Reach, Resolver, ResolverOutput, Servers, Wanted};
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use super::news::DnsNews;
use crate::call::CallId;

/// Searches at once. At the cap a target counts as out of reach.
const MAX_SEARCHES: usize = 1024;

/// Handle of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SearchId(u64);

/// A search that is over.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: SearchId,
    pub(crate) call: CallId,
    /// Addresses to try in order; none: there is no server.
    pub(crate) hops: Vec<Hop>,
}

#[derive(Debug)]
struct Search {
    call: CallId,
    locate: Locate,
}

/// The searches of all calls and the resolver they share.
#[derive(Debug)]
pub(crate) struct Searches {
    resolver: Resolver,
    /// In the order they began, so that equal inputs give equal outputs.
    table: BTreeMap<SearchId, Search>,
    found: VecDeque<Found>,
    rng: ChaCha12Rng,
    reach: Reach,
    next_id: u64,
}

impl Searches {
    /// Without servers to ask but the one every machine has.
    pub(crate) fn new(reach: Reach, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let resolver = Resolver::new(Servers::parse(""), Hosts::default(), reach, fill(&mut rng));
        let (table, found) = (BTreeMap::new(), VecDeque::new());
        Self { resolver, table, found, rng, reach, next_id: 0 }
    }

    /// Whom to ask, and what the machine's owner wrote down. What was remembered is forgotten.
    pub(crate) fn set_servers(&mut self, servers: Servers, hosts: Hosts) {
        self.resolver = Resolver::new(servers, hosts, self.reach, fill(&mut self.rng));
    }

    /// Begins a search, whose end [`poll_found`](Self::poll_found) tells. `None`: too many are under way.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        wanted: Wanted,
        ability: Ability,
        call: CallId,
    ) -> Option<SearchId> {
        if self.table.len() >= MAX_SEARCHES {
            return None;
        }
        self.next_id += 1;
        let id = SearchId(self.next_id);
        self.table.insert(id, Search { call, locate: Locate::new(now, wanted, ability) });
        self.advance(now, id);
        Some(id)
    }

    /// Nobody waits for this one any more. Its questions run on, for whoever asks next.
    pub(crate) fn forget(&mut self, id: SearchId) {
        self.table.remove(&id);
        self.found.retain(|found| found.id != id);
    }

    pub(crate) fn handle_news(&mut self, now: Instant, news: DnsNews) {
        match news {
            DnsNews::Reply { token, bytes } => self.resolver.handle_reply(now, token, &bytes),
            DnsNews::Failed { token } => self.resolver.handle_failure(now, token),
        }
        self.follow(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.resolver.handle_timeout(now);
        self.follow(now);
        let due = |search: &Search| search.locate.ends_at() <= now;
        let due: Vec<SearchId> = self.table.iter().filter(|(_, it)| due(it)).map(|(&id, _)| id).collect();
        for id in due {
            self.advance(now, id);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let ends = self.table.values().map(|search| search.locate.ends_at());
        ends.chain(self.resolver.poll_timeout()).min()
    }

    pub(crate) fn poll_output(&mut self) -> Option<ResolverOutput> {
        self.resolver.poll_output()
    }

    pub(crate) fn poll_found(&mut self) -> Option<Found> {
        self.found.pop_front()
    }

    /// What is shown of the resolver.
    pub(crate) fn counters(&self) -> Vec<(String, u64)> {
        let counted = self.resolver.counters().all();
        let mut all: Vec<(String, u64)> =
            counted.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        all.push(("dns_cached".to_owned(), self.resolver.cached() as u64));
        all.push(("dns_searches".to_owned(), self.table.len() as u64));
        all
    }

    /// Lets every search go on when there are answers.
    fn follow(&mut self, now: Instant) {
        let mut has_answers = false;
        while self.resolver.poll_answered().is_some() {
            has_answers = true;
        }
        if has_answers {
            for id in self.table.keys().copied().collect::<Vec<_>>() {
                self.advance(now, id);
            }
        }
    }

    fn advance(&mut self, now: Instant, id: SearchId) {
        let Some(search) = self.table.get_mut(&id) else { return };
        if let Some(hops) = search.locate.advance(now, &mut self.resolver, &mut self.rng) {
            let call = search.call;
            self.table.remove(&id);
            self.found.push_back(Found { id, call, hops });
        }
    }
}

fn fill(rng: &mut ChaCha12Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    seed
}
