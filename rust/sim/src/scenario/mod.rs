//! What phones do in a run.

mod config;
mod dice;
mod generate;
mod plan;
mod transfers;

pub use config::{DOMAIN, default_config};
pub use generate::{Draw, Python};
pub use plan::{
    CallPlan, Change, Device, Manners, MessagePlan, Order, Phone, Reinvite, Reliability, Reply, Scenario,
    Transfer,
};
