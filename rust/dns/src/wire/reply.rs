//! Replies, read strictly: whatever does not add up spoils the whole datagram.

use std::net::IpAddr;
use std::time::Duration;

use super::reader::{Reader, WireName};
use crate::answer::{Answer, Lasting, Naptr, Record, RecordType, Srv};
use crate::name::Name;

/// Records of an answer that are used; more serve nobody, and each costs.
const MAX_USED: usize = 64;
/// Records looked at.
const MAX_READ: usize = 1024;
/// Aliases followed.
const MAX_ALIASES: usize = 8;
/// How long it is remembered that there is nothing (RFC 2308 §5).
const MAX_NEGATIVE: Duration = Duration::from_secs(3600);
/// The same where the zone does not say.
const DEFAULT_NEGATIVE: Duration = Duration::from_secs(30);
const CLASS_IN: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;

/// What a datagram said about one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub(crate) lasting: Lasting,
    /// The server cut it off: there are more records than these.
    pub is_truncated: bool,
    /// Records beyond those that are used.
    pub surplus: usize,
}

impl Reply {
    /// Records, or why there are none.
    pub fn answer(&self) -> &Answer {
        &self.lasting.answer
    }
}

/// Why a datagram is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyFault {
    /// Not the reply to this query: another id, another question, or no reply at all. Most likely forged.
    Foreign,
    /// It breaks the format.
    Malformed,
    /// The server does not understand the query, perhaps its extension (RFC 6891 §7).
    NotUnderstood,
    /// The server cannot or will not answer.
    Refused,
}

/// Reads the reply to a query with this id and question.
///
/// # Errors
/// Why it is none.
pub fn parse_reply(bytes: &[u8], id: u16, name: &Name, kind: RecordType) -> Result<Reply, ReplyFault> {
    let mut reader = Reader::new(bytes);
    let header = Header::parse(&mut reader).ok_or(ReplyFault::Foreign)?;
    if header.id != id || header.flags & 0x8000 == 0 || header.flags & 0x7800 != 0 {
        return Err(ReplyFault::Foreign);
    }
    let code = header.flags & 0x000f;
    // A server that does not understand may leave out the question.
    if code == 1 && header.questions == 0 {
        return Err(ReplyFault::NotUnderstood);
    }
    let asked = question(&mut reader, header.questions).ok_or(ReplyFault::Foreign)?;
    if asked != (WireName::Known(name.clone()), kind.code(), CLASS_IN) {
        return Err(ReplyFault::Foreign);
    }
    match code {
        // "No such name" says so of the last alias, which may still have been given (RFC 6604).
        0 | 3 => {}
        1 | 4 => return Err(ReplyFault::NotUnderstood),
        _ => return Err(ReplyFault::Refused),
    }
    body(&mut reader, &header, name, kind).ok_or(ReplyFault::Malformed)
}

struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    authorities: u16,
}

impl Header {
    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let header = Self {
            id: reader.u16()?,
            flags: reader.u16()?,
            questions: reader.u16()?,
            answers: reader.u16()?,
            authorities: reader.u16()?,
        };
        reader.u16()?;
        Some(header)
    }

    fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }
}

fn question(reader: &mut Reader<'_>, count: u16) -> Option<(WireName, u16, u16)> {
    if count != 1 {
        return None;
    }
    Some((reader.name()?, reader.u16()?, reader.u16()?))
}

/// A record before anybody asked what it means.
struct Raw {
    owner: WireName,
    ttl: Duration,
    kind: u16,
    data: Data,
}

enum Data {
    Record(Record),
    Alias(WireName),
    /// Time a negative answer holds (RFC 2308 §5).
    Negative(Duration),
    Other,
}

