//! Transfer (RFC 3515, RFC 3891, RFC 5589): one party of a call asks for the other to be connected to somebody else.
//!
//! Three calls can be involved, and none touches another: they leave [`Errand`]s, which [`Calls`](super::Calls)
//! carries out once the one that acts is done. The call REFER came on holds a [`Referral`]: who asked, whom to reach,
//! whom to tell. The call that will take the remaining party in is a [`Target`]: a new one towards the URI of
//! Refer-To, or the other call of the referrer that Replaces names. Either lets its far end make an offer, the
//! remaining party answers it in a re-INVITE, and only then does a leg change its call. Until that moment the old call
//! stands as it was, so every failure before it costs a NOTIFY and nothing else.

mod errand;
mod join;
mod notify;
mod refer;
mod referral;
mod replaces;
mod seek;
mod target;

pub(crate) use errand::Errand;
pub(super) use referral::{Referral, glare_wait};
pub(super) use target::Target;
