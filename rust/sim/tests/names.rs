//! Calls to a name: its servers are found through name servers that are of little help, and tried in turn.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::SocketAddr;

use pbx_sim::{
    CallPlan, LegState, Manners, Phone, Reply, Scenario, Trouble, World, Zone, ZoneServer, default_config,
    phone_address,
};
use pbx_switch::{Decision, Forward, Query, SwitchConfig, Target};
use support::{callees, caller, end, millis, named, secs, to_phone};

fn server(address: SocketAddr, priority: u16, is_live: bool) -> ZoneServer {
    ZoneServer { address, priority, is_live }
}

/// A phone, a server that answers 503, and one that answers; the first of the name is nobody.
fn scenario(trouble: Trouble) -> Scenario {
    let gateway = |manners| Phone::new("gateway").unregistered().with_manners(vec![manners]);
    let refuses = Manners::replying(Reply::Reject { after: millis(10), code: 503 });
    let phones = vec![Phone::new("1001"), gateway(refuses), gateway(Manners::answering(millis(500)))];
    let dead: SocketAddr = "198.51.254.1:5060".parse().unwrap();
    let servers =
        vec![server(dead, 1, false), server(phone_address(1), 2, false), server(phone_address(2), 3, true)];
    let zone = Zone { name: "carrier.test".to_owned(), servers, has_naptr: true, ttl_secs: 60, trouble };
    Scenario { zones: vec![zone], ..Scenario::new(phones, vec![CallPlan::new(secs(1), 0, "anybody")]) }
}

fn plays(trouble: Trouble) {
    let scenario = scenario(trouble);
    let mut document = default_config(&scenario, "all");
    document["call"]["ask_router"] = true.into();
    let config = SwitchConfig::from_json(&document.to_string()).unwrap();
    let mut decider = |_: &Query| {
        let targets = vec![Target::Uri("sip:anybody@carrier.test".to_owned())];
        Some((millis(20), Decision::Forward(Forward { targets, ..Forward::default() })))
    };
    let mut world = World::new(config, &scenario, &mut decider, true).unwrap();
    world.run_until(secs(20));
    assert_eq!(caller(&world).state, LegState::Confirmed, "{trouble:?}\n{}", world.tape().ladder());
    let answered: Vec<_> =
        callees(&world).into_iter().filter(|leg| leg.state == LegState::Confirmed).collect();
    assert_eq!(answered.iter().map(|leg| leg.phone).collect::<Vec<_>>(), [2], "{trouble:?}");
    assert_eq!(named(to_phone(&world, 1), "INVITE").len(), 1, "{trouble:?}");
    end(&mut world);
}

#[test]
fn server_after_a_dead_one_and_one_that_refuses_answers() {
    plays(Trouble::None);
}

#[test]
fn name_servers_that_are_silent_refuse_or_are_slow_hold_up_nothing_for_long() {
    for trouble in [Trouble::Silent, Trouble::Refused, Trouble::OldServer, Trouble::Slow(millis(300))] {
        plays(trouble);
    }
}

#[test]
fn forged_and_bogus_answers_lead_nowhere() {
    plays(Trouble::Forged);
    plays(Trouble::Bogus);
}
