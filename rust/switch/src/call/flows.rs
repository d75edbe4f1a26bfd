//! Which connections calls live on.

use std::collections::HashSet;

use pbx_sip::Flow;

use super::calls::Calls;

impl Calls {
    /// Stream flows of all dialogs.
    pub(crate) fn stream_flows(&self) -> HashSet<Flow> {
        let legs = self.slots.iter().flat_map(|(_, call)| std::iter::once(&call.caller).chain(&call.callee));
        legs.map(|leg| leg.dialog.flow).filter(|flow| flow.transport.is_reliable()).collect()
    }
}
