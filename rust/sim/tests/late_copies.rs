//! T4: copies of the INVITE and of its 2xx long after the answer (RFC 6026).

mod support;

use pbx_sim::{CallPlan, Phone, SERVER, Scenario, World, phone_address};
use serde_json::Value;
use support::{caller, end, first_bytes, from_phone, named, secs, since, to_phone, world};

fn standing_call() -> World<'static> {
    let phones = vec![Phone::new("1001"), Phone::new("1002")];
    let scenario = Scenario::new(phones, vec![CallPlan::new(secs(1), 0, "1002")]);
    let mut world = world(&scenario, "all", &Value::Null);
    world.run_until(secs(12));
    assert_eq!(world.switch().health().calls, 1);
    world
}

#[test]
fn invite_copy_ten_seconds_after_its_2xx_begins_no_second_leg() {
    let mut world = standing_call();
    let sent = named(from_phone(&world, 0), "INVITE");
    let copy = sent[sent.len() - 1].message.bytes().clone();
    let before = world.elapsed();
    world.inject(phone_address(0), copy);
    world.run_until(secs(20));
    assert_eq!(world.switch().health().calls, 1);
    assert!(named(since(to_phone(&world, 1), before), "INVITE").is_empty());
    assert!(caller(&world).state == pbx_sim::LegState::Confirmed);
    end(&mut world);
}

#[test]
fn copy_of_an_acknowledged_2xx_is_acknowledged_again() {
    let mut world = standing_call();
    let answer = first_bytes(&from_phone(&world, 1), "200 INVITE");
    let acks = named(to_phone(&world, 1), "ACK").len();
    world.inject(phone_address(1), answer);
    world.run_until(secs(13));
    let all = named(to_phone(&world, 1), "ACK");
    assert_eq!(all.len(), acks + 1);
    assert_eq!(all[0].message.bytes(), all[acks].message.bytes());
    assert_eq!(world.switch().health().calls, 1);
    assert_ne!(phone_address(1), SERVER);
    end(&mut world);
}
