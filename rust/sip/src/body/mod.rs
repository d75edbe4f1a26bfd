//! Message bodies: multipart ones (RFC 2046 §5.1, RFC 5621), and the session description in them.

mod multipart;
mod part;
mod session;

pub use multipart::Multipart;
pub use part::BodyPart;
pub use session::Body;
