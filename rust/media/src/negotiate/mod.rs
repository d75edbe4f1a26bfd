//! Offer and answer across two legs (RFC 3264): what one party offers is offered on, what the other answers
//! is answered back, and addresses are replaced where we stand in between.
//!
//! Payload numbers are never translated: the offer keeps the offerer's, so that media can flow between the
//! parties without us.

mod anchor;
mod answer;
mod bypass;
mod codec;
mod error;
mod facts;
mod local_origin;
mod offer;
mod policy;
mod remote;
mod selection;

pub use anchor::{LegMedia, anchor};
pub use answer::answer_for_offerer;
pub use bypass::rewrite_bypass;
pub use codec::AudioCodec;
pub use error::NegotiationError;
pub use facts::MediaFacts;
pub use local_origin::LocalOrigin;
pub use offer::offer_for_answerer;
pub use policy::CodecPolicy;
pub use remote::RemoteSource;
