//! The other end: what a simulated server needs. It never runs in a PBX.

use std::net::IpAddr;

use super::reader::Reader;
use crate::answer::{Naptr, Record, RecordType, Srv};
use crate::name::Name;

const CLASS_IN: u16 = 1;

/// What a query asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// About which name.
    pub name: Name,
    /// For which records.
    pub kind: RecordType,
}

/// Reads the question of a query of ours.
pub fn read_query(query: &[u8]) -> Option<Asked> {
    let mut reader = Reader::new(query);
    reader.take(12)?;
    let name = reader.name()?.known()?;
    let code = reader.u16()?;
    let all = [RecordType::A, RecordType::Aaaa, RecordType::Srv, RecordType::Naptr];
    Some(Asked { name, kind: all.into_iter().find(|kind| kind.code() == code)? })
}

/// The reply to a query of ours, with a response code (RFC 1035 §4.1.1) and records that hold for `ttl` seconds.
/// `None`: it is no query.
pub fn respond(query: &[u8], code: u8, ttl: u32, records: &[Record]) -> Option<Vec<u8>> {
    let asked = read_query(query)?;
    let mut out = query.get(..2)?.to_vec();
    for word in [0x8180 | u16::from(code & 15), 1, records.len() as u16, 0, 0] {
        out.extend(word.to_be_bytes());
    }
    write_name(&mut out, Some(&asked.name));
    out.extend(asked.kind.code().to_be_bytes());
    out.extend(CLASS_IN.to_be_bytes());
    for record in records {
        // Its owner is the name of the question.
        out.extend([0xc0, 12]);
        let (kind, data) = content(record);
        out.extend(kind.code().to_be_bytes());
        out.extend(CLASS_IN.to_be_bytes());
        out.extend(ttl.to_be_bytes());
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

fn content(record: &Record) -> (RecordType, Vec<u8>) {
    let mut data = Vec::new();
    let kind = match record {
        Record::Address(IpAddr::V4(ip)) => {
            data.extend(ip.octets());
            RecordType::A
        }
        Record::Address(IpAddr::V6(ip)) => {
            data.extend(ip.octets());
            RecordType::Aaaa
        }
        Record::Srv(Srv { priority, weight, port, target }) => {
            for word in [priority, weight, port] {
                data.extend(word.to_be_bytes());
            }
            write_name(&mut data, target.as_ref());
            RecordType::Srv
        }
        Record::Naptr(Naptr { order, preference, flags, service, replacement }) => {
            for word in [order, preference] {
                data.extend(word.to_be_bytes());
            }
            for text in [flags.as_str(), service, ""] {
                data.push(text.len() as u8);
                data.extend(text.as_bytes());
            }
            write_name(&mut data, replacement.as_ref());
            RecordType::Naptr
        }
    };
    (kind, data)
}

fn write_name(out: &mut Vec<u8>, name: Option<&Name>) {
    for label in name.into_iter().flat_map(Name::labels) {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
}
