use std::time::Duration;

use pbx_dns::{Answer, Reach, RecordType, respond};

use crate::world::{World, address, name};

#[test]
fn equal_questions_share_one_query_and_the_answer_is_remembered_for_its_time() {
    let mut world = World::new(Reach::Network);
    world.know("sip.example.com", RecordType::A, vec![address("192.0.2.1")]);
    let host = name("sip.example.com");
    for _ in 0..3 {
        assert!(world.resolver.lookup(world.now, &host, RecordType::A).is_none());
    }
    world.serve();
    assert_eq!(world.resolver.poll_answered(), Some((host.clone(), RecordType::A)));
    let answer = world.resolver.lookup(world.now, &host, RecordType::A).unwrap();
    assert_eq!(answer.records(), [address("192.0.2.1")]);
    assert_eq!(world.resolver.counters().queries_total, 1);
    world.advance(Duration::from_secs(61));
    assert!(world.resolver.lookup(world.now, &host, RecordType::A).is_none(), "asked anew after its time");
}

#[test]
fn what_does_not_exist_is_remembered_too() {
    let mut world = World::new(Reach::Network);
    let host = name("none.example.com");
    assert!(world.resolver.lookup(world.now, &host, RecordType::A).is_none());
    world.serve();
    assert_eq!(*world.resolver.lookup(world.now, &host, RecordType::A).unwrap(), Answer::Nothing);
}

#[test]
fn silent_servers_are_asked_three_times_in_turn_and_given_up_within_three_seconds() {
    let mut world = World::new(Reach::Network);
    let (host, begun) = (name("sip.example.com"), world.now);
    assert!(world.resolver.lookup(world.now, &host, RecordType::A).is_none());
    world.drain();
    let mut asked = vec![world.open[0].clone()];
    while world.wait() {
        asked.extend(world.open.first().cloned());
    }
    let servers: Vec<&str> = asked.iter().map(|(_, server, _)| server.as_str()).collect();
    assert_eq!(servers, ["192.0.2.53:53", "192.0.2.54:53", "192.0.2.53:53"]);
    assert!(asked.windows(2).all(|pair| pair[0].0 != pair[1].0), "a socket for each attempt");
    assert!(world.now - begun < Duration::from_secs(3));
    assert!(world.open.is_empty(), "all sockets are closed");
    // The next call fails at once, a later one asks again.
    assert_eq!(*world.resolver.lookup(world.now, &host, RecordType::A).unwrap(), Answer::Failed);
    world.advance(Duration::from_secs(6));
    assert!(world.resolver.lookup(world.now, &host, RecordType::A).is_none());
}

#[test]
fn a_server_that_cannot_be_reached_or_refuses_yields_to_the_next_at_once() {
    let mut world = World::new(Reach::Network);
    let host = name("sip.example.com");
    assert!(world.resolver.lookup(world.now, &host, RecordType::A).is_none());
    world.drain();
    world.resolver.handle_failure(world.now, world.open[0].0);
    world.drain();
    assert_eq!(world.open[0].1, "192.0.2.54:53");
    let refused = respond(&world.open[0].2, 5, 0, &[]).unwrap();
    world.resolver.handle_reply(world.now, world.open[0].0, &refused);
    world.drain();
    assert_eq!(world.open[0].1, "192.0.2.53:53");
}

#[test]
fn a_server_that_knows_no_extension_is_asked_without() {
    let mut world = World::new(Reach::Network);
    let host = name("sip.example.com");
    assert!(world.resolver.lookup(world.now, &host, RecordType::A).is_none());
    world.drain();
    let (token, _, query) = world.open[0].clone();
    assert_eq!(query[11], 1, "with EDNS0");
    world.resolver.handle_reply(world.now, token, &respond(&query, 1, 0, &[]).unwrap());
    world.drain();
    assert_eq!(world.open[0].2[11], 0, "without");
}

#[test]
fn the_hosts_file_and_localhost_need_no_query() {
    let mut world = World::new(Reach::Network);
    for (host, ip) in [("gate", "192.0.2.7"), ("lab.example.com", "127.0.0.1"), ("a.localhost", "127.0.0.1")]
    {
        let answer = world.resolver.lookup(world.now, &name(host), RecordType::A).unwrap();
        assert_eq!(answer.records(), [address(ip)]);
    }
    let none = world.resolver.lookup(world.now, &name("gate"), RecordType::Srv).unwrap();
    assert_eq!(*none, Answer::Nothing);
    world.drain();
    assert!(world.open.is_empty());
}

#[test]
fn questions_under_way_are_bounded() {
    let mut world = World::new(Reach::Network);
    for n in 0..300 {
        let _ = world.resolver.lookup(world.now, &name(&format!("h{n}.example.com")), RecordType::A);
    }
    world.drain();
    assert_eq!(world.open.len(), 256);
    assert_eq!(world.resolver.counters().refused_total, 44);
}
