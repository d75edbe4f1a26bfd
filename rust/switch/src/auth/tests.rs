//! Digest rounds between a client and the authenticator (spec R4, R6, R7).

use std::time::{Duration, Instant};

use pbx_sip::digest::{Algorithm, Answer, Challenge, Ha1};
use pbx_sip::{Bytes, Limits, Message};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{AuthRefusal, AuthVerdict, Authenticator, Scheme};
use crate::policy::{Policy, fixture};

const REALM: &str = "lab.test";
const TARGET: &str = "sip:lab.test";

struct Bench {
    auth: Authenticator,
    policy: Policy,
    now: Instant,
}

/// How the client answers a challenge.
#[derive(Clone, Copy)]
struct Proof<'a> {
    user: &'a str,
    password: &'a str,
    algorithm: Algorithm,
    count: u32,
    uri: &'a str,
}

const RIGHT: Proof<'_> =
    Proof { user: "1001", password: "secret-1", algorithm: Algorithm::Sha256, count: 1, uri: TARGET };

#[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
fn origin() -> Instant {
    Instant::now()
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Value)) -> Self {
        let now = origin();
        let policy = Policy::compile(fixture::config(change)).unwrap();
        Self { auth: Authenticator::new(now, [7; 32]), policy, now }
    }

    fn challenges(&mut self, user: &str) -> Vec<String> {
        let request = register(user, &[]);
        self.auth.challenges(self.now, &self.policy, &request, REALM, false)
    }

    fn nonce(&mut self) -> String {
        nonce_of(&self.challenges("1001")[0])
    }

    fn judge(&mut self, lines: &[String]) -> AuthVerdict {
        let request = register("1001", lines);
        self.auth.judge(self.now, &self.policy, &request, REALM, Scheme::Www)
    }

    fn answer(&mut self, nonce: &str, proof: Proof<'_>) -> AuthVerdict {
        self.judge(&[authorization(nonce, proof)])
    }
}

fn nonce_of(challenge: &str) -> String {
    Challenge::parse(challenge.as_bytes()).unwrap().nonce.into_owned()
}

fn register(user: &str, lines: &[String]) -> Message {
    let mut text = format!(
        "REGISTER {TARGET} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:4000;branch=z9hG4bK1\r\n\
         From: <sip:{user}@lab.test>;tag=1\r\nTo: <sip:{user}@lab.test>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n\
         Max-Forwards: 70\r\n"
    );
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

fn authorization(nonce: &str, proof: Proof<'_>) -> String {
    with_realm(nonce, proof, REALM)
}

fn with_realm(
    nonce: &str,
    Proof { user, password, algorithm, count, uri }: Proof<'_>,
    realm: &str,
) -> String {
    let mut challenge = Challenge::new(realm, nonce, algorithm);
    challenge.qop_auth = count > 0;
    let ha1 = Ha1::new(algorithm, user, realm, password);
    let answer = Answer {
        challenge: &challenge,
        user,
        ha1: &ha1,
        method: "REGISTER",
        uri,
        nonce_count: count,
        cnonce: "0a4f113b",
    };
    format!("Authorization: {answer}")
}

fn is_accepted(verdict: &AuthVerdict) -> bool {
    matches!(verdict, AuthVerdict::Accepted { .. })
}

fn is_stale(verdict: &AuthVerdict) -> bool {
    matches!(verdict, AuthVerdict::Challenge { stale: true })
}

#[test]
fn two_challenges_with_one_nonce_strongest_first() {
    let mut bench = Bench::new();
    let challenges = bench.challenges("1001");
    let parsed: Vec<Challenge<'_>> =
        challenges.iter().map(|value| Challenge::parse(value.as_bytes()).unwrap()).collect();
    assert_eq!(
        parsed.iter().map(|challenge| challenge.algorithm).collect::<Vec<_>>(),
        [Some(Algorithm::Sha256), Some(Algorithm::Md5)]
    );
    assert_eq!(parsed[0].nonce, parsed[1].nonce);
    for challenge in &parsed {
        assert_eq!((&*challenge.realm, challenge.qop_auth, challenge.stale), (REALM, true, false));
        assert_eq!(challenge.opaque, None);
    }
    let stale = bench.auth.challenges(bench.now, &bench.policy, &register("1001", &[]), REALM, true);
    assert!(stale.iter().all(|value| value.contains("stale=true")));
}

#[test]
fn right_password_is_accepted_with_either_algorithm_and_without_qop() {
    let mut bench = Bench::new();
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        for count in [1, 0] {
            let nonce = bench.nonce();
            match bench.answer(&nonce, Proof { algorithm, count, ..RIGHT }) {
                AuthVerdict::Accepted { user, algorithm: used } => {
                    assert_eq!((&*user.username, used), ("1001", algorithm));
                }
                other => panic!("{algorithm} {count}: {other:?}"),
            }
        }
    }
}

