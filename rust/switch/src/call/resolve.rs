//! From what was decided to addresses: users to their bindings, URIs with numeric hosts to themselves.

use std::sync::Arc;
use std::time::Instant;

use pbx_sip::{Flow, Message, Transport, Uri};

use super::dial::through_flow;
use super::leg::endpoint_flow;
use super::plan::{Endpoint, Group, MAX_FORKS, Missing, Plan};
use crate::core::Core;
use crate::decision::{Forward, Target};
use crate::location::{Aor, Binding, Location};
use crate::policy::{HostPort, Policy};

/// What finding endpoints needs to look at.
pub(super) struct Resolver<'a> {
    pub(super) policy: &'a Arc<Policy>,
    pub(super) location: &'a Location,
    pub(super) core: &'a Core,
    /// The request to be forwarded.
    pub(super) request: &'a Message,
    /// The way it came.
    pub(super) arrival: Flow,
    pub(super) now: Instant,
}

impl Resolver<'_> {
    /// Fills the groups of a plan; says what was missing if there are none.
    pub(super) fn fill(&self, plan: &mut Plan, forward: &Forward) -> Missing {
        let mut missing = Missing::User;
        let targets = match forward.targets.as_slice() {
            [] => vec![self.request_target()],
            targets => targets.to_vec(),
        };
        for target in targets.iter().take(MAX_FORKS) {
            match self.groups(target) {
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
    fn request_target(&self) -> Target {
        let user = Uri::parse(self.request.request_uri())
            .map_or_else(|_| String::new(), |uri| uri.user_decoded().into_owned());
        Target::User(user)
    }

    fn groups(&self, target: &Target) -> Result<Vec<Group>, Missing> {
        match target {
            Target::User(user) => self.bindings(user, self.home()),
            Target::Uri(text) => {
                let uri = Uri::parse(text).ok().filter(Uri::is_sip).ok_or(Missing::Route)?;
                if self.policy.realms.is_named(&HostPort::of(&uri), &self.core.locality) {
                    return self.bindings(&uri.user_decoded(), uri.host);
                }
                let endpoint = self.dialled(text).ok_or(Missing::Route)?;
                Ok(vec![Group { endpoints: vec![endpoint], any_failure: false }])
            }
        }
    }

    /// The realm of a user dialled by name is that of the Request-URI; a number (`tel`) has none and means one
    /// in the caller's.
    fn home(&self) -> &str {
        match Uri::parse(self.request.request_uri()) {
            Ok(uri) if uri.is_sip() => uri.host,
            _ => self.request.from().and_then(|from| Uri::parse(from.uri)).map_or("", |uri| uri.host),
        }
    }

    /// Bindings of a user: equal q ring together, lower q afterwards; or only the newest (`parallel_fork`).
    fn bindings(&self, user: &str, host: &str) -> Result<Vec<Group>, Missing> {
        let aor = self.policy.aor(user, host);
        let bindings = self.registered(user, &aor);
        if bindings.is_empty() {
            let known = self.policy.knows(&aor);
            return Err(if known { Missing::Binding } else { Missing::User });
        }
        if !self.policy.config.call.parallel_fork {
            let newest =
                bindings.iter().max_by_key(|binding| binding.order()).map(|binding| endpoint(binding));
            return Ok(vec![Group { endpoints: newest.into_iter().collect(), any_failure: false }]);
        }
        let mut groups: Vec<(u16, Group)> = Vec::new();
        for binding in bindings {
            let ringing = endpoint(binding);
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
        let like = match self.arrival.transport {
            Transport::Udp => self.arrival,
            _ => Flow { transport: Transport::Udp, socket: 0, remote: self.arrival.remote },
        };
        let flow = endpoint_flow(uri, &like)?;
        if flow.transport == Transport::Udp && self.core.locals.udp.is_empty() {
            return None;
        }
        // A Request-URI has no headers (RFC 3261 §19.1.1 table 1).
        let uri = uri.split('?').next().unwrap_or(uri).to_owned();
        Some(Endpoint { uri, flow, path: Vec::new(), nat: false })
    }
}

/// The way to a binding: its flow when it is behind NAT, on a stream or behind proxies (Path), else what its
/// Contact names.
fn endpoint(binding: &Binding) -> Endpoint {
    let path: Vec<String> = binding.path().map(str::to_owned).collect();
    // With a Path the source is the proxy, which needs the Contact as it is.
    let through = binding.nat && path.is_empty();
    let uri =
        if through { through_flow(binding.uri(), binding.flow.remote) } else { binding.uri().to_owned() };
    let direct = binding.flow.transport == Transport::Udp && !through && path.is_empty();
    let flow = if direct { endpoint_flow(&uri, &binding.flow) } else { None };
    Endpoint { uri, flow: flow.unwrap_or(binding.flow), path, nat: binding.nat }
}
