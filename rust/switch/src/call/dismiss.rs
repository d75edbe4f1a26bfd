//! Dialogs nobody wants: a 2xx that lost the race, came too late, or carried no usable answer (RFC 3261 §13.2.2.4).

use std::time::Instant;

use pbx_sip::dialog::Dialog;
use pbx_sip::transaction::TransactionId;
use pbx_sip::{Bytes, Flow, Message, Method};

use super::leg::Leg;
use super::plan::MAX_FORKS;
use crate::core::Core;

/// A dialog that was ended at once. Kept as long as copies of its 2xx may come (Timer M).
pub(crate) struct Dismissed {
    tag: Box<str>,
    flow: Flow,
    ack: Bytes,
}

/// Ends the dialog of a 2xx, from the 2xx alone: ACK, then BYE. A copy of it gets the same ACK and no second BYE.
pub(crate) fn dismiss(core: &mut Core, now: Instant, client: TransactionId, response: &Message) {
    let tag = response.to_tag().unwrap_or_default();
    let known = core.dismissed.get(&client).map_or(&[][..], Vec::as_slice);
    if let Some(copy) = known.iter().find(|dismissed| &*dismissed.tag == tag) {
        let (flow, ack) = (copy.flow, copy.ack.clone());
        return core.transmit(flow, ack);
    }
    if known.len() >= MAX_FORKS {
        return core.counters.count("dropped_total", "dialogs_of_one_invite");
    }
    let Some(arrival) = core.arrival else { return };
    let Ok(dialog) = Dialog::uac(response, arrival) else { return };
    let mut leg = Leg::new(dialog, false);
    leg.acknowledge(core, response.cseq(), None);
    core.counters.count("calls_total", "discarded_answers");
    let flow = leg.flow();
    if let Some((_, ack)) = leg.ack.take() {
        core.dismissed.entry(client).or_default().push(Dismissed { tag: tag.into(), flow, ack });
    }
    core.request(now, flow, Method::Bye, None, |via| leg.dialog.request(Method::Bye, via));
}
