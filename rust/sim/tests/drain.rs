//! Shutting down: nobody new is let in, those who talk may finish, the rest is hung up at the limit.

mod support;

use pbx_sim::{CallPlan, LegState, Outcome, Phone, Scenario};
use pbx_sip::Name;
use pbx_switch::Command;
use serde_json::Value;
use support::{assert_clean, end, named, secs, to_phone, world};

#[test]
fn draining_refuses_new_calls_keeps_running_ones_and_cuts_them_at_the_limit() {
    let phones = ["1001", "1002", "1003", "1004", "1005"].map(Phone::new).to_vec();
    let short = CallPlan { hangs_up_after: Some(secs(10)), ..CallPlan::new(secs(1), 0, "1002") };
    let calls = vec![short, CallPlan::new(secs(1), 2, "1004"), CallPlan::new(secs(6), 4, "1002")];
    let mut world = world(&Scenario::new(phones, calls), "all", &Value::Null);
    world.run_until(secs(5));
    assert_eq!(world.switch().health().calls, 2);
    assert!(world.command(&Command::Drain { limit: secs(20) }));
    assert!(!world.switch().is_idle());

    world.run_until(secs(24));
    let refused = named(to_phone(&world, 4), "503 INVITE");
    assert_eq!(refused.len(), 1);
    assert!(refused[0].message.number(Name::RetryAfter).is_some_and(|secs| (2..=8).contains(&secs)));
    let health = world.switch().health();
    assert_eq!((health.calls, health.draining), (1, true), "the short call ended by itself");

    world.run_until(secs(27));
    assert_eq!(named(to_phone(&world, 2), "BYE").len(), 1);
    assert_eq!(named(to_phone(&world, 3), "BYE").len(), 1);
    assert!(world.switch().is_idle());
    let answered = world.legs().into_iter().filter(|leg| leg.is_caller && leg.outcome == Outcome::Answered);
    assert!(answered.into_iter().all(|leg| leg.state == LegState::Ended));
    end(&mut world);
    assert_clean(&world);
}
