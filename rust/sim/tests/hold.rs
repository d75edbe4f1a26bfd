//! Hold, resume and codec change from both sides: after each the two ends hold the same descriptions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use pbx_sim::{CallPlan, Change, LegState, Manners, Network, Phone, Reinvite, Scenario};
use serde_json::Value;
use support::{callees, caller, end, millis, secs, world};

fn plays(mode: &str, loss: f64, late_offer: bool) {
    let reinvite = |secs: u64, change| Reinvite { after: support::secs(secs), change };
    let manners = Manners {
        reinvites: vec![reinvite(50, Change::Hold), reinvite(100, Change::Resume)],
        ..Manners::answering(millis(500))
    };
    let call = CallPlan {
        late_offer,
        reinvites: vec![
            reinvite(150, Change::Hold),
            reinvite(200, Change::Codec),
            reinvite(250, Change::NoOffer),
            reinvite(300, Change::Resume),
        ],
        ..CallPlan::new(secs(1), 0, "1002")
    };
    let phones = vec![Phone::new("1001"), Phone::new("1002").with_manners(vec![manners])];
    let scenario = Scenario { network: Network::lossy(loss), ..Scenario::new(phones, vec![call]) };
    let mut world = world(&scenario, mode, &Value::Null);
    let expected = [
        (40, "sendrecv", "sendrecv"),
        (90, "recvonly", "sendonly"),
        (140, "sendrecv", "sendrecv"),
        (190, "sendonly", "recvonly"),
        (240, "sendonly", "recvonly"),
        // The peer is asked for an offer and knows of no hold; the answer keeps it.
        (290, "sendonly", "sendrecv"),
        (340, "sendrecv", "sendrecv"),
    ];
    for (at, of_caller, of_callee) in expected {
        world.run_until(secs(at));
        let (caller, callee) = (caller(&world), callees(&world).remove(0));
        assert_eq!(
            (caller.state, callee.state),
            (LegState::Confirmed, LegState::Confirmed),
            "{mode} at {at} s"
        );
        assert_eq!((&caller.local, &caller.remote), (&callee.remote, &callee.local), "{mode} at {at} s");
        let directions = (caller.local.unwrap().direction, callee.local.unwrap().direction);
        assert_eq!(directions, (of_caller, of_callee), "{mode} at {at} s\n{}", world.tape().ladder());
    }
    end(&mut world);
}

#[test]
fn both_ends_agree_after_every_change_when_media_passes_by() {
    plays("none", 0.0, false);
}

#[test]
fn both_ends_agree_after_every_change_when_media_is_anchored() {
    plays("all", 0.0, false);
}

#[test]
fn both_ends_agree_after_a_late_offer_and_every_change_at_20_percent_loss() {
    plays("all", 0.2, true);
    plays("none", 0.2, true);
}
