//! What phones do in a run.

mod config;
mod dice;
mod generate;
mod plan;
mod transfers;
mod zones;

pub use config::{DOMAIN, default_config};
pub use generate::{Draw, Python};
pub use plan::{
    CallPlan, Change, Device, Manners, MessagePlan, Order, Phone, PhoneTimer, Reinvite, Reliability, Reply,
    Scenario, Transfer,
};
pub use zones::{Trouble, Zone, ZoneServer};
