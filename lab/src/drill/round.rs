//! One round: load, a blow at a random moment, and the server back on its feet. What follows, [`Stage::settle`] does.
//!
//! Each kind is a function that gives in words what was done. Whatever was frozen, filled or cut off is whole again when
//! it returns; only the load may still run.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::fleet::{NAS_COUNT, Order};
use super::journal::Record;
use super::kind::Kind;
use super::ledger::Difference;
use super::stage::Stage;
use super::torn;
use crate::postgres::Postgres;
use crate::wait;

/// Acknowledgements waited for at most before a blow.
const BEFORE_MAX: u64 = 500;
/// The same after it.
const AFTER_MAX: u64 = 100;
/// How far into a start the server is killed at most; long enough for one to get through in between.
const START_KILL_MS_MAX: u64 = 2_500;
/// How long a journal may take to begin a new segment: some thousand fat records.
const ROLL_WAIT_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether it does.
const ROLL_LOOK_EVERY: Duration = Duration::from_millis(2);
/// New records a second of each NAS when the journal is to be filled.
const RATE_TO_FILL: u32 = 3_000;
/// By how much the clock jumps: seconds, minutes, an hour, nearly a day. Beyond seven days the server rightly believes
/// its own clock and no longer the one of the NAS.
const CLOCK_STEPS_S: [i64; 4] = [5, 90, 3_600, 80_000];
/// From which step on the start time that the server shows proves that the step reached it.
const CLOCK_STEP_SHOWS_S: i64 = 3_600;

/// Counts batches that could not be made durable.
const COMMITS_FAILED: &str = "radius_accounting_commits_total{result=\"failed\"}";
/// Counts batches that could not be carried into the database.
const DRAIN_FAILURES: &str = "access_drain_failures_total{stream=\"accounting\"}";

/// What a round came to, before everything is settled.
pub struct Played {
    /// In words.
    pub what: String,
    /// Differences that only showed while the server was dead.
    pub differences: Vec<Difference>,
}

/// Plays a round of a kind.
///
/// # Errors
/// The server does something else than it promises, or a tool of the drill fails.
pub fn play(stage: &mut Stage, kind: Kind) -> Result<Played> {
    stage.load()?;
    stage.acknowledgements(BEFORE_MAX)?;
    let mut found = Vec::new();
    let what = match kind {
        Kind::Stop => stop(stage),
        Kind::Kill => kill(stage, &mut found),
        Kind::KillStarting => kill_starting(stage, &mut found),
        Kind::KillRolling => kill_rolling(stage, &mut found),
        Kind::PostgresKill => postgres_kill(stage),
        Kind::BackendKill => backend_kill(stage),
        Kind::PostgresFreeze => postgres_freeze(stage),
        Kind::FreezeKill => freeze_kill(stage, &mut found),
        Kind::Storm => storm(stage, &mut found),
        Kind::Reboot => reboot(stage, &mut found),
        Kind::Torn => tear(stage, &mut found),
        Kind::Clock => clock(stage, &mut found),
        Kind::JournalFull => journal_full(stage, &mut found),
        Kind::JournalReadOnly => journal_read_only(stage, &mut found),
        Kind::DataFull => data_full(stage),
        Kind::PowerCut => power_cut(stage, &mut found),
    }?;
    stage.acknowledgements(AFTER_MAX)?;
    Ok(Played {
        what,
        differences: found,
    })
}

// -- The server

/// SIGTERM under load.
fn stop(stage: &mut Stage) -> Result<String> {
    stage.server.stop()?;
    stage.fleet.catch_up();
    stage.fleet.expect_first();
    stage.tally.blow("SIGTERM of headend");
    stage.restart()?;
    Ok("stopped in order and started again".to_owned())
}

