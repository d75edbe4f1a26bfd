//! Streams that break while a call rings: nobody is rung for a caller who is gone.

mod support;

use pbx_sim::{
    CallPlan, Manners, Order, Outcome, Phone, Reply, Scenario, World, default_config, phone_address,
};
use pbx_sip::Transport;
use pbx_switch::{Decision, Forward, Query, SwitchConfig, Target};
use support::{callees, caller, end, millis, named, secs, to_phone, world};

fn over_tcp(user: &str) -> Phone {
    Phone { transport: Transport::Tcp, ..Phone::new(user) }
}

#[test]
fn callee_is_cancelled_within_a_second_when_the_callers_stream_breaks() {
    let ringing = Phone::new("1002").with_manners(vec![Manners::replying(Reply::Ring)]);
    let scenario = Scenario {
        orders: vec![(secs(3), Order::BreakStreams)],
        ..Scenario::new(vec![over_tcp("1001"), ringing], vec![CallPlan::new(secs(1), 0, "1002")])
    };
    let mut world = world(&scenario, "all", &serde_json::Value::Null);
    world.run_until(secs(4));
    assert_eq!(caller(&world).outcome, Outcome::Unanswered);
    assert_eq!(named(to_phone(&world, 1), "CANCEL").len(), 1);
    assert_eq!(world.switch().health().calls, 0);
    assert_eq!(world.media_sessions(), 0);
    assert_eq!(callees(&world).len(), 1);
    end(&mut world);
}

#[test]
fn next_target_is_not_rung_when_caller_and_target_break_together() {
    let own = over_tcp("1001").with_manners(vec![Manners::replying(Reply::Ring)]);
    let scenario = Scenario {
        orders: vec![(secs(3), Order::BreakStreams)],
        ..Scenario::new(vec![own, Phone::new("1002")], vec![CallPlan::new(secs(1), 0, "1001")])
    };
    let mut document = default_config(&scenario, "all");
    document["call"]["ask_router"] = true.into();
    let config = SwitchConfig::from_json(&document.to_string()).expect("a good configuration");
    let mut decider = |_: &Query| {
        let targets = ["1001", "1002"].map(|user| Target::User(user.to_owned())).to_vec();
        Some((millis(1), Decision::Forward(Forward { targets, ..Forward::default() })))
    };
    let mut world = World::new(config, &scenario, &mut decider, true).expect("a good configuration");
    world.run_until(secs(10));
    assert!(!named(to_phone(&world, 0), "INVITE").is_empty());
    assert!(named(to_phone(&world, 1), "INVITE").is_empty(), "rung for a caller at {}", phone_address(0));
    end(&mut world);
}
