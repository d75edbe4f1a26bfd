//! The instant virtual time starts from in tests.

use std::time::Instant;

#[allow(
    clippy::disallowed_methods,
    reason = "tests need one instant to count from; no test reads the clock again"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
