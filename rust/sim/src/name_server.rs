//! Resolvers of the simulated world: they know the zones of a scenario, and answer as well or badly as it says.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use pbx_dns::{Asked, Name, Naptr, Record, RecordType, ResolverOutput, Srv, read_query, respond};
use pbx_switch::DnsNews;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::network::Wire;
use crate::scenario::{Trouble, Zone};

/// A connection to a name server and an answer on it.
const STREAM_DELAY: Duration = Duration::from_millis(60);

/// What the switch reads as `resolv.conf`: the first one is the one that has troubles.
pub(crate) const RESOLVERS: &str = "nameserver 192.0.2.53\nnameserver 192.0.2.54";
const TROUBLED: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53));
/// An address that forged answers name.
const DECOY: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 253, 1));
/// Addresses nobody may be called at because a name says so.
const BOGUS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(169, 254, 0, 1))];
/// Servers of one answer that are of no use, and come last.
const SURPLUS: u16 = 70;

/// The resolvers, and what they said.
pub(crate) struct NameServer {
    zones: Vec<Zone>,
    /// Sockets of the switch that wait for an answer.
    open: BTreeSet<u64>,
    /// Addresses genuine answers named, and those that spoke.
    named: BTreeSet<IpAddr>,
    pub(crate) asked_total: u64,
    chance: ChaCha8Rng,
}

impl NameServer {
    pub(crate) fn new(zones: &[Zone], seed: u64) -> Self {
        Self {
            zones: zones.to_vec(),
            open: BTreeSet::new(),
            named: BTreeSet::new(),
            asked_total: 0,
            chance: ChaCha8Rng::seed_from_u64(seed ^ 0x0d75),
        }
    }

    /// Sockets that wait for an answer.
    pub(crate) fn open_total(&self) -> usize {
        self.open.len()
    }

    /// Somebody spoke to the switch, and may be answered.
    pub(crate) fn hear(&mut self, ip: IpAddr) {
        if self.has_zones() {
            self.named.insert(ip);
        }
    }

    /// Whether a genuine answer named this address, or it has spoken.
    pub(crate) fn has_named(&self, ip: IpAddr) -> bool {
        self.named.contains(&ip)
    }

    /// Whether there are any names in this run.
    pub(crate) fn has_zones(&self) -> bool {
        !self.zones.is_empty()
    }

    /// Takes news off the network, if its socket is still open.
    pub(crate) fn is_awaited(&self, news: &DnsNews) -> bool {
        let (DnsNews::Reply { token, .. } | DnsNews::Failed { token }) = news;
        self.open.contains(token)
    }

    /// Does what the resolver of the switch wants, and gives what arrives at its sockets and when.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        wire: &mut Wire,
        output: ResolverOutput,
    ) -> Vec<(Instant, DnsNews)> {
        match output {
            ResolverOutput::Close { token } => {
                self.open.remove(&token);
                Vec::new()
            }
            // A stream loses nothing and cuts nothing off.
            ResolverOutput::Stream { token, server, bytes } => {
                self.open.insert(token);
                self.asked_total += 1;
                let query = bytes.get(2..).unwrap_or_default();
                let replies = self.replies(server.ip() == TROUBLED, query, true);
                let first = replies.into_iter().next();
                first
                    .map(|(wait, bytes)| (now + STREAM_DELAY + wait, DnsNews::Reply { token, bytes }))
                    .into_iter()
                    .collect()
            }
            ResolverOutput::Send { token, server, bytes } => {
                self.open.insert(token);
                self.asked_total += 1;
                let Some(arrived_at) = wire.carry(now)[0] else { return Vec::new() };
                let replies = self.replies(server.ip() == TROUBLED, &bytes, false);
                let mut news = Vec::new();
                for (wait, bytes) in replies {
                    let arrivals = wire.carry(arrived_at + wait).into_iter().flatten();
                    news.extend(arrivals.map(|at| (at, DnsNews::Reply { token, bytes: bytes.clone() })));
                }
                news
            }
        }
    }

    /// The datagrams one query leads to, each with the time it is held back.
    fn replies(&mut self, is_troubled: bool, query: &[u8], is_whole: bool) -> Vec<(Duration, Vec<u8>)> {
        let Some(asked) = read_query(query) else { return Vec::new() };
        let text = asked.name.as_str().to_owned();
        let zone =
            self.zones.iter().find(|zone| text == zone.name || text.ends_with(&format!(".{}", zone.name)));
        let Some(zone) = zone.cloned() else { return with_code(query, 3).into_iter().collect() };
        let is_troubled = is_troubled || zone.trouble.is_everywhere();
        let trouble = match zone.trouble {
            Trouble::Truncated if is_whole => Trouble::None,
            trouble if is_troubled => trouble,
            _ => Trouble::None,
        };
        let has_extension = query.get(11) == Some(&1);
        match trouble {
            Trouble::Silent => return Vec::new(),
            Trouble::Refused => return with_code(query, 2).into_iter().collect(),
            Trouble::OldServer if has_extension => return with_code(query, 1).into_iter().collect(),
            _ => {}
        }
        let mut records = records(&zone, &asked);
        if trouble == Trouble::Truncated {
            records.truncate(records.len().div_ceil(2));
        }
        let genuine = respond(query, if records.is_empty() { 3 } else { 0 }, zone.ttl_secs, &records);
        let Some(mut genuine) = genuine else { return Vec::new() };
        if trouble == Trouble::Truncated {
            genuine[2] |= 0x02;
        }
        self.named.extend(records.iter().filter_map(|record| match record {
            Record::Address(ip) if !BOGUS.contains(ip) => Some(*ip),
            _ => None,
        }));
        let wait = match trouble {
            Trouble::Slow(longest) => {
                longest.mul_f64(f64::from(self.chance.next_u32()) / f64::from(u32::MAX))
            }
            _ => Duration::ZERO,
        };
        let mut replies: Vec<_> = Vec::new();
        if trouble == Trouble::Forged {
            replies.extend(forged(query, &asked).map(|bytes| (Duration::ZERO, bytes)));
        }
        replies.push((wait, genuine));
        replies
    }
}

