//! Servers known by name: the search for them, and the next one when one does not do (RFC 3263 §4.3).
//!
//! A hop is given up on a transport error, a 503, or when it stays silent while others are left. Its Timer B would
//! be the RFC's measure, but 32 s of silence is more than any caller waits: after 8×T1, when an INVITE over UDP has
//! gone out four times, the next one is tried; the more have been silent, the shorter. What failed is tried last by
//! other calls for a while, so that a dead server costs one of them. The next hop gets the same request in a new transaction: Call-ID,
//! From tag and CSeq stay, so that a proxy behind both hops knows it again (RFC 3261 §8.2.2.2).

use std::time::Instant;

use pbx_dns::{Ability, Hop};

use super::branch::Branch;
use super::calls::Calls;
use super::failure::Failure;
use super::id::TimerKind;
use super::plan::Endpoint;
use super::session_timer::Asked;
use super::state::Call;
use super::way::{Way, transport};
use crate::core::Core;
use crate::locate::{Found, SearchId};
use crate::output::Level;
use crate::refusal::Refusal;

/// Multiples of T1 the first, second and every further hop may be silent while others are left: together 11 s for
/// the seven before the last.
const PATIENCE: [u32; 3] = [8, 4, 2];
/// The same for a transport that is only tried because the request is large: a server that has it answers at
/// once, one that has not may be behind something that swallows connections.
const TRIAL_PATIENCE: u32 = 2;

/// A target whose servers are being looked for.
pub(super) struct Searching {
    id: SearchId,
    endpoint: Endpoint,
    breadth: usize,
    asked: Asked,
}

impl Calls {
    /// A search is over.
    pub(crate) fn on_found(&mut self, core: &mut Core, now: Instant, found: &Found) {
        self.with(core, now, found.call, |call, core| call.on_found(core, now, found));
    }
}

impl Call {
    /// Whether a callee may still answer: one is rung, or being looked for.
    pub(super) fn is_awaiting(&self) -> bool {
        !self.searches.is_empty() || self.branches.iter().any(Branch::is_awaited)
    }

    /// Looks for the servers of an endpoint known by name. Nothing else of the call waits for that.
    pub(super) fn search(
        &mut self,
        core: &mut Core,
        now: Instant,
        endpoint: &Endpoint,
        breadth: usize,
        asked: Asked,
    ) {
        let Way::Name(wanted) = &endpoint.way else { return };
        if let Some(id) = core.searches.begin(now, (**wanted).clone(), ability(core), self.id) {
            self.searches.push(Searching { id, endpoint: endpoint.clone(), breadth, asked });
        } else {
            core.counters.count("refused_total", "searches");
            self.note_failure(Failure::local(503));
        }
    }

    /// Nobody is looked for any more.
    pub(super) fn forget_searches(&mut self, core: &mut Core) {
        for searching in self.searches.drain(..) {
            core.searches.forget(searching.id);
        }
    }

    /// Rings the first server, or goes on without one.
    fn on_found(&mut self, core: &mut Core, now: Instant, found: &Found) {
        let Some(index) = self.searches.iter().position(|searching| searching.id == found.id) else { return };
        let Searching { endpoint, breadth, asked, .. } = self.searches.swap_remove(index);
        if let Some(endpoint) = located(core, now, &endpoint, &found.hops) {
            self.dial(core, now, &endpoint, breadth, asked);
        } else {
            let call_id = self.caller.dialog.call_id.to_string();
            core.log(Level::Warn, "target_unresolved", vec![("call_id", call_id)]);
            self.note_failure(Failure::refused(core, &Refusal::Unreachable));
        }
        self.conclude(core, now);
    }

    /// Limits the silence of a hop that is not the last.
    pub(super) fn limit_silence(&self, core: &mut Core, now: Instant, endpoint: &Endpoint) {
        let patience = match endpoint.way {
            Way::Address | Way::Settled => PATIENCE[self.hops_before(endpoint).min(PATIENCE.len() - 1)],
            Way::Trial => TRIAL_PATIENCE,
            Way::Flow | Way::Name(_) => return,
        };
        if !endpoint.spare.is_empty() {
            let at = now + core.policy.config.t1() * patience;
            core.arm(at, self.id, TimerKind::Silence(self.branches.len() as u16));
        }
    }

    /// Addresses that got the same request before this one.
    fn hops_before(&self, endpoint: &Endpoint) -> usize {
        let is_before = |it: &&Endpoint| {
            it.way != Way::Trial && it.identity.is_some() && it.identity == endpoint.identity
        };
        self.branches.iter().map(|branch| &branch.endpoint).filter(is_before).count()
    }

    /// The server of a branch kept silent, or could not be reached.
    pub(super) fn note_failed_hop(&self, core: &mut Core, now: Instant, index: usize) {
        let Some(endpoint) = self.branches.get(index).map(|branch| &branch.endpoint) else { return };
        if matches!(endpoint.way, Way::Address | Way::Settled) && core.failed_hops.insert(now, endpoint.flow)
        {
            core.counters.count("hops_total", "evicted");
        }
    }

    /// A hop has said nothing for long enough.
    pub(super) fn on_silence(&mut self, core: &mut Core, now: Instant, index: usize) {
        let Some(branch) = self.branches.get_mut(index).filter(|it| it.is_awaited() && !it.is_heard) else {
            return;
        };
        let Some(next) = branch.endpoint.next_flow(408) else { return };
        // Should it wake up after all, it is told at once.
        branch.cancelled = true;
        core.transactions.cancel(now, branch.transaction, None);
        core.counters.count("hops_total", "silent");
        let (breadth, asked) = (branch.breadth, branch.asked);
        self.note_failed_hop(core, now, index);
        self.dial(core, now, &next, breadth, asked);
        self.conclude(core, now);
    }
}

/// What our sockets can be used for. Connections can always be opened.
fn ability(core: &Core) -> Ability {
    let is_any = |address: &std::net::SocketAddr| address.is_ipv6() && address.ip().is_unspecified();
    let mut locals = core.locals.all().map(|(_, address)| address);
    let ipv6 = locals.any(|address| address.is_ipv6());
    let ipv4 = core.locals.all().any(|(_, address)| address.is_ipv4() || is_any(&address));
    Ability { udp: !core.locals.udp.is_empty(), tls: true, ipv4, ipv6 }
}

/// The first hop, with the others as spare ones; those that failed lately come last. Our own sockets are left out: calling them would go in circles.
fn located(core: &mut Core, now: Instant, endpoint: &Endpoint, hops: &[Hop]) -> Option<Endpoint> {
    let Way::Name(wanted) = &endpoint.way else { return None };
    let mut found: Vec<Endpoint> = Vec::new();
    for hop in hops {
        let ip = hop.address.ip().to_canonical();
        if core.locality.has_address(ip) && core.locality.has_port(hop.address.port()) {
            core.counters.count("dns_dropped_total", "own");
            continue;
        }
        let flow = core.named_flow(transport(hop.transport), hop.address, wanted.host.as_str());
        found.push(Endpoint { flow, way: Way::Address, ..endpoint.clone() });
    }
    found.sort_by_key(|endpoint| core.failed_hops.contains(now, endpoint.flow));
    let spare = found.split_off(found.len().min(1));
    Some(Endpoint { spare, ..found.pop()? })
}
