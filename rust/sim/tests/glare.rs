//! Re-INVITEs that meet: 491 both ways, then one after the other, and the same session at both ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use pbx_sim::{CallPlan, Change, LegState, Manners, Network, Phone, Reinvite, Scenario};
use serde_json::Value;
use support::{callees, caller, end, millis, secs, world};

#[test]
fn after_glare_at_any_offset_both_ends_hold_the_same_session() {
    let mut met = 0;
    for offset in 0..60_u64 {
        let theirs = Reinvite { after: secs(3) + millis(offset), change: Change::Codec };
        let ours = Reinvite { after: secs(3) + millis(25), change: Change::Hold };
        let manners = Manners { reinvites: vec![theirs], ..Manners::answering(millis(100)) };
        let call = CallPlan { reinvites: vec![ours], ..CallPlan::new(secs(1), 0, "1002") };
        let phones = vec![Phone::new("1001"), Phone::new("1002").with_manners(vec![manners])];
        let delay = Network { min_delay: millis(5), max_delay: millis(15), ..Network::PERFECT };
        let scenario = Scenario { seed: offset, network: delay, ..Scenario::new(phones, vec![call]) };
        let mut world = world(&scenario, "all", &Value::Null);
        world.run_until(secs(40));
        met += usize::from(world.tape().ladder().contains("SIP/2.0 491"));
        let (caller, callee) = (caller(&world), callees(&world).remove(0));
        assert_eq!((caller.state, callee.state), (LegState::Confirmed, LegState::Confirmed), "{offset} ms");
        assert_eq!((&caller.local, &caller.remote), (&callee.remote, &callee.local), "{offset} ms");
        assert_eq!(caller.local.unwrap().direction, "sendonly", "{offset} ms: the hold came through");
        end(&mut world);
    }
    assert!(met > 10, "glare happened {met} times");
}
