//! Names of ours as parts of URIs.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text with everything escaped but letters, digits and the octets of `also` (RFC 3261 §25.1).
pub(crate) fn escaped(text: &str, also: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || also.contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            let _ = write!(escaped, "%{octet:02X}");
        }
    }
    escaped
}

/// A realm as the host of a URI.
pub(crate) fn uri_host(realm: &str) -> Cow<'_, str> {
    if realm.contains(':') { Cow::Owned(format!("[{realm}]")) } else { Cow::Borrowed(realm) }
}
