//! What operators tell the switch.

use std::time::Duration;

/// A command from the management side.
#[derive(Clone, Debug)]
pub enum Command {
    /// End one call by its handle.
    Hangup {
        /// Handle from `CallView::id`.
        call: u64,
        /// Status for a call not yet answered; `None`: 480.
        code: Option<u16>,
    },
    /// Refuse new requests; BYE what is left after `limit`.
    Drain {
        /// How long running calls may go on.
        limit: Duration,
    },
}
