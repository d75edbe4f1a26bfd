//! Domain names of hosts and services.

use std::fmt;
use std::sync::Arc;

/// Octets of a name in dotted form (RFC 1035 §2.3.4, less the octets of the wire form).
const MAX_NAME: usize = 253;
/// Octets of one label.
const MAX_LABEL: usize = 63;

/// A name of letters, digits, hyphens and underscores, in lower case and without the final dot. Others name no
/// host and no service (RFC 1123 §2.1, RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Reads dotted text; `None` if it is no name of a host or service, or an address.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() || text.len() > MAX_NAME {
            return None;
        }
        let is_label = |label: &str| {
            (1..=MAX_LABEL).contains(&label.len())
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
        };
        // A last label of digits alone is a misspelt address, never a name (RFC 3696 §2).
        let is_number = |label: &str| label.bytes().all(|octet| octet.is_ascii_digit());
        let is_name = text.split('.').all(is_label) && !text.rsplit('.').next().is_some_and(is_number);
        is_name.then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// The name of a service below this one; `None` if that is too long.
    pub fn below(&self, prefix: &str) -> Option<Self> {
        Self::parse(&format!("{prefix}.{}", self.0))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Labels from the first to the last.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// `localhost` and everything below it, which never leave the machine (RFC 6761 §6.3).
    pub(crate) fn is_localhost(&self) -> bool {
        self.labels().last() == Some("localhost")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_host_letters_and_bounded() {
        assert_eq!(Name::parse("SIP.Example.COM.").unwrap().as_str(), "sip.example.com");
        assert!(Name::parse("_sip._udp.example.com").is_some());
        let long = format!("{}.de", "a".repeat(64));
        for text in ["", ".", "a..b", "a b", "192.0.2.1", "exämple.com", "a.b/c", &long, &"a.".repeat(128)] {
            assert!(Name::parse(text).is_none(), "{text}");
        }
    }
}
