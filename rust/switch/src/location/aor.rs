//! Addresses-of-record.

use std::fmt;
use std::sync::Arc;

/// User (percent-decoded once) and realm. Two users of one name in different realms never meet.
///
/// Ordered as text, which is the order listings come in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aor(Arc<str>);

impl Aor {
    /// Joins the parts; `realm` is what `Realms::realm_of` or the challenge gave.
    pub fn new(user: &str, realm: &str) -> Self {
        Self([user, "@", realm].concat().into())
    }

    /// `user@realm`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// User part. A decoded user may hold an `@`, a realm never does.
    pub fn user(&self) -> &str {
        self.0.rsplit_once('@').map_or(&self.0, |(user, _)| user)
    }

    /// Realm.
    pub fn realm(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, realm)| realm)
    }
}

impl std::borrow::Borrow<str> for Aor {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
