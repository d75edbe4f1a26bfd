//! Dialogs (RFC 3261 §12): what both sides of a call remember of each other.

mod accepted;
mod reliable;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use accepted::{Accepted2xx, RepeatVerdict};
pub use reliable::{Reliable1xx, rack, rseq};

use crate::fault::{Cause, Fault, Part};
use crate::transport::Flow;
use crate::{Builder, Contact, Message, Method, Name, NameAddr};

/// Hops a route set may have. Requests die after 70 hops (Max-Forwards), so a longer one is no use.
pub const MAX_ROUTES: usize = 64;
const MAX_FORWARDS: &str = "70";

/// One dialog, from our side.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Call-ID of all its messages.
    pub call_id: Box<str>,
    /// Tag of ours.
    pub local_tag: Box<str>,
    /// Tag of the peer; empty if the peer has none (RFC 2543).
    pub remote_tag: Box<str>,
    /// From of our requests, tag included.
    pub local: Box<str>,
    /// To of our requests, tag included.
    pub remote: Box<str>,
    /// URI of the peer's Contact.
    pub remote_target: Box<str>,
    /// Route values in the order our requests pass them.
    pub route_set: Box<[Box<str>]>,
    /// CSeq number of our last request; 0 before the first.
    pub local_cseq: u32,
    /// CSeq number of the peer's last request.
    pub remote_cseq: Option<u32>,
    /// The way to the peer.
    pub flow: Flow,
}

/// Whether a request inside a dialog comes in order (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CseqVerdict {
    /// It does, or its order does not matter.
    Ok,
    /// It is older than one seen before: 500.
    Stale,
}

impl Dialog {
    /// The dialog a response with `local_tag` to this INVITE makes (RFC 3261 §12.1.1). It is early until
    /// the response is a 2xx.
    ///
    /// # Errors
    /// A Contact or Record-Route that is missing, malformed or too long.
    pub fn uas(invite: &Message, local_tag: &str, flow: Flow) -> Result<Self, Fault> {
        let mut local = header(invite, Name::To)?;
        if invite.to_tag().is_none() {
            local.push_str(";tag=");
            local.push_str(local_tag);
        }
        Ok(Self {
            call_id: invite.call_id().into(),
            local_tag: local_tag.into(),
            remote_tag: invite.from_tag().unwrap_or_default().into(),
            local: local.into(),
            remote: header(invite, Name::From)?.into(),
            remote_target: target(invite)?.ok_or(Fault::Missing(Name::Contact))?,
            route_set: record_routes(invite)?.into(),
            local_cseq: 0,
            remote_cseq: Some(invite.cseq()),
            flow,
        })
    }

    /// The dialog a response to our INVITE makes (RFC 3261 §12.1.2): early by a provisional one with a To
    /// tag, confirmed by a 2xx. A peer that names no Contact is reached at its To URI.
    ///
    /// # Errors
    /// A provisional response without To tag makes no dialog; a malformed Contact or Record-Route.
    pub fn uac(response: &Message, flow: Flow) -> Result<Self, Fault> {
        if response.to_tag().is_none() && response.status() < 200 {
            return Err(bad(Name::To, Cause::Parameter));
        }
        let mut dialog = Self {
            call_id: response.call_id().into(),
            local_tag: response.from_tag().unwrap_or_default().into(),
            remote_tag: response.to_tag().unwrap_or_default().into(),
            local: header(response, Name::From)?.into(),
            remote: header(response, Name::To)?.into(),
            remote_target: response.to()?.uri.into(),
            route_set: Box::default(),
            local_cseq: response.cseq(),
            remote_cseq: None,
            flow,
        };
        dialog.confirm(response)?;
        Ok(dialog)
    }

    /// The 2xx of an early dialog of ours sets its route set and target anew (RFC 3261 §13.2.2.4).
    ///
    /// # Errors
    /// A malformed Contact or Record-Route; then nothing changes.
    pub fn confirm(&mut self, response: &Message) -> Result<(), Fault> {
        let mut route_set = record_routes(response)?;
        route_set.reverse();
        if let Some(target) = target(response)? {
            self.remote_target = target;
        }
        self.route_set = route_set.into();
        Ok(())
    }

    /// Call-ID, our tag, the peer's tag (RFC 3261 §12).
    pub fn id(&self) -> (&str, &str, &str) {
        (&self.call_id, &self.local_tag, &self.remote_tag)
    }

    /// Whether a message from the peer belongs to this dialog: a request has the peer's tag in From, a
    /// response has ours there.
    pub fn is_of(&self, message: &Message) -> bool {
        let (local, remote) = if message.is_request() {
            (message.to_tag(), message.from_tag())
        } else {
            (message.from_tag(), message.to_tag())
        };
        message.call_id() == &*self.call_id
            && local.unwrap_or_default() == &*self.local_tag
            && remote.unwrap_or_default() == &*self.remote_tag
    }

