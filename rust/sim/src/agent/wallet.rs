//! Challenges a phone has seen and can answer again without being asked (RFC 7616 §3.6).

use pbx_sip::digest::{Algorithm, Answer, Challenge, Ha1};
use pbx_sip::{Message, Name};

use super::account::Account;

/// Who challenged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Challenger {
    /// A registrar: 401.
    Registrar,
    /// A proxy: 407.
    Proxy,
}

impl Challenger {
    pub(super) fn of(status: u16) -> Option<Self> {
        match status {
            401 => Some(Self::Registrar),
            407 => Some(Self::Proxy),
            _ => None,
        }
    }

    fn challenge(self) -> Name {
        match self {
            Self::Registrar => Name::WwwAuthenticate,
            Self::Proxy => Name::ProxyAuthenticate,
        }
    }

    /// Header the answer goes into.
    pub(super) fn answer(self) -> Name {
        match self {
            Self::Registrar => Name::Authorization,
            Self::Proxy => Name::ProxyAuthorization,
        }
    }
}

/// A nonce in use.
#[derive(Clone, Debug)]
struct Held {
    realm: String,
    nonce: String,
    algorithm: Algorithm,
    count: u32,
}

/// One nonce per challenger.
#[derive(Clone, Debug, Default)]
pub(super) struct Wallet {
    registrar: Option<Held>,
    proxy: Option<Held>,
}

impl Wallet {
    /// Keeps the best challenge of a response. `false`: there is none to answer.
    pub(super) fn learn(&mut self, from: Challenger, response: &Message) -> bool {
        let held = response.headers(from.challenge()).find_map(|value| {
            let challenge = Challenge::parse(value).ok()?;
            let (realm, nonce) = (challenge.realm.to_string(), challenge.nonce.to_string());
            Some(Held { realm, nonce, algorithm: challenge.algorithm?, count: 0 })
        });
        let known = held.is_some();
        *self.slot(from) = held;
        known
    }

    /// Credentials for a request, if a nonce is held.
    pub(super) fn answer(
        &mut self,
        to: Challenger,
        account: &Account,
        method: &str,
        uri: &str,
    ) -> Option<String> {
        let password = account.password.as_deref()?;
        let held = self.slot(to).as_mut()?;
        held.count += 1;
        let challenge = Challenge::new(&held.realm, &held.nonce, held.algorithm);
        let ha1 = Ha1::new(held.algorithm, &account.user, &held.realm, password);
        let cnonce = format!("c{}x{}", account.index, held.count);
        let answer = Answer {
            challenge: &challenge,
            user: &account.user,
            ha1: &ha1,
            method,
            uri,
            nonce_count: held.count,
            cnonce: &cnonce,
        };
        Some(answer.to_string())
    }

    fn slot(&mut self, of: Challenger) -> &mut Option<Held> {
        match of {
            Challenger::Registrar => &mut self.registrar,
            Challenger::Proxy => &mut self.proxy,
        }
    }
}
