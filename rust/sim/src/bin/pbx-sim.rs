//! `pbx-sim`: thousands of seeded runs of the whole PBX, or one of them shown message by message.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use pbx_sim::{Tally, run_seed, sweep_on_threads};

const USAGE: &str = "usage: pbx-sim [--seeds COUNT] [--first SEED] [--loss SHARE] [--threads COUNT]
       pbx-sim --seed SEED [--loss SHARE] [--ladder]
Exit code: 0 all rules held, 1 a rule was broken, 2 bad arguments.";

/// Failed runs shown in full.
const MAX_SHOWN: usize = 3;

struct Arguments {
    seeds: u64,
    first: u64,
    seed: Option<u64>,
    loss: f64,
    threads: u64,
    ladder: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match arguments.seed {
        Some(seed) => show(seed, &arguments),
        None => sweep_all(&arguments),
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut arguments = Arguments { seeds: 1000, first: 0, seed: None, loss: 0.3, threads, ladder: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--ladder" => arguments.ladder = true,
            "--seeds" => arguments.seeds = words.next()?.parse().ok()?,
            "--first" => arguments.first = words.next()?.parse().ok()?,
            "--seed" => arguments.seed = Some(words.next()?.parse().ok()?),
            "--threads" => arguments.threads = words.next()?.parse().ok().filter(|&count| count > 0)?,
            "--loss" => {
                arguments.loss = words.next()?.parse().ok().filter(|loss| (0.0..1.0).contains(loss))?;
            }
            _ => return None,
        }
    }
    Some(arguments)
}

fn show(seed: u64, arguments: &Arguments) -> ExitCode {
    let report = run_seed(seed, arguments.loss, arguments.ladder);
    say(&format!("{report}{:?}", report.tally));
    verdict(report.violations.is_empty())
}

fn sweep_all(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let seeds = arguments.first..arguments.first + arguments.seeds;
    let (tally, failed) = sweep_on_threads(seeds, arguments.loss, arguments.threads);
    for report in failed.iter().take(MAX_SHOWN) {
        say(&report.to_string());
    }
    for report in failed.iter().skip(MAX_SHOWN) {
        say(&format!("seed {}: {}", report.seed, report.violations.join("; ")));
    }
    let Tally { runs, calls, answered, unanswered, messages, delivered, .. } = tally;
    let tried = tally.registrations + tally.registrations_failed;
    say(&format!(
        "{runs} runs at {:.0} % loss in {:.1} s on {} threads: {} failed\n\
         {calls} calls: {answered} answered, {} refused, {unanswered} without final response ({:.2} % concluded)\n\
         {messages} messages: {delivered} delivered; {tried} registrations: {:.2} % confirmed; {} datagrams sent; {:.0} h of virtual time\n\
         {}",
        arguments.loss * 100.0,
        begun.elapsed().as_secs_f64(),
        arguments.threads,
        failed.len(),
        tally.failed,
        share(calls - unanswered, calls),
        share(tally.registrations, tried),
        tally.sent,
        tally.virtual_time.as_secs_f64() / 3600.0,
        tally.coverage,
    ));
    verdict(failed.is_empty())
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A closed pipe is no reason to panic.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn verdict(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
