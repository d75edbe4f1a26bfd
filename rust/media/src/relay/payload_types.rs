use std::fmt;

/// A set of RTP payload types (0–127).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct PayloadTypes(u128);

impl PayloadTypes {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Adds a payload type; values over 127 are none and are ignored.
    pub fn insert(&mut self, payload: u8) {
        self.0 |= Self::bit(payload);
    }

    /// Whether the set holds a payload type.
    pub fn contains(self, payload: u8) -> bool {
        self.0 & Self::bit(payload) != 0
    }

    /// The payload types of both sets.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(payload: u8) -> u128 {
        1_u128.checked_shl(u32::from(payload)).unwrap_or(0)
    }
}

impl FromIterator<u8> for PayloadTypes {
    fn from_iter<T: IntoIterator<Item = u8>>(payloads: T) -> Self {
        let mut set = Self::NONE;
        payloads.into_iter().for_each(|payload| set.insert(payload));
        set
    }
}

impl fmt::Debug for PayloadTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..128_u8).filter(|payload| self.contains(*payload))).finish()
    }
}
