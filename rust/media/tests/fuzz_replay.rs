//! Every session description the fuzzer ever kept, against the same property.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(unreachable_pub, reason = "the fuzz targets call them from another crate")]
#[path = "../../fuzz/src/media.rs"]
mod media_properties;
#[allow(unreachable_pub, reason = "the fuzz target calls it from another crate")]
#[path = "../../fuzz/src/sdp.rs"]
mod properties;

#[allow(unreachable_pub, reason = "the fuzz target calls it from another crate")]
#[path = "../../fuzz/src/stun.rs"]
mod stun_properties;

use std::path::Path;

#[test]
fn the_sdp_corpus_holds() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/sdp");
    let inputs: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 10, "the corpus of sdp is too small");
    for input in inputs {
        properties::sdp(&std::fs::read(input).unwrap());
    }
}

/// Name of a corpus, and what holds for its inputs.
type Target = (&'static str, fn(&[u8]));

#[test]
fn the_media_corpora_hold() {
    let targets: [Target; 4] = [
        ("offer_answer", media_properties::offer_answer),
        ("packet", media_properties::packet),
        ("relay", media_properties::relay),
        ("stun", stun_properties::stun),
    ];
    for (target, property) in targets {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        for entry in std::fs::read_dir(&directory).unwrap() {
            property(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
}
