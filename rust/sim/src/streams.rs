//! Streams between phones and switch: nothing is lost or overtaken until the stream is closed, which takes along what is
//! under way.

use std::collections::BTreeMap;
use std::time::Instant;

use pbx_sip::Shard;

/// Shards connections are dealt out to.
const SHARDS: usize = 6;

/// An open stream.
#[derive(Clone, Copy, Debug)]
struct Stream {
    id: u32,
    /// When the last octets under way arrive: towards the switch, towards the phone.
    last_at: [Instant; 2],
}

/// Which way octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToSwitch,
    ToPhone,
}

/// Open streams by phone.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<usize, Stream>,
    opened_total: u32,
}

impl Streams {
    /// The stream of a phone, opened if need be.
    pub(crate) fn connect(&mut self, now: Instant, phone: usize) -> u32 {
        let opened_total = &mut self.opened_total;
        let stream = self.open.entry(phone).or_insert_with(|| {
            *opened_total += 1;
            // The system gives a connection to any of the shards.
            let shard = Shard::new(*opened_total as usize % SHARDS).unwrap_or_default();
            Stream { id: shard.name(*opened_total), last_at: [now; 2] }
        });
        stream.id
    }

    /// The stream of a phone, if it is open.
    pub(crate) fn of(&self, phone: usize) -> Option<u32> {
        self.open.get(&phone).map(|stream| stream.id)
    }

    /// When octets arrive that would need until `at`, in order.
    pub(crate) fn arrival(&mut self, phone: usize, way: Way, at: Instant) -> Instant {
        match self.open.get_mut(&phone) {
            Some(stream) => {
                let last = &mut stream.last_at[way as usize];
                *last = at.max(*last);
                *last
            }
            None => at,
        }
    }

    /// Closes every stream; gives phones and ids.
    pub(crate) fn close_all(&mut self) -> Vec<(usize, u32)> {
        std::mem::take(&mut self.open).into_iter().map(|(phone, stream)| (phone, stream.id)).collect()
    }
}
