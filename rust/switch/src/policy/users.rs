//! Finding users by name and realm.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::PolicyError;
use super::host::Host;
use super::user::{User, UserId};
use crate::config::UserConfig;

/// Users by (realm, name). A user of a named realm goes before one valid everywhere; among equals the first
/// written wins, which is the order of the backends.
#[derive(Debug, Default)]
pub struct Users {
    realms: HashMap<Box<str>, Directory>,
    everywhere: Directory,
    len: usize,
}

#[derive(Debug, Default)]
struct Directory {
    names: HashMap<Box<str>, Arc<User>>,
    aliases: HashMap<Box<str>, Arc<User>>,
}

impl Users {
    /// Builds the tables.
    ///
    /// # Errors
    /// A stored hash that is no hash of its kind, or has no realm.
    pub fn compile(configs: &[UserConfig]) -> Result<Self, PolicyError> {
        let mut users = Self { len: configs.len(), ..Self::default() };
        for (id, config) in (0..).map(UserId).zip(configs) {
            let user = Arc::new(User::compile(id, config)?);
            let backend: Vec<String> =
                config.backend_realms.iter().map(|realm| Host::parse(realm).to_string()).collect();
            match user.realm.as_deref() {
                Some(realm) if backend.is_empty() || backend.iter().any(|tied| tied == realm) => {
                    users.realm(realm).add(&user);
                }
                // The backend is never asked for that realm.
                Some(_) => {}
                None if backend.is_empty() => users.everywhere.add(&user),
                None => backend.iter().for_each(|realm| users.realm(realm).add(&user)),
            }
        }
        Ok(users)
    }

    /// The user of that digest name.
    pub fn by_name(&self, name: &str, realm: &str) -> Option<&Arc<User>> {
        self.find(realm, |directory| directory.names.get(name))
    }

    /// The user of that name, `phone` or alias.
    pub fn by_identity(&self, name: &str, realm: &str) -> Option<&Arc<User>> {
        self.by_name(name, realm).or_else(|| self.find(realm, |directory| directory.aliases.get(name)))
    }

    /// Number of users written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn find<'a>(
        &'a self,
        realm: &str,
        look: impl Fn(&'a Directory) -> Option<&'a Arc<User>>,
    ) -> Option<&'a Arc<User>> {
        self.realms.get(realm).and_then(&look).or_else(|| look(&self.everywhere))
    }

    fn realm(&mut self, realm: &str) -> &mut Directory {
        self.realms.entry(realm.into()).or_default()
    }
}

impl Directory {
    fn add(&mut self, user: &Arc<User>) {
        self.names.entry(user.username.clone()).or_insert_with(|| Arc::clone(user));
        for alias in &user.aliases {
            self.aliases.entry(alias.clone()).or_insert_with(|| Arc::clone(user));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn user(name: &str, realm: Option<&str>, backend: &[&str]) -> UserConfig {
        UserConfig {
            username: name.to_owned(),
            realm: realm.map(str::to_owned),
            backend_realms: backend.iter().map(|&realm| realm.to_owned()).collect(),
            secret: Some(Secret::Password("pw".to_owned())),
            enabled: true,
            aliases: vec![format!("{name}-alias")],
            display_name: None,
        }
    }

    fn found(users: &Users, name: &str, realm: &str) -> Option<u32> {
        users.by_name(name, realm).map(|user| user.id.0)
    }

    #[test]
    fn same_name_in_two_realms_is_two_users() {
        let users = Users::compile(&[
            user("2001", Some("A.test"), &[]),
            user("2001", Some("b.test"), &[]),
            user("2001", None, &[]),
        ])
        .unwrap();
        assert_eq!(found(&users, "2001", "a.test"), Some(0));
        assert_eq!(found(&users, "2001", "b.test"), Some(1));
        assert_eq!(found(&users, "2001", "c.test"), Some(2));
        assert_eq!(found(&users, "2002", "a.test"), None);
    }

    #[test]
    fn backend_tied_to_realms_knows_no_others() {
        let users =
            Users::compile(&[user("1", None, &["a.test"]), user("2", Some("b.test"), &["a.test"])]).unwrap();
        assert_eq!(found(&users, "1", "a.test"), Some(0));
        assert_eq!(found(&users, "1", "b.test"), None);
        assert_eq!(found(&users, "2", "b.test"), None);
    }

    #[test]
    fn first_backend_that_knows_the_user_decides() {
        let users = Users::compile(&[user("1", None, &[]), user("1", None, &[])]).unwrap();
        assert_eq!(found(&users, "1", "a.test"), Some(0));
    }

    #[test]
    fn aliases_are_identities_but_no_digest_names() {
        let users = Users::compile(&[user("1", Some("a.test"), &[])]).unwrap();
        assert!(users.by_name("1-alias", "a.test").is_none());
        assert!(users.by_identity("1-alias", "a.test").unwrap().has_identity("1-alias"));
        assert!(users.by_identity("1", "a.test").is_some());
        assert!(users.by_identity("1-alias", "b.test").is_none());
    }

    #[test]
    fn stored_hash_is_checked_and_never_shown() {
        let mut bad = user("1", Some("a.test"), &[]);
        bad.secret = Some(Secret::Ha1("c0ffee".to_owned()));
        let text = Users::compile(&[bad]).unwrap_err().to_string();
        assert_eq!(text, "users[\"1\"].ha1: \"***\" is not 32 hexadecimal digits");
        let mut loose = user("1", None, &[]);
        loose.secret = Some(Secret::Ha1Sha256("0".repeat(64)));
        assert!(Users::compile(&[loose]).unwrap_err().to_string().contains("needs a realm"));
        let shown = format!("{:?}", Users::compile(&[user("1", None, &[])]).unwrap());
        assert!(!shown.contains("pw"), "{shown}");
    }
}
