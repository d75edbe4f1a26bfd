//! Runs one machine under virtual time.

use std::time::{Duration, Instant};

use super::step::Step;

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Lets time pass by the millisecond until the machine ends or does something other than
/// transmit: the milliseconds of each transmission, and when and how it stopped.
pub(super) fn run(
    base: Instant,
    mut handle_timeout: impl FnMut(Instant) -> Step,
    most: usize,
) -> (Vec<u64>, (u64, Step)) {
    let mut sent = Vec::new();
    for elapsed in 1..400_000 {
        let step = handle_timeout(base + ms(elapsed));
        if step == Step::TRANSMIT {
            sent.push(elapsed);
            assert!(sent.len() <= most, "more than {most} retransmissions: {sent:?}");
        } else if step != Step::NONE {
            return (sent, (elapsed, step));
        }
    }
    panic!("no end within 400 s");
}
