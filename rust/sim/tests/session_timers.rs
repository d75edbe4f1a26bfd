//! Session timers under a network that loses, and against phones that are gone.

mod support;

use std::time::Duration;

use pbx_sim::{CallPlan, LegState, Network, Order, Phone, Scenario};
use serde_json::json;
use support::{assert_clean, callees, caller, end, secs, world};

fn scenario(loss: f64) -> Scenario {
    let phones = vec![Phone::new("1001"), Phone::new("1002")];
    let call = CallPlan::new(secs(1), 0, "1002");
    Scenario { network: Network::lossy(loss), ..Scenario::new(phones, vec![call]) }
}

#[test]
fn live_call_is_refreshed_on_both_legs_and_never_ends_by_its_timer() {
    let always = json!({"call": {"session_timer": {"always": true, "expires_secs": 90}}});
    for mode in ["all", "none", "auto"] {
        let mut world = world(&scenario(0.0), mode, &always);
        world.run_until(secs(1000));
        let (caller, callee) = (caller(&world), callees(&world).remove(0));
        assert_eq!((caller.state, callee.state), (LegState::Confirmed, LegState::Confirmed), "{mode}");
        assert_eq!((&caller.local, &caller.remote), (&callee.remote, &callee.local), "{mode}");
        let counters = world.switch().health().counters;
        let refreshes = counters.iter().filter(|(name, _)| {
            matches!(name.as_str(), "session_refresh_total{invite,ok}" | "session_refresh_total{update,ok}")
        });
        let refreshes: u64 = refreshes.map(|(_, total)| *total).sum();
        assert!(refreshes >= 40, "{mode}: {refreshes}");
        end(&mut world);
        assert_clean(&world);
    }
}

#[test]
fn call_whose_phones_are_gone_ends_within_its_interval() {
    let always = json!({"call": {"session_timer": {"always": true, "expires_secs": 90}}});
    let vanish = |phone| (secs(20), Order::Vanish(phone));
    let scenario = Scenario { orders: vec![vanish(0), vanish(1)], ..scenario(0.0) };
    let mut world = world(&scenario, "all", &always);
    world.run_until(secs(19));
    assert_eq!(world.switch().health().calls, 1);
    world.run_until(secs(90) + Duration::from_secs(32));
    assert_eq!(world.switch().health().calls, 0);
}
