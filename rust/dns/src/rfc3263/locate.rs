//! From a URI to the addresses to try, in order (RFC 3263 §4).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand_core::RngCore;

use super::hop::{Hop, ServerTransport};
use super::service::{Service, offered};
use super::weight::order;
use crate::answer::{Answer, Record, RecordType, Srv};
use crate::name::Name;
use crate::resolver::Resolver;

/// Addresses given out; a caller who waits for more has hung up long before.
const MAX_HOPS: usize = 8;
/// Servers whose addresses are asked for; each costs a question or two.
const MAX_SERVERS: usize = 8;
/// The whole search. A call whose names cannot be found must fail, or go elsewhere, within 5 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// Schemes of URIs that name servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Any transport.
    Sip,
    /// TLS only (RFC 3261 §26.2.2).
    Sips,
}

/// Where one wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Host of the URI; addresses need no search.
    pub host: Name,
    /// Its port, if it names one.
    pub port: Option<u16>,
    /// Its transport, if it names one.
    pub transport: Option<ServerTransport>,
    /// Its scheme.
    pub scheme: Scheme,
}

/// What we are able to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// There is a UDP socket.
    pub udp: bool,
    /// Connections over TLS can be opened.
    pub tls: bool,
    /// IPv4 addresses can be reached.
    pub ipv4: bool,
    /// IPv6 addresses can be reached.
    pub ipv6: bool,
}

impl Ability {
    /// Usable transports in order of preference: UDP first, as RFC 3263 §4.1 has it without records.
    fn transports(self, scheme: Scheme) -> Vec<ServerTransport> {
        let is_usable = |transport: &ServerTransport| match transport {
            ServerTransport::Udp => self.udp && scheme == Scheme::Sip,
            ServerTransport::Tcp => scheme == Scheme::Sip,
            ServerTransport::Tls => self.tls,
        };
        let all = [ServerTransport::Udp, ServerTransport::Tcp, ServerTransport::Tls];
        all.into_iter().filter(is_usable).collect()
    }
}

/// One server whose addresses are to be found.
#[derive(Clone, Debug)]
struct Server {
    transport: ServerTransport,
    name: Name,
    port: u16,
}

#[derive(Debug)]
enum Step {
    /// Which services there are (§4.1).
    Services,
    /// Which servers they have (§4.2).
    Servers(Vec<Service>),
    /// Which addresses those have.
    Addresses(Vec<Server>),
}

/// A search under way. [`advance`](Self::advance) it when it begins, whenever the resolver has an answer, and at
/// [`ends_at`](Self::ends_at).
#[derive(Debug)]
pub struct Locate {
    wanted: Wanted,
    ability: Ability,
    step: Step,
    ends_at: Instant,
}

impl Locate {
    /// Begins a search; nothing is asked before the first [`advance`](Self::advance).
    pub fn new(now: Instant, wanted: Wanted, ability: Ability) -> Self {
        let mut locate = Self { wanted, ability, step: Step::Services, ends_at: now + PATIENCE };
        if locate.wanted.port.is_some() {
            // An explicit port means this very host (§4.2).
            locate.step = locate.host_itself();
        } else if let Some(transport) = locate.wanted.transport {
            let usable = locate.transports().contains(&transport);
            locate.step = match Service::usual(&locate.wanted.host, transport) {
                Some(service) if usable => Step::Servers(vec![service]),
                _ => locate.host_itself(),
            };
        }
        locate
    }

    /// When the search ends with what has been found.
    pub fn ends_at(&self) -> Instant {
        self.ends_at
    }

    /// Goes on as far as answers allow. `Some`: the search is over, and these are the addresses to try, best
    /// first; none if there is no server. The order depends on `rng` only.
    pub fn advance(
        &mut self,
        now: Instant,
        resolver: &mut Resolver,
        rng: &mut impl RngCore,
    ) -> Option<Vec<Hop>> {
        loop {
            self.step = match &self.step {
                Step::Services => match self.services(now, resolver) {
                    Some(services) => Step::Servers(services),
                    None => return self.given_up(now),
                },
                Step::Servers(services) => match self.servers(now, resolver, services, rng) {
                    Some(step) => step,
                    None => return self.given_up(now),
                },
                Step::Addresses(servers) => return self.hops(now, resolver, servers),
            };
        }
    }

