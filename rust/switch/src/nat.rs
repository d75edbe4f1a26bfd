//! NAT detection on a message (§2.6.1 rule 1).

use pbx_sip::{Contact, Flow, Message, Uri};

use crate::policy;

/// Judges a request or response by its Contact and topmost Via against where it really came from.
pub(crate) fn is_behind_nat(message: &Message, flow: &Flow) -> bool {
    let via = message.via().ok();
    let contact = match message.contacts().next() {
        Some(Ok(Contact::Addr(contact))) => Uri::parse(contact.uri).ok(),
        _ => None,
    };
    // The Via of a response is our own.
    let via_host = via.as_ref().filter(|_| message.is_request()).map(|via| via.host);
    policy::is_behind_nat(contact.as_ref().map(|uri| uri.host), via_host, flow.remote.ip())
}
