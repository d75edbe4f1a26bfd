//! T5: a callee behind a forking proxy answers with several To tags.

mod support;

use pbx_sim::{CallPlan, LegState, Manners, Outcome, Phone, Reply, Scenario};
use serde_json::Value;
use support::{callees, caller, end, millis, named, secs, to_phone, world};

fn one_is_bridged_and_the_others_are_ended(tags: u8) {
    let fork = Manners::replying(Reply::Answer { after: millis(500), tags });
    let slow = Manners::replying(Reply::Ring);
    let phones = vec![
        Phone::new("1001"),
        Phone::new("1002").with_manners(vec![fork]),
        Phone::new("1002").with_manners(vec![slow]),
    ];
    let scenario = Scenario::new(phones, vec![CallPlan::new(secs(1), 0, "1002")]);
    let mut world = world(&scenario, "all", &Value::Null);
    world.run_until(secs(5));

    let answers = named(to_phone(&world, 0), "200 INVITE");
    assert_eq!(answers.len(), 1, "the caller sees one answer");
    let caller = caller(&world);
    assert_eq!(
        (caller.state, caller.outcome, caller.other_answers),
        (LegState::Confirmed, Outcome::Answered, 0)
    );
    let confirmed = callees(&world).into_iter().filter(|leg| leg.state == LegState::Confirmed).count();
    assert_eq!(confirmed, 1);

    let (acks, byes) = (named(to_phone(&world, 1), "ACK"), named(to_phone(&world, 1), "BYE"));
    assert_eq!((acks.len(), byes.len()), (usize::from(tags), usize::from(tags) - 1));
    assert!(byes.iter().all(|bye| bye.at < answers[0].at + secs(1)));
    assert_eq!(named(to_phone(&world, 2), "CANCEL").len(), 1, "the branch that still rang is cancelled");
    end(&mut world);
}

#[test]
fn of_two_answers_one_is_bridged_and_the_other_ended() {
    one_is_bridged_and_the_others_are_ended(2);
}

#[test]
fn of_five_answers_one_is_bridged_and_the_others_ended() {
    one_is_bridged_and_the_others_are_ended(5);
}
