//! Many seeds, one after the other.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use pbx_switch::{Decision, Forward, Query, Target};

use crate::report::{Report, Tally};
use crate::run::{RunOptions, run};
use crate::scenario::{Draw, Python};

/// Runs the scenarios of a range of seeds and gives the sums and every failed report, with its ladder.
pub fn sweep(seeds: Range<u64>, loss: f64) -> (Tally, Vec<Report>) {
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for seed in seeds {
        let report = run_seed(seed, loss, false);
        tally.add(&report.tally);
        if !report.violations.is_empty() {
            failed.push(run_seed(seed, loss, true));
        }
    }
    (tally, failed)
}

/// Runs a range of seeds in equal parts, each on a thread of its own.
pub fn sweep_on_threads(seeds: Range<u64>, loss: f64, threads: u64) -> (Tally, Vec<Report>) {
    let count = seeds.end.saturating_sub(seeds.start);
    let threads = threads.clamp(1, 256);
    let bound = |part: u64| seeds.start + count * part / threads;
    let results: Vec<(Tally, Vec<Report>)> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            (0..threads).map(|part| scope.spawn(move || sweep(bound(part)..bound(part + 1), loss))).collect();
        parts.into_iter().filter_map(|part| part.join().ok()).collect()
    });
    let mut total = Tally::default();
    let mut failed = Vec::new();
    for (tally, reports) in results {
        total.add(&tally);
        failed.extend(reports);
    }
    (total, failed)
}

/// Runs the scenario of one seed. A panic is a violation like any other.
pub fn run_seed(seed: u64, loss: f64, tapes: bool) -> Report {
    let draw = Draw::new(seed, loss);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let options = RunOptions { tapes, may_503: draw.may_503() };
        let python = draw.python;
        let mut decider = move |_: &Query| decide(python);
        run(&draw.config.to_string(), &draw.scenario, &mut decider, options)
    }));
    let violation = match outcome {
        Ok(Ok(report)) => return report,
        Ok(Err(refused)) => format!("configuration refused: {refused}"),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without words"))
        }
    };
    let tally = Tally { runs: 1, ..Tally::default() };
    Report { seed, violations: vec![violation], tally, ladder: String::new(), log: Vec::new() }
}

fn decide(python: Python) -> Option<(Duration, Decision)> {
    match python {
        Python::Absent => Some((Duration::ZERO, Decision::NotHandled {})),
        Python::Answers(after) => Some((after, Decision::NotHandled {})),
        Python::Hangs => None,
        Python::Names { after, has_fallback } => {
            let fallback = has_fallback.then(|| Target::User("1001".to_owned()));
            let targets = [Target::Uri("sip:anybody@carrier.test".to_owned())].into_iter().chain(fallback);
            let forward = Forward { targets: targets.collect(), ..Forward::default() };
            Some((after, Decision::Forward(forward)))
        }
        Python::Forwards { after, users, parallel } => {
            let mut targets: Vec<_> = users.iter().map(|user| Target::User(user.to_string())).collect();
            targets.push(Target::Uri("sip:nobody@198.51.255.1:5060".to_owned()));
            let forward = Forward { targets, parallel, ring_timeout_secs: Some(8), ..Forward::default() };
            Some((after, Decision::Forward(forward)))
        }
    }
}
