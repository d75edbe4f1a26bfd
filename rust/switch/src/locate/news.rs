//! What the driver hears from resolvers.

/// News about an attempt the switch asked for with `Output::Dns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsNews {
    /// A message came to the socket of the attempt.
    Reply {
        /// Names the attempt.
        token: u64,
        /// The message.
        bytes: Vec<u8>,
    },
    /// The socket could not be opened, or the server cannot be reached.
    Failed {
        /// Names the attempt.
        token: u64,
    },
}
