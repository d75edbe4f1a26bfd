//! Header values, one kind a file, read on demand from the bytes of the message.

mod contact;
pub(crate) mod cseq;
pub(crate) mod list;
mod name_addr;
pub(crate) mod params;
mod refer_to;
mod replaces;
mod session_expires;
mod via;

pub use contact::Contact;
pub use name_addr::NameAddr;
pub use params::Params;
pub use refer_to::ReferTo;
pub use replaces::Replaces;
pub use session_expires::{Refresher, SessionExpires};
pub use via::Via;
