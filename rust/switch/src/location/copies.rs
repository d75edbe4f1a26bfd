//! Copies of bindings for the other shards: one shard writes, the others follow.

use std::collections::HashMap;
use std::time::Instant;

use super::aor::Aor;
use super::binding::Binding;
use super::table::Location;

/// All bindings of an address after a change.
#[derive(Clone, Debug)]
pub struct BindingsCopy {
    /// Place of the address with the writer; temporary addresses name it.
    key: usize,
    aor: Aor,
    bindings: Vec<Binding>,
}

/// What a location service keeps besides its bindings when there are several.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// Entries changed since the last look, for the writer; `None`: nobody follows.
    pub(super) changed: Option<Vec<(usize, Aor)>>,
    /// Addresses by their place with the writer, for a follower.
    places: HashMap<usize, Aor>,
}

impl Copies {
    pub(super) fn note(&mut self, key: usize, aor: &Aor) {
        let Some(changed) = &mut self.changed else { return };
        if changed.last().is_none_or(|(last, _)| *last != key) {
            changed.push((key, aor.clone()));
        }
    }

    /// The address the writer has at a place.
    pub(super) fn aor(&self, key: usize) -> Option<&Aor> {
        self.places.get(&key)
    }
}

impl Location {
    /// From now on changes are told by [`poll_copy`](Self::poll_copy).
    pub fn be_followed(&mut self) {
        self.copies.changed = Some(Vec::new());
    }

    /// The next change the other shards must learn of before anybody is told of it.
    pub fn poll_copy(&mut self) -> Option<BindingsCopy> {
        let (key, aor) = self.copies.changed.as_mut()?.pop()?;
        let bindings = self.entry(&aor).map_or_else(Vec::new, |entry| entry.bindings.clone());
        Some(BindingsCopy { key, aor, bindings })
    }

    /// Takes a change of the writer.
    pub fn handle_copy(&mut self, now: Instant, copy: BindingsCopy) {
        let BindingsCopy { key, aor, bindings } = copy;
        if bindings.is_empty() {
            if self.copies.places.get(&key) == Some(&aor) {
                self.copies.places.remove(&key);
            }
        } else {
            self.copies.places.insert(key, aor.clone());
        }
        self.replace(now, &aor, bindings);
    }
}
