//! Names of live transactions.

use std::fmt;

/// One transaction: its slot, and which of the slot's tenants it is. An id of an ended transaction names
/// nothing, even when the slot is let again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(u64);

impl TransactionId {
    /// No transaction: what is answered through it goes nowhere.
    pub const NONE: Self = Self(u64::MAX);

    pub(super) fn new(slot: usize, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | (slot as u64 & u64::from(u32::MAX)))
    }

    pub(super) fn slot(self) -> usize {
        self.0 as u32 as usize
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionId({}.{})", self.slot(), self.0 >> 32)
    }
}
