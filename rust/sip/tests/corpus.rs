//! P3 of the reliability checks, parser part: messages of other people's test suites and captures. They lie beside the
//! repository, not in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::PathBuf;

use pbx_sip::{Edit, Message, Name};
use support::{index, number, parse, root, text};
use toml::Table;

fn corpus() -> Option<(PathBuf, Vec<Table>)> {
    let directory = root().join("../shared/corpus");
    directory.join("INDEX.toml").exists().then(|| (directory.clone(), index(&directory, "sip")))
}

/// Entries whose expectation is `expect`, with their octets. Without the corpus there are none.
fn each(expect: &str, mut check: impl FnMut(&Table, Vec<u8>)) {
    let Some((directory, entries)) = corpus() else {
        eprintln!("no corpus beside this checkout: nothing to compare with");
        return;
    };
    for entry in entries.iter().filter(|entry| text(entry, "expect") == expect) {
        check(entry, std::fs::read(directory.join(text(entry, "file"))).unwrap());
    }
}

#[test]
fn every_well_formed_message_parses_with_the_listed_values() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    each("ok", |entry, octets| {
        count += 1;
        match parse(octets) {
            Ok(message) => wrong.extend(differences(entry, &message)),
            Err(error) => wrong.push(format!("{}: {error}", text(entry, "file"))),
        }
    });
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
}

fn differences(entry: &Table, message: &Message) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |key: &str, got: String| {
        let expected = match &entry[key] {
            toml::Value::String(text) => text.clone(),
            other => other.as_integer().unwrap().to_string(),
        };
        if got != expected {
            found.push(format!("{}: {key} is {expected:?}, not {got:?}", text(entry, "file")));
        }
    };
    if message.is_request() {
        compare("method", message.method_text().into());
        compare("ruri", message.request_uri().into());
    } else {
        compare("status", message.status().to_string());
    }
    compare("call_id", message.call_id().into());
    compare("cseq", message.cseq().to_string());
    let cseq_method = message.text(Name::CSeq).unwrap().split_ascii_whitespace().nth(1).unwrap();
    compare("cseq_method", cseq_method.into());
    compare("from_tag", message.from_tag().unwrap_or("").into());
    compare("to_tag", message.to_tag().unwrap_or("").into());
    compare("via_count", message.values(Name::Via).count().to_string());
    compare("top_via", message.via().unwrap().transport.into());
    compare("contact_count", message.values(Name::Contact).count().to_string());
    compare("headers", message.fields().count().to_string());
    compare("body_bytes", message.body().len().to_string());
    if number(entry, "content_length").is_some() {
        compare("content_length", message.number(Name::ContentLength).unwrap().to_string());
    }
    found
}

#[test]
fn serialising_and_parsing_again_changes_nothing() {
    each("ok", |entry, octets| {
        let file = text(entry, "file");
        let message = parse(octets).unwrap();
        let once = Edit::new(&message).finish();
        let again = parse(once.clone()).unwrap();
        assert_eq!(Edit::new(&again).finish(), once, "{file}");
        assert_eq!(again.body(), message.body(), "{file}");
        let fields = |message: &Message| -> Vec<Vec<u8>> {
            let others = message.fields().filter(|field| field.id != Name::ContentLength);
            others.map(|field| field.raw.to_vec()).collect()
        };
        assert_eq!(fields(&again), fields(&message), "{file}");
    });
}

#[test]
fn malformed_messages_are_survived_and_what_is_accepted_stays_acceptable() {
    each("either", |entry, octets| {
        let file = text(entry, "file");
        match parse(octets) {
            Ok(message) => {
                let once = Edit::new(&message).finish();
                let again = parse(once.clone()).unwrap_or_else(|error| panic!("{file}: {error}"));
                assert_eq!(Edit::new(&again).finish(), once, "{file}");
            }
            Err(error) => assert!(!error.fault.reason().is_empty(), "{file}"),
        }
    });
}
