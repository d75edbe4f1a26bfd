//! Transfers between simulated phones: who speaks with whom afterwards, and what the referrer hears of it.

mod support;

use pbx_sim::{CallPlan, Change, LegState, Manners, Network, Phone, Reinvite, Reply, Scenario, Transfer};
use serde_json::{Value, json};
use support::{end, from_phone, millis, named, secs, to_phone, world};

fn refers(to: Transfer, after: u64) -> Vec<Reinvite> {
    vec![Reinvite { after: secs(after), change: Change::Refer { to, is_silent: false } }]
}

/// 1001 calls 1002 and transfers it to 1003, which does as told.
fn scenario(loss: f64, target: Manners) -> Scenario {
    let call = CallPlan { reinvites: refers(Transfer::Blind(1003), 3), ..CallPlan::new(secs(1), 0, "1002") };
    let phones = vec![Phone::new("1001"), Phone::new("1002"), Phone::new("1003").with_manners(vec![target])];
    Scenario { network: Network::lossy(loss), ..Scenario::new(phones, vec![call]) }
}

/// Phones that are in a call.
fn talking(world: &pbx_sim::World<'_>) -> Vec<usize> {
    let legs = world.legs().into_iter().filter(|leg| leg.state == LegState::Confirmed);
    let mut phones: Vec<_> = legs.map(|leg| leg.phone).collect();
    phones.sort_unstable();
    phones
}

#[test]
fn remaining_party_speaks_with_the_target_both_ways_of_transferring() {
    for by_refer in [false, true] {
        for loss in [0.0, 0.2] {
            let changes = json!({"call": {"blind_transfer_use_refer": by_refer}});
            let mut world = world(&scenario(loss, Manners::answering(millis(500))), "all", &changes);
            world.run_until(secs(120));
            assert_eq!(talking(&world), [1, 2], "{}", world.tape().ladder());
            assert_eq!(world.switch().health().calls, 1);
            assert!(!named(to_phone(&world, 0), "NOTIFY").is_empty());
            assert_eq!(named(from_phone(&world, 1), "INVITE").is_empty(), !by_refer);
            end(&mut world);
        }
    }
}

#[test]
fn target_that_is_busy_leaves_both_where_they_were() {
    let busy = Manners::replying(Reply::Reject { after: millis(100), code: 486 });
    let mut world = world(&scenario(0.0, busy), "all", &Value::Null);
    world.run_until(secs(60));
    assert_eq!(talking(&world), [0, 1]);
    let told = named(to_phone(&world, 0), "NOTIFY").pop().map(|seen| seen.message.body().to_vec());
    assert!(told.is_some_and(|body| body.starts_with(b"SIP/2.0 486")));
    end(&mut world);
}

#[test]
fn far_ends_of_two_calls_are_joined_by_an_attended_transfer() {
    for by_refer in [false, true] {
        let consultation =
            CallPlan { reinvites: refers(Transfer::Attended, 3), ..CallPlan::new(secs(4), 0, "1003") };
        let phones = ["1001", "1002", "1003"].map(Phone::new).to_vec();
        let scenario = Scenario::new(phones, vec![CallPlan::new(secs(1), 0, "1002"), consultation]);
        let mut world = world(&scenario, "none", &json!({"call": {"blind_transfer_use_refer": by_refer}}));
        world.run_until(secs(60));
        assert_eq!(talking(&world), [1, 2], "{by_refer}\n{}", world.tape().ladder());
        assert_eq!(world.switch().health().calls, 1);
        end(&mut world);
    }
}
