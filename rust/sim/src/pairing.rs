//! Both ends of every call the switch holds, found by their dialogs. A transfer moves a party from one call to another,
//! so that what the caller once named no longer says who speaks with whom.

use std::collections::{BTreeSet, HashMap};

use pbx_switch::CallView;

use crate::agent::{LegState, LegView};
use crate::invariant::check_session;
use crate::world::World;

/// Longest interval that is over for certain when a run has settled, seconds.
const MAX_INTERVAL: u32 = 120;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Calls with both their ends.
    pub(crate) standing: usize,
    /// Call-IDs of calls that are just being ended.
    pub(crate) ending: BTreeSet<String>,
    /// Some end cannot be told.
    pub(crate) is_uncertain: bool,
}

/// Every call of the switch has two ends that agree, and every phone in a call is in one of the switch.
pub(crate) fn check_pairs(world: &World<'_>, broken: &mut Vec<String>) -> Pairs {
    let legs = world.legs();
    let mut by_call: HashMap<&str, Vec<&LegView>> = HashMap::new();
    for leg in &legs {
        by_call.entry(&leg.call_id).or_default().push(leg);
    }
    let unheard = world.unheard().call_ids();
    let calls = world.switch().calls(world.now, usize::MAX, None);
    let mut pairs = Pairs::default();
    let mut held: BTreeSet<&str> = BTreeSet::new();
    for call in &calls {
        let ids = call_ids(call);
        held.extend(ids);
        if call.state == "ending" {
            pairs.ending.extend(ids.map(str::to_owned));
            continue;
        }
        let ends = ids.map(|id| by_call.get(id).map_or(&[][..], Vec::as_slice));
        check_silence(world, &ends, broken);
        let is_untold = |leg: &&LegView| {
            leg.state == LegState::Ending || unheard.contains(&leg.call_id) || world.was_cut_off(leg.phone)
        };
        if ends.iter().any(|legs| legs.iter().any(is_untold)) {
            pairs.ending.extend(ids.map(str::to_owned));
            pairs.is_uncertain = true;
            continue;
        }
        let confirmed = ends.map(|legs| {
            let is_confirmed = |leg: &&&LegView| leg.state == LegState::Confirmed;
            legs.iter().filter(is_confirmed).copied().collect::<Vec<_>>()
        });
        let [caller, callee] = confirmed.each_ref().map(Vec::as_slice);
        match (caller, callee) {
            ([caller], [callee]) => {
                pairs.standing += 1;
                let what = format!("{} with {}", caller.label, callee.label);
                check_session(&what, caller, callee, broken);
            }
            (callers, callees) => broken.push(format!(
                "call of the switch ({}) with {} and {} ends, Call-IDs {ids:?}",
                call.state,
                callers.len(),
                callees.len()
            )),
        }
    }
    for leg in legs.iter().filter(|leg| leg.state == LegState::Confirmed) {
        let is_untold = unheard.contains(&leg.call_id) || world.was_cut_off(leg.phone);
        if !held.contains(leg.call_id.as_str()) && !is_untold {
            broken.push(format!("phone {} holds a call the switch has not: {}", leg.phone, leg.call_id));
        }
    }
    pairs
}

/// A phone that lost its network long ago and had a session timer is missed by now.
fn check_silence(world: &World<'_>, ends: &[&[&LegView]; 2], broken: &mut Vec<String>) {
    let is_missed = |leg: &&&LegView| {
        let is_short = leg.session_secs.is_some_and(|secs| secs <= MAX_INTERVAL);
        leg.state == LegState::Confirmed && world.is_vanished(leg.phone) && is_short
    };
    for leg in ends.iter().flat_map(|legs| legs.iter()).filter(|leg| is_missed(leg)) {
        broken.push(format!(
            "call {} stands, and phone {} is gone longer than its interval",
            leg.label, leg.phone
        ));
    }
}

fn call_ids(call: &CallView) -> [&str; 2] {
    [&call.call_id, call.callee_call_id.as_deref().unwrap_or_default()]
}
