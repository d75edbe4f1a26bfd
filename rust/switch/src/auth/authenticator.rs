//! Judging credentials and making challenges.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use pbx_sip::digest::{Algorithm, Challenge, Credentials, Ha1};
use pbx_sip::{Cause, Fault, Message, Method, NameAddr};
use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

use super::nonce::{KEY, NonceMint, NonceState};
use super::replay::{MAX_NONCES, ReplayWindow};
use super::target::is_same_target;
use super::verdict::{AuthRefusal, AuthVerdict, Scheme};
use crate::config::Secret;
use crate::policy::{Host, Policy, User};

/// Algorithms we offer, strongest first (RFC 8760 §2.4).
const OFFERED: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// The digest server (`config.md` §10). Keeps no user data: secrets stay in the policy.
pub struct Authenticator {
    started_at: Instant,
    mint: NonceMint,
    replay: ReplayWindow,
    random: ChaCha12Rng,
    /// Stands in for the password of users that do not exist.
    decoy: String,
}

/// What the credentials of a request amount to.
enum Presented<'a> {
    Nothing,
    /// Only with algorithms we never offer.
    Unoffered,
    Digest(Credentials<'a>),
}

impl Authenticator {
    /// `seed` makes the process key and every nonce: it must be secret and new for each process.
    pub fn new(now: Instant, seed: [u8; 32]) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let mut key = [0; KEY];
        random.fill_bytes(&mut key);
        Self {
            started_at: now,
            mint: NonceMint::new(&key),
            replay: ReplayWindow::new(MAX_NONCES),
            decoy: format!("{:016x}", random.next_u64()),
            random,
        }
    }

    /// Judges the credentials a request carries for `realm`.
    pub fn judge(
        &mut self,
        now: Instant,
        policy: &Policy,
        request: &Message,
        realm: &str,
        scheme: Scheme,
    ) -> AuthVerdict {
        let credentials = match presented(request, realm, scheme) {
            Ok(Presented::Digest(credentials)) => credentials,
            Ok(Presented::Nothing) => return AuthVerdict::Challenge { stale: false },
            Ok(Presented::Unoffered) => return AuthVerdict::BadCredentials,
            Err(refusal) => return AuthVerdict::Refused(refusal),
        };
        if !is_same_target(credentials.uri, request.request_uri()) {
            return AuthVerdict::Refused(AuthRefusal::UriMismatch);
        }
        let Some((user, algorithm)) = self.prove(policy, &credentials, realm, request.method_text()) else {
            return AuthVerdict::BadCredentials;
        };
        let now_ms = self.now_ms(now);
        match self.mint.recognise(now_ms, credentials.nonce, realm) {
            NonceState::Valid(id) if self.replay.take(now_ms, id, credentials.nonce_count) => {
                AuthVerdict::Accepted { user, algorithm }
            }
            _ => AuthVerdict::Challenge { stale: true },
        }
    }

    /// Values of the challenge headers, strongest algorithm first (§10.2). They are alike for users we know
    /// and for those we do not.
    pub fn challenges(
        &mut self,
        now: Instant,
        policy: &Policy,
        request: &Message,
        realm: &str,
        stale: bool,
    ) -> Vec<String> {
        let nonce = self.mint.issue(self.now_ms(now), &mut self.random, realm);
        let user = claimed_user(policy, request, realm);
        let offered = OFFERED.into_iter().filter(|&algorithm| is_offered(user, algorithm));
        offered
            .map(|algorithm| Challenge { stale, ..Challenge::new(realm, &nonce, algorithm) }.to_string())
            .collect()
    }

    /// The user whose password made the response. Unknown users, users without a secret and known ones all
    /// cost the same hashes (§10.7).
    fn prove(
        &self,
        policy: &Policy,
        credentials: &Credentials<'_>,
        realm: &str,
        method: &str,
    ) -> Option<(Arc<User>, Algorithm)> {
        let algorithm = credentials.algorithm?;
        let name = credentials.user();
        let user = find_user(policy, &name, realm);
        let secret = user.and_then(|user| user.secret.as_ref());
        let password = match secret {
            Some(Secret::Password(password)) => password,
            _ => &self.decoy,
        };
        let computed = black_box(Ha1::new(algorithm, &name, realm, password));
        let stored = match (secret, algorithm) {
            (Some(Secret::Ha1(digits)), Algorithm::Md5)
            | (Some(Secret::Ha1Sha256(digits)), Algorithm::Sha256) => Ha1::from_hex(algorithm, digits),
            _ => None,
        };
        let is_provable = matches!(secret, Some(Secret::Password(_))) || stored.is_some();
        let is_right = credentials.verify(&stored.unwrap_or(computed), method);
        user.filter(|_| is_right && is_provable).map(|user| (Arc::clone(user), algorithm))
    }

    /// Milliseconds since the start, by the clock that never steps.
    fn now_ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started_at).as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// The credentials to judge: those for our realm with the strongest algorithm. Other schemes and other realms
/// are passed over (RFC 3261 §22.1).
fn presented<'a>(request: &'a Message, realm: &str, scheme: Scheme) -> Result<Presented<'a>, AuthRefusal> {
    let mut best = Presented::Nothing;
    for value in request.headers(scheme.credentials()) {
        let credentials = match Credentials::parse(value) {
            Ok(credentials) if credentials.realm == realm => credentials,
            Ok(_) | Err(Fault::Bad { cause: Cause::AuthScheme, .. }) => continue,
            Err(_) => return Err(AuthRefusal::MalformedHeader),
        };
        let is_offered = credentials.algorithm.is_some_and(|algorithm| OFFERED.contains(&algorithm));
        best = match best {
            Presented::Digest(held) if !is_offered || held.algorithm >= credentials.algorithm => {
                Presented::Digest(held)
            }
            _ if is_offered => Presented::Digest(credentials),
            _ => Presented::Unoffered,
        };
    }
    Ok(best)
}

/// A digest name is `user` or `user@realm` (§10.7).
fn find_user<'a>(policy: &'a Policy, name: &str, realm: &str) -> Option<&'a Arc<User>> {
    policy.users.by_name(name, realm).or_else(|| {
        let (user, host) = name.rsplit_once('@')?;
        policy.users.by_name(user, realm).filter(|_| Host::parse(host) == Host::parse(realm))
    })
}

/// The user a request claims to come from: To of a REGISTER, From of others.
fn claimed_user<'a>(policy: &'a Policy, request: &Message, realm: &str) -> Option<&'a Arc<User>> {
    let claimed: NameAddr<'_> =
        if request.method() == Method::Register { request.to() } else { request.from() }.ok()?;
    policy.users.by_identity(&claimed.uri().ok()?.user_decoded(), realm)
}

/// A stored hash answers its own algorithm only; anything else would be a challenge nobody can meet.
fn is_offered(user: Option<&Arc<User>>, algorithm: Algorithm) -> bool {
    match user.and_then(|user| user.secret.as_ref()) {
        Some(Secret::Ha1(_)) => algorithm == Algorithm::Md5,
        Some(Secret::Ha1Sha256(_)) => algorithm == Algorithm::Sha256,
        Some(Secret::Password(_)) | None => true,
    }
}
