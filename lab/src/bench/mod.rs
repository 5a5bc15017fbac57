//! The bench: Headend, FreeRADIUS and the limit of this machine side by side, in one run, with one generator.
//!
//! Measures and writes down; asserts nothing about speed, because the machine is never quiet. Everything it starts it
//! stops; everything stays in 127.0.0.0/8. In the order of a run:
//!
//! 1. [`machine`]: what it runs on. [`stage`]: who is up ([`subject`]).
//! 2. [`cell`]: some work, at some pace, on one subject; [`usage`]: what it cost.
//! 3. [`rounds`]: logins and accounting, side by side. [`storm`]: a BNG that reboots.
//! 4. [`growth`]: more subscribers, more NAS, memory, starts. [`change`]: how soon a change is live. [`outage`]: no database.
//! 5. [`figures`]: what came out; [`results`]: benches/RESULTS.md.

pub mod cell;
mod change;
mod figures;
mod growth;
mod machine;
mod outage;
mod results;
mod rounds;
mod session;
mod spotlight;
mod stage;
mod storm;
pub mod subject;
mod usage;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use radius::SharedSecret;

use self::cell::Workshop;
use self::figures::Figures;
use self::session::Undisturbed;
use self::stage::Stage;
use self::subject::freeradius::Freeradius;
use self::subject::{Kind, Place};
use crate::interrupt::Interrupted;
use crate::report;

/// Where the results of a full run go.
const RESULTS: &str = "benches/RESULTS.md";
/// Where those of any other run go, below the run's logs.
const RESULTS_OF_A_PART: &str = "RESULTS.md";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Test {
    /// PAP, pinned and unpinned
    Pap,
    /// CHAP, pinned
    Chap,
    /// MS-CHAPv2, pinned
    Mschapv2,
    /// Accounting into the database, pinned and unpinned
    Acct,
    /// p99 at half of own saturation
    Latency,
    /// Resident memory
    Memory,
    /// 1k to 1M subscribers, 1 to 1,000 NAS
    Scaling,
    /// Starts with 1M subscribers
    Directory,
    /// How soon a change is live
    Changes,
    /// 20,000 logins at once
    Reboot,
    /// The database goes and comes back
    Outage,
}

/// Options of `lab bench`.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// `quick`: a short form in about two minutes
    #[arg(value_parser = ["quick", "full"], default_value = "full")]
    form: String,
    /// Measure only these
    #[arg(long, value_delimiter = ',', value_name = "TESTS")]
    only: Vec<Test>,
    /// Measure only these servers
    #[arg(long, value_delimiter = ',', value_name = "SERVERS")]
    subjects: Vec<Kind>,
    /// Rounds of each test that is repeated [default: 3; quick: 1]
    #[arg(long)]
    rounds: Option<u32>,
    /// Seconds of each timed window [default: 4; quick: 1]
    #[arg(long)]
    seconds: Option<f64>,
    /// Subscribers in the side-by-side tests [default: 100000; quick: 10000]
    #[arg(long)]
    subscribers: Option<usize>,
    /// Subscribers of the largest directory [default: 1000000; quick: 100000]
    #[arg(long)]
    subscribers_most: Option<usize>,
    /// Threads and database connections of FreeRADIUS; 0: one thread for everything [default: the best we found]
    #[arg(long)]
    freeradius_threads: Option<usize>,
    /// Write the results here [default: benches/RESULTS.md for a full run, else lab/run/logs/RESULTS.md]
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// What a run does, everything decided.
#[derive(Debug)]
pub struct Plan {
    /// What is measured.
    tests: Vec<Test>,
    /// Who is measured.
    kinds: Vec<Kind>,
    /// How often.
    rounds: u32,
    /// How long each time.
    length: Duration,
    /// Subscribers side by side.
    subscribers: usize,
    /// Subscribers of the largest directory.
    subscribers_most: usize,
    /// Whether it is the short form.
    quick: bool,
    /// Where the results go.
    write: PathBuf,
}

/// The tests of the short form: the side-by-side ones, and the storm.
const QUICK: [Test; 6] = [
    Test::Pap,
    Test::Mschapv2,
    Test::Acct,
    Test::Latency,
    Test::Memory,
    Test::Reboot,
];
/// All tests.
const FULL: [Test; 11] = [
    Test::Pap,
    Test::Chap,
    Test::Mschapv2,
    Test::Acct,
    Test::Latency,
    Test::Memory,
    Test::Scaling,
    Test::Directory,
    Test::Changes,
    Test::Reboot,
    Test::Outage,
];

impl Plan {
    /// Decides what was left open.
    fn of(options: Options, root: &Path) -> Plan {
        let quick = options.form == "quick";
        let whole =
            !quick && options.only.is_empty() && options.subjects.is_empty() && options.subscribers.is_none();
        let tests = match (options.only.is_empty(), quick) {
            (false, _) => options.only,
            (true, true) => QUICK.to_vec(),
            (true, false) => FULL.to_vec(),
        };
        let kinds = if options.subjects.is_empty() {
            Kind::ALL.to_vec()
        } else {
            options.subjects
        };
        Plan {
            tests,
            kinds: Kind::ALL
                .into_iter()
                .filter(|kind| kinds.contains(kind))
                .collect(),
            rounds: options.rounds.unwrap_or(if quick { 1 } else { 3 }).max(1),
            length: Duration::from_secs_f64(
                options
                    .seconds
                    .unwrap_or(if quick { 1.0 } else { 4.0 })
                    .clamp(0.2, 60.0),
            ),
            subscribers: options
                .subscribers
                .unwrap_or(if quick { 10_000 } else { 100_000 })
                .max(100),
            subscribers_most: options
                .subscribers_most
                .unwrap_or(if quick { 100_000 } else { 1_000_000 }),
            quick,
            write: options.write.unwrap_or_else(|| match whole {
                true => root.join(RESULTS),
                false => root.join("lab/run/logs").join(RESULTS_OF_A_PART),
            }),
        }
    }

