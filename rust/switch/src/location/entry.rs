//! The bindings of one address-of-record.

use std::time::Instant;

use pbx_sip::Flow;

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

    /// Puts a contact in place of the binding it replaces, or beside the others.
    pub(super) fn store(&mut self, arriving: Arriving, wish: Wish<'_>, replaces: Option<usize>, order: u64) {
        let Arriving { flow, expires_at, nat } = arriving;
        let registration = wish.registration;
        // Twice the same contact in one request: the last one counts.
        let is_same = |binding: &Binding| registration.replaces(&wish.uri, &binding.registration);
        let index = replaces.or_else(|| self.bindings.iter().position(is_same));
        if let Some(binding) = index.and_then(|index| self.bindings.get_mut(index)) {
            // A phone that restarts begins a new Call-ID; a refresh keeps its place in the order.
            let is_same_phone = binding.registration.text.call_id() == registration.text.call_id();
            let order = if is_same_phone { binding.order } else { order };
            *binding = Binding { registration, flow, expires_at, order, nat };
        } else {
            self.bindings.reserve_exact(1);
            self.bindings.push(Binding { registration, flow, expires_at, order, nat });
        }
    }

    /// First expiry.
    pub(super) fn first_expiry(&self) -> Option<Instant> {
        self.bindings.iter().map(|binding| binding.expires_at).min()
    }
}

/// What a contact gets besides what it says itself.
#[derive(Clone, Copy)]
pub(super) struct Arriving {
    pub(super) flow: Flow,
    pub(super) expires_at: Instant,
    pub(super) nat: bool,
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
