use std::time::Duration;

use pbx_dns::{Answer, Reach, RecordType, respond};

use crate::world::{World, address, name};

/// A name whose zone lets its answer hold for `ttl` seconds, or says with `None` that there is none.
fn answered(world: &mut World, host: &str, answer: Option<u32>) {
    assert!(world.resolver.lookup(world.now, &name(host), RecordType::A).is_none());
    world.drain();
    let (token, _, query) = world.open[0].clone();
    let reply = match answer {
        Some(ttl) => respond(&query, 0, ttl, &[address("192.0.2.1")]),
        None => respond(&query, 3, 0, &[]),
    };
    world.resolver.handle_reply(world.now, token, &reply.unwrap());
    world.drain();
}

fn is_remembered_after(world: &mut World, host: &str, time: Duration) -> bool {
    world.resolver.lookup(world.now + time, &name(host), RecordType::A).is_some()
}

#[test]
fn a_zone_binds_us_for_a_day_at_most_and_five_seconds_at_least() {
    let day = Duration::from_secs(86_400);
    for (ttl, holds) in [(0, Duration::from_secs(5)), (60, Duration::from_secs(60)), (i32::MAX as u32, day)] {
        let mut world = World::new(Reach::Network);
        answered(&mut world, "sip.example.com", Some(ttl));
        let almost = holds.saturating_sub(Duration::from_millis(1));
        assert!(is_remembered_after(&mut world, "sip.example.com", almost), "{ttl}");
        assert!(!is_remembered_after(&mut world, "sip.example.com", holds), "{ttl}");
    }
}

#[test]
fn nothing_is_remembered_for_thirty_seconds_where_the_zone_does_not_say() {
    let mut world = World::new(Reach::Network);
    answered(&mut world, "none.example.com", None);
    let later = world.now + Duration::from_secs(29);
    let answer = world.resolver.lookup(later, &name("none.example.com"), RecordType::A).unwrap();
    assert_eq!(*answer, Answer::Nothing);
    assert!(!is_remembered_after(&mut world, "none.example.com", Duration::from_secs(30)));
}

#[test]
fn answers_are_bounded_in_number_and_the_one_that_ends_first_goes() {
    let mut world = World::new(Reach::Network);
    answered(&mut world, "first.example.com", Some(30));
    for n in 0..4096 {
        answered(&mut world, &format!("h{n}.example.com"), Some(60));
    }
    assert_eq!((world.resolver.cached(), world.resolver.counters().evicted_total), (4096, 1));
    assert!(is_remembered_after(&mut world, "h0.example.com", Duration::ZERO));
    assert!(!is_remembered_after(&mut world, "first.example.com", Duration::ZERO));
}
