//! The subscription REFER makes (RFC 3515 §2.4.4): the referrer is told how the transfer goes.

use std::time::Instant;

use pbx_sip::{Method, Name};

use super::super::state::Call;
use crate::core::{Core, Owner, Role};

/// Longest a transfer can take: Timer C, and what follows it.
const SUBSCRIPTION_SECS: u32 = 240;

/// What NOTIFY says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    /// CSeq of the REFER, which tells its NOTIFYs from those of an earlier one; `None` for the first.
    pub(super) id: Option<u32>,
}

impl Call {
    /// Tells the referrer a status; the last one ends the subscription.
    pub(super) fn notify(&mut self, core: &mut Core, now: Instant, code: u16, reason: &str, is_last: bool) {
        let owner = Owner::Call { call: self.id, role: Role::Notify };
        let Some(referral) = &mut self.referral else { return };
        let side = referral.referrer;
        let told = if is_last { referral.subscription.take() } else { referral.subscription };
        let Some(Subscription { id }) = told else { return };
        let Some(leg) = self.leg_mut(side).filter(|leg| !leg.closing) else { return };
        let (flow, contact) = (leg.flow(), leg.contact(core));
        let dialog = &mut leg.dialog;
        let event = id.map_or_else(|| "refer".to_owned(), |id| format!("refer;id={id}"));
        let state = if is_last {
            "terminated;reason=noresource".to_owned()
        } else {
            format!("active;expires={SUBSCRIPTION_SECS}")
        };
        core.request(now, flow, Method::Notify, Some(owner), |via| {
            dialog
                .request(Method::Notify, via)
                .header(Name::Contact, contact)
                .header(Name::Event, event)
                .header(Name::SubscriptionState, state)
                .body("message/sipfrag;version=2.0", format!("SIP/2.0 {code} {reason}\r\n").as_bytes())
        });
    }
}
