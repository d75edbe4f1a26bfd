//! The whole PBX under a virtual clock and a seeded network, with phones that do as they are told.
//!
//! [`run`] plays one [`Scenario`] against the real [`pbx_switch::Switch`] and judges the end; [`sweep`] does so for many
//! seeds; [`World`] is for tests that want to look and meddle in between. Equal seeds give equal runs.

mod address;
mod agent;
mod coverage;
mod decider;
mod hall;
mod invariant;
mod media_ledger;
mod name_rules;
mod name_server;
mod network;
mod operator;
mod paging_rules;
mod pairing;
mod report;
mod run;
mod scenario;
mod schedule;
mod streams;
mod sweep;
mod tape;
mod traffic;
mod transfer_rules;
mod unheard;
mod watch;
mod world;

pub use address::{SERVER, phone_address};
pub use agent::{LegState, LegView, Mark, Outcome, Registration};
pub use coverage::{Coverage, Feature};
pub use decider::{Decider, undecided};
pub use hall::Hall;
pub use network::Network;
pub use report::{Report, Tally};
pub use run::{RunOptions, run};
pub use scenario::{
    CallPlan, Change, DOMAIN, Device, Draw, Manners, MessagePlan, Order, Phone, PhoneTimer, Python, Reinvite,
    Reliability, Reply, Scenario, Transfer, Trouble, Zone, ZoneServer, default_config,
};
pub use sweep::{run_seed, sweep, sweep_on_threads};
pub use tape::{Sighting, Tape};
pub use world::World;
