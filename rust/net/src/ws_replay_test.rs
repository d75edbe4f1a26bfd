//! Every WebSocket stream the fuzzer kept, cut anywhere, against its property.

#[allow(unreachable_pub, reason = "the fuzz target calls it from another crate")]
#[path = "../../fuzz/src/web_socket.rs"]
mod properties;

use std::path::Path;

fn corpus() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/web_socket");
    let inputs: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .filter(|input| input.len() > 2)
        .collect();
    assert!(inputs.len() > 10, "the corpus of web_socket is too small");
    inputs
}

#[test]
fn the_web_socket_corpus_holds() {
    for input in corpus() {
        properties::web_socket(&input);
    }
}

#[test]
fn what_a_web_socket_hears_does_not_depend_on_the_cuts() {
    for mut input in corpus() {
        for size in 1..=64 {
            input[0] = size;
            properties::web_socket(&input);
        }
    }
}
