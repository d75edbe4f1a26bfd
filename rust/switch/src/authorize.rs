//! Who sent a request, and whether he may (`config.md` §1, §3 step 11, §10).

use std::sync::Arc;
use std::time::Instant;

use pbx_sip::{Fault, Message, Method, Name, Uri};

use crate::auth::{AuthRefusal, AuthVerdict, Scheme};
use crate::config::Module;
use crate::core::Inbound;
use crate::policy::{HostPort, User};
use crate::refusal::Refusal;
use crate::route::Direction;
use crate::switch::Switch;

/// Who sent a request, as far as it was proven, and which way it goes.
pub(crate) struct Proven {
    pub(crate) user: Option<String>,
    /// P-Asserted-Identity value of one who proved himself.
    pub(crate) asserted: Option<String>,
    pub(crate) direction: Direction,
}

/// A URI of a request that names somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Request,
    From,
    To,
}

impl Switch {
    /// Step 11. `None`: answered already.
    pub(crate) fn authorize(&mut self, now: Instant, inbound: &Inbound<'_>) -> Option<Proven> {
        match self.check(now, inbound) {
            Ok(proven) => proven,
            Err(refusal) => {
                self.core.refuse_stranger(now, inbound, &refusal);
                None
            }
        }
    }

    fn check(&mut self, now: Instant, inbound: &Inbound<'_>) -> Result<Option<Proven>, Refusal> {
        let message = inbound.request;
        let method = message.method();
        let target = if method == Method::Register { Place::To } else { Place::Request };
        let target_ours = self.names_us(message, target);
        let direction = if target_ours { Direction::Internal } else { Direction::Outbound };
        if matches!(method, Method::Options | Method::Register) && !target_ours {
            return Err(Refusal::ForeignTarget);
        }
        if method == Method::Register && !self.names_us(message, Place::Request) {
            return Err(Refusal::ForeignTarget);
        }
        if method == Method::Options {
            return Ok(Some(Proven { user: None, asserted: None, direction }));
        }
        if !self.core.policy.config.has_module(Module::Auth) {
            let user = uri_of(message, Place::From).map(|uri| uri.user_decoded().into_owned());
            return Ok(Some(Proven { user, asserted: None, direction }));
        }
        if !self.names_us(message, Place::From) {
            // A stranger calling one of ours is challenged like anyone; one calling elsewhere has no business here.
            if !target_ours {
                return Err(Refusal::ForeignHosts);
            }
        }
        let user = self.judge_credentials(now, inbound)?;
        Ok(user.map(|user| {
            let asserted = Some(user.identity(&self.challenge_realm(message)));
            Proven { user: Some(user.username.to_string()), asserted, direction }
        }))
    }

    /// Digest (§10). `None`: challenged.
    fn judge_credentials(
        &mut self,
        now: Instant,
        inbound: &Inbound<'_>,
    ) -> Result<Option<Arc<User>>, Refusal> {
        let message = inbound.request;
        let policy = self.core.policy.clone();
        let is_register = message.method() == Method::Register;
        let scheme = if is_register { Scheme::Www } else { Scheme::Proxy };
        let realm = self.challenge_realm(message);
        match self.auth.judge(now, &policy, message, &realm, scheme) {
            AuthVerdict::Accepted { user, .. } => {
                self.core.counters.count("auth_total", "ok");
                if let Err(refusal) = self.check_identity(message, &user, is_register) {
                    // No stranger any more: a copy must not be taken for a replay of his credentials.
                    self.core.refuse(now, inbound, &refusal);
                    return Ok(None);
                }
                return Ok(Some(user));
            }
            AuthVerdict::Challenge { stale } => {
                self.core.counters.count("auth_total", if stale { "stale" } else { "challenge" });
                self.challenge(now, inbound, &realm, scheme, stale);
            }
            AuthVerdict::BadCredentials => {
                self.core.counters.count("auth_total", "bad");
                self.core.counters.count("probes_total", "credentials");
                let place = if is_register { Place::To } else { Place::From };
                self.core.log_of(now, inbound.flow.remote.ip(), ("auth_failed", "credentials"), || {
                    let user = uri_of(message, place).map(|uri| uri.user_decoded().into_owned());
                    vec![
                        ("user", user.unwrap_or_default()),
                        ("cause", "wrong credentials".to_owned()),
                        ("method", message.method_text().to_owned()),
                    ]
                });
                self.challenge(now, inbound, &realm, scheme, false);
            }
            AuthVerdict::Refused(refusal) => {
                self.core.counters.count("auth_total", "error");
                if refusal == AuthRefusal::UriMismatch {
                    self.core.counters.count("probes_total", "digest_uri");
                }
                return Err(Refusal::Credentials);
            }
        }
        Ok(None)
    }

    /// §10.8: From, or To of a REGISTER, must be an identity of the user in a host of ours.
    fn check_identity(&self, message: &Message, user: &User, is_register: bool) -> Result<(), Refusal> {
        if !user.enabled {
            return Err(Refusal::Disabled);
        }
        let place = if is_register { Place::To } else { Place::From };
        let Some(uri) = uri_of(message, place) else { return Err(Refusal::NotIdentity) };
        let name = uri.user_decoded();
        if !is_register && name == "anonymous" && uri.host.eq_ignore_ascii_case("anonymous.invalid") {
            return Ok(());
        }
        if user.has_identity(&name) && self.names_us(message, place) {
            return Ok(());
        }
        Err(if is_register { Refusal::NotOwner } else { Refusal::NotIdentity })
    }

    fn challenge(&mut self, now: Instant, inbound: &Inbound<'_>, realm: &str, scheme: Scheme, stale: bool) {
        let policy = self.core.policy.clone();
        let values = self.auth.challenges(now, &policy, inbound.request, realm, stale);
        let (code, name) = match scheme {
            Scheme::Www => (401, Name::WwwAuthenticate),
            Scheme::Proxy => (407, Name::ProxyAuthenticate),
        };
        self.core.respond_stranger(now, inbound, (code, pbx_sip::reason_phrase(code)), |builder| {
            values.iter().fold(builder, |builder, value| builder.header(name, value))
        });
    }

    fn names_us(&self, message: &Message, place: Place) -> bool {
        uri_of(message, place).is_some_and(|uri| {
            // A number has no host: whoever dials it here means us.
            let is_number = place == Place::Request && uri.scheme == pbx_sip::Scheme::Tel;
            is_number || self.core.policy.is_ours(&HostPort::of(&uri), &self.core.locality)
        })
    }

    /// §1 rule 3.
    fn challenge_realm(&self, message: &Message) -> String {
        let named = if message.method() == Method::Register { Place::To } else { Place::From };
        match (uri_of(message, Place::Request), uri_of(message, named)) {
            (Some(request), Some(named)) => {
                self.core.policy.realms.challenge_realm(&HostPort::of(&request), &HostPort::of(&named))
            }
            _ => String::new(),
        }
    }
}

fn uri_of(message: &Message, place: Place) -> Option<Uri<'_>> {
    let parsed: Result<Uri<'_>, Fault> = match place {
        Place::Request => Uri::parse(message.request_uri()),
        Place::From => message.from().and_then(|from| Uri::parse(from.uri)),
        Place::To => message.to().and_then(|to| Uri::parse(to.uri)),
    };
    parsed.ok()
}
