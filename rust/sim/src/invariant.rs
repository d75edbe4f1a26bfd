//! Rules that hold at the end of every run, however bad the network was.

use std::collections::BTreeMap;

use pbx_switch::Health;

use crate::agent::{LegState, LegView, Mark, Outcome};
use crate::pairing::check_pairs;
use crate::scenario::{Manners, Order, Reliability, Reply, Scenario};
use crate::world::World;

/// Datagrams of the switch allowed per call or registration; a storm sends more.
const MAX_SENT_PER_DEED: u64 = 250;

/// Both ends of every call agree, while calls stand and nothing is under way.
pub(crate) fn check_agreement(world: &World<'_>, broken: &mut Vec<String>) {
    let legs = world.legs();
    let mut calls: BTreeMap<&str, Vec<&LegView>> = BTreeMap::new();
    for leg in &legs {
        calls.entry(&leg.label).or_default().push(leg);
    }
    let unheard = world.unheard().call_ids();
    let is_cut = world.agents().iter().any(|agent| world.was_cut_off(agent.account.index));
    let pairs = check_pairs(world, broken);
    for (label, legs) in calls {
        let is_cut_off = |leg: &&&LegView| unheard.contains(&leg.call_id) || world.was_cut_off(leg.phone);
        // A call that took part in a transfer has ends with other names.
        let is_elsewhere = |leg: &&&LegView| leg.is_touched || leg.label.starts_with('?');
        let is_ending = |leg: &&&LegView| pairs.ending.contains(&leg.call_id);
        if legs.iter().any(|leg| is_cut_off(&leg) || is_elsewhere(&leg) || is_ending(&leg)) {
            continue;
        }
        let (callers, callees): (Vec<_>, Vec<_>) = legs.into_iter().partition(|leg| leg.is_caller);
        check_single_ringing(label, &callees, broken);
        let confirmed: Vec<_> = callees.into_iter().filter(|leg| leg.state == LegState::Confirmed).collect();
        let Some(caller) = callers.first() else {
            broken.push(format!("call {label}: callee without caller"));
            continue;
        };
        if caller.other_answers > 0 {
            broken.push(format!("call {label}: caller saw answers of {} more dialogs", caller.other_answers));
        }
        match (caller.state, confirmed.as_slice()) {
            (LegState::Confirmed, [callee]) => check_session(label, caller, callee, broken),
            (LegState::Confirmed, callees) => {
                broken.push(format!("call {label}: caller confirmed, {} callees confirmed", callees.len()));
            }
            // Whoever gives up a session that nobody refreshed does so at any time.
            (LegState::Ended | LegState::Ending, []) => {}
            // Every copy of the final response was lost; the phone would wait for ever.
            (LegState::Inviting, []) if world.has_losses() => {}
            (state, callees) => {
                broken.push(format!("call {label}: caller {state:?}, {} callees confirmed", callees.len()));
            }
        }
    }
    if unheard.is_empty() && !is_cut && !pairs.is_uncertain {
        check_standing(world, pairs.standing, broken);
    }
}

/// A phone is rung by one INVITE dialog for each call.
fn check_single_ringing(label: &str, callees: &[&LegView], broken: &mut Vec<String>) {
    let mut rung: Vec<(usize, &str)> = callees.iter().map(|leg| (leg.phone, leg.call_id.as_str())).collect();
    rung.sort_unstable();
    rung.dedup();
    for pair in rung.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        broken.push(format!("call {label}: phone {} was rung twice", pair[0].0));
    }
}

/// Both ends hold the same two descriptions.
pub(crate) fn check_session(label: &str, caller: &LegView, callee: &LegView, broken: &mut Vec<String>) {
    let agree = if caller.is_touched || callee.is_touched {
        // Whoever was asked for an offer that nobody took up has described the same session once more.
        is_same(caller.local.as_ref(), callee.remote.as_ref())
            && is_same(callee.local.as_ref(), caller.remote.as_ref())
    } else {
        caller.local == callee.remote && is_heard_as(callee.local.as_ref(), caller.remote.as_ref())
    };
    if !agree {
        broken.push(format!(
            "call {label}: sessions differ: caller {:?}/{:?}, callee {:?}/{:?}",
            caller.local, caller.remote, callee.local, callee.remote
        ));
    }
}

