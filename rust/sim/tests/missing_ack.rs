//! T2, T3: ACKs that never come.

mod support;

use pbx_sim::{CallPlan, Manners, Phone, Scenario};
use pbx_sip::Method;
use serde_json::Value;
use support::{end, from_phone, is_request, millis, named, secs, to_phone, world};

#[test]
fn unacknowledged_2xx_is_repeated_for_64_t1_and_then_both_get_bye() {
    let call = CallPlan { never_acks: true, ..CallPlan::new(secs(1), 0, "1002") };
    let scenario = Scenario::new(vec![Phone::new("1001"), Phone::new("1002")], vec![call]);
    let mut world = world(&scenario, "all", &Value::Null);
    world.run_until(secs(60));
    let copies = named(to_phone(&world, 0), "200 INVITE");
    assert!((10..=11).contains(&copies.len()), "{} copies", copies.len());
    let gaps: Vec<u128> =
        copies.windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at).as_millis()).collect();
    assert_eq!(gaps[..4], [500, 1000, 2000, 4000]);
    assert!(gaps[4..].iter().all(|&gap| gap == 4000), "{gaps:?}");
    for phone in [0, 1] {
        let byes = named(to_phone(&world, phone), "BYE");
        assert_eq!(byes.len(), 1, "phone {phone}");
        let waited = byes[0].at.saturating_sub(copies[0].at);
        assert!(waited >= secs(32) && waited < secs(33), "{waited:?}");
    }
    end(&mut world);
}

#[test]
fn failure_whose_ack_is_lost_is_repeated_until_timer_h_and_no_bye_follows() {
    let busy = Phone::new("1002").with_manners(vec![Manners::rejecting(486, millis(100))]);
    let scenario = Scenario::new(vec![Phone::new("1001"), busy], vec![CallPlan::new(secs(1), 0, "1002")]);
    let mut world = world(&scenario, "none", &Value::Null);
    world.cut(|from, _, bytes| from == pbx_sim::phone_address(0) && is_request(bytes, Method::Ack));
    world.run_until(secs(100));
    let copies = named(to_phone(&world, 0), "486 INVITE");
    assert!((10..=11).contains(&copies.len()), "{} copies", copies.len());
    let lasted = copies[copies.len() - 1].at.saturating_sub(copies[0].at);
    assert!(lasted <= secs(32), "{lasted:?}");
    assert!(named(from_phone(&world, 0), "ACK").len() >= copies.len());
    assert!(named(to_phone(&world, 0), "BYE").is_empty() && named(to_phone(&world, 1), "BYE").is_empty());
    end(&mut world);
}
