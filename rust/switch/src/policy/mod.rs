//! One generation of the configuration in the form requests are judged by: tables built once, never changed,
//! shared by the calls that began under it.

mod acl;
mod error;
mod escape;
#[cfg(test)]
pub(crate) mod fixture;
mod host;
mod locality;
mod nat;
mod pattern;
mod policy_tables;
mod realms;
mod user;
mod users;

pub use acl::{Acl, AclVerdict};
pub use error::PolicyError;
pub(crate) use escape::{escaped, uri_host};
pub use host::{Host, HostPort};
pub use locality::Locality;
pub use nat::is_behind_nat;
pub use pattern::{Pattern, Scope};
pub use pbx_media::net_set::is_private;
pub use policy_tables::Policy;
pub use realms::Realms;
pub use user::{User, UserId};
pub use users::Users;
