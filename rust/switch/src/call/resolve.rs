//! From what was decided to addresses: users to their bindings, URIs to themselves. Names of hosts are looked up when
//! it is their turn to ring.

use std::sync::Arc;
use std::time::Instant;

use pbx_sip::{Flow, Message, Scheme, Transport, Uri};

use super::dial::through_flow;
use super::leg::endpoint_flow;
use super::plan::{Endpoint, Group, MAX_FORKS, Missing, Plan};
use super::way::{Way, nowhere, wanted};
use crate::core::Core;
use crate::decision::{Forward, Target};
use crate::location::{Aor, Binding, Location, Reached};
use crate::policy::{HostPort, Policy};

/// What finding endpoints needs to look at.
pub(super) struct Resolver<'a> {
    pub(super) policy: &'a Arc<Policy>,
    pub(super) location: &'a Location,
    pub(super) core: &'a Core,
    /// The request to be forwarded.
    pub(super) request: &'a Message,
    pub(super) now: Instant,
}

impl Resolver<'_> {
    /// Fills the groups of a plan; says what was missing if there are none.
    pub(super) fn fill(&self, plan: &mut Plan, forward: &Forward) -> Missing {
        let mut missing = Missing::User;
        let found: Vec<Result<Vec<Group>, Missing>> = match forward.targets.as_slice() {
            [] => vec![self.requested()],
            targets => targets.iter().take(MAX_FORKS).map(|target| self.groups(target)).collect(),
        };
        for groups in found {
            match groups {
                Ok(groups) => plan.groups.extend(groups),
                Err(reason) => missing = reason,
            }
        }
        if forward.parallel {
            let endpoints = plan.groups.drain(..).flat_map(|group| group.endpoints).collect::<Vec<_>>();
            if !endpoints.is_empty() {
                plan.groups.push_back(Group { endpoints, any_failure: false });
            }
        }
        missing
    }

    /// Without targets, the Request-URI itself is meant: a user of ours.
    fn requested(&self) -> Result<Vec<Group>, Missing> {
        let uri = Uri::parse(self.request.request_uri()).map_err(|_| Missing::User)?;
        if uri.is_sip() { self.named(&uri) } else { self.bindings(&uri.number(), self.home()) }
    }

    /// The user a URI of ours names, or one phone of his (RFC 5627).
    fn named(&self, uri: &Uri<'_>) -> Result<Vec<Group>, Missing> {
        let user = uri.user_decoded();
        let aor = self.policy.aor(&user, uri.host);
        match self.location.reached(self.now, &aor, uri) {
            Reached::NotOne => self.bindings(&user, uri.host),
            Reached::Invalid => Err(Missing::User),
            Reached::Phone(bindings) => self.rung(&aor, &bindings),
        }
    }

    fn groups(&self, target: &Target) -> Result<Vec<Group>, Missing> {
        match target {
            Target::User(user) => self.bindings(user, self.home()),
            Target::Uri(text) => {
                let uri = Uri::parse(text).map_err(|_| Missing::Route)?;
                if uri.scheme == Scheme::Tel {
                    // A number is one of ours: which gateway leads to others, a route says (§3).
                    return self.bindings(&uri.number(), self.home()).map_err(|_| Missing::Route);
                }
                let uri = Some(uri).filter(Uri::is_sip).ok_or(Missing::Route)?;
                if self.policy.realms.is_named(&HostPort::of(&uri), &self.core.locality) {
                    return self.named(&uri);
                }
                let endpoint = self.dialled(text).ok_or(Missing::Route)?;
                Ok(vec![Group { endpoints: vec![endpoint], any_failure: false }])
            }
        }
    }

    /// The realm of a user dialled by name is that of the Request-URI; a number (`tel`) has none and means one
    /// in the realm its context names (RFC 3966 §5.1.5), else in the caller's.
    fn home(&self) -> &str {
        let target = Uri::parse(self.request.request_uri()).ok();
        let context = target.and_then(|uri| uri.params.value("phone-context"));
        if let Some(realm) = context.filter(|host| self.policy.realms.is_entry(&HostPort::new(host, None))) {
            return realm;
        }
        match target {
            Some(uri) if uri.is_sip() => uri.host,
            _ => self.request.from().and_then(|from| Uri::parse(from.uri)).map_or("", |uri| uri.host),
        }
    }

    /// Bindings of a user: equal q ring together, lower q afterwards; or only the newest (`parallel_fork`).
    fn bindings(&self, user: &str, host: &str) -> Result<Vec<Group>, Missing> {
        let aor = self.policy.aor(user, host);
        self.rung(&aor, &self.registered(user, &aor))
    }

    fn rung(&self, aor: &Aor, bindings: &[&Binding]) -> Result<Vec<Group>, Missing> {
        let mut phones = phones(bindings);
        for (_, endpoint) in &mut phones {
            endpoint.user = Some(aor.user().into());
        }
        let registered = phones.len();
        phones.retain(|(_, endpoint)| !self.leads_back(endpoint));
        if phones.len() < registered && phones.is_empty() {
            return Err(Missing::Loop);
        }
        if phones.is_empty() {
            let known = self.policy.knows(aor);
            return Err(if known { Missing::Binding } else { Missing::User });
        }
        if !self.policy.config.call.parallel_fork {
            let newest = phones.into_iter().max_by_key(|(binding, _)| binding.order());
            let endpoints = newest.into_iter().map(|(_, endpoint)| endpoint).collect();
            return Ok(vec![Group { endpoints, any_failure: false }]);
        }
        let mut groups: Vec<(u16, Group)> = Vec::new();
        for (binding, ringing) in phones {
            match groups.last_mut() {
                Some((q, group)) if *q == binding.q() => group.endpoints.push(ringing),
                _ => groups.push((binding.q(), Group { endpoints: vec![ringing], any_failure: true })),
            }
        }
        let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
        if let Some(last) = groups.last_mut() {
            last.any_failure = false;
        }
        Ok(groups)
    }

    /// Whether a Contact names a listener of ours: users registered at each other would call themselves in circles.
    fn leads_back(&self, endpoint: &Endpoint) -> bool {
        let named = matches!(endpoint.way, Way::Address) && endpoint.path.is_empty();
        named
            && Uri::parse(&endpoint.uri).is_ok_and(|uri| {
                uri.host_ip().is_some()
                    && self.policy.realms.is_named(&HostPort::of(&uri), &self.core.locality)
            })
    }

    /// Bindings of the name dialled; without any, those of the user it is an identity of (§10.8).
    fn registered(&self, user: &str, aor: &Aor) -> Vec<&Binding> {
        let bindings = self.location.targets(self.now, aor);
        match self.policy.users.by_identity(user, aor.realm()) {
            Some(owner) if bindings.is_empty() && &*owner.username != user => {
                self.location.targets(self.now, &Aor::new(&owner.username, aor.realm()))
            }
            _ => bindings,
        }
    }

    fn dialled(&self, uri: &str) -> Option<Endpoint> {
        let like = Flow { transport: Transport::Udp, socket: 0, remote: nowhere() };
        let (mut flow, way) = match endpoint_flow(uri, &like) {
            Some(flow) => (flow, Way::Address),
            None => (like, Way::Name(wanted(&Uri::parse(uri).ok()?)?.into())),
        };
        // A Request-URI has no headers (RFC 3261 §19.1.1 table 1).
        let uri = uri.split('?').next().unwrap_or(uri).to_owned();
        if let Way::Name(_) = way {
            return Some(Endpoint {
                uri,
                flow,
                way,
                path: Vec::new(),
                nat: false,
                spare: Vec::new(),
                identity: None,
                user: None,
            });
        }
        if flow.transport == Transport::Udp {
            // Whoever is called without a flow of his own is called from the first socket (`udp_ports`).
            flow.socket = self.core.locals.first_udp(flow.remote);
        }
        if flow.transport == Transport::Udp && self.core.locals.udp.is_empty() {
            return None;
        }
        Some(Endpoint {
            uri,
            flow,
            way,
            path: Vec::new(),
            nat: false,
            spare: Vec::new(),
            identity: None,
            user: None,
        })
    }
}

