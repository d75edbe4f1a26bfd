//! T12: responses that come late, with foreign tags or a foreign CSeq, do nothing to a live call.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use pbx_sim::{CallPlan, LegState, Phone, Scenario, World, phone_address};
use pbx_sip::Bytes;
use serde_json::Value;
use support::{altered, callees, caller, end, first_bytes, from_phone, millis, secs, since, to_phone, world};

/// A live call, its callee's 180, 200 and the moment it was answered.
fn live_call() -> (World<'static>, Bytes, Bytes) {
    let phones = vec![Phone::new("1001"), Phone::new("1002")];
    let scenario = Scenario::new(phones, vec![CallPlan::new(secs(1), 0, "1002")]);
    let mut world = world(&scenario, "all", &Value::Null);
    world.run_until(secs(2));
    let ringing = first_bytes(&from_phone(&world, 1), "180 INVITE");
    let answer = first_bytes(&from_phone(&world, 1), "200 INVITE");
    (world, ringing, answer)
}

fn assert_live(world: &World<'_>) {
    assert_eq!(world.switch().health().calls, 1);
    assert_eq!(caller(world).state, LegState::Confirmed);
    let callees = callees(world);
    assert_eq!((callees.len(), callees[0].state), (1, LegState::Confirmed));
}

#[test]
fn responses_100_ms_1_s_and_40_s_late_are_without_effect() {
    let (mut world, ringing, answer) = live_call();
    let busy = altered(&altered(&answer, "SIP/2.0 200 OK", "SIP/2.0 486 Busy Here"), ";tag=", ";tag=late");
    let begun = world.elapsed();
    for wait in [millis(100), secs(1), secs(40)] {
        world.run_until(begun + wait);
        let at = world.elapsed();
        for late in [&ringing, &answer, &busy] {
            world.inject(phone_address(1), late.clone());
        }
        world.run_until(at + millis(50));
        assert!(since(to_phone(&world, 0), at).is_empty(), "the caller hears nothing");
        assert_live(&world);
    }
    end(&mut world);
}

#[test]
fn responses_with_a_foreign_cseq_branch_or_call_id_are_dropped() {
    let (mut world, _, answer) = live_call();
    let at = world.elapsed();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let branch = text.split("branch=").nth(1).unwrap().split([';', '\r']).next().unwrap().to_owned();
    for foreign in [
        altered(&answer, "CSeq: 1 INVITE", "CSeq: 7 INVITE"),
        altered(&answer, "CSeq: 1 INVITE", "CSeq: 1 BYE"),
        altered(&answer, &branch, "z9hG4bKforeign"),
        altered(&answer, "Call-ID: ", "Call-ID: x"),
    ] {
        world.inject(phone_address(1), foreign);
        world.run_until(world.elapsed() + millis(100));
    }
    assert!(since(to_phone(&world, 0), at).is_empty(), "\n{}", world.tape().ladder());
    assert_live(&world);
    end(&mut world);
}

#[test]
fn answer_with_a_foreign_tag_is_ended_without_touching_the_call() {
    let (mut world, _, answer) = live_call();
    let at = world.elapsed();
    world.inject(
        phone_address(1),
        altered(&answer, "To: <sip:1002@lab.test>;tag=", "To: <sip:1002@lab.test>;tag=foreign"),
    );
    world.run_until(secs(5));
    assert!(since(to_phone(&world, 0), at).is_empty());
    assert_live(&world);
    end(&mut world);
}
