//! T1: 30 % loss each way on both legs, 500 calls of 5 s and 500 registrations.

mod support;

use std::collections::HashMap;

use pbx_sim::{CallPlan, LegState, Network, Outcome, Phone, Scenario};
use support::{end, millis, secs, world};

const PAIRS: usize = 500;

fn lossy() -> Scenario {
    let callees = (0..PAIRS).map(|index| {
        let phone = Phone::new(&format!("{}", 2000 + index));
        Phone { registers_after: Some(millis(index as u64 * 10)), expires_secs: 600, ..phone }
    });
    let callers = (0..PAIRS).map(|index| Phone::new(&format!("{}", 4000 + index)).unregistered());
    let calls = (0..PAIRS).map(|index| CallPlan {
        hangs_up_after: Some(secs(5)),
        ..CallPlan::new(secs(60) + millis(index as u64 * 20), PAIRS + index, &format!("{}", 2000 + index))
    });
    let scenario = Scenario::new(callees.chain(callers).collect(), calls.collect());
    Scenario { seed: 7, network: Network { reorder: 0.05, ..Network::lossy(0.3) }, ..scenario }
}

#[test]
fn ninety_nine_of_a_hundred_complete_at_30_percent_loss() {
    let mut world = world(&lossy(), "all", &serde_json::Value::Null);
    world.run_until(secs(60));
    let registered = world.switch().health().registrations;
    world.run_until(secs(60 + 15 + 40 + 40));

    let legs = world.legs();
    let completed = legs.iter().filter(|leg| leg.is_caller && leg.outcome == Outcome::Answered);
    let completed = completed.filter(|leg| leg.state == LegState::Ended).count();
    eprintln!("{registered} of {PAIRS} registered, {completed} of {PAIRS} calls completed");
    assert!(registered >= 495, "{registered}");
    assert!(completed >= 495, "{completed}");

    let mut dialogs: HashMap<&str, usize> = HashMap::new();
    for leg in legs.iter().filter(|leg| !leg.is_caller) {
        *dialogs.entry(&leg.label).or_default() += 1;
    }
    assert!(dialogs.values().all(|&count| count == 1), "a callee saw two INVITE dialogs of one call");
    let own_failures =
        world.tape().sightings().iter().filter(|sighting| sighting.bytes.starts_with(b"SIP/2.0 5"));
    assert_eq!(own_failures.count(), 0);
    end(&mut world);
}
