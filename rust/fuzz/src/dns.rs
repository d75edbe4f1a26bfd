//! Properties of replies from resolvers.

use pbx_dns::{Answer, Name, Record, RecordType, parse_reply, respond};

/// Records that are used, of however many.
const MAX_USED: usize = 64;

/// A reply is read without harm and yields few records; what is read is written and read the same. The first octets
/// choose type, flags and counts, the others follow the question.
pub fn dns(data: &[u8]) {
    let [which, flags, code, answers, authorities, rest @ ..] = data else { return };
    let kinds = [RecordType::A, RecordType::Aaaa, RecordType::Srv, RecordType::Naptr];
    let kind = kinds[usize::from(which % 4)];
    let Some(name) = Name::parse("sip.example.com") else { panic!("a name") };
    let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(b"\x03sip\x07example\x03com\x00");
    query.extend(kind.code().to_be_bytes());
    query.extend([0, 1]);
    let mut reply = query.clone();
    (reply[2], reply[3], reply[7], reply[9]) = (flags | 0x80, *code, *answers, *authorities);
    reply.extend(rest);
    let Ok(read) = parse_reply(&reply, 7, &name, kind) else { return };
    let Answer::Records(records) = read.answer() else { return };
    assert!((1..=MAX_USED).contains(&records.len()));
    if records.iter().any(|record| matches!(record, Record::Naptr(_))) {
        return;
    }
    let Some(written) = respond(&query, 0, 60, records) else { panic!("our own query is none") };
    match parse_reply(&written, 7, &name, kind) {
        Ok(again) => assert_eq!(again.answer(), read.answer()),
        Err(fault) => panic!("what we write is refused: {fault:?}"),
    }
}
