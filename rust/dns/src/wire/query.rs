//! Queries.

use crate::answer::RecordType;
use crate::name::Name;

/// Octets we take in one datagram: what no network in use breaks into fragments, which are easy to forge.
const UDP_SIZE: u16 = 1232;
const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;
/// A standard query, recursion desired.
const FLAGS: u16 = 0x0100;

/// The datagram of one question; `edns` says how large an answer may be (RFC 6891 §6.2.3).
pub(crate) fn write_query(id: u16, name: &Name, kind: RecordType, edns: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for word in [id, FLAGS, 1, 0, 0, u16::from(edns)] {
        out.extend(word.to_be_bytes());
    }
    for label in name.labels() {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    for word in [kind.code(), CLASS_IN] {
        out.extend(word.to_be_bytes());
    }
    if edns {
        out.push(0);
        for word in [TYPE_OPT, UDP_SIZE, 0, 0, 0] {
            out.extend(word.to_be_bytes());
        }
    }
    out
}
