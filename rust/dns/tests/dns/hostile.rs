use pbx_dns::{Answer, Reach, Record, RecordType, ReplyFault, parse_reply, respond};
use proptest::prelude::*;

use crate::world::{World, address, name};

fn asked(world: &mut World) -> (u64, Vec<u8>) {
    assert!(world.resolver.lookup(world.now, &name("sip.example.com"), RecordType::A).is_none());
    world.drain();
    let (token, _, query) = world.open[0].clone();
    (token, query)
}

#[test]
fn a_reply_with_another_id_or_question_is_ignored_and_the_right_one_still_counts() {
    let mut world = World::new(Reach::Network);
    let (token, query) = asked(&mut world);
    let right = respond(&query, 0, 60, &[address("192.0.2.1")]).unwrap();
    let mut other_id = respond(&query, 0, 60, &[address("192.0.2.66")]).unwrap();
    other_id[0] ^= 1;
    let mut other_name = respond(&query, 0, 60, &[address("192.0.2.66")]).unwrap();
    other_name[13] ^= 1;
    for bytes in [&other_id[..], &other_name, &query, b"", b"junk"] {
        world.resolver.handle_reply(world.now, token, bytes);
    }
    assert_eq!(world.resolver.counters().ignored_total, 5);
    world.resolver.handle_reply(world.now, token, &right);
    let answer = world.resolver.lookup(world.now, &name("sip.example.com"), RecordType::A).unwrap();
    assert_eq!(answer.records(), [address("192.0.2.1")]);
}

#[test]
fn two_hundred_records_are_cut_and_counted() {
    let mut world = World::new(Reach::Network);
    let (token, query) = asked(&mut world);
    let records: Vec<Record> = (0..200).map(|n| address(&format!("198.51.100.{n}"))).collect();
    world.resolver.handle_reply(world.now, token, &respond(&query, 0, 60, &records).unwrap());
    let answer = world.resolver.lookup(world.now, &name("sip.example.com"), RecordType::A).unwrap();
    assert_eq!(answer.records().len(), 64);
    assert_eq!(world.resolver.counters().surplus_total, 136);
}

#[test]
fn loopback_for_a_public_name_is_dropped_unless_we_are_on_loopback_only() {
    for (reach, left) in [(Reach::Network, 1), (Reach::Loopback, 2)] {
        let mut world = World::new(reach);
        let (token, query) = asked(&mut world);
        let records = [address("127.0.0.1"), address("224.0.0.1"), address("192.0.2.1")];
        world.resolver.handle_reply(world.now, token, &respond(&query, 0, 60, &records).unwrap());
        let answer = world.resolver.lookup(world.now, &name("sip.example.com"), RecordType::A).unwrap();
        assert_eq!(answer.records().len(), left);
        assert_eq!(world.resolver.counters().bogus_total, 3 - left as u64);
    }
}

/// A reply with hand-written records behind the question for `a.b` A.
fn raw(count: u8, flags: [u8; 2], records: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 7, flags[0], flags[1], 0, 1, 0, count, 0, 0, 0, 0];
    out.extend(b"\x01a\x01b\x00\x00\x01\x00\x01");
    out.extend(records);
    out
}

fn parsed(bytes: &[u8]) -> Result<Answer, ReplyFault> {
    parse_reply(bytes, 7, &name("a.b"), RecordType::A).map(|reply| reply.answer().clone())
}

#[test]
fn aliases_lead_on_and_rings_of_them_are_refused() {
    // a.b is c.b, which has an address; b is at offset 14.
    let good = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01c\xc0\x0e\
                 \x01c\xc0\x0e\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";
    assert_eq!(parsed(&raw(2, [0x81, 0x80], good)), Ok(Answer::Records(vec![address("192.0.2.1")])));
    let ring = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c";
    assert_eq!(parsed(&raw(1, [0x81, 0x80], ring)), Err(ReplyFault::Malformed));
}

#[test]
fn pointers_lead_backwards_only() {
    for pointer in [[0xc0, 21], [0xc0, 200]] {
        let mut record = pointer.to_vec();
        record.extend(b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
        assert_eq!(parsed(&raw(1, [0x81, 0x80], &record)), Err(ReplyFault::Malformed));
    }
}

#[test]
fn a_cut_off_reply_gives_what_fits_or_nothing() {
    let one = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01\xc0";
    assert_eq!(parsed(&raw(9, [0x83, 0x80], one)), Ok(Answer::Records(vec![address("192.0.2.1")])));
    assert_eq!(parsed(&raw(0, [0x83, 0x80], b"")), Ok(Answer::Failed));
    assert_eq!(parsed(&raw(9, [0x81, 0x80], one)), Err(ReplyFault::Malformed));
}

proptest! {
    #[test]
    fn octets_of_anybody_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut reply = raw(5, [0x81, 0x80], &bytes);
        let _ = parsed(&reply);
        reply[7] = bytes.len() as u8;
        for kind in [RecordType::A, RecordType::Aaaa, RecordType::Srv, RecordType::Naptr] {
            reply[18] = kind.code() as u8;
            let _ = parse_reply(&reply, 7, &name("a.b"), kind);
        }
    }
}
