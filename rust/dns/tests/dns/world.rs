//! A resolver, its clock, and a server that knows a few zones.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pbx_dns::{
    Ability, Hosts, Locate, Name, Naptr, Reach, Record, RecordType, Resolver, ResolverOutput, Scheme,
    Servers, Srv, Wanted, read_query, respond,
};
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn address(text: &str) -> Record {
    Record::Address(text.parse().unwrap())
}

pub(crate) fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
    Record::Srv(Srv { priority, weight, port, target: Name::parse(target) })
}

pub(crate) fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Record {
    let (flags, service) = ("s".to_owned(), service.to_owned());
    Record::Naptr(Naptr { order, preference, flags, service, replacement: Name::parse(replacement) })
}

pub(crate) struct World {
    pub(crate) resolver: Resolver,
    pub(crate) now: Instant,
    pub(crate) rng: ChaCha12Rng,
    /// What the server knows.
    pub(crate) zone: HashMap<(Name, u16), Vec<Record>>,
    /// Attempts the server has yet to answer.
    pub(crate) open: Vec<(u64, String, Vec<u8>)>,
    /// The same over streams, each with its length before it.
    pub(crate) streams: Vec<(u64, String, Vec<u8>)>,
    pub(crate) ability: Ability,
}

impl World {
    pub(crate) fn new(reach: Reach) -> Self {
        let servers = Servers::parse("nameserver 192.0.2.53\nnameserver 192.0.2.54");
        let hosts = Hosts::parse("192.0.2.7 gate # by hand\n127.0.0.1 lab.example.com");
        Self {
            resolver: Resolver::new(servers, hosts, reach, [3; 32]),
            now: start(),
            rng: ChaCha12Rng::from_seed([5; 32]),
            zone: HashMap::new(),
            open: Vec::new(),
            streams: Vec::new(),
            ability: Ability { udp: true, tls: true, ipv4: true, ipv6: false },
        }
    }

    pub(crate) fn know(&mut self, owner: &str, kind: RecordType, records: Vec<Record>) {
        self.zone.insert((name(owner), kind.code()), records);
    }

    /// Takes what the resolver wants done.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.resolver.poll_output() {
            match output {
                ResolverOutput::Send { token, server, bytes } => {
                    self.open.push((token, server.to_string(), bytes));
                }
                ResolverOutput::Stream { token, server, bytes } => {
                    self.streams.push((token, server.to_string(), bytes));
                }
                ResolverOutput::Close { token } => {
                    self.open.retain(|(open, ..)| *open != token);
                    self.streams.retain(|(open, ..)| *open != token);
                }
            }
        }
    }

    /// Answers all queries from the zone.
    pub(crate) fn serve(&mut self) {
        self.drain();
        for (token, _, query) in self.open.clone() {
            let asked = read_query(&query).unwrap();
            let records = self.zone.get(&(asked.name, asked.kind.code()));
            let reply = match records {
                Some(records) => respond(&query, 0, 60, records),
                None => respond(&query, 3, 60, &[]),
            };
            self.resolver.handle_reply(self.now, token, &reply.unwrap());
        }
        self.drain();
    }

    /// Runs the clock to the next deadline of the resolver.
    pub(crate) fn wait(&mut self) -> bool {
        let Some(at) = self.resolver.poll_timeout() else { return false };
        self.now = at;
        self.resolver.handle_timeout(at);
        self.drain();
        true
    }

    /// Searches with a server that answers; hops as text.
    pub(crate) fn locate(
        &mut self,
        uri: (&str, Option<u16>, Option<pbx_dns::ServerTransport>, Scheme),
    ) -> Vec<String> {
        let wanted = Wanted { host: name(uri.0), port: uri.1, transport: uri.2, scheme: uri.3 };
        let mut locate = Locate::new(self.now, wanted, self.ability);
        for _ in 0..10 {
            if let Some(hops) = locate.advance(self.now, &mut self.resolver, &mut self.rng) {
                return hops.iter().map(|hop| format!("{:?} {}", hop.transport, hop.address)).collect();
            }
            self.serve();
        }
        panic!("the search does not end");
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.now += by;
    }
}

#[allow(clippy::disallowed_methods, reason = "the base of virtual time")]
fn start() -> Instant {
    Instant::now()
}
