//! Shards: several state machines side by side, each with transactions and dialogs of its own.
//!
//! Whatever a peer gives back to us (a branch, a tag, the id of a connection) names a place in a table of one shard.
//! The number of the shard stands in the upper bits of that place, so that a message read elsewhere is handed over.

/// Number of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard(u8);

impl Shard {
    /// How many there can be.
    pub const MAX: usize = 1 << Self::BITS;
    /// The one that is always there.
    pub const FIRST: Self = Self(0);

    const BITS: u32 = 6;
    const SHIFT: u32 = u32::BITS - Self::BITS;
    const PLACES: u32 = (1 << Self::SHIFT) - 1;

    /// `None`: more than there can be.
    pub fn new(number: usize) -> Option<Self> {
        (number < Self::MAX).then_some(Self(number as u8))
    }

    /// All shards when there are `count` of them.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (0..count.min(Self::MAX)).map(|number| Self(number as u8))
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// A place in a table of this shard, as the whole process knows it. Places have 26 bits.
    pub fn name(self, place: u32) -> u32 {
        u32::from(self.0) << Self::SHIFT | (place & Self::PLACES)
    }

    /// The shard of a place, and the place there.
    pub fn split(name: u32) -> (Self, u32) {
        (Self((name >> Self::SHIFT) as u8), name & Self::PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_shard_and_place() {
        for shard in Shard::all(Shard::MAX) {
            for place in [0, 1, 0x1234, Shard::PLACES] {
                assert_eq!(Shard::split(shard.name(place)), (shard, place));
            }
        }
        assert_eq!(Shard::new(Shard::MAX), None);
        assert_eq!(Shard::all(1000).count(), Shard::MAX);
    }

    #[test]
    fn the_first_shard_leaves_places_as_they_are() {
        assert_eq!(Shard::FIRST.name(0x1234), 0x1234);
    }
}
