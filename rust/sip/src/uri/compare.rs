//! When two URIs are the same: RFC 3261 §19.1.4, RFC 5954 §4.2, RFC 3966 §5.

use super::normal::octets;
use super::{Scheme, Uri, is_separator};
use crate::header::Params;
use crate::host;

/// Parameters that make a difference when only one of the two URIs has them (RFC 3261 §19.1.4).
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// URIs with more parameters or headers than this are the same only when their texts are: order and letter case do not
/// matter to the RFCs, and sorting that out for thousands of them would be a gift to whoever sends them.
const MAX_COMPARED: usize = 64;

impl Uri<'_> {
    /// Whether both name the same resource by the rules of their scheme.
    pub fn equals(&self, other: &Uri<'_>) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        if self.text == other.text {
            return true;
        }
        if is_overlong(self) || is_overlong(other) {
            return false;
        }
        match self.scheme {
            Scheme::Sip | Scheme::Sips => equal_sip(self, other),
            Scheme::Tel => equal_tel(self, other),
            Scheme::Other => equal_opaque(self, other),
        }
    }
}

fn is_overlong(uri: &Uri<'_>) -> bool {
    let headers = uri.headers.unwrap_or("");
    uri.params.iter().nth(MAX_COMPARED).is_some() || headers.split('&').nth(MAX_COMPARED).is_some()
}

fn equal_sip(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    equal_optional(one.user, other.user)
        && equal_optional(one.password, other.password)
        && one.port == other.port
        && host::equal(one.host, other.host)
        && shared_agree(one.params, other.params)
        && shared_agree(other.params, one.params)
        && equal_headers(one.headers.unwrap_or(""), other.headers.unwrap_or(""))
}

fn equal_optional(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => octets(one).eq(octets(other)),
        (None, None) => true,
        _ => false,
    }
}

/// Every parameter of `one` agrees with `other`, or is missing there and may be. Of several with one name the first counts.
fn shared_agree(one: Params<'_>, other: Params<'_>) -> bool {
    one.iter().all(|(name, _)| match find(other, name) {
        Some(found) => equal_folded(find(one, name).unwrap_or(""), found),
        None => !NEVER_IGNORED.iter().any(|fixed| equal_folded(fixed, name)),
    })
}

/// Value of the first parameter called `name`, empty if it has none.
fn find<'a>(params: Params<'a>, name: &str) -> Option<&'a str> {
    params.iter().find(|(candidate, _)| equal_folded(candidate, name)).map(|(_, value)| value.unwrap_or(""))
}

fn equal_folded(one: &str, other: &str) -> bool {
    folded(one).eq(folded(other))
}

fn folded(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    octets(text).map(|(octet, escaped)| (octet.to_ascii_lowercase(), escaped))
}

/// Headers are never ignored; their order is.
fn equal_headers(one: &str, other: &str) -> bool {
    let count = |text: &str| text.split('&').count();
    let within = |text: &str, all: &str| {
        text.split('&').all(|header| all.split('&').any(|found| equal_header(header, found)))
    };
    count(one) == count(other) && within(one, other) && within(other, one)
}

fn equal_header(one: &str, other: &str) -> bool {
    let (name, value) = one.split_once('=').unwrap_or((one, ""));
    let (other_name, other_value) = other.split_once('=').unwrap_or((other, ""));
    equal_folded(name, other_name) && octets(value).eq(octets(other_value))
}

/// Digits without separators, and every parameter on both sides (RFC 3966 §5).
fn equal_tel(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    let digits = |uri: &Uri<'_>| -> Vec<u8> {
        let number = uri.user.unwrap_or("").bytes();
        number.filter(|&octet| !is_separator(octet)).map(|octet| octet.to_ascii_lowercase()).collect()
    };
    let within = |one: Params<'_>, all: Params<'_>| {
        one.iter().all(|(name, _)| {
            find(all, name).is_some_and(|found| equal_folded(find(one, name).unwrap_or(""), found))
        })
    };
    digits(one) == digits(other) && within(one.params, other.params) && within(other.params, one.params)
}

fn equal_opaque(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    let split = |uri: &Uri<'_>| {
        uri.as_str().split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest.to_owned()))
    };
    split(one) == split(other)
}
