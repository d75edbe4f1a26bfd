//! Phones: user agents written on the message layer alone, with timers of their own, so that a fault of the
//! switch cannot hide in code both sides share.

mod account;
mod answering;
mod calling;
mod client;
mod description;
mod early_update;
mod following;
mod leg;
mod outbox;
mod paging;
mod referring;
mod registering;
mod reliable;
mod server;
mod session;
mod user_agent;
mod wallet;

pub(crate) use account::Account;
pub use description::Mark;
pub use leg::{LegState, LegView, Outcome};
pub(crate) use outbox::AgentTimer;
pub(crate) use paging::Page;
pub use registering::Registration;
pub(crate) use user_agent::UserAgent;