    /// Judges the CSeq of a request of the peer and remembers it. ACK and CANCEL carry the number of their
    /// INVITE, which need not be the last one, and count nothing.
    pub fn handle_request(&mut self, request: &Message) -> CseqVerdict {
        if matches!(request.method(), Method::Ack | Method::Cancel) {
            return CseqVerdict::Ok;
        }
        if self.remote_cseq.is_some_and(|last| request.cseq() <= last) {
            return CseqVerdict::Stale;
        }
        self.remote_cseq = Some(request.cseq());
        CseqVerdict::Ok
    }

    /// Takes the Contact of a target refresh: a re-INVITE or UPDATE, or the 2xx to one (RFC 3261 §12.2).
    /// A missing or malformed one changes nothing.
    pub fn update_target(&mut self, message: &Message) {
        if let Ok(Some(target)) = target(message) {
            self.remote_target = target;
        }
    }

    /// The next request of ours, but for its body; `via` is the value of its Via. ACK and CANCEL take no
    /// number of their own, so they are not built here.
    pub fn request(&mut self, method: Method, via: &str) -> Builder {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.build(method, self.local_cseq, via)
    }

    /// The ACK to a 2xx to our INVITE of number `cseq` (RFC 3261 §13.2.2.4), but for its body.
    pub fn ack(&self, cseq: u32, via: &str) -> Builder {
        self.build(Method::Ack, cseq, via)
    }

    /// RFC 3261 §12.2.1.1.
    fn build(&self, method: Method, cseq: u32, via: &str) -> Builder {
        let (uri, routes, last) = self.path();
        let mut builder = Builder::request(method.as_str(), &uri)
            .header(Name::Via, via)
            .header(Name::MaxForwards, MAX_FORWARDS);
        for route in routes {
            builder = builder.header(Name::Route, &**route);
        }
        if let Some(target) = last {
            builder = builder.header(Name::Route, format!("<{target}>"));
        }
        builder
            .header(Name::From, &*self.local)
            .header(Name::To, &*self.remote)
            .header(Name::CallId, &*self.call_id)
            .header(Name::CSeq, format!("{cseq} {}", method.as_str()))
    }

    /// Request-URI, Route values, and the target where it has to stand as the last Route. A first hop
    /// without `lr` is a strict router: it wants its own URI as the Request-URI.
    fn path(&self) -> (Cow<'_, str>, &[Box<str>], Option<&str>) {
        match self.route_set.split_first() {
            Some((first, rest)) => match strict_hop(first) {
                Some(uri) => (uri, rest, Some(&*self.remote_target)),
                None => (Cow::Borrowed(&*self.remote_target), &*self.route_set, None),
            },
            None => (Cow::Borrowed(&*self.remote_target), &[], None),
        }
    }
}

/// URI of a strict router without what a Request-URI may not have (RFC 3261 §19.1.1 table 1).
fn strict_hop(route: &str) -> Option<Cow<'_, str>> {
    let hop = NameAddr::parse(route.as_bytes()).ok()?;
    let uri = hop.uri().ok()?;
    if uri.params.get("lr").is_some() {
        return None;
    }
    let text = hop.uri.split('?').next().unwrap_or(hop.uri);
    if uri.params.get("method").is_none() {
        return Some(Cow::Borrowed(text));
    }
    let kept = text.split(';').filter(|part| !is_method(part));
    Some(Cow::Owned(kept.collect::<Vec<_>>().join(";")))
}

fn is_method(parameter: &str) -> bool {
    parameter.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("method"))
}

/// The URI of the first Contact, if there is any.
fn target(message: &Message) -> Result<Option<Box<str>>, Fault> {
    match message.contacts().next() {
        Some(contact) => match contact? {
            Contact::Addr(address) => Ok(Some(address.uri.into())),
            Contact::Star => Err(bad(Name::Contact, Cause::Character)),
        },
        None => Ok(None),
    }
}

fn record_routes(message: &Message) -> Result<Vec<Box<str>>, Fault> {
    let mut routes = Vec::new();
    for value in message.values(Name::RecordRoute) {
        if routes.len() == MAX_ROUTES {
            return Err(bad(Name::RecordRoute, Cause::Number));
        }
        NameAddr::read(value).map_err(|cause| bad(Name::RecordRoute, cause))?;
        routes.push(unfolded(value).into());
    }
    Ok(routes)
}

fn header(message: &Message, name: Name) -> Result<String, Fault> {
    message.header(name).map(unfolded).ok_or(Fault::Missing(name))
}

/// A value as one line: folding means one space (RFC 3261 §7.3.1), and only a display name can hold
/// octets that are not UTF-8.
fn unfolded(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    if text.contains(['\r', '\n']) {
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        text.into()
    }
}

fn bad(name: Name, cause: Cause) -> Fault {
    Fault::Bad { part: Part::Header(name), cause }
}
