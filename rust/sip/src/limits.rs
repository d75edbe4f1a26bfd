//! Sizes beyond which a message is refused.

/// Bounds that hold for every message, whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a whole message, body included.
    pub max_message: usize,
    /// Octets from the start line to the empty line, that one included. At most 65 535 are honoured.
    pub max_head: usize,
    /// Header field lines.
    pub max_headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: 65_535, max_head: 32_768, max_headers: 256 }
    }
}
