//! The registrar and its memory: which contacts an address-of-record has now (RFC 3261 §10.3).

mod aor;
#[cfg(test)]
mod bench;
mod binding;
#[cfg(test)]
mod contact_tests;
mod copies;
#[cfg(test)]
mod copies_tests;
mod entry;
mod gruu;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod outbound_tests;
mod outcome;
mod table;
#[cfg(test)]
mod tests;
mod update;

pub use aor::Aor;
pub use binding::Binding;
pub use copies::BindingsCopy;
pub use outcome::RegisterOutcome;
pub use table::{Location, Reached};
pub use update::MIN_EXPIRES_SECS;
