//! What a run came to.

use std::time::Duration;

use crate::coverage::Coverage;

/// The outcome of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Seed of the scenario.
    pub seed: u64,
    /// Rules that were broken; empty for a good run.
    pub violations: Vec<String>,
    /// Sums.
    pub tally: Tally,
    /// The message ladder, when asked for.
    pub ladder: String,
    /// Log lines of the switch, when asked for.
    pub log: Vec<String>,
}

/// Sums over one run or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Calls placed.
    pub calls: u64,
    /// Calls answered.
    pub answered: u64,
    /// Calls whose caller got a final failure.
    pub failed: u64,
    /// Calls whose caller never got a final response.
    pub unanswered: u64,
    /// MESSAGEs sent.
    pub messages: u64,
    /// MESSAGEs some phone took.
    pub delivered: u64,
    /// Registrations and refreshes confirmed.
    pub registrations: u64,
    /// Registrations and refreshes that failed.
    pub registrations_failed: u64,
    /// Datagrams the switch sent.
    pub sent: u64,
    /// Virtual time.
    pub virtual_time: Duration,
    /// How often each feature was used.
    pub coverage: Coverage,
}

impl Tally {
    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.calls += other.calls;
        self.answered += other.answered;
        self.failed += other.failed;
        self.unanswered += other.unanswered;
        self.messages += other.messages;
        self.delivered += other.delivered;
        self.registrations += other.registrations;
        self.registrations_failed += other.registrations_failed;
        self.sent += other.sent;
        self.virtual_time += other.virtual_time;
        self.coverage.add(&other.coverage);
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for violation in &self.violations {
            writeln!(f, "  broken: {violation}")?;
        }
        f.write_str(&self.ladder)?;
        self.log.iter().try_for_each(|line| writeln!(f, "  log: {line}"))
    }
}