/// Kills the server and looks into its journal before it can.
fn killed(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<()> {
    stage.kill()?;
    found.append(&mut stage.compare_journal()?.1);
    Ok(())
}

/// kill -9.
fn kill(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    killed(stage, found)?;
    stage.restart()?;
    Ok("killed once".to_owned())
}

/// kill -9, and more of them while it starts.
fn kill_starting(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    killed(stage, found)?;
    let times = stage.dice.between(1, 3);
    let mut moments = Vec::new();
    for _ in 0..times {
        let moment = Duration::from_millis(stage.dice.below(START_KILL_MS_MAX));
        stage.server.launch()?;
        wait::pace(moment)?;
        killed(stage, found)?;
        moments.push(format!("{} ms", moment.as_millis()));
    }
    stage.restart()?;
    Ok(format!("killed again {} into its start", moments.join(", ")))
}

/// kill -9 while a new segment is made.
fn kill_rolling(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    stage.fleet.order(Order {
        rate: RATE_TO_FILL,
        fat: true,
        storm: false,
    });
    // Half of the kills come as soon as anything moves, half a little later, when the first records are in a new segment.
    let later = stage.dice.chance(50);
    let before = newest_files(stage)?;
    let since = Instant::now();
    loop {
        let now = newest_files(stage)?;
        if now.0 != before.0 || !later && now != before {
            break;
        }
        ensure!(
            since.elapsed() < ROLL_WAIT_MAX,
            "the journal began no new segment"
        );
        let next = stage.fleet.acknowledged() + 1;
        stage.fleet.wait_acknowledged(next, ROLL_LOOK_EVERY)?;
        stage.server.check()?;
    }
    if later {
        stage.acknowledgements(50)?;
    }
    killed(stage, found)?;
    stage.restart()?;
    stage.load()?;
    Ok(format!(
        "killed {} a new segment",
        if later { "just after" } else { "in the making of" }
    ))
}

/// The newest segment in the journal's directory, and what is in the making there.
fn newest_files(stage: &Stage) -> Result<(Option<String>, Vec<String>)> {
    let entries = fs::read_dir(&stage.journal_dir);
    let entries = entries.with_context(|| format!("cannot list {}", stage.journal_dir.display()))?;
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let (segments, others): (Vec<String>, Vec<String>) = names.partition(|name| name.ends_with(".seg"));
    // Their names are numbers, so that the newest is the last; old ones go meanwhile.
    let unfinished = others.into_iter().filter(|name| name.ends_with(".tmp"));
    Ok((segments.into_iter().max(), unfinished.collect()))
}

// -- PostgreSQL

/// kill -9 of the postmaster.
fn postgres_kill(stage: &mut Stage) -> Result<String> {
    stage.postgres().kill()?;
    stage.tally.blow("kill -9 of the postmaster");
    stage.acknowledgements(BEFORE_MAX)?;
    Ok("postmaster killed, accounting went on".to_owned())
}

/// kill -9 of its processes.
fn backend_kill(stage: &mut Stage) -> Result<String> {
    let times = stage.dice.between(1, 3);
    let mut killed = 0;
    for _ in 0..times {
        // The one before may have taken the whole cluster into recovery; then there is nobody to kill.
        let dice = &mut stage.dice;
        if Postgres::of(&stage.server.data)
            .kill_one(|count| dice.place(count))
            .unwrap_or(false)
        {
            stage.tally.blow("kill -9 of a PostgreSQL process");
            killed += 1;
        }
        stage.acknowledgements(BEFORE_MAX / 2)?;
    }
    Ok(format!(
        "{killed} PostgreSQL processes killed, accounting went on"
    ))
}

/// SIGSTOP of all of it.
fn postgres_freeze(stage: &mut Stage) -> Result<String> {
    let frozen = stage.postgres().freeze()?;
    stage.tally.blow("SIGSTOP of PostgreSQL");
    stage.acknowledgements(2 * BEFORE_MAX)?;
    drop(frozen);
    Ok("PostgreSQL stood still, accounting went on".to_owned())
}

/// SIGSTOP of all of it, and a kill -9 of the server.
fn freeze_kill(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    let frozen = stage.postgres().freeze()?;
    stage.tally.blow("SIGSTOP of PostgreSQL");
    let before = stage.fleet.acknowledged();
    stage.acknowledgements(2 * BEFORE_MAX)?;
    killed(stage, found)?;
    let meanwhile = stage.fleet.acknowledged() - before;
    drop(frozen);
    stage.restart()?;
    Ok(format!(
        "{meanwhile} records were acknowledged that PostgreSQL could not have"
    ))
}

// -- NAS

/// Everything several times.
fn storm(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    stage.fleet.order(Order {
        rate: 400,
        fat: false,
        storm: true,
    });
    let before = stage.fleet.counts();
    stage.acknowledgements(BEFORE_MAX)?;
    killed(stage, found)?;
    stage.restart()?;
    stage.acknowledgements(BEFORE_MAX)?;
    let after = stage.fleet.counts();
    stage.load()?;
    Ok(format!(
        "{} datagrams sent again for {} records",
        after.again - before.again,
        after.acknowledged - before.acknowledged
    ))
}

/// NAS restart.
fn reboot(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    let times = stage.dice.between(1, u64::from(NAS_COUNT));
    let blow_at = stage.dice.below(times + 1);
    for time in 0..times {
        let number = stage.dice.place(usize::from(NAS_COUNT));
        stage.fleet.reboot(number);
        if time == blow_at {
            killed(stage, found)?;
            stage.restart()?;
        }
        stage.acknowledgements(BEFORE_MAX / 2)?;
    }
    let killed = if blow_at < times {
        ", headend killed in between"
    } else {
        ""
    };
    Ok(format!("{times} restarts of NAS{killed}"))
}

// -- Files

/// What a power cut leaves at the end of the journal.
fn tear(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    stage.kill()?;
    let (journal, mut differences) = stage.compare_journal()?;
    found.append(&mut differences);
    let (fleet, earlier) = (&stage.fleet, stage.looked_up_to);
    let promised = |record: &Record| record.seq < earlier || fleet.fate(&record.packet) == Some(true);
    let torn = torn::tear(&journal, promised, &mut stage.dice)?;
    stage.tally.blow("end of the journal damaged");
    stage.restart()?;
    Ok(torn.unwrap_or_else(|| "nothing behind the acknowledged records to damage".to_owned()))
}

/// The journal's disk is full.
///
/// PostgreSQL stands still meanwhile: what the database has gives way to what is new, so that a drain that keeps up
/// lets accounting go on for ever.
fn journal_full(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    let frozen = stage.postgres().freeze()?;
    stage.fleet.order(Order {
        rate: RATE_TO_FILL,
        fat: true,
        storm: false,
    });
    stage.disks()?.journal.fill()?;
    stage.tally.blow("journal's disk full");
    stage.wait_counted("the journal to be full", COMMITS_FAILED)?;
    drop(frozen); // the server's start needs it
    let dies = stage.dice.chance(50);
    if dies {
        killed(stage, found)?;
        // Full as it is: what is there must be read, and nothing may be acknowledged before there is room.
        stage.server.start()?;
    }
    stage.disks()?.journal.empty()?;
    stage.fleet.expect_first();
    let since = Instant::now();
    stage.acknowledgements(AFTER_MAX)?;
    let again = since.elapsed().as_millis();
    stage.load()?;
    let killed = if dies {
        " (killed and started meanwhile)"
    } else {
        ""
    };
    Ok(format!(
        "records waited while it was full{killed}; acknowledged {again} ms after there was room"
    ))
}

/// The journal's disk fails.
fn journal_read_only(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    stage.disks()?.journal.cut_off()?;
    stage.tally.blow("journal's disk read-only");
    stage.wait_counted("the journal to refuse a commit", COMMITS_FAILED)?;
    stage.kill()?;
    stage.disks()?.journal.replace()?;
    found.append(&mut stage.compare_journal()?.1);
    stage.restart()?;
    Ok("disk cut off, server killed, disk recovered".to_owned())
}

/// PostgreSQL's disk is full.
fn data_full(stage: &mut Stage) -> Result<String> {
    stage.disks()?.data.fill()?;
    stage.tally.blow("PostgreSQL's disk full");
    stage.wait_counted("the drain to fail", DRAIN_FAILURES)?;
    stage.acknowledgements(BEFORE_MAX)?;
    stage.disks()?.data.empty()?;
    Ok("the drain failed, accounting went on".to_owned())
}

/// The power goes.
fn power_cut(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    if stage.dice.chance(50) {
        stage.disks()?.journal.cut_off()?;
        stage.disks()?.data.cut_off()?;
    } else {
        stage.disks()?.data.cut_off()?;
        stage.disks()?.journal.cut_off()?;
    }
    stage.kill()?;
    stage.postgres().kill_all()?;
    stage.tally.blow("power cut");
    stage.disks()?.data.replace()?;
    stage.disks()?.journal.replace()?;
    found.append(&mut stage.compare_journal()?.1);
    stage.restart()?;
    Ok("both disks cut off, everything killed, disks recovered".to_owned())
}

// -- Time

/// The clock jumps.
fn clock(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    let env = match &stage.clock {
        Ok(clock) => clock.env(),
        Err(why) => bail!("{why}"),
    };
    let own = stage.server.env.clone();
    stage.server.env.extend(env);
    let jumped = jump(stage, found);
    set_clock(stage, 0)?;
    stage.server.env = own;
    let what = jumped?;
    killed(stage, found)?;
    stage.restart()?;
    Ok(what)
}

/// Lives through a jump, and a start behind it.
fn jump(stage: &mut Stage, found: &mut Vec<Difference>) -> Result<String> {
    let step = CLOCK_STEPS_S[stage.dice.place(CLOCK_STEPS_S.len())];
    let step = if stage.dice.chance(50) { step } else { -step };
    killed(stage, found)?;
    stage.restart()?;
    stage.acknowledgements(BEFORE_MAX)?;
    set_clock(stage, step)?;
    stage.tally.blow("clock of headend stepped");
    stage.acknowledgements(BEFORE_MAX)?;
    let true_start = unix_now()?;
    killed(stage, found)?;
    stage.restart()?;
    stage.acknowledgements(BEFORE_MAX)?;
    let shown = i64::try_from(stage.metric("headend_start_time_seconds")?)?;
    ensure!(
        step.abs() < CLOCK_STEP_SHOWS_S || (shown - true_start - step).abs() < CLOCK_STEP_SHOWS_S / 2,
        "the clock of headend did not step: it says that it started at {shown}, it was {true_start}"
    );
    Ok(format!("clock stepped by {step} s"))
}

/// Sets the clock of our own.
fn set_clock(stage: &Stage, ahead_s: i64) -> Result<()> {
    stage.clock.as_ref().map_or(Ok(()), |clock| clock.set(ahead_s))
}

/// Seconds since 1970 by the true clock.
fn unix_now() -> Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}
