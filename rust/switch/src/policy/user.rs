//! A user as the switch knows it.

use std::fmt;

use super::error::PolicyError;
use super::escape::{escaped, uri_host};
use super::host::Host;
use crate::config::{Secret, UserConfig};

/// Number of a user within one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub u32);

/// One user. Secrets are never printed.
pub struct User {
    /// Number within this generation.
    pub id: UserId,
    /// SIP user part and digest name.
    pub username: Box<str>,
    /// Realm in comparable form; `None`: valid in every realm.
    pub realm: Option<Box<str>>,
    /// Name shown.
    pub display_name: Option<Box<str>>,
    /// Whether the user may do anything.
    pub enabled: bool,
    /// `phone` and `aliases`.
    pub aliases: Box<[Box<str>]>,
    pub(crate) secret: Option<Secret>,
}

impl User {
    pub(super) fn compile(id: UserId, config: &UserConfig) -> Result<Self, PolicyError> {
        let secret = match &config.secret {
            // An empty password never authenticates (§10.7).
            Some(Secret::Password(password)) if password.is_empty() => None,
            Some(secret) => {
                check_hash(config, secret)?;
                Some(secret.clone())
            }
            None => None,
        };
        Ok(Self {
            id,
            username: config.username.as_str().into(),
            realm: config.realm.as_deref().map(|realm| Host::parse(realm).to_string().into()),
            display_name: config.display_name.as_deref().map(Into::into),
            enabled: config.enabled,
            aliases: config.aliases.iter().map(|alias| alias.as_str().into()).collect(),
            secret,
        })
    }

    /// Name and address as P-Asserted-Identity says them (RFC 3325 §9.1).
    pub fn identity(&self, realm: &str) -> String {
        let uri = format!("sip:{}@{}", escaped(&self.username, b"-_.!~*'()&=+$,;?/"), uri_host(realm));
        match self.display_name.as_deref() {
            Some(name) if !name.is_empty() => format!("\"{}\" <{uri}>", quotable(name)),
            _ => format!("<{uri}>"),
        }
    }

    /// Whether a user part names this user (§10.8): user name, `phone` or an alias, compared after one
    /// percent-decoding.
    pub fn has_identity(&self, user: &str) -> bool {
        &*self.username == user || self.aliases.iter().any(|alias| &**alias == user)
    }
}

/// A name as it stands between quotes (RFC 3261 §25.1).
fn quotable(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars().filter(|letter| !letter.is_control()) {
        text.extend(['\\'].into_iter().filter(|_| matches!(letter, '"' | '\\')));
        text.push(letter);
    }
    text
}

fn check_hash(config: &UserConfig, secret: &Secret) -> Result<(), PolicyError> {
    let (field, text, digits) = match secret {
        Secret::Password(_) => return Ok(()),
        Secret::Ha1(text) => ("ha1", text, 32),
        Secret::Ha1Sha256(text) => ("ha1_sha256", text, 64),
    };
    let key = format!("users[\"{}\"].{field}", config.username);
    if text.len() != digits || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(PolicyError::new(key, "***", format!("is not {digits} hexadecimal digits")));
    }
    if config.realm.is_none() {
        return Err(PolicyError::new(key, "***", "needs a realm, since the hash is made for one"));
    }
    Ok(())
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}