fn with_code(query: &[u8], code: u8) -> Option<(Duration, Vec<u8>)> {
    Some((Duration::ZERO, respond(query, code, 0, &[])?))
}

/// An answer from somebody who has not seen the query, and guesses its id.
fn forged(query: &[u8], asked: &Asked) -> Option<Vec<u8>> {
    let decoy = match asked.kind {
        RecordType::A | RecordType::Aaaa => Record::Address(DECOY),
        RecordType::Srv | RecordType::Naptr => srv(1, 5060, "decoy.test"),
    };
    let mut bytes = respond(query, 0, 3600, &[decoy])?;
    bytes[1] ^= 0x5a;
    Some(bytes)
}

fn srv(priority: u16, port: u16, target: &str) -> Record {
    Record::Srv(Srv { priority, weight: 10, port, target: Name::parse(target) })
}

fn naptr(preference: u16, service: &str, replacement: &str) -> Record {
    Record::Naptr(Naptr {
        order: 10,
        preference,
        flags: "s".to_owned(),
        service: service.to_owned(),
        replacement: Name::parse(replacement),
    })
}

/// What a zone holds under the name that is asked for.
fn records(zone: &Zone, asked: &Asked) -> Vec<Record> {
    let Zone { name, servers, .. } = zone;
    let label = asked.name.as_str().strip_suffix(name.as_str()).unwrap_or_default();
    let all: Vec<IpAddr> = servers.iter().map(|server| server.address.ip()).collect();
    match (label, asked.kind) {
        ("", RecordType::Naptr) if zone.has_naptr => vec![
            naptr(1, "SIP+D2T", &format!("_sip._tcp.{name}")),
            naptr(2, "SIP+D2U", &format!("_sip._udp.{name}")),
        ],
        ("_sip._udp.", RecordType::Srv) if zone.trouble != Trouble::NoServices => services(zone),
        ("_sip._tcp.", RecordType::Srv) if zone.has_naptr => services(zone),
        ("", RecordType::A) => all.into_iter().map(Record::Address).collect(),
        (label, RecordType::A) => {
            let number = label.strip_prefix('s').and_then(|rest| rest.strip_suffix('.'));
            let own = number.and_then(|number| all.get(number.parse::<usize>().ok()?));
            let bogus = BOGUS.into_iter().filter(|_| own.is_some() && zone.trouble == Trouble::Bogus);
            bogus.chain(own.copied()).map(Record::Address).collect()
        }
        _ => Vec::new(),
    }
}

fn services(zone: &Zone) -> Vec<Record> {
    let Zone { name, servers, .. } = zone;
    let own = servers
        .iter()
        .enumerate()
        .map(|(number, server)| srv(server.priority, server.address.port(), &format!("s{number}.{name}")));
    let surplus = if zone.trouble == Trouble::Surplus { SURPLUS } else { 0 };
    own.chain((0..surplus).map(|number| srv(1000 + number, 5060, &format!("x{number}.{name}")))).collect()
}
