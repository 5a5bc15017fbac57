//! More subscribers and more NAS: what a request costs then, what memory they take, how long a start takes.
//!
//! The database only ever grows during a run, so the small sizes come before the side-by-side tests and the large ones last.

use std::time::Duration;

use anyhow::Result;

use super::cell::{Cell, Press, Work, tell};
use super::spotlight::Spotlight;
use super::subject::headend::{Load, snapshots};
use super::subject::{Kind, NAS_COUNT, Place, Subject as _};
use super::{Bench, Test};
use crate::interrupt::Interrupted;
use crate::report;
use crate::wait::{self, Look};

/// Sizes below the usual one.
const SMALLER: [usize; 2] = [1_000, 10_000];
/// Numbers of NAS beside one.
const NAS_COUNTS: [u32; 2] = [10, NAS_COUNT];
/// How long a server may take to write a copy of its directory once it is ready.
const COPY_WAIT_MAX: Duration = Duration::from_secs(30);
/// The name of the scaling test in the figures.
pub const SCALING: &str = "scaling";
/// The name of the memory test in the figures.
pub const MEMORY: &str = "memory";
/// The name of the start test in the figures.
pub const DIRECTORY: &str = "directory";

/// Starts Headend and grows it to the usual size, measuring on the way when asked to.
///
/// # Errors
/// It does not start, or does not grow.
pub fn to_the_usual(bench: &mut Bench) -> Result<()> {
    let usual = bench.plan.subscribers;
    let wanted = bench.plan.wants(Test::Scaling);
    let smaller = SMALLER.into_iter().filter(|size| wanted && *size < usual);
    let sizes: Vec<usize> = smaller.chain([usual]).collect();
    bench.stage.raise(Kind::Headend, sizes[0])?;
    if wanted && bench.plan.kinds.contains(&Kind::Echo) {
        bench.stage.raise(Kind::Echo, usual)?;
    }
    for size in sizes {
        grow(bench, size)?;
        if wanted {
            scale(bench, size, 1)?;
        }
    }
    if wanted {
        for nas in NAS_COUNTS {
            scale(bench, usual, nas)?;
        }
    }
    bench.workshop.forget_paces();
    Ok(())
}

/// What every server holds once everybody has logged in, and nothing else has happened.
///
/// # Errors
/// A server has ended, or does not let everybody in.
pub fn memory(bench: &mut Bench) -> Result<()> {
    everybody_in(bench, ["octets", "database octets"])
}

/// The same after logins and accounting at full speed, whose unfinished sessions are online in it.
///
/// # Errors
/// As for [`memory`].
pub fn memory_after_all(bench: &mut Bench) -> Result<()> {
    everybody_in(
        bench,
        ["octets after all rounds", "database octets after all rounds"],
    )
}

/// Lets everybody log in and notes what servers and databases hold, under these names.
fn everybody_in(bench: &mut Bench, [server, database]: [&'static str; 2]) -> Result<()> {
    if bench.plan.wants(Test::Memory) {
        let size = bench.plan.subscribers;
        for subject in bench.stage.subjects() {
            let tally = bench.workshop.everybody_once(subject, size, Place::Pinned)?;
            let memory = subject.memory()?;
            let title = subject.kind().title();
            for (measure, octets) in [(server, memory.server), (database, memory.database)] {
                bench.figures.add(MEMORY, measure, title, octets as f64);
            }
            tell_memory(title, size, memory.server, memory.database);
            if tally.verdicts.good != size as u64 {
                let good = tally.verdicts.good;
                bench
                    .figures
                    .note(format!("memory, {title}: {good} of {size} were let in"));
            }
        }
    }
    Ok(())
}

/// Twice the usual size for memory; the largest for starts and scaling. Headend alone.
///
/// # Errors
/// It does not grow, or does not come back.
pub fn further(bench: &mut Bench) -> Result<()> {
    let (usual, most) = (bench.plan.subscribers, bench.plan.subscribers_most);
    if bench.plan.wants(Test::Memory) {
        // The one with the usual size was measured after a load; so is this one.
        if let Some(headend) = &mut bench.stage.headend {
            headend.server.core = Place::Pinned.server_core();
            headend.restart(Load::Database)?;
        }
        let before = resident(bench, usual)?;
        grow(bench, usual * 2)?;
        let after = resident(bench, usual * 2)?;
        let title = Kind::Headend.title();
        bench.figures.add(MEMORY, "octets after a start", title, before);
        bench
            .figures
            .add(MEMORY, "octets at twice the size", title, after);
        bench.figures.add(
            MEMORY,
            "octets for each further one",
            title,
            (after - before) / usual as f64,
        );
    }
    let starts = bench.plan.wants(Test::Directory);
    if (starts || bench.plan.wants(Test::Scaling)) && most > usual {
        if let Some(headend) = &mut bench.stage.headend {
            headend.server.core = Place::Free.server_core();
        }
        grow(bench, most)?;
        if starts {
            start(bench, most)?;
        }
        if bench.plan.wants(Test::Scaling) {
            if let Some(headend) = &mut bench.stage.headend {
                headend.server.core = Place::Pinned.server_core();
                headend.restart(Load::AsItIs)?;
            }
            bench.workshop.forget_paces();
            scale(bench, most, 1)?;
        }
    }
    Ok(())
}

/// Starts with the largest directory: from the database, and from the server's own copy of it.
fn start(bench: &mut Bench, most: usize) -> Result<()> {
    for _ in 0..bench.plan.rounds {
        let Some(headend) = &mut bench.stage.headend else {
            return Ok(());
        };
        let database = headend.restart(Load::Database)?;
        report::line(format!(
            "  {most} subscribers ready from PostgreSQL in {:.2} s",
            database.as_secs_f64()
        ));
        bench.figures.add(
            DIRECTORY,
            "start from database s",
            Kind::Headend.title(),
            database.as_secs_f64(),
        );
        let loaded = headend.load_time(Load::Database)?;
        bench.figures.add(
            DIRECTORY,
            "load from database s",
            Kind::Headend.title(),
            loaded.as_secs_f64(),
        );
        let copied = wait::until("a copy of the directory", COPY_WAIT_MAX, || {
            Ok(match snapshots(&headend.server.data).is_empty() {
                false => Look::Found(()),
                true => Look::Not("none".to_owned()),
            })
        });
        if copied.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
            return copied;
        }
        let again = headend.restart(Load::AsItIs)?;
        match copied.is_ok() {
            true => {
                report::line(format!(
                    "  ready from its own copy in {:.2} s",
                    again.as_secs_f64()
                ));
                bench.figures.add(
                    DIRECTORY,
                    "start from copy s",
                    Kind::Headend.title(),
                    again.as_secs_f64(),
                );
                let restored = headend.load_time(Load::AsItIs)?;
                bench.figures.add(
                    DIRECTORY,
                    "load from copy s",
                    Kind::Headend.title(),
                    restored.as_secs_f64(),
                );
            }
            false => bench
                .figures
                .note("this Headend keeps no copy of its directory, so none was loaded".to_owned()),
        }
    }
    Ok(())
}

