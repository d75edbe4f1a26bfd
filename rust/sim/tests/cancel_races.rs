//! T7: CANCEL and the answer cross; CANCEL before any 1xx; CANCEL for nothing.

mod support;

use pbx_sim::{CallPlan, LegState, Manners, Outcome, Phone, Reply, Scenario, phone_address};
use serde_json::Value;
use support::{callees, caller, end, from_phone, millis, named, secs, since, to_phone, world, written};

fn two_phones(cancels_after: u64, manners: Manners) -> Scenario {
    let call = CallPlan { cancels_after: Some(millis(cancels_after)), ..CallPlan::new(secs(1), 0, "1002") };
    Scenario::new(vec![Phone::new("1001"), Phone::new("1002").with_manners(vec![manners])], vec![call])
}

#[test]
fn cancel_that_crosses_the_200_to_the_caller_ends_in_bye() {
    let mut world = world(&two_phones(505, Manners::answering(millis(500))), "all", &Value::Null);
    // The answer is on its way to the caller when it cancels.
    world.run_until(secs(5));
    assert_eq!(named(to_phone(&world, 0), "200 INVITE").len(), 1);
    assert_eq!(named(from_phone(&world, 0), "CANCEL").len(), 1);
    assert_eq!(named(to_phone(&world, 0), "200 CANCEL").len(), 1);
    assert_eq!(named(from_phone(&world, 0), "BYE").len(), 1);
    assert_eq!(named(to_phone(&world, 1), "BYE").len(), 1);
    assert_eq!(caller(&world).state, LegState::Ended);
    assert_eq!(callees(&world)[0].state, LegState::Ended);
    end(&mut world);
}

#[test]
fn cancel_that_crosses_the_200_of_the_callee_ends_in_ack_and_bye() {
    let mut world = world(&two_phones(503, Manners::answering(millis(500))), "all", &Value::Null);
    world.run_until(secs(5));
    assert_eq!(caller(&world).outcome, Outcome::Failed(487));
    assert_eq!(named(to_phone(&world, 1), "CANCEL").len(), 1);
    let ended: Vec<_> = to_phone(&world, 1).iter().map(support::Seen::name).collect();
    assert!(ended.contains(&"ACK".to_owned()) && ended.contains(&"BYE".to_owned()), "{ended:?}");
    assert_eq!(callees(&world)[0].state, LegState::Ended);
    end(&mut world);
}

#[test]
fn cancel_is_held_back_until_the_callee_sends_a_1xx() {
    let manners = Manners { rings_after: Some(secs(3)), ..Manners::replying(Reply::Ring) };
    let mut world = world(&two_phones(200, manners), "all", &Value::Null);
    world.run_until(secs(3));
    assert_eq!(caller(&world).outcome, Outcome::Failed(487), "the caller does not wait");
    assert!(named(to_phone(&world, 1), "CANCEL").is_empty());
    world.run_until(secs(6));
    let ringing = named(from_phone(&world, 1), "180 INVITE");
    let cancels = named(to_phone(&world, 1), "CANCEL");
    assert_eq!(cancels.len(), 1);
    assert!(cancels[0].at > ringing[0].at);
    assert_eq!(named(from_phone(&world, 1), "487 INVITE").len(), 1);
    end(&mut world);
}

#[test]
fn cancel_for_nothing_is_481() {
    let scenario = Scenario::new(vec![Phone::new("1001")], Vec::new());
    let mut world = world(&scenario, "all", &Value::Null);
    world.run_until(secs(2));
    let sent_at = world.elapsed();
    world.inject(
        phone_address(0),
        written(
            "CANCEL sip:1002@lab.test SIP/2.0
             Via: SIP/2.0/UDP 198.51.0.0:5060;branch=z9hG4bKnothing;rport
             From: <sip:1001@lab.test>;tag=a
             To: <sip:1002@lab.test>
             Call-ID: nothing
             CSeq: 1 CANCEL
             Max-Forwards: 70",
        ),
    );
    let answers = since(to_phone(&world, 0), sent_at);
    assert_eq!(answers[0].name(), "481 CANCEL");
    end(&mut world);
}
