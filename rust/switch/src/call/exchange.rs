//! Where the offer/answer exchange of a leg stands (RFC 3264, RFC 6337). Every request with an offer asks here.

use super::id::Side;
use super::leg::Leg;
use super::reliable::Description;
use super::state::{Call, Phase};
use crate::refusal::Refusal;

/// State of the exchange with one party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Either side may make an offer.
    Stable,
    /// The peer's offer, or its INVITE without one, is unanswered.
    Received,
    /// Our offer is unanswered.
    Sent,
}

impl Call {
    /// Whether the party of `side` may make an offer now, to be carried to the other (RFC 3261 §14.2,
    /// RFC 3311 §5.2).
    ///
    /// # Errors
    /// 500 + Retry-After while an offer of its own is unanswered, 491 while one of ours is.
    pub(super) fn may_offer(&self, side: Side) -> Result<(), Refusal> {
        match (self.exchange(side), self.exchange(side.other())) {
            (Exchange::Received, _) => Err(Refusal::Overlapping),
            (Exchange::Stable, Exchange::Stable) => Ok(()),
            _ => Err(Refusal::Glare),
        }
    }

    fn exchange(&self, side: Side) -> Exchange {
        match self.phase {
            Phase::Connected => self.confirmed_exchange(side),
            _ => self.early_exchange(side),
        }
    }

    /// Before the answer, only an exchange in reliable messages ends (RFC 6337 §2.2).
    fn early_exchange(&self, side: Side) -> Exchange {
        let shown =
            self.reliable.as_deref().map(|reliable| (reliable.is_answered, reliable.unacknowledged()));
        match (side, shown) {
            (Side::Caller, Some((true, Some(Description::Offer)))) => Exchange::Sent,
            (Side::Caller, Some((true, None | Some(Description::None)))) => self.relayed_exchange(side),
            (Side::Caller, _) => Exchange::Received,
            (Side::Callee, _) => match self.early_leg() {
                Some(early) if early.owes_answer => Exchange::Received,
                Some(early) if early.is_bound => self.relayed_exchange(side),
                _ => Exchange::Sent,
            },
        }
    }

    fn confirmed_exchange(&self, side: Side) -> Exchange {
        let is_shown = (side == Side::Callee && (self.reanchor_due || self.reanchor.is_some()))
            || self.redescription.as_ref().is_some_and(|shown| shown.towards == side);
        let leg = self.leg(side);
        let offers_in_2xx = |leg: &Leg| leg.accepting.as_ref().is_some_and(|accepting| accepting.offered);
        if leg.is_some_and(|leg| leg.owed_ack.is_some()) {
            return Exchange::Received;
        }
        if is_shown || leg.is_some_and(|leg| offers_in_2xx(leg) || leg.is_refreshing_by_invite()) {
            return Exchange::Sent;
        }
        self.relayed_exchange(side)
    }

    fn relayed_exchange(&self, side: Side) -> Exchange {
        match self.relays.iter().find(|relay| relay.is_exchange()).map(|relay| relay.from) {
            Some(author) if author == side => Exchange::Received,
            Some(_) => Exchange::Sent,
            None => Exchange::Stable,
        }
    }
}
