//! The two requests that follow an INVITE hop by hop, built from the INVITE as it was sent.

use bytes::Bytes;

use crate::{Builder, Limits, Message, Name};

const MAX_FORWARDS: &str = "70";

/// The ACK to a failure response (RFC 3261 §17.1.1.3). `None` if the INVITE cannot be read, which no
/// INVITE that was sent can be.
pub(super) fn ack(invite: &Bytes, response: &Message) -> Option<Bytes> {
    let invite = Message::parse(invite.clone(), &Limits::default()).ok()?;
    let to = response.header(Name::To)?;
    let mut builder = common(&invite, "ACK", to)?;
    // §22.1: an ACK carries the credentials of its INVITE.
    for name in [Name::Authorization, Name::ProxyAuthorization] {
        for value in invite.headers(name) {
            builder = builder.header(name, value);
        }
    }
    Some(builder.finish())
}

/// The CANCEL of an INVITE (§9.1).
pub(super) fn cancel(invite: &Bytes, reason: Option<&str>) -> Option<Bytes> {
    let invite = Message::parse(invite.clone(), &Limits::default()).ok()?;
    let to = invite.header(Name::To)?;
    let builder = common(&invite, "CANCEL", to)?;
    Some(match reason {
        Some(reason) => builder.header(Name::Reason, reason).finish(),
        None => builder.finish(),
    })
}

/// What both share: the Request-URI, the top Via with its branch, Route, From, Call-ID and the number of
/// the CSeq are those of the INVITE.
fn common(invite: &Message, method: &str, to: &[u8]) -> Option<Builder> {
    let mut builder = Builder::request(method, invite.request_uri())
        .header(Name::Via, invite.values(Name::Via).next()?)
        .header(Name::MaxForwards, MAX_FORWARDS);
    for route in invite.headers(Name::Route) {
        builder = builder.header(Name::Route, route);
    }
    Some(
        builder
            .header(Name::From, invite.header(Name::From)?)
            .header(Name::To, to)
            .header(Name::CallId, invite.call_id())
            .header(Name::CSeq, format!("{} {method}", invite.cseq())),
    )
}
