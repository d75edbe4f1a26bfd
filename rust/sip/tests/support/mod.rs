//! Where the shared test messages lie.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "every test binary uses its own part")]

use std::path::{Path, PathBuf};

use pbx_sip::{Bytes, Limits, Message, ParseError};
use toml::{Table, Value};

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The entries `kind` of an index file.
pub fn index(directory: &Path, kind: &str) -> Vec<Table> {
    let text = std::fs::read_to_string(directory.join("INDEX.toml")).unwrap();
    let mut table: Table = text.parse().unwrap();
    let Some(Value::Array(entries)) = table.remove(kind) else { panic!("no [[{kind}]] in the index") };
    entries.into_iter().map(|entry| entry.try_into().unwrap()).collect()
}

/// A string of an entry, empty if absent.
pub fn text<'a>(entry: &'a Table, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A number of an entry.
pub fn number(entry: &Table, key: &str) -> Option<i64> {
    entry.get(key).and_then(Value::as_integer)
}

/// Both torture collections, each message with its entry.
pub fn torture() -> Vec<(Table, Bytes)> {
    let mut messages = Vec::new();
    for collection in ["rfc4475", "rfc5118"] {
        let directory = root().join("tests/torture").join(collection);
        for entry in index(&directory, "message") {
            let octets = std::fs::read(directory.join(text(&entry, "file"))).unwrap();
            assert_eq!(number(&entry, "bytes"), Some(octets.len() as i64), "{}", text(&entry, "file"));
            messages.push((entry, Bytes::from(octets)));
        }
    }
    messages
}

/// Reads with the limits of a default configuration.
pub fn parse(octets: impl Into<Bytes>) -> Result<Message, ParseError> {
    Message::parse(octets.into(), &Limits::default())
}

/// One torture message, parsed.
pub fn torture_message(file: &str) -> Message {
    let (_, octets) = torture().into_iter().find(|(entry, _)| text(entry, "file") == file).unwrap();
    parse(octets).unwrap()
}
