//! Which idle connections must stay because a call lives on them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use pbx_sip::Flow;
use pbx_switch::Switch;

/// A connection on which a call began this recently is not idle, so an older list still tells the truth.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The switch's list, kept for a while: many connections may fall due together and each list is a walk over
/// all calls.
#[derive(Debug, Default)]
pub(crate) struct CallFlows {
    flows: HashSet<Flow>,
    listed_at: Option<Instant>,
}

impl CallFlows {
    /// Whether a call lives on a connection that has been idle for longer than the list may be old.
    pub(crate) fn contains(&mut self, now: Instant, switch: &Switch, flow: Flow) -> bool {
        if self.listed_at.is_none_or(|at| now.saturating_duration_since(at) >= MAX_AGE) {
            self.flows = switch.call_flows();
            self.listed_at = Some(now);
        }
        self.flows.contains(&flow) || self.flows.contains(&Flow { socket: Flow::NEW, ..flow })
    }
}