/// Brings Headend to a size.
fn grow(bench: &mut Bench, size: usize) -> Result<()> {
    let Some(headend) = &mut bench.stage.headend else {
        return Ok(());
    };
    if headend.subscribers < size {
        let took = headend.grow(size)?;
        report::line(format!(
            "  Headend has {size} subscribers; ready {:.2} s after its start",
            took.as_secs_f64()
        ));
    }
    Ok(())
}

/// One row of the scaling table: Headend, and what as many NAS cost the limit, which knows no subscribers.
fn scale(bench: &mut Bench, subscribers: usize, nas: u32) -> Result<()> {
    let row = row(subscribers, nas);
    for round in 1..=bench.plan.rounds {
        for subject in bench.stage.subjects() {
            let kind = subject.kind();
            let Some((rate, server_us)) = measures(kind) else {
                continue;
            };
            let spotlight = Spotlight::on(subject, &bench.stage.subjects())?;
            let cell = Cell {
                work: Work::Pap,
                nas,
                subscribers,
                place: Place::Pinned,
                press: Press::Saturate,
                length: bench.plan.length,
            };
            let measured = bench.workshop.measure(subject, cell);
            drop(spotlight);
            let measured = measured?;
            tell(&format!("{row}, round {round}"), subject, &measured);
            bench.figures.add(SCALING, rate, &row, measured.tally.rate());
            bench.figures.add(SCALING, server_us, &row, measured.server_us());
            measured.check()?;
            super::rounds::told(&mut bench.figures, &row, subject, &measured);
        }
    }
    Ok(())
}

/// Under which names a server's rate and cost stand in a row of the scaling table; `None`: it is not measured there.
fn measures(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Headend => Some(("rate", "server us")),
        Kind::Echo => Some(("echo rate", "echo us")),
        Kind::FreeradiusFiles | Kind::FreeradiusSql => None,
    }
}

/// The name of a row of the scaling table.
pub fn row(subscribers: usize, nas: u32) -> String {
    format!("{subscribers} subscribers, {nas} NAS")
}

/// Every row there can be.
pub fn rows(usual: usize, most: usize) -> Vec<String> {
    let smaller = SMALLER.into_iter().filter(|size| *size < usual);
    let sizes = smaller.chain([usual]).map(|size| row(size, 1));
    let nas = NAS_COUNTS.into_iter().map(|nas| row(usual, nas));
    sizes.chain([row(most, 1)]).chain(nas).collect()
}

/// Resident memory of Headend once everybody has logged in.
fn resident(bench: &mut Bench, size: usize) -> Result<f64> {
    let Some(headend) = &bench.stage.headend else {
        return Ok(0.0);
    };
    bench.workshop.everybody_once(headend, size, Place::Pinned)?;
    let memory = headend.memory()?;
    tell_memory(Kind::Headend.title(), size, memory.server, memory.database);
    Ok(memory.server as f64)
}

/// Says what somebody holds.
fn tell_memory(title: &str, size: usize, server: u64, database: u64) {
    let mib = |octets: u64| octets as f64 / f64::from(1 << 20);
    report::line(format!(
        "  {title}: {size} subscribers, all logged in: {:.1} MiB resident, its database {:.1} MiB",
        mib(server),
        mib(database)
    ));
}