/// Whether the caller holds what the callee wrote. When the switch anchors late it asks the callee again, and the
/// caller is not shown the second answer: same phone, leg and direction are enough.
fn is_heard_as(written: Option<&Mark>, heard: Option<&Mark>) -> bool {
    match (written, heard) {
        (Some(written), Some(heard)) => {
            let late_anchored =
                written.author() == heard.author() && written.version() == 2 && heard.version() == 1;
            written.direction == heard.direction && (written.id == heard.id || late_anchored)
        }
        (written, heard) => written == heard,
    }
}

/// Whether what was written and what is held describe one session of the same leg.
fn is_same(written: Option<&Mark>, heard: Option<&Mark>) -> bool {
    match (written, heard) {
        (Some(written), Some(heard)) => {
            // Asked for an offer, a phone says what it is willing to do; the answer keeps it on hold.
            let is_newer = written.version() > heard.version();
            written.author() == heard.author() && (is_newer || written == heard)
        }
        (written, heard) => written == heard,
    }
}

fn check_standing(world: &World<'_>, standing: usize, broken: &mut Vec<String>) {
    let health = world.switch().health();
    // A session that nobody refreshed may end at any time; its BYEs are still under way then.
    let views = world.switch().calls(world.now, usize::MAX, None);
    let ending = views.iter().filter(|call| call.state == "ending").count();
    let dialogs = 2 * standing..=2 * (standing + ending);
    if health.calls != standing + ending || !dialogs.contains(&health.dialogs) {
        broken.push(format!(
            "switch holds {} calls and {} dialogs, phones hold {standing} calls",
            health.calls, health.dialogs
        ));
    }
    if health.media_sessions > standing || world.media_sessions() > standing {
        broken.push(format!("{} media sessions for {standing} calls", health.media_sessions));
    }
    if health.queries != 0 || health.server_transactions != 0 {
        broken.push(format!(
            "{} queries and {} requests open at rest",
            health.queries, health.server_transactions
        ));
    }
}

/// Dialogs a shard takes for another's.
fn elsewhere(health: &Health) -> usize {
    let gauge = health.counters.iter().find(|(name, _)| name == "dialogs_elsewhere");
    gauge.map_or(0, |(_, count)| *count as usize)
}

/// Nothing is left once everybody has hung up.
pub(crate) fn check_end(world: &World<'_>, broken: &mut Vec<String>) {
    let health = world.switch().health();
    let left = [
        ("transactions", health.transactions),
        ("server transactions", health.server_transactions),
        ("calls", health.calls),
        ("dialogs", health.dialogs),
        ("queries", health.queries),
        ("media sessions", health.media_sessions),
        ("used ports", health.ports_used),
        ("open media sockets", world.media_sessions()),
        ("dialogs elsewhere", elsewhere(&health)),
    ];
    let is_heard = world.unheard().call_ids().is_empty() && !is_deserted(world);
    for (what, count) in left.into_iter().filter(|(_, count)| *count > 0 && is_heard) {
        broken.push(format!("{count} {what} left"));
    }
    for leg in world.legs() {
        let waits_for_nobody =
            world.is_vanished(leg.phone) || leg.state == LegState::Inviting && !leg.is_caller;
        if leg.state != LegState::Ended && !waits_for_nobody && is_heard {
            broken.push(format!("call {}: {:?} at phone {}", leg.label, leg.state, leg.phone));
        }
        if leg.is_caller && leg.outcome == Outcome::Pending {
            broken.push(format!("call {}: no outcome", leg.label));
        }
    }
    for agent in world.agents() {
        if agent.open_transactions() > 0 && !world.is_vanished(agent.account.index) {
            broken.push(format!(
                "phone {}: {} transactions open",
                agent.account.index,
                agent.open_transactions()
            ));
        }
        broken.extend(agent.faults.iter().map(|fault| format!("phone {}: {fault}", agent.account.index)));
    }
    broken.extend(world.media_faults().iter().cloned());
}