#[test]
fn digest_name_may_carry_the_realm() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    assert!(is_accepted(&bench.answer(&nonce, Proof { user: "1001@LAB.test", ..RIGHT })));
    let other = bench.answer(&nonce, Proof { user: "1001@b.test", count: 2, ..RIGHT });
    assert!(matches!(other, AuthVerdict::BadCredentials));
}

#[test]
fn wrong_password_and_unknown_user_are_told_apart_by_nothing() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    for (user, password) in [("1001", "secret-2"), ("9999", "secret-1"), ("", ""), ("1001", "")] {
        let verdict = bench.answer(&nonce, Proof { user, password, ..RIGHT });
        assert!(matches!(verdict, AuthVerdict::BadCredentials), "{user}: {verdict:?}");
    }
    let blank = |value: &String| value.replace(&nonce_of(value), "");
    let known: Vec<String> = bench.challenges("1001").iter().map(blank).collect();
    let unknown: Vec<String> = bench.challenges("9999").iter().map(blank).collect();
    assert_eq!(known, unknown);
}

#[test]
fn empty_password_and_missing_secret_never_authenticate() {
    let mut bench = Bench::with(|doc| {
        let mut without = fixture::user("1002", "");
        without["secret"] = Value::Null;
        doc["users"] = json!([fixture::user("1001", ""), without]);
    });
    let nonce = bench.nonce();
    for user in ["1001", "1002"] {
        let verdict = bench.answer(&nonce, Proof { user, password: "", ..RIGHT });
        assert!(matches!(verdict, AuthVerdict::BadCredentials), "{user}");
    }
}

#[test]
fn stored_hash_is_challenged_with_its_own_algorithm_alone() {
    // MD5 of 1001:lab.test:secret-1.
    let md5 = "ceea02c5aaffa19e15d87d9eb2b259cf";
    let mut bench = Bench::with(|doc| {
        let mut user = fixture::user("1001", "");
        user["realm"] = json!(REALM);
        user["secret"] = json!({"ha1": md5});
        doc["users"] = json!([user]);
    });
    let challenges = bench.challenges("1001");
    assert_eq!(challenges.len(), 1);
    assert_eq!(Challenge::parse(challenges[0].as_bytes()).unwrap().algorithm, Some(Algorithm::Md5));
    let nonce = nonce_of(&challenges[0]);
    assert!(is_accepted(&bench.answer(&nonce, Proof { algorithm: Algorithm::Md5, ..RIGHT })));
    let other = bench.answer(&nonce, Proof { count: 2, ..RIGHT });
    assert!(matches!(other, AuthVerdict::BadCredentials));
}

#[test]
fn replayed_count_is_stale_and_counts_may_arrive_out_of_order() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    let mut send = |count| bench.answer(&nonce, Proof { count, ..RIGHT });
    assert!(is_accepted(&send(1)));
    assert!(is_stale(&send(1)));
    assert!(is_accepted(&send(50)));
    assert!(is_accepted(&send(3)));
    assert!(is_stale(&send(3)));
    assert!(is_accepted(&send(1000)));
    assert!(is_stale(&send(50)));
    // Reusing it the old way is a replay as well.
    assert!(is_stale(&send(0)));
}

