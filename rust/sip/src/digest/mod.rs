//! Digest authentication (RFC 7616, RFC 8760): reading, proving and checking. Which nonce is good is the server's policy
//! and not decided here.

mod algorithm;
mod answer;
mod auth_params;
mod challenge;
mod credentials;
mod ha1;

pub use algorithm::Algorithm;
pub use answer::Answer;
pub use challenge::Challenge;
pub use credentials::Credentials;
pub use ha1::Ha1;
