//! The simulator with the handlers of Python: the real switch, virtual time, and a network that loses things.

use std::time::Duration;

use pbx_sim::{Draw, Report, RunOptions};
use pbx_switch::{Decision, Reject};
use pyo3::prelude::*;

use crate::error;
use crate::item::Query;
use crate::verdict::{self, ForwardTuple};

/// What one simulated run came to.
#[pyclass(frozen, get_all, module = "pbx._native")]
pub(crate) struct SimulationReport {
    /// Seed of the run.
    seed: u64,
    /// Rules that were broken; empty for a good run.
    violations: Vec<String>,
    /// Calls placed.
    calls: u64,
    /// Calls answered.
    answered: u64,
    /// Calls whose caller got a final failure.
    failed: u64,
    /// Registrations and refreshes confirmed.
    registrations: u64,
    /// Seconds of virtual time.
    virtual_secs: f64,
    /// All messages in order, when asked for.
    ladder: String,
}

impl From<Report> for SimulationReport {
    fn from(report: Report) -> Self {
        Self {
            seed: report.seed,
            violations: report.violations,
            calls: report.tally.calls,
            answered: report.tally.answered,
            failed: report.tally.failed,
            registrations: report.tally.registrations,
            virtual_secs: report.tally.virtual_time.as_secs_f64(),
            ladder: report.ladder,
        }
    }
}

/// What Python's callable says about a question.
#[derive(FromPyObject)]
enum Answer {
    Forward(ForwardTuple),
    Reject((u16, Option<String>, Vec<(String, String)>)),
    Word(String),
}

/// Plays the scenario of a seed at a loss rate of 0–1, every call decided by `decide(query)`.
///
/// `decide` gives `(seconds, verdict)`, or `None` to never answer. A verdict is the tuple `Engine.forward` takes,
/// `(code, reason, headers)`, or one of the words `not_handled`, `failed`, `overdue`. What it raises ends the run.
/// `may_503`: the verdicts are late or failures, so that 5xx of the switch breaks no rule.
#[pyfunction]
#[pyo3(signature = (seed, loss, decide, *, may_503=false, ladder=false))]
pub(crate) fn simulate(
    seed: u64,
    loss: f64,
    decide: &Bound<'_, PyAny>,
    may_503: bool,
    ladder: bool,
) -> PyResult<SimulationReport> {
    let mut draw = Draw::new(seed, loss);
    draw.config["call"]["ask_router"] = true.into();
    let mut raised = None;
    let mut decider = |query: &pbx_switch::Query| {
        ask(decide, query).unwrap_or_else(|error| {
            raised.get_or_insert(error);
            None
        })
    };
    // Scarce ports are part of the script of a seed, whoever decides.
    let options = RunOptions { tapes: ladder, may_503: may_503 || draw.few_ports };
    let report = pbx_sim::run(&draw.config.to_string(), &draw.scenario, &mut decider, options);
    match raised {
        Some(error) => Err(error),
        None => report.map(SimulationReport::from).map_err(error::document),
    }
}

fn ask(decide: &Bound<'_, PyAny>, query: &pbx_switch::Query) -> PyResult<Option<(Duration, Decision)>> {
    let answer: Option<(f64, Answer)> = decide.call1((Query::from(query.clone()),))?.extract()?;
    let Some((secs, answer)) = answer else { return Ok(None) };
    let after = Duration::try_from_secs_f64(secs).map_err(|fault| error::document(fault.to_string()))?;
    Ok(Some((after, decision(answer)?)))
}

fn decision(answer: Answer) -> PyResult<Decision> {
    Ok(match answer {
        Answer::Forward(tuple) => Decision::Forward(verdict::forward(tuple)?),
        Answer::Reject((code, reason, headers)) => Decision::Reject(Reject { code, reason, headers }),
        Answer::Word(word) => match word.as_str() {
            "not_handled" => Decision::NotHandled {},
            "failed" => Decision::Failed {},
            "overdue" => Decision::Overdue {},
            _ => return Err(error::document(format!("no such verdict: {word}"))),
        },
    })
}
