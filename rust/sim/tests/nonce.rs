//! R4: nonces that are expired, replayed, or of a process that is gone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use pbx_sim::{Phone, Scenario, phone_address};
use pbx_sip::{Message, Name};
use serde_json::{Value, json};
use support::{altered, from_phone, named, secs, since, to_phone, world};

fn is_stale(response: &Message) -> bool {
    response.headers(Name::WwwAuthenticate).all(|value| String::from_utf8_lossy(value).contains("stale=true"))
}

#[test]
fn after_a_restart_one_more_round_trip_renews_the_registration() {
    let scenario = Scenario::new(vec![Phone::new("1001")], Vec::new());
    let mut world = world(&scenario, "none", &Value::Null);
    world.run_until(secs(10));
    world.restart(99).unwrap();
    assert_eq!(world.switch().health().registrations, 0);
    let before = world.elapsed();
    world.run_until(secs(40));
    let answers = named(since(to_phone(&world, 0), before), "401 REGISTER");
    assert_eq!(answers.len(), 1);
    assert!(is_stale(&answers[0].message));
    assert_eq!(named(since(from_phone(&world, 0), before), "REGISTER").len(), 2);
    assert_eq!(world.switch().health().registrations, 1);
    assert_eq!(world.registration(0).unwrap().failed_total, 0);
}

#[test]
fn nonce_expires_after_300_s_and_the_phone_recovers() {
    let phone = Phone { expires_secs: 800, ..Phone::new("1001") };
    let mut world = world(&Scenario::new(vec![phone], Vec::new()), "none", &json!({}));
    world.run_until(secs(10));
    world.run_until(secs(410));
    let answers = named(since(to_phone(&world, 0), secs(10)), "401 REGISTER");
    assert_eq!(answers.len(), 1);
    assert!(is_stale(&answers[0].message));
    assert_eq!(world.registration(0).unwrap().last_status, 200);
    assert_eq!(world.switch().health().registrations, 1);
}

#[test]
fn replayed_credentials_are_refused_and_change_no_binding() {
    let mut world = world(&Scenario::new(vec![Phone::new("1001")], Vec::new()), "none", &Value::Null);
    world.run_until(secs(5));
    let proven = named(from_phone(&world, 0), "REGISTER").pop().unwrap();
    let text = String::from_utf8_lossy(proven.message.bytes()).into_owned();
    let branch = text.split("branch=").nth(1).unwrap().split(';').next().unwrap().to_owned();
    let replay = altered(proven.message.bytes(), &branch, "z9hG4bKreplay");
    let replay =
        altered(&replay, "Contact: <sip:1001@198.51.0.0:5060>", "Contact: <sip:thief@198.51.0.66:5060>");
    let at = world.elapsed();
    world.inject(phone_address(0), replay);
    let answer = since(to_phone(&world, 0), at).remove(0);
    assert_eq!(answer.name(), "401 REGISTER");
    assert!(is_stale(&answer.message));
    let bindings = world.switch().registrations(std::time::Instant::now(), 10, None);
    assert_eq!(bindings.len(), 1);
    assert!(bindings[0].contact.contains("198.51.0.0"), "{bindings:?}");
}

#[test]
fn refreshes_count_on_with_one_nonce_and_are_not_challenged_again() {
    let mut world = world(&Scenario::new(vec![Phone::new("1001")], Vec::new()), "none", &Value::Null);
    world.run_until(secs(5));
    // The refresh at 30 s counts on; the same nonce serves without a new challenge.
    world.run_until(secs(65));
    let registration = world.registration(0).unwrap();
    assert_eq!((registration.ok_total, registration.challenged_total), (3, 1));
    assert_eq!(named(to_phone(&world, 0), "401 REGISTER").len(), 1);
}

#[test]
fn wrong_password_is_challenged_anew_and_never_stale() {
    let thief = Phone { password: Some("guess".to_owned()), ..Phone::new("1001") };
    let mut world = world(&Scenario::new(vec![thief], Vec::new()), "none", &Value::Null);
    world.run_until(secs(3));
    let answers = named(to_phone(&world, 0), "401 REGISTER");
    assert!(answers.len() >= 2);
    assert!(answers.iter().all(|answer| !is_stale(&answer.message)));
    assert_eq!(world.switch().health().registrations, 0);
}
