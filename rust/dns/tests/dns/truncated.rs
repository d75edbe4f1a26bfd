use pbx_dns::{Answer, Reach, Record, RecordType, respond};

use crate::world::{World, address, name};

/// A question whose server says that not everything fits its datagram.
fn cut_off(records: &[Record]) -> World {
    let mut world = World::new(Reach::Network);
    assert!(world.resolver.lookup(world.now, &name("sip.example.com"), RecordType::A).is_none());
    world.drain();
    let (token, _, query) = world.open[0].clone();
    let mut reply = respond(&query, 0, 60, records).unwrap();
    reply[2] |= 0x02;
    world.resolver.handle_reply(world.now, token, &reply);
    world.drain();
    world
}

fn answer(world: &mut World) -> Option<Answer> {
    let answer = world.resolver.lookup(world.now, &name("sip.example.com"), RecordType::A)?;
    Some(Answer::clone(&answer))
}

#[test]
fn a_cut_off_answer_is_asked_for_again_over_a_stream_to_the_same_server() {
    let mut world = cut_off(&[address("192.0.2.1")]);
    assert_eq!(answer(&mut world), None, "what was cut off is not used while more may come");
    assert!(world.open.is_empty(), "the socket of the datagram is closed");
    let (token, server, framed) = world.streams[0].clone();
    assert_eq!(server, "192.0.2.53:53");
    assert_eq!(usize::from(u16::from_be_bytes([framed[0], framed[1]])), framed.len() - 2);
    let all = [address("192.0.2.1"), address("192.0.2.2")];
    world.resolver.handle_reply(world.now, token, &respond(&framed[2..], 0, 60, &all).unwrap());
    world.drain();
    assert_eq!(answer(&mut world), Some(Answer::Records(all.to_vec())));
    assert!(world.streams.is_empty(), "the stream is closed");
    assert_eq!(world.resolver.counters().streams_total, 1);
}

#[test]
fn what_was_cut_off_counts_when_the_stream_is_refused_or_silent() {
    for is_refused in [true, false] {
        let mut world = cut_off(&[address("192.0.2.1")]);
        if is_refused {
            world.resolver.handle_failure(world.now, world.streams[0].0);
            world.drain();
        } else {
            assert!(world.wait());
        }
        assert_eq!(answer(&mut world), Some(Answer::Records(vec![address("192.0.2.1")])));
        assert!(world.streams.is_empty());
    }
}

#[test]
fn the_next_server_is_asked_when_the_stream_fails_and_nothing_fitted() {
    let mut world = cut_off(&[]);
    world.resolver.handle_failure(world.now, world.streams[0].0);
    world.drain();
    assert_eq!(world.open[0].1, "192.0.2.54:53");
}

#[test]
fn streams_are_bounded_and_past_the_bound_what_was_cut_off_counts() {
    let mut world = World::new(Reach::Network);
    for n in 0..40 {
        assert!(
            world.resolver.lookup(world.now, &name(&format!("h{n}.example.com")), RecordType::A).is_none()
        );
    }
    world.drain();
    for (token, _, query) in world.open.clone() {
        let mut reply = respond(&query, 0, 60, &[address("192.0.2.1")]).unwrap();
        reply[2] |= 0x02;
        world.resolver.handle_reply(world.now, token, &reply);
    }
    world.drain();
    assert_eq!(world.streams.len(), 32);
    assert_eq!(world.resolver.cached(), 8);
    assert_eq!(world.resolver.counters().streams_refused_total, 8);
}
