//! Users of the memory backend (`formats.md` §1 SipUser).

use std::fmt;

use serde::Deserialize;

/// One user as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// SIP user part and digest name.
    pub username: String,
    /// Realm the user is valid in; `None`: every realm.
    pub realm: Option<String>,
    /// Realms the backend is tied to; empty: all.
    pub backend_realms: Vec<String>,
    /// What proves the user; `None`: cannot authenticate.
    pub secret: Option<Secret>,
    /// Disabled users get 403.
    pub enabled: bool,
    /// Further identities (`phone` and `aliases`).
    pub aliases: Vec<String>,
    /// Name shown.
    pub display_name: Option<String>,
}

/// Password or stored hash. Never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Secret {
    /// Clear text.
    Password(String),
    /// Hex MD5 of `user:realm:password`.
    Ha1(String),
    /// Hex SHA-256 of `user:realm:password`.
    Ha1Sha256(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
