//! The compiled configuration.

use pbx_sip::{Message, Uri};

use super::acl::Acl;
use super::error::PolicyError;
use super::host::HostPort;
use super::locality::Locality;
use super::realms::Realms;
use super::users::Users;
use crate::config::SwitchConfig;
use crate::location::Aor;
use crate::route::RouteTable;

/// One generation: the document and the tables built from it. Shared behind an `Arc`; calls keep the one they
/// began under.
#[derive(Debug)]
pub struct Policy {
    /// The document itself, for everything that needs no table.
    pub config: SwitchConfig,
    /// Users of the memory backends.
    pub users: Users,
    /// Access list.
    pub acl: Acl,
    /// Realms and our own addresses.
    pub realms: Realms,
    /// Static routes.
    pub routes: RouteTable,
}

impl Policy {
    /// Compiles a document.
    ///
    /// # Errors
    /// The first value that cannot be used, with its key.
    pub fn compile(config: SwitchConfig) -> Result<Self, PolicyError> {
        check_timers(&config)?;
        check_registrar(&config)?;
        Ok(Self {
            users: Users::compile(&config.users)?,
            acl: Acl::compile(&config.acl)?,
            realms: Realms::new(&config.identity),
            routes: RouteTable::compile(&config.routes)?,
            config,
        })
    }

    /// Whether a host is ours (§1 rule 1).
    pub fn is_ours(&self, target: &HostPort<'_>, locality: &Locality) -> bool {
        self.realms.is_ours(target, locality)
    }

    /// The address-of-record of a user (percent-decoded once) at a host of ours.
    pub fn aor(&self, user: &str, host: &str) -> Aor {
        Aor::new(user, &self.realms.realm_of(&HostPort::new(host, None)))
    }

    /// The address a REGISTER is for. Its realm is the one the sender was challenged for, so that a user of
    /// one realm cannot bind contacts to the same name in another. `None`: To is no sip or sips URI with a user.
    pub fn registered_aor(&self, request: &Message) -> Option<Aor> {
        let to = request.to().ok()?.uri().ok().filter(Uri::is_sip)?;
        to.user?;
        let target = Uri::parse(request.request_uri()).ok()?;
        let realm = self.realms.challenge_realm(&HostPort::of(&target), &HostPort::of(&to));
        Some(Aor::new(&to.user_decoded(), &realm))
    }

    /// Whether the address belongs to a user of ours, by name, `phone` or alias.
    pub fn knows(&self, aor: &Aor) -> bool {
        self.users.by_identity(aor.user(), aor.realm()).is_some()
    }
}

/// Intervals the machines cannot run with: a zero T1 would retransmit without pause.
fn check_timers(config: &SwitchConfig) -> Result<(), PolicyError> {
    if config.t1_ms == 0 {
        return Err(PolicyError::new("t1_ms", "0", "is below the minimum 1"));
    }
    if config.t1x64_ms < config.t1_ms {
        return Err(PolicyError::new("t1x64_ms", config.t1x64_ms.to_string(), "is shorter than t1_ms"));
    }
    Ok(())
}

fn check_registrar(config: &SwitchConfig) -> Result<(), PolicyError> {
    let registrar = &config.registrar;
    for (key, value) in
        [("expires_secs", registrar.expires_secs), ("max_expires_secs", registrar.max_expires_secs)]
    {
        if value < crate::location::MIN_EXPIRES_SECS {
            let message = format!("is below the minimum {}", crate::location::MIN_EXPIRES_SECS);
            return Err(PolicyError::new(format!("registrar.{key}"), value.to_string(), message));
        }
    }
    if registrar.max_bindings == 0 {
        return Err(PolicyError::new("registrar.max_bindings", "0", "is below the minimum 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pbx_sip::{Bytes, Limits};
    use serde_json::json;

    use super::*;
    use crate::policy::fixture;

    fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
        Policy::compile(fixture::config(change)).unwrap_err().to_string()
    }

    fn register(target: &str, to: &str) -> Message {
        let text = format!(
            "REGISTER {target} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <{to}>;tag=1\r\n\
             To: <{to}>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text), &Limits::default()).unwrap()
    }

    #[test]
    fn bad_values_are_named_by_key_and_value() {
        assert_eq!(refused(|doc| doc["t1_ms"] = json!(0)), "t1_ms: \"0\" is below the minimum 1");
        assert_eq!(
            refused(|doc| doc["registrar"]["max_expires_secs"] = json!(9)),
            "registrar.max_expires_secs: \"9\" is below the minimum 10"
        );
        let message = refused(|doc| {
            doc["acl"] = json!([{"allow": true, "net": "ten", "origin": "x:1"}]);
        });
        assert_eq!(message, "acl[0].net: \"ten\" is neither an address nor a network");
    }

    #[test]
    fn registered_address_has_the_realm_that_was_challenged() {
        let policy = Policy::compile(fixture::config(|doc| {
            doc["identity"]["realms"] =
                json!([{"host": "a.test", "port": null}, {"host": "b.test", "port": null}]);
        }))
        .unwrap();
        let aor = |target, to| policy.registered_aor(&register(target, to)).map(|aor| aor.to_string());
        assert_eq!(aor("sip:a.test", "sip:b%6Fb@a.test").unwrap(), "bob@a.test");
        // Proving to be bob of a.test gives no right over bob of b.test.
        assert_eq!(aor("sip:a.test", "sip:bob@b.test").unwrap(), "bob@a.test");
        assert_eq!(aor("sip:192.0.2.10", "sip:bob@B.TEST").unwrap(), "bob@b.test");
        assert_eq!(aor("sip:192.0.2.10", "sip:bob@192.0.2.10").unwrap(), "bob@a.test");
        assert_eq!(aor("sip:a.test", "tel:+123"), None);
        assert_eq!(aor("sip:a.test", "sip:a.test"), None);
        assert_eq!(policy.aor("bob", "192.0.2.10").as_str(), "bob@a.test");
    }

    #[test]
    fn secrets_are_in_no_debug_output() {
        let policy = Policy::compile(fixture::config(|_| {})).unwrap();
        assert!(!format!("{policy:?}").contains("secret-1"));
    }
}
