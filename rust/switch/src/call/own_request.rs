//! INVITE and UPDATE of our own inside the dialog of one party: what every one of them says.

use std::time::Instant;

use pbx_sip::transaction::TransactionId;
use pbx_sip::{Method, Name};

use super::id::Side;
use super::state::Call;
use crate::core::{Core, Owner, Role};
use crate::refusal::{ALLOW, supported, without_100rel};

impl Call {
    /// Sends an INVITE or UPDATE of ours; in an INVITE without a body the peer makes the offer (RFC 3261 §14.1). It
    /// refreshes the session timer as well (RFC 4028 §7.4). `None`: there is no such leg, or no room for a transaction.
    pub(super) fn ask_party(
        &mut self,
        core: &mut Core,
        now: Instant,
        (side, role): (Side, Role),
        (method, body): (Method, Option<&[u8]>),
    ) -> Option<TransactionId> {
        let owner = Owner::Call { call: self.id, role };
        let supported = supported(&self.policy.config);
        let leg = self.leg_mut(side)?;
        let (flow, contact) = (leg.flow(), leg.contact(core));
        let (dialog, session) = (&mut leg.dialog, &leg.session);
        core.request(now, flow, method, Some(owner), |via| {
            let builder = dialog
                .request(method, via)
                .header(Name::Contact, contact)
                .header(Name::Allow, ALLOW)
                // Nobody here would acknowledge a reliable response to it.
                .header(Name::Supported, without_100rel(supported));
            match body {
                Some(body) => session.ask(builder).body("application/sdp", body),
                None => session.ask(builder),
            }
        })
    }
}
