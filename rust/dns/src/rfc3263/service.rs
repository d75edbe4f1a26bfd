//! The services of a domain (RFC 3263 §4.1).

use super::hop::ServerTransport;
use crate::answer::{Answer, Record};
use crate::name::Name;

/// Services looked at; each costs a question.
const MAX_SERVICES: usize = 4;

/// A name to ask for SRV, and how its servers are spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) transport: ServerTransport,
    pub(super) name: Name,
}

impl Service {
    /// The service of a transport where the domain does not say otherwise.
    pub(super) fn usual(domain: &Name, transport: ServerTransport) -> Option<Self> {
        Some(Self { transport, name: domain.below(transport.prefix())? })
    }
}

/// What NAPTR records offer of these transports, in their order.
pub(super) fn offered(answer: &Answer, transports: &[ServerTransport]) -> Vec<Service> {
    let mut records: Vec<_> = answer
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::Naptr(naptr) if naptr.flags.eq_ignore_ascii_case("s") => Some(naptr),
            _ => None,
        })
        .collect();
    records.sort_by_key(|naptr| (naptr.order, naptr.preference));
    let services = records.into_iter().filter_map(|naptr| {
        let transport = transport_of(&naptr.service).filter(|it| transports.contains(it))?;
        Some(Service { transport, name: naptr.replacement.clone()? })
    });
    services.take(MAX_SERVICES).collect()
}

fn transport_of(service: &str) -> Option<ServerTransport> {
    let known = [
        ("SIP+D2U", ServerTransport::Udp),
        ("SIP+D2T", ServerTransport::Tcp),
        ("SIPS+D2T", ServerTransport::Tls),
    ];
    known.into_iter().find(|(name, _)| service.eq_ignore_ascii_case(name)).map(|(_, transport)| transport)
}
