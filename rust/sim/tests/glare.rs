//! Re-INVITEs that meet: 491 both ways, then one after the other, and the same session at both ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use pbx_sim::{CallPlan, Change, LegState, Manners, Network, Phone, Reinvite, Scenario};
use serde_json::Value;
use support::{callees, caller, end, millis, secs, world};

#[test]
fn after_glare_at_a_thousand_offsets_both_ends_hold_the_same_session() {
    let mut met = 0;
    // 0 to 50 ms in no order, each once (reliability T6).
    for offset in (0..1_000_u64).map(|turn| turn * 389 % 1_000 * 50) {
        let after = secs(3) + std::time::Duration::from_micros(offset);
        let theirs = Reinvite { after, change: Change::Codec };
        let ours = Reinvite { after: secs(3) + millis(25), change: Change::Hold };
        let manners = Manners { reinvites: vec![theirs], ..Manners::answering(millis(100)) };
        let call = CallPlan { reinvites: vec![ours], ..CallPlan::new(secs(1), 0, "1002") };
        let phones = vec![Phone::new("1001"), Phone::new("1002").with_manners(vec![manners])];
        let delay = Network { min_delay: millis(5), max_delay: millis(15), ..Network::PERFECT };
        let scenario = Scenario { seed: offset, network: delay, ..Scenario::new(phones, vec![call]) };
        let mut world = world(&scenario, "all", &Value::Null);
        world.run_until(secs(40));
        let refusals = world.tape().ladder().matches("SIP/2.0 491").count();
        // Ours to who came second, and his own to what was on its way to him, which is passed on.
        met += usize::from(refusals >= 3);
        let (caller, callee) = (caller(&world), callees(&world).remove(0));
        assert_eq!((caller.state, callee.state), (LegState::Confirmed, LegState::Confirmed), "{offset} µs");
        assert_eq!((&caller.local, &caller.remote), (&callee.remote, &callee.local), "{offset} µs");
        assert_eq!(caller.local.unwrap().direction, "sendonly", "{offset} µs: the hold came through");
        end(&mut world);
    }
    assert!(met > 250, "glare happened {met} times");
}
