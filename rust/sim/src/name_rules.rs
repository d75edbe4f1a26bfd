//! Rules for calls to names.

use std::time::Duration;

use crate::agent::Outcome;
use crate::scenario::{Scenario, Zone};
use crate::world::World;

/// Slowest network in which every name is found in time.
const MAX_DELAY: Duration = Duration::from_millis(100);

/// A call to a name with a server that lives is answered, where nothing else is in its way.
pub(crate) fn check_names(world: &World<'_>, scenario: &Scenario, may_503: bool, broken: &mut Vec<String>) {
    let open = world.names.open_total();
    if open > 0 {
        broken.push(format!("{open} sockets towards resolvers left open"));
    }
    // Where each way takes a second, a search is given up before its third question is answered.
    let is_slow = scenario.network.max_delay > MAX_DELAY;
    let is_hindered =
        may_503 || is_slow || world.has_losses() || scenario.busy_ports > 0.0 || !scenario.orders.is_empty();
    if is_hindered || !scenario.zones.iter().any(Zone::is_live) {
        return;
    }
    for leg in world.legs().iter().filter(|leg| leg.is_caller) {
        if matches!(leg.outcome, Outcome::Failed(408 | 503)) {
            broken.push(format!("call {} to a name with a live server: {:?}", leg.label, leg.outcome));
        }
    }
}
