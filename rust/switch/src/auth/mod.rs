//! Digest authentication as a server (`config.md` §10): which nonces are good, and who proves to be whom.

mod authenticator;
mod nonce;
mod replay;
mod target;
#[cfg(test)]
mod tests;
mod verdict;

pub use authenticator::Authenticator;
pub use verdict::{AuthRefusal, AuthVerdict, Scheme};
