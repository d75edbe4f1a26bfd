//! The parser as Python sees it: read-only views.

mod address;
mod message;
mod sdp;
mod uri;
mod via;

pub(crate) use address::NameAddr;
pub(crate) use message::Message;
pub(crate) use sdp::{Sdp, SdpMedia};
pub(crate) use uri::Uri;
pub(crate) use via::Via;

/// Parameters as (name, value) in order.
type Params = Vec<(String, Option<String>)>;

fn params(params: &pbx_sip::Params<'_>) -> Params {
    params.iter().map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).collect()
}