/// One endpoint for each phone, further flows of it as spare ones, with the binding of its first.
fn phones<'b>(bindings: &[&'b Binding]) -> Vec<(&'b Binding, Endpoint)> {
    let mut phones: Vec<(&Binding, Endpoint)> = Vec::new();
    for &binding in bindings {
        match phones.iter_mut().find(|(first, _)| first.is_same_phone(binding)) {
            Some((_, phone)) => phone.spare.push(endpoint(binding)),
            None => phones.push((binding, endpoint(binding))),
        }
    }
    phones
}

/// The way to a binding: its flow when it is behind NAT, on a stream, behind proxies (Path) or says so (RFC 5626),
/// else what its Contact names.
fn endpoint(binding: &Binding) -> Endpoint {
    let path: Vec<String> = binding.path().map(str::to_owned).collect();
    // With a Path the source is the proxy, which needs the Contact as it is.
    let through = binding.nat && path.is_empty();
    let uri =
        if through { through_flow(binding.uri(), binding.flow.remote) } else { binding.uri().to_owned() };
    let direct =
        binding.flow.transport == Transport::Udp && !through && path.is_empty() && !binding.keeps_flow();
    let flow = if direct { endpoint_flow(&uri, &binding.flow) } else { None };
    // A Contact whose host is a name is reached the way it registered: no name is needed for that.
    let way = if flow.is_some() { Way::Address } else { Way::Flow };
    let flow = flow.unwrap_or(binding.flow);
    Endpoint { uri, flow, way, path, nat: binding.nat, spare: Vec::new(), identity: None, user: None }
}
