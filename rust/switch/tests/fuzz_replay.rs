//! Every input the fuzzer kept for a pair of dialogs, and changes to them, against the same property.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(unreachable_pub, reason = "the fuzz target calls it from another crate")]
#[path = "../../fuzz/src/dialog.rs"]
mod properties;

use std::path::Path;

fn corpus() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/dialog");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn the_dialog_corpus_holds() {
    let inputs = corpus();
    assert!(inputs.len() > 3, "the corpus of dialog is too small");
    for input in &inputs {
        properties::dialog(input);
    }
}

#[test]
fn changed_dialogs_hold() {
    for input in corpus() {
        for place in 0..input.len().min(300) {
            let mut changed = input.clone();
            changed[place] = changed[place].wrapping_mul(167).wrapping_add(13);
            properties::dialog(&changed);
        }
    }
}
