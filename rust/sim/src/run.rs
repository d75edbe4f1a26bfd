//! One run from start to verdict.

use std::time::Duration;

use pbx_switch::SwitchConfig;

use crate::agent::{LegView, Outcome};
use crate::coverage::{Coverage, Feature};
use crate::decider::Decider;
use crate::invariant::{check_agreement, check_end, check_traffic};
use crate::name_rules::check_names;
use crate::paging_rules::{check_bindings, check_devices, check_pages};
use crate::report::{Report, Tally};
use crate::scenario::Scenario;
use crate::transfer_rules::check_referrals;
use crate::world::World;

/// Longest ringing (30 s), the longest transactions before and after it, and some more.
const SETTLING: Duration = Duration::from_secs(32 * 5);
/// The same where most datagrams are lost and every transaction takes as long as it may.
const SLOW_SETTLING: Duration = Duration::from_secs(32 * 9);
/// What a transfer takes besides: its REFER, another ringing, and the remaining party's INVITEs.
const TRANSFERRING: Duration = Duration::from_secs(32 * 3);
/// Longest exchange that a phone may have begun.
const REFRESHING: Duration = Duration::from_secs(32 * 3);
/// 64×T1 for what hanging up begins, once more for what its loss begins, and Timers I, J and K.
const CLEARING: Duration = Duration::from_secs(32 * 3 + 10);

/// Runs a scenario against the real switch and judges it.
///
/// `may_503`: the decider is known to be late or to fail, so that 503 is scripted.
///
/// # Errors
/// A configuration document the switch refuses.
pub fn run(
    config_json: &str,
    scenario: &Scenario,
    decider: &mut dyn Decider,
    options: RunOptions,
) -> Result<Report, String> {
    let config = SwitchConfig::from_json(config_json)?;
    // A router may send a call to whom it likes.
    let is_routed = config.call.ask_router;
    let is_ours = !config.call.blind_transfer_use_refer;
    let mut world =
        World::new(config, scenario, decider, options.tapes).map_err(|error| error.to_string())?;
    let mut violations = Vec::new();
    let settling = if scenario.network.loss > 0.5 { SLOW_SETTLING } else { SETTLING };
    let transferring = if scenario.has_transfers() { TRANSFERRING } else { Duration::ZERO };
    let mut settled = scenario.last_deed() + settling + transferring;
    world.run_until(settled);
    // Phones that keep sessions alive do so at any time: what they have begun is over before long.
    let latest = settled + REFRESHING;
    while scenario.has_timers() && settled < latest && !world.is_quiet() {
        settled += Duration::from_secs(2);
        world.run_until(settled);
    }
    check_agreement(&world, &mut violations);
    check_referrals(&world, is_ours, &mut violations);
    check_bindings(&world, &mut violations);
    if !is_routed {
        check_devices(&world, &mut violations);
    }
    world.finish();
    let end = settled + CLEARING;
    world.run_until(end);
    check_end(&world, &mut violations);
    check_names(&world, scenario, options.may_503, &mut violations);
    check_pages(&world, &mut violations);
    check_traffic(&world, scenario, options.may_503, &mut violations);
    Ok(Report {
        seed: scenario.seed,
        violations,
        tally: tally(&world),
        ladder: if options.tapes { world.tape().ladder() } else { String::new() },
        log: if options.tapes { log_lines(&world) } else { Vec::new() },
    })
}

/// How a run is made and judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions {
    /// Keep every datagram for the ladder.
    pub tapes: bool,
    /// 503 of the switch is part of the script: late decisions, used-up ports.
    pub may_503: bool,
}

fn log_lines(world: &World<'_>) -> Vec<String> {
    world.log().iter().map(|line| format!("{} {:?}", line.event, line.fields)).collect()
}

fn tally(world: &World<'_>) -> Tally {
    let mut tally = Tally { runs: 1, virtual_time: world.elapsed(), ..Tally::default() };
    tally.sent = world.watch().sent_total;
    let pages = || world.agents().iter().flat_map(|agent| &agent.pages);
    tally.messages = pages().count() as u64;
    tally.delivered = pages().filter(|page| page.status.is_some_and(|status| status < 300)).count() as u64;
    // What a phone without a network saw says nothing about the switch.
    for leg in world.legs().iter().filter(|leg| leg.is_caller && !world.was_cut_off(leg.phone)) {
        tally.calls += 1;
        match leg.outcome {
            Outcome::Answered => tally.answered += 1,
            Outcome::Failed(_) => tally.failed += 1,
            Outcome::Unanswered | Outcome::Pending => tally.unanswered += 1,
        }
    }
    let health = world.switch().health();
    let drains = health.draining;
    let agents = world.agents().iter().filter(|agent| !world.was_cut_off(agent.account.index) && !drains);
    for agent in agents {
        tally.registrations += u64::from(agent.registration.ok_total);
        tally.registrations_failed += u64::from(agent.registration.failed_total);
    }
    for agent in world.agents() {
        tally.coverage.add(&agent.coverage);
    }
    tally.coverage.heed(&health.counters);
    tally.coverage.add(&world.watch().coverage);
    tally.coverage.add(&names(world));
    tally
}

/// What became of calls to names.
fn names(world: &World<'_>) -> Coverage {
    let mut coverage = Coverage::default();
    for _ in 0..world.names.asked_total {
        coverage.count(Feature::NameAsked);
    }
    let is_answered = |leg: &LegView| leg.is_caller && leg.outcome == Outcome::Answered;
    for _ in world.legs().iter().filter(|leg| world.names.has_zones() && is_answered(leg)) {
        coverage.count(Feature::NameAnswered);
    }
    coverage
}