fn body(reader: &mut Reader<'_>, header: &Header, name: &Name, kind: RecordType) -> Option<Reply> {
    let is_truncated = header.is_truncated();
    let (mut raws, mut surplus) = (Vec::new(), usize::from(header.answers).saturating_sub(MAX_READ));
    for _ in 0..usize::from(header.answers).min(MAX_READ) {
        match record(reader) {
            Some(raw) => raws.push(raw),
            // What was cut off may be cut anywhere.
            None if is_truncated => break,
            None => return None,
        }
    }
    let owner = canonical(&raws, name)?;
    let mut ttl = raws.iter().filter(|raw| raw.kind == TYPE_CNAME).map(|raw| raw.ttl).min();
    let mut records = Vec::new();
    for raw in raws {
        let Data::Record(record) = raw.data else { continue };
        if raw.kind != kind.code() || raw.owner != WireName::Known(owner.clone()) {
            continue;
        }
        if records.len() < MAX_USED {
            ttl = Some(ttl.map_or(raw.ttl, |ttl| ttl.min(raw.ttl)));
            records.push(record);
        } else {
            surplus += 1;
        }
    }
    let lasting = match ttl {
        Some(ttl) if !records.is_empty() => Lasting { answer: Answer::Records(records), ttl },
        // An answer of which nothing is left says nothing.
        _ if is_truncated => Lasting { answer: Answer::Failed, ttl: Duration::ZERO },
        _ => Lasting { answer: Answer::Nothing, ttl: negative(reader, header)? },
    };
    Some(Reply { lasting, is_truncated, surplus })
}

/// The name at the end of the aliases (RFC 1034 §3.6.2); `None` if there is no end.
fn canonical(raws: &[Raw], name: &Name) -> Option<Name> {
    let mut owner = name.clone();
    for _ in 0..=MAX_ALIASES {
        let next = raws.iter().find_map(|raw| match &raw.data {
            Data::Alias(target) if raw.owner == WireName::Known(owner.clone()) => Some(target.clone()),
            _ => None,
        });
        match next {
            None => return Some(owner),
            Some(target) => owner = target.known()?,
        }
    }
    None
}

/// How long "nothing" holds, from the SOA of the authority section.
fn negative(reader: &mut Reader<'_>, header: &Header) -> Option<Duration> {
    for _ in 0..usize::from(header.authorities).min(MAX_READ) {
        let raw = record(reader)?;
        if let Data::Negative(minimum) = raw.data {
            return Some(raw.ttl.min(minimum).min(MAX_NEGATIVE));
        }
    }
    Some(DEFAULT_NEGATIVE)
}

fn record(reader: &mut Reader<'_>) -> Option<Raw> {
    let owner = reader.name()?;
    let (kind, class, ttl, length) = (reader.u16()?, reader.u16()?, reader.u32()?, reader.u16()?);
    // A negative number counts as none (RFC 2181 §8).
    let ttl = Duration::from_secs(if ttl > i32::MAX as u32 { 0 } else { ttl.into() });
    let end = reader.at() + usize::from(length);
    let mut data = *reader;
    reader.take(length.into())?;
    let data = if class == CLASS_IN { data_of(&mut data, kind, end)? } else { Data::Other };
    Some(Raw { owner, ttl, kind, data })
}

/// The content of a record, which must end where its length says.
fn data_of(reader: &mut Reader<'_>, kind: u16, end: usize) -> Option<Data> {
    let data = match kind {
        1 => Data::Record(Record::Address(IpAddr::from(<[u8; 4]>::try_from(reader.take(4)?).ok()?))),
        28 => Data::Record(Record::Address(IpAddr::from(<[u8; 16]>::try_from(reader.take(16)?).ok()?))),
        33 => srv(reader)?,
        35 => naptr(reader)?,
        TYPE_CNAME => Data::Alias(reader.name()?),
        TYPE_SOA => {
            reader.name()?;
            reader.name()?;
            reader.take(16)?;
            Data::Negative(Duration::from_secs(reader.u32()?.into()))
        }
        _ => return Some(Data::Other),
    };
    (reader.at() == end).then_some(data)
}

fn srv(reader: &mut Reader<'_>) -> Option<Data> {
    let (priority, weight, port) = (reader.u16()?, reader.u16()?, reader.u16()?);
    let target = match reader.name()? {
        WireName::Known(name) => Some(name),
        WireName::Root => None,
        WireName::Odd => return Some(Data::Other),
    };
    Some(Data::Record(Record::Srv(Srv { priority, weight, port, target })))
}

fn naptr(reader: &mut Reader<'_>) -> Option<Data> {
    let (order, preference) = (reader.u16()?, reader.u16()?);
    let (flags, service, regexp) = (reader.string()?, reader.string()?, reader.string()?);
    let replacement = reader.name()?.known();
    if !regexp.is_empty() {
        return Some(Data::Other);
    }
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let (flags, service) = (text(flags), text(service));
    Some(Data::Record(Record::Naptr(Naptr { order, preference, flags, service, replacement })))
}
