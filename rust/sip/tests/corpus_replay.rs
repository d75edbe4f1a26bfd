//! Every input the fuzzers ever kept, and random changes to them, against the same properties.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(unreachable_pub, reason = "the fuzz targets call them from another crate")]
#[path = "../../fuzz/src/headers.rs"]
mod header_properties;
#[allow(unreachable_pub, reason = "the fuzz target calls it from another crate")]
#[path = "../../fuzz/src/multipart.rs"]
mod multipart_properties;
#[allow(unreachable_pub, reason = "the fuzz targets call them from another crate")]
#[path = "../../fuzz/src/sip.rs"]
mod properties;
mod support;
#[allow(unreachable_pub, reason = "the fuzz target calls it from another crate")]
#[path = "../../fuzz/src/transaction.rs"]
mod transaction_properties;

use proptest::prelude::*;
use support::{root, torture};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = root().join("rust/fuzz/corpus").join(target);
    let entries =
        std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let inputs: Vec<_> = entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    inputs
}

#[test]
fn the_message_corpus_holds() {
    for input in corpus("message") {
        properties::message(&input);
    }
    for (_, input) in torture() {
        properties::message(&input);
    }
}

#[test]
fn the_framer_corpus_holds() {
    for input in corpus("framer") {
        properties::framer(&input);
    }
}

#[test]
fn the_uri_corpus_holds() {
    for input in corpus("uri") {
        properties::uri(&input);
    }
}

#[test]
fn the_digest_corpus_holds() {
    for input in corpus("digest") {
        properties::digest(&input);
    }
}

/// Name of a corpus, and what holds for its inputs.
type Target = (&'static str, fn(&[u8]));

#[test]
fn the_header_corpora_hold() {
    let targets: [Target; 5] = [
        ("via", header_properties::via),
        ("name_addr", header_properties::name_addr),
        ("contact", header_properties::contact),
        ("cseq", header_properties::cseq),
        ("session", header_properties::session),
    ];
    for (target, property) in targets {
        for input in corpus(target) {
            property(&input);
        }
    }
}

#[test]
fn the_multipart_corpus_holds() {
    for input in corpus("multipart") {
        multipart_properties::multipart(&input);
    }
}

#[test]
fn the_transactions_corpus_holds() {
    for input in corpus("transactions") {
        transaction_properties::transactions(&input);
    }
}

/// Overwrites, removes or repeats pieces of `input`.
fn mutate(mut input: Vec<u8>, changes: &[(usize, u8, u8)]) -> Vec<u8> {
    for &(place, kind, octet) in changes {
        if input.is_empty() {
            break;
        }
        let at = place % input.len();
        let end = (at + usize::from(octet)).min(input.len());
        match kind % 5 {
            0 => input[at] = octet,
            1 => drop(input.drain(at..end)),
            2 => input.insert(at, b"\r\n,;:<>\"\\@ %=\0?"[usize::from(octet) % 15]),
            3 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            _ => input.truncate(at),
        }
    }
    input
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    proptest::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_messages_hold(pick in any::<usize>(), changes in changes()) {
        let inputs = corpus_once("message");
        properties::message(&mutate(inputs[pick % inputs.len()].clone(), &changes));
    }

    #[test]
    fn changed_streams_hold(pick in any::<usize>(), changes in changes()) {
        let inputs = corpus_once("framer");
        properties::framer(&mutate(inputs[pick % inputs.len()].clone(), &changes));
    }

    #[test]
    fn changed_uris_hold(pick in any::<usize>(), changes in changes()) {
        let inputs = corpus_once("uri");
        properties::uri(&mutate(inputs[pick % inputs.len()].clone(), &changes));
    }

    #[test]
    fn changed_header_values_hold(pick in any::<usize>(), changes in changes()) {
        let of = |target| {
            let inputs = corpus_once(target);
            mutate(inputs[pick % inputs.len()].clone(), &changes)
        };
        header_properties::via(&of("via"));
        header_properties::name_addr(&of("name_addr"));
        header_properties::contact(&of("contact"));
        header_properties::cseq(&of("cseq"));
        header_properties::session(&of("session"));
    }

    #[test]
    fn changed_orders_to_transactions_hold(pick in any::<usize>(), changes in changes()) {
        let inputs = corpus_once("transactions");
        transaction_properties::transactions(&mutate(inputs[pick % inputs.len()].clone(), &changes));
    }

    #[test]
    fn changed_multipart_bodies_hold(pick in any::<usize>(), changes in changes()) {
        let inputs = corpus_once("multipart");
        multipart_properties::multipart(&mutate(inputs[pick % inputs.len()].clone(), &changes));
    }

    #[test]
    fn changed_credentials_hold(pick in any::<usize>(), changes in changes()) {
        let inputs = corpus_once("digest");
        properties::digest(&mutate(inputs[pick % inputs.len()].clone(), &changes));
    }
}

/// A corpus read once per test binary, in a fixed order.
fn corpus_once(target: &'static str) -> &'static [Vec<u8>] {
    use std::collections::BTreeMap;
    use std::sync::OnceLock;
    static CORPORA: OnceLock<BTreeMap<&'static str, Vec<Vec<u8>>>> = OnceLock::new();
    let corpora = CORPORA.get_or_init(|| {
        let sorted = |target| {
            let mut inputs = corpus(target);
            inputs.sort();
            (target, inputs)
        };
        let targets =
            ["message", "framer", "uri", "digest", "via", "name_addr", "contact", "cseq", "session"];
        targets.into_iter().chain(["multipart", "transactions"]).map(sorted).collect()
    });
    &corpora[target]
}
