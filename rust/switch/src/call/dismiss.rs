//! Dialogs nobody wants: a 2xx that lost the race, came too late, or carried no usable answer (RFC 3261 §13.2.2.4).

use std::time::Instant;

use pbx_sip::dialog::Dialog;
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Bytes, Flow, Message, Method};

use super::branch::BranchState;
use super::farewell::Farewell;
use super::leg::Leg;
use super::plan::MAX_FORKS;
use super::state::Call;
use crate::core::Core;
use crate::nat::is_behind_nat;

/// Requests sent in a dialog before its answer, at most: PRACKs and the like nobody remembers any more. The BYE has to
/// come after them.
const MAX_EARLY_REQUESTS: u32 = 1_000;

/// A dialog that is over. Kept as long as copies of its 2xx may come (Timer M).
pub(crate) struct Dismissed {
    tag: Box<str>,
    /// The ACK every copy gets; `None` until the first copy comes.
    ack: Option<(Flow, Bytes)>,
}

/// A dialog that ended with its call, or left it: a copy of its 2xx gets an ACK and no further BYE.
pub(crate) fn remember_ended(core: &mut Core, client: TransactionId, tag: &str) {
    let lives = core.transactions.flow(client).is_some();
    let known = core.dismissed.get(&client).map_or(&[][..], Vec::as_slice);
    if lives && known.len() < MAX_FORKS && !known.iter().any(|dismissed| &*dismissed.tag == tag) {
        core.dismissed.entry(client).or_default().push(Dismissed { tag: tag.into(), ack: None });
    }
}

impl Call {
    /// The callee leaves this call, for another one or for good: a copy of its 2xx says nothing new.
    pub(super) fn remember_callee(&self, core: &mut Core) {
        let Some(callee) = &self.callee else { return };
        // One that won with an answer of no use has won as well.
        for branch in self.branches.iter().filter(|branch| branch.state == BranchState::Won) {
            remember_ended(core, branch.transaction, &callee.dialog.remote_tag);
        }
    }
}

/// Ends the dialog of a 2xx, from the 2xx alone: ACK, then BYE. A copy of it gets the same ACK and no second BYE.
pub(crate) fn dismiss(
    core: &mut Core,
    now: Instant,
    client: TransactionId,
    response: &Message,
    farewell: Farewell<'_>,
) {
    let tag = response.to_tag().unwrap_or_default();
    let known = core.dismissed.get(&client).map_or(&[][..], Vec::as_slice);
    let place = known.iter().position(|dismissed| &*dismissed.tag == tag);
    if let Some((flow, ack)) = place.and_then(|place| known[place].ack.clone()) {
        return core.transmit(flow, ack);
    }
    if place.is_none() && known.len() >= MAX_FORKS {
        return core.counters.count("dropped_total", "dialogs_of_one_invite");
    }
    let Some(mut leg) = acknowledged(core, response) else { return };
    leg.dialog.local_cseq += MAX_EARLY_REQUESTS;
    let flow = leg.flow();
    let ack = leg.ack.take().map(|(_, ack)| (flow, ack));
    let ended = core.dismissed.entry(client).or_default();
    if let Some(place) = place {
        ended[place].ack = ack;
        return;
    }
    ended.push(Dismissed { tag: tag.into(), ack });
    core.counters.count("calls_total", "discarded_answers");
    core.request(now, flow, Method::Bye, None, |via| farewell.write(leg.dialog.request(Method::Bye, via)));
}

/// The dialog a 2xx made, its ACK sent.
fn acknowledged(core: &mut Core, response: &Message) -> Option<Leg> {
    let arrival = core.arrival?;
    let dialog = Dialog::uac(response, arrival).ok()?;
    let behind_nat = core.policy.config.nat_fix && is_behind_nat(response, &arrival);
    let mut leg = Leg::new(dialog, behind_nat);
    leg.acknowledge(core, response.cseq(), None);
    Some(leg)
}
