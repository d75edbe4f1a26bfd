//! Who decides the calls the switch asks about: a closure in tests, the real Python router through the bindings.

use std::time::Duration;

use pbx_switch::{Decision, Query};

/// Answers the questions of the switch.
pub trait Decider {
    /// The verdict and how long it takes; `None` never answers.
    fn decide(&mut self, query: &Query) -> Option<(Duration, Decision)>;
}

impl<F: FnMut(&Query) -> Option<(Duration, Decision)>> Decider for F {
    fn decide(&mut self, query: &Query) -> Option<(Duration, Decision)> {
        self(query)
    }
}

/// Leaves every call to static routes and bindings.
pub fn undecided(_: &Query) -> Option<(Duration, Decision)> {
    Some((Duration::from_millis(1), Decision::NotHandled {}))
}