    fn transports(&self) -> Vec<ServerTransport> {
        self.ability.transports(self.wanted.scheme)
    }

    /// Nothing found in time.
    fn given_up(&self, now: Instant) -> Option<Vec<Hop>> {
        (now >= self.ends_at).then(Vec::new)
    }

    /// NAPTR records, else what is usual. `None`: not known yet.
    fn services(&self, now: Instant, resolver: &mut Resolver) -> Option<Vec<Service>> {
        let answer = resolver.lookup(now, &self.wanted.host, RecordType::Naptr)?;
        let transports = self.transports();
        let services = offered(&answer, &transports);
        if !services.is_empty() {
            return Some(services);
        }
        Some(transports.iter().filter_map(|&it| Service::usual(&self.wanted.host, it)).collect())
    }

    /// Servers of all services; without SRV records, the host itself. `None`: not known yet.
    fn servers(
        &self,
        now: Instant,
        resolver: &mut Resolver,
        services: &[Service],
        rng: &mut impl RngCore,
    ) -> Option<Step> {
        let answers: Vec<_> =
            services.iter().map(|service| resolver.lookup(now, &service.name, RecordType::Srv)).collect();
        let mut servers = Vec::new();
        let mut has_records = false;
        for (service, answer) in services.iter().zip(answers) {
            let answer = answer?;
            has_records |= matches!(*answer, Answer::Records(_));
            for Srv { port, target, .. } in order(srv(&answer), rng) {
                // A target of "." says that the service is not offered (RFC 2782).
                let Some(name) = target.filter(|_| port != 0) else { continue };
                servers.push(Server { transport: service.transport, name, port });
            }
        }
        if !has_records {
            return Some(self.host_itself());
        }
        servers.truncate(MAX_SERVERS);
        Some(Step::Addresses(servers))
    }

    /// The host as its own only server, over the transport it names or the usual one (§4.1, §4.2).
    fn host_itself(&self) -> Step {
        let usable = self.transports();
        let transport = match self.wanted.transport {
            Some(named) => usable.into_iter().find(|&it| it == named),
            None => usable.into_iter().next(),
        };
        let server = transport.map(|transport| Server {
            transport,
            name: self.wanted.host.clone(),
            port: self.wanted.port.unwrap_or(transport.default_port()),
        });
        Step::Addresses(server.into_iter().collect())
    }

    /// Addresses of the servers. All are asked for at once; when time is up, those known will do.
    fn hops(&self, now: Instant, resolver: &mut Resolver, servers: &[Server]) -> Option<Vec<Hop>> {
        let mut hops: Vec<Hop> = Vec::new();
        let mut is_complete = true;
        for server in servers {
            for kind in self.families() {
                let Some(answer) = resolver.lookup(now, &server.name, kind) else {
                    is_complete = false;
                    continue;
                };
                for ip in addresses(&answer) {
                    let hop = Hop { transport: server.transport, address: SocketAddr::new(ip, server.port) };
                    if hops.len() < MAX_HOPS && !hops.contains(&hop) {
                        hops.push(hop);
                    }
                }
            }
        }
        (is_complete || now >= self.ends_at).then_some(hops)
    }

    fn families(&self) -> impl Iterator<Item = RecordType> + use<> {
        let families = [(RecordType::A, self.ability.ipv4), (RecordType::Aaaa, self.ability.ipv6)];
        families.into_iter().filter(|(_, is_usable)| *is_usable).map(|(kind, _)| kind)
    }
}

fn srv(answer: &Answer) -> Vec<Srv> {
    let server = |record: &Record| match record {
        Record::Srv(srv) => Some(srv.clone()),
        _ => None,
    };
    answer.records().iter().filter_map(server).collect()
}

fn addresses(answer: &Answer) -> impl Iterator<Item = IpAddr> + '_ {
    answer.records().iter().filter_map(|record| match record {
        Record::Address(ip) => Some(*ip),
        _ => None,
    })
}
