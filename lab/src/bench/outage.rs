//! The database goes, accounting goes on, the database comes back: how fast the drain catches up, beside live records.
//!
//! An hour is not waited for: the records of the outage come faster than in life, and what counts is the rate at which
//! they are carried over while live ones keep coming.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use super::cell::{Cell, Press, Work, tell};
use super::subject::{Kind, Place, Subject};
use super::{Bench, Test, rounds};
use crate::postgres::Postgres;
use crate::{interrupt, report};

/// Live records a second: 1,000,000 subscribers that report every 300 s.
pub const LIVE_RATE: f64 = 3_333.0;
/// Records a second while the database is gone, when no sustained rate was measured.
const OUTAGE_RATE_USUAL: f64 = 10_000.0;
/// How many timed windows the outage lasts.
const OUTAGE_WINDOWS: u32 = 4;
/// How long one stretch of live records is.
const STRETCH: Duration = Duration::from_secs(2);
/// When catching up is given up.
const CATCH_UP_WAIT_MAX: Duration = Duration::from_secs(240);
/// How often the drain is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The name of the test in the figures.
pub const OUTAGE: &str = "database outage";

/// Stops the database, loads accounting, brings it back.
///
/// # Errors
/// The server has ended, or does not catch up.
pub fn database(bench: &mut Bench) -> Result<()> {
    if !bench.plan.wants(Test::Outage) {
        return Ok(());
    }
    bench.stage.place(Place::Free)?;
    let title = Kind::Headend.title();
    let held = bench
        .figures
        .median(&rounds::name(Work::Accounting, Place::Free), "held rate", title);
    let rate = held.map_or(OUTAGE_RATE_USUAL, |median| median.value / 2.0);
    let cell = |bench: &Bench, press, length| Cell {
        length,
        ..rounds::cell(bench, Work::Accounting, Place::Free, press)
    };
    let outage = cell(&*bench, Press::Steady(rate), bench.plan.length * OUTAGE_WINDOWS);
    let live = cell(&*bench, Press::Steady(LIVE_RATE), STRETCH);
    let logins = rounds::cell(bench, Work::Pap, Place::Free, Press::Steady(1_000.0));
    let Some(headend) = &bench.stage.headend else {
        return Ok(());
    };
    let down = Postgres::of(&headend.server.data).keep_down()?;
    let measured = bench.workshop.measure_unsettled(headend, outage)?;
    tell("accounting without database", headend, &measured);
    rounds::told(&mut bench.figures, OUTAGE, headend, &measured);
    let authenticated = bench.workshop.measure(headend, logins)?;
    tell("PAP without database", headend, &authenticated);
    rounds::told(&mut bench.figures, OUTAGE, headend, &authenticated);
    let behind = headend.backlog()?;
    drop(down);
    let since = Instant::now();
    let (caught_up, looks) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let mut loads = Vec::new();
    let watched = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let watched = watch(headend, since, &looks);
            caught_up.store(true, Ordering::Relaxed);
            watched
        });
        while !caught_up.load(Ordering::Relaxed) {
            loads.push(bench.workshop.measure_unsettled(headend, live));
        }
        watcher
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the watcher panicked")))
    });
    for load in loads {
        rounds::told(&mut bench.figures, OUTAGE, headend, &load?);
    }
    watched?;
    let looks = looks.into_inner().unwrap_or_default();
    let first = looks
        .iter()
        .rev()
        .find(|look| look.drained == looks[0].drained)
        .context("the drain was not seen")?;
    let last = looks.last().context("the drain was not seen")?;
    let took = (last.at - first.at).as_secs_f64().max(f64::EPSILON);
    let catch_up = (last.drained - first.drained) as f64 / took;
    report::line(format!(
        "  {behind} records behind; the database was back after {:.1} s, then {catch_up:.0} records/s for {took:.1} s beside \
         {LIVE_RATE:.0} live ones: {:.1} times the live rate",
        first.at.as_secs_f64(),
        catch_up / LIVE_RATE
    ));
    for (measure, value) in [
        ("behind", behind as f64),
        ("outage rate", rate),
        ("back s", first.at.as_secs_f64()),
        ("catch-up rate", catch_up),
        ("catch-up s", took),
        ("ratio", catch_up / LIVE_RATE),
        (
            "login p99 ms",
            authenticated.tally.latency(0.99).as_secs_f64() * 1e3,
        ),
    ] {
        bench.figures.add(OUTAGE, measure, title, value);
    }
    Ok(())
}

/// One look at the drain.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// When, since the database may come back.
    at: Duration,
    /// Records it has carried over since the server started.
    drained: u64,
}

/// Looks at the drain until it is no more than a moment of live records behind.
fn watch(headend: &super::subject::headend::Headend, since: Instant, looks: &Mutex<Vec<Look>>) -> Result<()> {
    loop {
        interrupt::check()?;
        let drained = headend.metric("access_drain_records_total{stream=\"accounting\"}")?;
        let at = since.elapsed();
        if let Ok(mut looks) = looks.lock() {
            looks.push(Look { at, drained });
        }
        let behind = headend.backlog()?;
        if (behind as f64) < LIVE_RATE {
            return Ok(());
        }
        anyhow::ensure!(
            at < CATCH_UP_WAIT_MAX,
            "{behind} records are still behind {} s after the database came back",
            at.as_secs()
        );
        crate::wait::pace(LOOK_EVERY)?;
    }
}
