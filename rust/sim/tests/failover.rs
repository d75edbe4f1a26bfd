//! Targets in a row: silence, then no answer, then somebody.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use pbx_sim::{CallPlan, LegState, Manners, Phone, Reply, Scenario, World, default_config, phone_address};
use pbx_switch::{Decision, Forward, Query, SwitchConfig, Target};
use support::{callees, caller, end, millis, named, secs, to_phone};

fn in_a_row() -> Decision {
    let user = |name: &str| Target::User(name.to_owned());
    let forward = Forward {
        targets: vec![user("2001"), user("2002"), user("2003")],
        ring_timeout_secs: Some(5),
        ..Forward::default()
    };
    Decision::Forward(forward)
}

#[test]
fn silent_and_unanswered_targets_are_left_for_the_next() {
    let silent = Phone::new("2001").with_manners(vec![Manners::replying(Reply::Silence)]);
    let ringing = Phone::new("2002").with_manners(vec![Manners::replying(Reply::Ring)]);
    let phones = vec![Phone::new("1001"), silent, ringing, Phone::new("2003")];
    let scenario = Scenario::new(phones, vec![CallPlan::new(secs(1), 0, "anybody")]);
    let mut document = default_config(&scenario, "all");
    document["call"]["ask_router"] = true.into();
    let config = SwitchConfig::from_json(&document.to_string()).unwrap();
    let mut decider = |_: &Query| Some((millis(20), in_a_row()));
    let mut world = World::new(config, &scenario, &mut decider, true).unwrap();
    world.run_until(secs(20));
    assert_eq!(caller(&world).state, LegState::Confirmed);
    let answered: Vec<_> = callees(&world)
        .into_iter()
        .filter(|leg| leg.state == LegState::Confirmed)
        .map(|leg| leg.phone)
        .collect();
    assert_eq!(answered, [3]);
    let first = |phone| named(to_phone(&world, phone), "INVITE")[0].at;
    let waited = |phone: usize| first(phone).saturating_sub(first(phone - 1)).as_secs();
    assert_eq!((waited(2), waited(3)), (5, 5));
    assert!(named(to_phone(&world, 1), "CANCEL").is_empty(), "no CANCEL without a 1xx");
    assert_eq!(named(to_phone(&world, 2), "CANCEL").len(), 1);
    assert_ne!(phone_address(1), phone_address(2));
    end(&mut world);
}
