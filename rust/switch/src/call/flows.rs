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

    /// A connection is gone: what is sent in its dialogs from now on takes a new one, where the peer names an
    /// address it can be reached at (RFC 3261 §18.1.1). One that comes back by itself is followed instead.
    pub(crate) fn on_flow_closed(&mut self, flow: Flow) {
        for (_, call) in &mut self.slots {
            for leg in std::iter::once(&mut call.caller).chain(&mut call.callee) {
                if leg.dialog.flow == flow {
                    leg.reconnect();
                }
            }
        }
    }
}