#[test]
fn two_nonces_in_flight_are_independent() {
    let mut bench = Bench::new();
    let (one, two) = (bench.nonce(), bench.nonce());
    assert_ne!(one, two);
    for (nonce, count, accepted) in [
        (&two, 1, true),
        (&one, 5, true),
        (&two, 2, true),
        (&one, 6, true),
        (&two, 2, false),
        (&one, 6, false),
    ] {
        assert_eq!(is_accepted(&bench.answer(nonce, Proof { count, ..RIGHT })), accepted, "{count}");
    }
}

#[test]
fn foreign_and_expired_nonces_are_stale_only_when_the_response_is_right() {
    let mut bench = Bench::new();
    let expired = bench.nonce();
    // A restarted process has another key.
    let old_process = {
        let mut old = Authenticator::new(bench.now, [8; 32]);
        nonce_of(&old.challenges(bench.now, &bench.policy, &register("1001", &[]), REALM, false)[0])
    };
    bench.now += Duration::from_secs(301);
    for nonce in [expired.as_str(), old_process.as_str(), "made-up", ""] {
        assert!(is_stale(&bench.answer(nonce, RIGHT)), "{nonce}");
        let wrong = bench.answer(nonce, Proof { password: "guess", ..RIGHT });
        assert!(matches!(wrong, AuthVerdict::BadCredentials), "{nonce}");
    }
    let fresh = bench.nonce();
    assert!(is_accepted(&bench.answer(&fresh, RIGHT)));
}

#[test]
fn wrong_response_uses_no_count_up() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    bench.answer(&nonce, Proof { password: "guess", ..RIGHT });
    assert!(is_accepted(&bench.answer(&nonce, RIGHT)));
}

#[test]
fn other_target_or_method_is_refused() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    for uri in ["sip:b.test", "sip:1002@lab.test", "sips:lab.test", "nonsense"] {
        let verdict = bench.answer(&nonce, Proof { uri, ..RIGHT });
        assert!(matches!(verdict, AuthVerdict::Refused(AuthRefusal::UriMismatch)), "{uri}");
    }
    assert!(is_accepted(&bench.answer(&nonce, Proof { uri: "sip:LAB.test:5060;x=y", ..RIGHT })));
    let line = authorization(&nonce, Proof { count: 2, ..RIGHT });
    let text = String::from_utf8(register("1001", &[line]).bytes().to_vec()).unwrap();
    let invite = text.replace("REGISTER", "MESSAGE").replace("Authorization", "Proxy-Authorization");
    let invite = Message::parse(Bytes::from(invite), &Limits::default()).unwrap();
    let verdict = bench.auth.judge(bench.now, &bench.policy, &invite, REALM, Scheme::Proxy);
    assert!(matches!(verdict, AuthVerdict::BadCredentials), "{verdict:?}");
}

#[test]
fn algorithms_that_were_not_offered_are_refused() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    let sha512 = bench.answer(&nonce, Proof { algorithm: Algorithm::Sha512_256, ..RIGHT });
    assert!(matches!(sha512, AuthVerdict::BadCredentials));
    for algorithm in ["MD5-sess", "SHA-256-sess", "ROT13"] {
        let line = authorization(&nonce, RIGHT).replace("SHA-256", algorithm);
        assert!(matches!(bench.judge(&[line]), AuthVerdict::BadCredentials), "{algorithm}");
    }
    let integrity = authorization(&nonce, RIGHT).replace("qop=auth", "qop=auth-int");
    assert!(matches!(bench.judge(&[integrity]), AuthVerdict::BadCredentials));
    // No algorithm means MD5, which a SHA-256 response is not.
    let none = authorization(&nonce, RIGHT).replace(", algorithm=SHA-256", "");
    assert!(matches!(bench.judge(&[none]), AuthVerdict::BadCredentials));
    let md5 = Proof { algorithm: Algorithm::Md5, ..RIGHT };
    let none = authorization(&nonce, md5).replace(", algorithm=MD5", "");
    assert!(is_accepted(&bench.judge(&[none])));
}

