//! The bindings of one address-of-record.

use std::time::Instant;

use super::aor::Aor;
use super::binding::Binding;
use super::outcome::RegisterFault;
use super::update::Wish;

/// An address-of-record that has bindings.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) aor: Aor,
    pub(super) bindings: Vec<Binding>,
    /// When the entry is looked at next: not after its first expiry.
    pub(super) due_at: Instant,
}

impl Entry {
    /// Bindings that still hold.
    pub(super) fn live(&self, now: Instant) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.is_live(now))
    }

    /// First expiry.
    pub(super) fn first_expiry(&self) -> Option<Instant> {
        self.bindings.iter().map(|binding| binding.expires_at).min()
    }
}

/// What becomes of each binding, worked out before anything changes (RFC 3261 §10.3: all or nothing).
pub(super) struct Plan {
    /// For each wish, the binding it replaces.
    pub(super) replaces: Vec<Option<usize>>,
    /// Bindings that hold now.
    pub(super) before: usize,
    /// Bindings afterwards.
    pub(super) after: usize,
}

impl Plan {
    pub(super) fn new(
        now: Instant,
        bindings: &[Binding],
        wishes: &[Wish<'_>],
    ) -> Result<Self, RegisterFault> {
        let mut stays: Vec<bool> = bindings.iter().map(|binding| binding.is_live(now)).collect();
        let before = stays.iter().filter(|&&stays| stays).count();
        let mut added: Vec<&Wish<'_>> = Vec::new();
        let mut replaces = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let found = bindings.iter().position(|binding| {
                binding.is_live(now) && wish.registration.replaces(&wish.uri, &binding.registration)
            });
            match found {
                Some(index) if wish.registration.is_stale(&bindings[index].registration) => {
                    return Err(RegisterFault::Stale);
                }
                Some(index) => stays[index] = wish.expires_secs > 0,
                None => {
                    added.retain(|other| !wish.registration.replaces(&wish.uri, &other.registration));
                    if wish.expires_secs > 0 {
                        added.push(wish);
                    }
                }
            }
            replaces.push(found);
        }
        let after = stays.into_iter().filter(|&stays| stays).count() + added.len();
        Ok(Self { replaces, before, after })
    }
}
