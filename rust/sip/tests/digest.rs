//! Digest authentication against the vectors of RFC 7616 §3.9.1 and RFC 2617 §3.5.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use pbx_sip::digest::{Algorithm, Answer, Challenge, Credentials, Ha1};
use pbx_sip::{Cause, Fault, Part};

const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
const MD5: &str = "8ca523f5e9506fed4657c9700eebdbec";
const SHA256: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";

fn rfc_7616(algorithm: &str, response: &str) -> String {
    format!(
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={algorithm}, \
         nonce=\"{NONCE}\", nc=00000001, cnonce=\"{CNONCE}\", qop=auth, response=\"{response}\", \
         opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
    )
}

fn mufasa(algorithm: Algorithm) -> Ha1 {
    Ha1::new(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
}

fn parse(value: &str) -> Credentials<'_> {
    Credentials::parse(value.as_bytes()).unwrap_or_else(|fault| panic!("{value}: {fault}"))
}

fn cause(value: &str) -> Cause {
    match Credentials::parse(value.as_bytes()) {
        Err(Fault::Bad { part: Part::Value, cause }) => cause,
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn rfc_7616_vectors_are_verified() {
    for (algorithm, response) in [(Algorithm::Md5, MD5), (Algorithm::Sha256, SHA256)] {
        let value = rfc_7616(algorithm.as_str(), response);
        assert!(parse(&value).verify(&mufasa(algorithm), "GET"), "{algorithm}");
        assert!(parse(&value.replace(response, &response.to_uppercase())).verify(&mufasa(algorithm), "GET"));
    }
}

#[test]
fn rfc_2617_vector_is_verified_with_stored_digits() {
    let value = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
        uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\"";
    let ha1 = Ha1::from_hex(Algorithm::Md5, "939e7578ed9e3c518a452acee763bce9").unwrap();
    assert!(parse(value).verify(&ha1, "GET"));
    assert_eq!(parse(value).algorithm, Some(Algorithm::Md5));
}

/// RFC 7616 §3.9.2 hashes with SHA-512 cut short, so the expected value is computed by
/// the definition of FIPS 180-4 instead, outside this crate.
#[test]
fn sha_512_256_is_the_function_of_fips_180() {
    let value = rfc_7616("SHA-512-256", SHA512_256);
    assert!(parse(&value).verify(&mufasa(Algorithm::Sha512_256), "GET"));
}

const SHA512_256: &str = "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0";

#[test]
fn responses_without_qop_follow_the_old_formula() {
    let value = "Digest username=\"bob\", realm=\"biloxi.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
        uri=\"sip:bob@biloxi.com\", response=\"bf57e4e0d0bffc0fbaedce64d59add5e\"";
    let ha1 = Ha1::new(Algorithm::Md5, "bob", "biloxi.com", "zanzibar");
    assert!(parse(value).verify(&ha1, "INVITE"));
    assert_eq!(parse(value).nonce_count, None);
}

#[test]
fn any_change_makes_the_response_wrong() {
    let value = rfc_7616("SHA-256", SHA256);
    let ha1 = mufasa(Algorithm::Sha256);
    for (from, to) in [
        ("xlj9", "xlj8"),
        ("00000001", "00000002"),
        ("f2/wE4", "f2/wE5"),
        ("index", "indey"),
        ("753927", "753928"),
    ] {
        assert!(!parse(&value.replace(from, to)).verify(&ha1, "GET"), "{from} -> {to}");
    }
    assert!(!parse(&value).verify(&ha1, "POST"));
    assert!(
        !parse(&value).verify(&Ha1::new(Algorithm::Sha256, "Mufasa", "http-auth@example.org", "x"), "GET")
    );
    assert!(!parse(&value).verify(&mufasa(Algorithm::Md5), "GET"));
    for response in ["", "00", "zz", &SHA256[..63], &format!("{SHA256}0")] {
        assert!(!parse(&value.replace(SHA256, response)).verify(&ha1, "GET"), "{response}");
    }
}

#[test]
fn algorithms_and_qops_not_spoken_are_told_apart_from_malformed_ones() {
    let session = rfc_7616("SHA-256-sess", SHA256);
    assert_eq!(parse(&session).algorithm, None);
    assert!(!parse(&session).verify(&mufasa(Algorithm::Sha256), "GET"));
    let integrity = rfc_7616("SHA-256", SHA256).replace("qop=auth", "qop=auth-int");
    assert!(!parse(&integrity).verify(&mufasa(Algorithm::Sha256), "GET"));
    assert_eq!(cause("NoOneKnowsThisScheme opaque-data=here"), Cause::AuthScheme);
    assert_eq!(cause("Basic QWxhZGRpbg=="), Cause::AuthScheme);
}

#[test]
fn malformed_credentials_are_refused() {
    let good = rfc_7616("MD5", MD5);
    for missing in ["username", "realm", "nonce", "uri", "response"] {
        assert_eq!(
            cause(&good.replacen(&format!(" {missing}="), " x=", 1)),
            Cause::AuthParameter,
            "{missing}"
        );
    }
    for missing in ["nc=", "cnonce="] {
        assert_eq!(cause(&good.replace(&format!(", {missing}"), ", x=")), Cause::AuthParameter, "{missing}");
    }
    for count in ["1", "0000000g", "000000001", "+0000001"] {
        assert_eq!(cause(&good.replace("nc=00000001", &format!("nc={count}"))), Cause::Number, "{count}");
    }
    for value in [
        "Digest x",
        "Digest =x",
        "Digest a=\"",
        "Digest a=\"b\"c=d",
        "Digest a b=c",
        "Digest \"a\"=b",
        "Digest a=b c",
    ] {
        assert!(Credentials::parse(value.as_bytes()).is_err(), "{value}");
    }
    assert_eq!(cause(&(good + ", uri=\"sip:other\"")), Cause::Parameter);
    assert!(Credentials::parse(b"Digest username=\"\xff\"").is_err());
}

#[test]
fn escaped_names_are_read_without_their_escapes() {
    let value = rfc_7616("MD5", MD5).replace("Mufasa", "a\\\"b, c=\\\\d");
    assert_eq!(parse(&value).user(), "a\"b, c=\\d");
}

#[test]
fn our_answer_to_our_challenge_is_verified() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
        let mut challenge = Challenge::new("a \"b\" \\c", "nonce", algorithm);
        challenge.stale = true;
        challenge.opaque = Some("opaque".into());
        let text = challenge.to_string();
        let read = Challenge::parse(text.as_bytes()).unwrap();
        assert_eq!(read, challenge);
        let ha1 = Ha1::new(algorithm, "us\"er", &read.realm, "secret");
        let uri = "sip:pbx.example.com";
        let answer = Answer {
            challenge: &read,
            user: "us\"er",
            ha1: &ha1,
            method: "INVITE",
            uri,
            nonce_count: 10,
            cnonce: "c",
        };
        let text = answer.to_string();
        let credentials = parse(&text);
        assert!(credentials.verify(&ha1, "INVITE"), "{text}");
        assert_eq!((credentials.user().as_ref(), credentials.nonce_count), ("us\"er", Some(10)));
        assert_eq!((credentials.opaque, credentials.uri), (Some("opaque"), uri));
    }
}

#[test]
fn challenges_that_leave_no_answer_are_known() {
    let of = |text: &str| Challenge::parse(text.as_bytes()).unwrap().algorithm;
    assert_eq!(of("Digest realm=\"a\", nonce=\"b\""), Some(Algorithm::Md5));
    assert_eq!(
        of("Digest realm=\"a\", nonce=\"b\", qop=\"auth-int, auth\", algorithm=sha-256"),
        Some(Algorithm::Sha256)
    );
    assert_eq!(of("Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\""), None);
    assert_eq!(of("Digest realm=\"a\", nonce=\"b\", algorithm=AKAv1-MD5"), None);
    assert!(Challenge::parse(b"Digest realm=\"a\"").is_err());
}

#[test]
fn secrets_do_not_show() {
    let value = rfc_7616("MD5", MD5);
    let shown = format!("{:?} {:?}", parse(&value), mufasa(Algorithm::Md5));
    for secret in [MD5, "Circle", CNONCE, "3d78807defe7de2157e2b0b6573a855f"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