#[test]
fn credentials_for_other_realms_and_schemes_are_passed_over() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    let other = with_realm(&nonce, RIGHT, "b.test");
    let unknown = "Authorization: NoOneKnowsThisScheme opaque-data=here".to_owned();
    let nothing = bench.judge(&[other.clone(), unknown.clone()]);
    assert!(matches!(nothing, AuthVerdict::Challenge { stale: false }));
    let ours = authorization(&nonce, RIGHT);
    assert!(is_accepted(&bench.judge(&[other, unknown, ours])));
}

#[test]
fn strongest_algorithm_of_several_is_judged() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    let weak = authorization(&nonce, Proof { algorithm: Algorithm::Md5, ..RIGHT });
    let strong_but_wrong = authorization(&nonce, Proof { password: "guess", ..RIGHT });
    for lines in [[weak.clone(), strong_but_wrong.clone()], [strong_but_wrong, weak.clone()]] {
        assert!(matches!(bench.judge(&lines), AuthVerdict::BadCredentials));
    }
    // One we never offered does not hide one we did.
    let unoffered = authorization(&nonce, Proof { algorithm: Algorithm::Sha512_256, ..RIGHT });
    assert!(is_accepted(&bench.judge(&[unoffered, weak])));
}

#[test]
fn malformed_digest_is_refused_and_nothing_panics() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    let good = authorization(&nonce, RIGHT);
    for (from, to) in
        [("nc=00000001", "nc=1"), ("cnonce=", "xnonce="), ("username=", "name="), ("nonce=\"", "nonce=\"\"x")]
    {
        let verdict = bench.judge(&[good.replace(from, to)]);
        assert!(matches!(verdict, AuthVerdict::Refused(AuthRefusal::MalformedHeader)), "{to}: {verdict:?}");
    }
}

#[test]
fn same_user_name_in_two_realms_has_two_passwords() {
    let mut bench = Bench::with(|doc| {
        let (mut one, mut two) = (fixture::user("1001", "one"), fixture::user("1001", "two"));
        one["realm"] = json!("a.test");
        two["realm"] = json!("b.test");
        doc["users"] = json!([one, two]);
    });
    for (realm, password, good) in
        [("a.test", "one", true), ("a.test", "two", false), ("b.test", "two", true)]
    {
        let request = register("1001", &[]);
        let challenges = bench.auth.challenges(bench.now, &bench.policy, &request, realm, false);
        let line = with_realm(&nonce_of(&challenges[0]), Proof { password, ..RIGHT }, realm);
        let request = register("1001", &[line]);
        let verdict = bench.auth.judge(bench.now, &bench.policy, &request, realm, Scheme::Www);
        assert_eq!(is_accepted(&verdict), good, "{realm} {password}");
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let bench = Bench::new();
    assert_eq!(format!("{:?}", bench.auth), "Authenticator { .. }");
}

proptest! {
    #[test]
    fn no_altered_response_is_accepted(position in 0usize..300, octet in 0x20u8..0x7f) {
        let mut bench = Bench::new();
        let nonce = bench.nonce();
        let good = authorization(&nonce, RIGHT);
        let start = "Authorization: ".len();
        let mut altered = good.clone().into_bytes();
        let index = start + position % (altered.len() - start);
        prop_assume!(altered[index] != octet);
        altered[index] = octet;
        let altered = String::from_utf8(altered).unwrap();
        let verdict = bench.judge(std::slice::from_ref(&altered));
        // Letter case of parameter names and of the hash, blanks and empty list members make no difference.
        let essence = |text: &str| text.to_ascii_lowercase().replace([' ', ','], "");
        prop_assert!(!is_accepted(&verdict) || essence(&altered) == essence(&good), "{}", altered);
    }
}
