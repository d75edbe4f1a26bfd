//! A rule that cannot fail proves nothing: faults put in on purpose are seen.

mod support;

use pbx_sim::{
    CallPlan, Manners, Phone, RunOptions, Scenario, default_config, phone_address, run, undecided,
};
use pbx_sip::Method;
use pbx_switch::{Decision, Query};
use serde_json::Value;
use support::{is_request, millis, secs, to_phone, world};

fn call() -> Scenario {
    let call = CallPlan { hangs_up_after: Some(secs(2)), ..CallPlan::new(secs(1), 0, "1002") };
    Scenario::new(vec![Phone::new("1001"), Phone::new("1002")], vec![call])
}

#[test]
fn good_run_breaks_no_rule() {
    let config = default_config(&call(), "all").to_string();
    let report = run(&config, &call(), &mut undecided, RunOptions::default()).expect("a good configuration");
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!((report.tally.calls, report.tally.answered), (1, 1));
}

#[test]
fn late_decision_is_an_unscripted_503_unless_it_is_scripted() {
    let mut config = default_config(&call(), "all");
    config["call"]["ask_router"] = true.into();
    let config = config.to_string();
    let mut never = |_: &Query| None::<(std::time::Duration, Decision)>;
    let judged = |may_503, decider: &mut dyn pbx_sim::Decider| {
        let options = RunOptions { may_503, ..RunOptions::default() };
        run(&config, &call(), decider, options).expect("a good configuration").violations
    };
    assert_eq!(judged(false, &mut never), ["unscripted 503 Service Unavailable to INVITE"]);
    assert_eq!(judged(true, &mut never), Vec::<String>::new());
}

#[test]
fn lost_bye_leaves_the_switch_and_the_callee_behind() {
    let mut world = world(&call(), "all", &Value::Null);
    world.cut(|from, _, bytes| from == phone_address(0) && is_request(bytes, Method::Bye));
    world.run_until(secs(60));
    let health = world.switch().health();
    assert_eq!((health.calls, health.dialogs, health.media_sessions, health.ports_used), (1, 2, 1, 2));
}

#[test]
fn failing_run_shows_its_seed_its_rule_and_its_ladder() {
    let busy = Phone::new("1002").with_manners(vec![Manners::rejecting(486, millis(10))]);
    let scenario = Scenario { seed: 77, ..Scenario::new(vec![Phone::new("1001"), busy], call().calls) };
    let mut config = default_config(&scenario, "all");
    config["call"]["ask_router"] = true.into();
    let mut failed = |_: &Query| Some((millis(1), Decision::Failed {}));
    let options = RunOptions { tapes: true, ..RunOptions::default() };
    let report = run(&config.to_string(), &scenario, &mut failed, options).expect("a good configuration");
    let shown = report.to_string();
    assert!(shown.starts_with("seed 77\n  broken: unscripted 500"), "{shown}");
    assert!(shown.contains("INVITE sip:1002@lab.test SIP/2.0"), "{shown}");
    assert!(shown.contains("203.0.113.231:5060 -> 198.51.0.0:5060      SIP/2.0 500"), "{shown}");
}

#[test]
fn bad_configuration_is_refused_with_its_key() {
    let error = run("{}", &call(), &mut undecided, RunOptions::default()).expect_err("nothing configured");
    assert!(error.contains("generation"), "{error}");
    let mut world = world(&call(), "none", &Value::Null);
    world.run_until(secs(10));
    assert!(!to_phone(&world, 0).is_empty());
}