/// Whether both ends of some call lost their network: without session timers nobody can tell the switch.
fn is_deserted(world: &World<'_>) -> bool {
    let legs = world.legs();
    let is_gone = |call_id: &str| {
        let mut phones = legs.iter().filter(|leg| leg.call_id == call_id).map(|leg| leg.phone);
        phones.any(|phone| world.is_vanished(phone))
    };
    let calls = world.switch().calls(world.now, usize::MAX, None);
    calls.iter().any(|call| is_gone(&call.call_id) && call.callee_call_id.as_deref().is_some_and(is_gone))
}

/// What left the switch was no storm, readable, and no failure of its own making.
pub(crate) fn check_traffic(world: &World<'_>, scenario: &Scenario, may_503: bool, broken: &mut Vec<String>) {
    let watch = world.watch();
    if watch.stalled {
        broken.push("no progress: work without end at one instant".to_owned());
    }
    let refreshes =
        world.agents().iter().map(|agent| u64::from(agent.registration.ok_total) + 1).sum::<u64>();
    let deeds = scenario.calls.len() as u64 * 4 + scenario.messages.len() as u64 * 4 + refreshes + 1;
    if watch.sent_total > deeds * MAX_SENT_PER_DEED {
        broken.push(format!("{} datagrams sent for {deeds} deeds", watch.sent_total));
    }
    broken.extend(watch.broken.iter().cloned());
    for failure in &watch.server_failures {
        if !is_scripted(failure.code, failure.method, scenario, may_503) {
            broken.push(format!("unscripted {}", failure.first_line));
        }
    }
}

fn is_scripted(code: u16, method: pbx_sip::Method, scenario: &Scenario, may_503: bool) -> bool {
    let manners = || scenario.phones.iter().flat_map(|phone| &phone.manners);
    let rejected =
        |manners: &Manners| matches!(manners.reply, Reply::Reject { code: reply, .. } if reply == code);
    let drains = scenario.orders.iter().any(|(_, order)| matches!(order, Order::Drain(_)));
    let is_new =
        matches!(method, pbx_sip::Method::Invite | pbx_sip::Method::Register | pbx_sip::Method::Message);
    if code == 503 && drains && is_new {
        return true;
    }
    // Overlapping re-INVITEs, and re-INVITEs overtaken by BYE, are refused with 500 (RFC 3261 §14.2, §12.2.2).
    let changes = scenario.has_transfers()
        || manners().any(|manners| !manners.reinvites.is_empty())
        || scenario.calls.iter().any(|call| !call.reinvites.is_empty());
    // Every copy of a reliable response, or of its PRACK, may be lost.
    let is_acknowledged = scenario.calls.iter().any(|call| call.reliability != Reliability::None);
    // Before the answer both ends may offer, and another callee may have the say.
    let updates = scenario.phones.iter().any(|phone| phone.updates_early);
    let breaks = scenario.orders.iter().any(|(_, order)| *order == Order::BreakStreams);
    match method {
        // Phones on broken streams cannot be told.
        pbx_sip::Method::Message => code == 503 && breaks,
        pbx_sip::Method::Info
        | pbx_sip::Method::Update
        | pbx_sip::Method::Refer
        | pbx_sip::Method::Notify => code == 500 && (changes || updates),
        // Overtaken by the BYE that follows it (RFC 3261 §12.2.2).
        pbx_sip::Method::Prack => code == 500,
        pbx_sip::Method::Invite => {
            (code == 504 && is_acknowledged)
                || (code == 500 && changes)
                || (code == 503 && (may_503 || breaks || !scenario.zones.is_empty()))
                || manners().any(rejected)
        }
        _ => false,
    }
}
