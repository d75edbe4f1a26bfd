//! P6: every well-formed body of the corpus beside the repository, offered through the switch.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;

use pbx_media::sdp::Sdp;
use pbx_sim::{CallPlan, Manners, Phone, Scenario};
use serde_json::json;
use support::{from_phone, millis, named, secs, to_phone, world};

/// Files of bodies the index calls well formed; none where the corpus is absent.
fn bodies() -> Vec<(String, Vec<u8>)> {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let Ok(index) = std::fs::read_to_string(corpus.join("INDEX.toml")) else { return Vec::new() };
    let entries = index.split("[[").filter(|entry| entry.starts_with("sdp]]"));
    let value = |entry: &str, key: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='))?;
        Some(line.trim().trim_matches('"').to_owned())
    };
    entries
        .filter(|entry| value(entry, "expect").as_deref() == Some("ok"))
        .filter_map(|entry| value(entry, "file"))
        .map(|file| (file.clone(), std::fs::read(corpus.join(&file)).unwrap()))
        .collect()
}

/// Offers a body to a busy callee: `true` if it got there, `false` if it was refused with 488 or 415.
fn reaches_the_callee(file: &str, body: &[u8], mode: &str) -> bool {
    let busy = Phone::new("1002").with_manners(vec![Manners::rejecting(486, millis(10))]);
    let call = CallPlan { body: Some(body.to_vec()), ..CallPlan::new(secs(1), 0, "1002") };
    let scenario = Scenario::new(vec![Phone::new("1001"), busy], vec![call]);
    let every_codec = json!({"media": {"audio_codecs": [
        "opus", "g729", "g722", "pcmu", "pcma", "amr", "amr-wb", "evs", "g726-32", "gsm", "ilbc", "l16", "speex",
    ]}});
    let mut world = world(&scenario, mode, &every_codec);
    world.run_until(secs(3));
    let offered = named(to_phone(&world, 1), "INVITE");
    if let Some(invite) = offered.first() {
        let written = Sdp::parse(body).unwrap_or_else(|error| panic!("{file}: {error}"));
        if mode == "none" {
            assert_eq!(invite.message.body(), body, "{file} passes byte for byte");
        }
        let shown = Sdp::parse(invite.message.body()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(shown.media().len(), written.media().len(), "{file} in mode {mode}");
        support::end(&mut world);
        return true;
    }
    assert!(!named(from_phone(&world, 0), "INVITE").is_empty());
    let refused = to_phone(&world, 0).into_iter().map(|seen| seen.message.status()).max();
    assert!(matches!(refused, Some(488 | 415)), "{file} in mode {mode}: {refused:?}");
    support::end(&mut world);
    false
}

#[test]
fn every_body_keeps_its_lines_or_is_refused() {
    let bodies = bodies();
    for mode in ["all", "auto", "bypass", "none"] {
        let passed = bodies.iter().filter(|(file, body)| reaches_the_callee(file, body, mode)).count();
        eprintln!("mode {mode}: {passed} of {} bodies reach the callee, the rest is refused", bodies.len());
        assert!(passed * 2 >= bodies.len());
    }
}
