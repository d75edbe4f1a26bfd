//! Session descriptions (RFC 8866): read tolerantly, kept whole, written strictly.

mod attribute;
mod connection;
mod description;
mod direction;
mod edit;
mod error;
mod media;
mod order;
mod origin;
mod parse;
mod rtpmap;
mod section;
mod write;

pub use attribute::Attribute;
pub use connection::{Connection, ConnectionAddress};
pub use description::Sdp;
pub use direction::Direction;
pub use error::{SdpError, SdpFault};
pub use media::{Media, MediaKind};
pub use origin::Origin;
pub use parse::{MAX_ATTRIBUTES, MAX_FORMATS, MAX_LINES, MAX_MEDIA, MAX_OCTETS};
pub use rtpmap::Rtpmap;
pub use section::Section;