    /// Whether a test is to be done.
    pub fn wants(&self, test: Test) -> bool {
        self.tests.contains(&test)
    }
}

/// Everything a test needs.
pub struct Bench {
    /// What is to be done.
    pub plan: Plan,
    /// Who is up.
    pub stage: Stage,
    /// Requests and replies.
    pub workshop: Workshop,
    /// What came out.
    pub figures: Figures,
}

/// Measures, writes the results; gives whether every test could be done.
///
/// # Errors
/// Nothing could be measured at all, or somebody asked us to stop.
pub fn play(root: &Path, binary: &Path, options: Options) -> Result<bool> {
    let since = Instant::now();
    let stage = Stage::prepare(root, binary, options.freeradius_threads)?;
    let plan = Plan::of(options, root);
    let machine = machine::describe(&stage.run, binary);
    report::line(&machine);
    let secret = SharedSecret::new(stage.secret.reveal().as_bytes());
    let mut bench = Bench {
        plan,
        stage,
        workshop: Workshop::new(secret),
        figures: Figures::default(),
    };
    let undisturbed = Undisturbed::begin();
    bench.all()?;
    drop(undisturbed);
    let text = results::write(&bench.plan, &bench.figures, &machine, root, since.elapsed());
    let path = bench.plan.write.clone();
    std::fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::write(bench.stage.run.logs.join("figures.tsv"), bench.figures.lines())
        .context("cannot write the figures")?;
    report::line(format!("\n{text}"));
    report::line(format!(
        "written to {} after {} s",
        path.display(),
        since.elapsed().as_secs()
    ));
    Ok(bench.figures.failures().is_empty())
}

impl Bench {
    /// All tests, in an order that starts each server as seldom as possible.
    fn all(&mut self) -> Result<()> {
        if Freeradius::program().is_none() {
            self.figures
                .note("FreeRADIUS is not installed, so it was not measured".to_owned());
            self.plan
                .kinds
                .retain(|kind| matches!(kind, Kind::Echo | Kind::Headend));
        }
        let subscribers = self.plan.subscribers;
        if self.plan.kinds.contains(&Kind::Headend) {
            self.attempt("growth to the usual size", growth::to_the_usual)?;
        }
        for kind in self.plan.kinds.clone() {
            let up = self.stage.subjects().iter().any(|up| up.kind() == kind);
            if kind != Kind::Headend && !up {
                self.attempt(kind.title(), |bench| bench.stage.raise(kind, subscribers))?;
            }
        }
        self.attempt("memory", growth::memory)?;
        self.attempt("side by side, pinned", rounds::pinned)?;
        self.attempt("memory after all rounds", growth::memory_after_all)?;
        self.attempt("BNG reboot", storm::all)?;
        if self.plan.wants(Test::Pap) || self.plan.wants(Test::Acct) {
            self.attempt("restart unpinned", |bench| {
                bench.workshop.forget_paces();
                bench.stage.place(Place::Free)
            })?;
            self.attempt("side by side, unpinned", rounds::free)?;
        }
        self.stage.only_headend();
        if self.stage.headend.is_none() {
            return Ok(());
        }
        self.attempt("changes", change::live)?;
        self.attempt("database outage", outage::database)?;
        self.attempt("growth", growth::further)
    }

    /// Does a part; what fails is written down and the next part goes on.
    fn attempt(&mut self, what: &str, part: impl FnOnce(&mut Bench) -> Result<()>) -> Result<()> {
        report::line(format!("== {what}"));
        match part(self) {
            Ok(()) => Ok(()),
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => {
                report::line(format!("  FAILED: {error:#}"));
                self.figures.fail(format!("{what}: {error:#}"));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn plan(words: &[&str]) -> Plan {
        let line = Line::parse_from(["bench"].iter().chain(words));
        Plan::of(line.options, Path::new("/r"))
    }

    #[test]
    fn only_a_full_run_overwrites_the_committed_results() {
        assert_eq!(plan(&[]).write, Path::new("/r/benches/RESULTS.md"));
        for part in [
            &["quick"][..],
            &["--only", "pap"],
            &["--subjects", "headend"],
            &["--subscribers", "1000"],
        ] {
            assert_eq!(
                plan(part).write,
                Path::new("/r/lab/run/logs/RESULTS.md"),
                "{part:?}"
            );
        }
        assert_eq!(plan(&["quick", "--write", "/x"]).write, Path::new("/x"));
    }

    #[test]
    fn a_selection_is_what_is_measured() {
        let plan = plan(&["--only", "pap,acct", "--rounds", "1", "--seconds", "5"]);
        assert_eq!(plan.tests, [Test::Pap, Test::Acct]);
        assert_eq!(
            (plan.rounds, plan.length, plan.kinds.len()),
            (1, Duration::from_secs(5), 4)
        );
    }
}
