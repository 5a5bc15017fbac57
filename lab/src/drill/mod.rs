//! Crash drills: proof by trial that nothing acknowledged is ever lost and nothing is counted twice.
//!
//! A few simulated NAS account without pause and remember every record, its octets, and whether it was acknowledged. A
//! round gives the server a blow while they do; then everything is delivered, drained and compared:
//!
//! 1. every acknowledged session is in `radacct` exactly once, with the counters, Start and end that were acknowledged;
//! 2. every acknowledged datagram is in the journal with the octets that were sent, as far as the journal still reaches
//!    back, looked at by a reader of our own, also while the server is dead;
//! 3. nothing is stored, in either place, that no NAS sent.
//!
//! The parts: [`kind`] what can happen, [`round`] how it is done, [`stage`] server and comparison, [`fleet`] the NAS,
//! [`ledger`] what they remember and how it is compared, [`journal`] and [`torn`] the files, [`disks`] and [`clock`] what
//! only root and libfaketime give, [`dice`] chance, [`tally`] the numbers.
//!
//! Never touches the machine's clock, disks or mounts: disks are files mounted in a namespace of our own, the clock is
//! one in the server's environment.

mod clock;
mod dice;
mod disks;
mod fleet;
mod journal;
mod kind;
mod ledger;
mod round;
mod stage;
mod tally;
mod torn;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::interrupt::Interrupted;
use crate::report::line;
use dice::Dice;
use kind::Kind;
use ledger::Difference;
use stage::Stage;

/// How many differences are shown; all are counted.
const SHOWN_MAX: usize = 20;

/// What `lab drill` can be told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many rounds [default: one of each kind]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Only these kinds of rounds; a name that is none lists them
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    only: Vec<String>,
    /// Draw the same rounds as a run that printed this [default: another one each time]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Write the numbers to benches/drill.json and benches/DRILL.md
    #[arg(long)]
    write: bool,
    /// We are in a mount namespace of our own, where disks may be mounted; lab/drill says so
    #[arg(long, hide = true)]
    own_mounts: bool,
}

/// Plays the rounds; gives whether nothing was lost and nothing counted twice.
///
/// # Errors
/// The server does something else than it promises, or a tool of the drill fails.
pub fn play(root: &Path, headend: &Path, args: &Args) -> Result<bool> {
    let wanted = wanted(&args.only)?;
    let seed = args.seed.map_or_else(new_seed, Ok)?;
    let since = Instant::now();
    line(format!("drill with seed {seed}"));
    let mut stage = Stage::raise(root, headend, seed, args.own_mounts)?;
    let (kinds, skipped) = possible(&stage, &wanted);
    for (kind, why) in &skipped {
        line(format!("- {}: skipped: {why}", kind.name()));
    }
    ensure!(!kinds.is_empty(), "no kind of round is possible here");
    let rounds = args.rounds.unwrap_or(kinds.len());
    let drawn = kind::draw(&kinds, rounds, &mut Dice::new(seed));
    let played = all(&mut stage, &drawn);
    if !matches!(&played, Err(error) if error.is::<Interrupted>()) && !matches!(played, Ok(true)) {
        let kept = stage.keep(seed);
        let kept = kept.map_or_else(
            |error| format!("not kept: {error:#}"),
            |at| at.display().to_string(),
        );
        line(format!(
            "seed {seed}; data directory, journal and log for inspection: {kept}"
        ));
    }
    if !played? {
        return Ok(false);
    }
    let (counts, took) = (stage.fleet.counts(), since.elapsed());
    line(stage.tally.table(seed, counts, took));
    if args.write {
        stage.tally.write(root, seed, counts, took, &skipped)?;
    }
    Ok(true)
}

/// Plays round after round, and compares everything at the end; gives whether there was no difference.
fn all(stage: &mut Stage, drawn: &[Kind]) -> Result<bool> {
    for (at, kind) in drawn.iter().enumerate() {
        let since = Instant::now();
        let before = stage.fleet.acknowledged();
        let round = format!("round {}/{} {}", at + 1, drawn.len(), kind.name());
        let played = round::play(stage, *kind).with_context(|| round.clone())?;
        let mut differences = played.differences;
        differences.append(&mut stage.settle().with_context(|| format!("after {round}"))?);
        if !agree(&round, &differences) {
            return Ok(false);
        }
        stage.tally.round(*kind);
        let slowest = stage.fleet.take_slowest();
        if kind.spares_accounting() {
            stage.tally.unfelt = stage.tally.unfelt.max(slowest);
        }
        line(format!(
            "✓ {round}: {}; {} acknowledged, all stored once ({:.1} s)",
            played.what,
            stage.fleet.acknowledged() - before,
            since.elapsed().as_secs_f32()
        ));
    }
    let differences = stage.compare_all()?;
    stage.server.stop()?;
    Ok(agree("the whole table", &differences))
}

/// Shows the differences; gives whether there is none.
fn agree(round: &str, differences: &[Difference]) -> bool {
    for difference in differences.iter().take(SHOWN_MAX) {
        line(format!("✗ {round}: {difference}"));
    }
    if !differences.is_empty() {
        line(format!("✗ {round}: {} differences", differences.len()));
    }
    differences.is_empty()
}

/// The kinds with these names; all without one.
fn wanted(names: &[String]) -> Result<Vec<Kind>> {
    if names.is_empty() {
        return Ok(Kind::ALL.to_vec());
    }
    let mut wanted = Vec::new();
    for name in names {
        match Kind::named(name) {
            Some(kind) => wanted.push(kind),
            None => bail!(
                "no round is called {name:?}; there are {}",
                Kind::ALL.map(Kind::name).join(", ")
            ),
        }
    }
    Ok(wanted)
}

/// The kinds that can be played here, and those that cannot, with the reason.
fn possible(stage: &Stage, wanted: &[Kind]) -> (Vec<Kind>, Vec<(Kind, String)>) {
    let why_not = |kind: Kind| {
        let disks = stage.disks.as_ref().err().filter(|_| kind.needs_disks());
        let clock = stage.clock.as_ref().err().filter(|_| kind.needs_clock());
        disks.or(clock).cloned()
    };
    let (mut kinds, mut skipped) = (Vec::new(), Vec::new());
    for kind in wanted {
        match why_not(*kind) {
            None => kinds.push(*kind),
            Some(why) => skipped.push((*kind, why)),
        }
    }
    (kinds, skipped)
}

/// A seed that nobody chose.
fn new_seed() -> Result<u64> {
    let mut octets = [0; 4];
    getrandom::fill(&mut octets).context("the operating system gives no random numbers")?;
    Ok(u64::from(u32::from_le_bytes(octets)))
}
