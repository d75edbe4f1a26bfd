//! What a route can look at.

use std::borrow::Cow;
use std::cell::OnceCell;

use pbx_sip::{Message, Scheme, Uri};

use super::direction::Direction;
use crate::policy::Host;

/// A URI as routes see it: user after one percent-decoding, numbers without visual separators, host in comparable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    /// User part; the number of a `tel:` URI; empty when there is none.
    pub user: Cow<'a, str>,
    /// Host in lower case; empty for `tel:`.
    pub host: Cow<'a, str>,
    port: Option<u16>,
    is_secure: bool,
    /// `user@host`, made when the first rule asks: most never do, and then many may.
    address: OnceCell<Box<str>>,
}

impl<'a> Party<'a> {
    /// Of a parsed URI.
    pub fn of(uri: &Uri<'a>) -> Self {
        let host = match Host::parse(uri.host) {
            Host::Name(name) => name,
            ip @ Host::Ip(_) => Cow::Owned(ip.to_string()),
        };
        let is_secure = uri.scheme == Scheme::Sips;
        Self { user: uri.number(), host, port: uri.port, is_secure, address: OnceCell::new() }
    }

    /// The same place with another user.
    #[must_use]
    pub fn with_user(self, user: &'a str) -> Self {
        Self { user: Cow::Borrowed(user), address: OnceCell::new(), ..self }
    }

    /// Port as text; none given: the default of the scheme.
    pub fn port(&self) -> Cow<'static, str> {
        match (self.port, self.is_secure) {
            (Some(port), _) => Cow::Owned(port.to_string()),
            (None, true) => Cow::Borrowed("5061"),
            (None, false) => Cow::Borrowed("5060"),
        }
    }

    /// `user@host`, or the one there is.
    pub fn address(&self) -> &str {
        match (&*self.user, &*self.host) {
            ("", host) => host,
            (user, "") => user,
            (user, host) => self.address.get_or_init(|| [user, "@", host].concat().into()),
        }
    }
}

/// Headers by name, looked up only when a rule asks.
pub trait Headers {
    /// All values of a header joined by `, `; `None` if it is absent.
    fn joined(&self, name: &str) -> Option<Vec<u8>>;
}

impl Headers for Message {
    fn joined(&self, name: &str) -> Option<Vec<u8>> {
        join(self.named(name))
    }
}

impl Headers for Vec<(String, String)> {
    fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let named = self.iter().filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        join(named.map(|(_, value)| value.as_bytes()))
    }
}

fn join<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    values.fold(None, |joined: Option<Vec<u8>>, value| {
        let mut joined = joined.map_or_else(Vec::new, |mut joined| {
            joined.extend_from_slice(b", ");
            joined
        });
        joined.extend_from_slice(value);
        Some(joined)
    })
}

/// One INVITE as the route table sees it.
#[derive(Clone)]
pub struct RouteInput<'a> {
    /// Direction of the call.
    pub direction: Direction,
    /// From.
    pub from: Party<'a>,
    /// To.
    pub to: Party<'a>,
    /// Request-URI.
    pub request_uri: Party<'a>,
    /// Everything else.
    pub headers: &'a (dyn Headers + 'a),
}

impl<'a> RouteInput<'a> {
    /// The view of a request. `None` if From, To or Request-URI is no URI, which the parser has refused before.
    pub fn of(invite: &'a Message, direction: Direction) -> Option<Self> {
        Some(Self {
            direction,
            from: Party::of(&Uri::parse(invite.from().ok()?.uri).ok()?),
            to: Party::of(&Uri::parse(invite.to().ok()?.uri).ok()?),
            request_uri: Party::of(&Uri::parse(invite.request_uri()).ok()?),
            headers: invite,
        })
    }

    /// The callee: Request-URI if it has a user, else To.
    pub fn callee(&self) -> &Party<'a> {
        if self.request_uri.user.is_empty() { &self.to } else { &self.request_uri }
    }
}
