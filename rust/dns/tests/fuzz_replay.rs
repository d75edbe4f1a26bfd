//! Every reply the fuzzer ever kept, against the same property.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(unreachable_pub, reason = "the fuzz target calls it from another crate")]
#[path = "../../fuzz/src/dns.rs"]
mod properties;

use std::path::Path;

#[test]
fn the_dns_corpus_holds() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/dns");
    let inputs: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 10, "the corpus of dns is too small");
    for input in inputs {
        properties::dns(&std::fs::read(input).unwrap());
    }
}
