//! Logins and accounting, side by side: every subject in each round, medians over rounds.
//!
//! Pinned, the server has one processor and the generator the other: processor time for a request, and what one processor
//! answers. Unpinned, they share both.

use std::time::Duration;

use anyhow::Result;

use super::cell::{self, Cell, Measured, Press, Work};
use super::figures::Figures;
use super::spotlight::Spotlight;
use super::subject::{Kind, Place, Subject};
use super::{Bench, Test};
use crate::report;

/// How many steady rates are tried.
const HOLD_TRIES: u32 = 5;
/// How long each of them lasts at least.
const HOLD_LENGTH_MIN: Duration = Duration::from_secs(3);
/// What share of a rate must have been answered.
const HOLD_REACHED: f64 = 0.95;
/// What a rate is raised to while the drain keeps up.
const HOLD_MORE: f64 = 1.15;
/// What a rate is lowered to when it does not.
const HOLD_LESS: f64 = 0.85;
/// How many records may be behind when a steady run ends, in seconds of its rate: a drain works in batches.
const HOLD_BEHIND_S: f64 = 1.0;

/// All pinned tests.
///
/// # Errors
/// A subject has ended, or somebody asked us to stop.
pub fn pinned(bench: &mut Bench) -> Result<()> {
    bench.stage.place(Place::Pinned)?;
    let logins = [
        (Test::Pap, Work::Pap),
        (Test::Chap, Work::Chap),
        (Test::Mschapv2, Work::MsChapV2),
    ];
    for (test, work) in logins {
        if bench.plan.wants(test) {
            saturate(bench, work, Place::Pinned)?;
        }
    }
    if bench.plan.wants(Test::Acct) {
        saturate(bench, Work::Accounting, Place::Pinned)?;
    }
    if bench.plan.wants(Test::Latency) {
        latency(bench, Work::Pap)?;
        latency(bench, Work::Accounting)?;
    }
    Ok(())
}

/// All unpinned tests.
///
/// # Errors
/// As for [`pinned`].
pub fn free(bench: &mut Bench) -> Result<()> {
    if bench.plan.wants(Test::Pap) {
        saturate(bench, Work::Pap, Place::Free)?;
    }
    if bench.plan.wants(Test::Acct) {
        saturate(bench, Work::Accounting, Place::Free)?;
        sustain(bench)?;
    }
    Ok(())
}

/// The name of a test in the figures.
pub fn name(work: Work, place: Place) -> String {
    format!("{} {}", work.title(), place.title())
}

/// The name of a latency test in the figures.
pub fn latency_name(work: Work) -> String {
    format!("{} at half of saturation", work.title())
}

/// Whether a subject takes part in some work.
fn takes(subject: &dyn Subject, work: Work) -> bool {
    match work {
        Work::Accounting => subject.accounting().is_some(),
        Work::MsChapV2 => subject.speaks_mschapv2(),
        Work::Pap | Work::Chap => true,
    }
}

/// Every subject as fast as it answers.
fn saturate(bench: &mut Bench, work: Work, place: Place) -> Result<()> {
    let cell = cell(bench, work, place, Press::Saturate);
    let test = name(work, place);
    for round in 1..=bench.plan.rounds {
        for subject in bench.stage.subjects() {
            if !takes(subject, work) {
                continue;
            }
            let spotlight = Spotlight::on(subject, &bench.stage.subjects())?;
            let measured = bench.workshop.measure(subject, cell);
            drop(spotlight);
            let measured = match measured.and_then(|measured| measured.check().map(|()| measured)) {
                Ok(measured) => measured,
                Err(error) if error.is::<crate::interrupt::Interrupted>() => return Err(error),
                Err(error) => {
                    bench
                        .figures
                        .fail(format!("{test}, {}: {error:#}", subject.kind().title()));
                    report::line(format!("  {test}, {}: FAILED: {error:#}", subject.kind().title()));
                    continue;
                }
            };
            cell::tell(&format!("{test}, round {round}"), subject, &measured);
            keep(&mut bench.figures, &test, subject, work, &measured);
        }
    }
    Ok(())
}

/// Every subject at half of what it reached, by a fixed schedule.
fn latency(bench: &mut Bench, work: Work) -> Result<()> {
    let test = latency_name(work);
    for round in 1..=bench.plan.rounds {
        for subject in bench.stage.subjects() {
            if !takes(subject, work) {
                continue;
            }
            let title = subject.kind().title();
            let _spotlight = Spotlight::on(subject, &bench.stage.subjects())?;
            // Without a saturation test in this run, one is made here.
            if bench
                .figures
                .median(&name(work, Place::Pinned), "rate", title)
                .is_none()
            {
                let saturated = bench
                    .workshop
                    .measure(subject, cell(&*bench, work, Place::Pinned, Press::Saturate))?;
                keep(
                    &mut bench.figures,
                    &name(work, Place::Pinned),
                    subject,
                    work,
                    &saturated,
                );
            }
            let Some(saturation) = sustained_or_reached(bench, work, title) else {
                continue;
            };
            let press = Press::Steady(saturation / 2.0);
            let measured = bench
                .workshop
                .measure(subject, cell(&*bench, work, Place::Pinned, press))?;
            cell::tell(&format!("{test}, round {round}"), subject, &measured);
            let ms = |quantile| measured.tally.latency(quantile).as_secs_f64() * 1e3;
            for (measure, value) in [
                ("rate", measured.tally.rate()),
                ("p50 ms", ms(0.5)),
                ("p99 ms", ms(0.99)),
                ("p99.9 ms", ms(0.999)),
                ("lost", measured.tally.lost as f64),
                ("server us", measured.server_us()),
            ] {
                bench.figures.add(&test, measure, title, value);
            }
            told(&mut bench.figures, &test, subject, &measured);
        }
    }
    Ok(())
}

/// The saturation half of which is asked for: of accounting, what also got into the database in time.
fn sustained_or_reached(bench: &Bench, work: Work, title: &str) -> Option<f64> {
    let test = name(work, Place::Pinned);
    let settled = bench.figures.median(&test, "settled rate", title);
    settled
        .or_else(|| bench.figures.median(&test, "rate", title))
        .map(|median| median.value)
}

/// The highest rate of accounting that Headend's drain keeps up with, both processors shared with the generator: up from
/// what it stored when saturated as long as it keeps up, or down until it does.
fn sustain(bench: &mut Bench) -> Result<()> {
    let test = name(Work::Accounting, Place::Free);
    let title = Kind::Headend.title();
    let Some(settled) = bench.figures.median(&test, "settled rate", title) else {
        return Ok(());
    };
    let (mut rate, mut best) = (settled.value, None);
    for _ in 0..HOLD_TRIES {
        let Some(headend) = &bench.stage.headend else {
            return Ok(());
        };
        let longer = Cell {
            length: (bench.plan.length * 3).max(HOLD_LENGTH_MIN),
            ..cell(&*bench, Work::Accounting, Place::Free, Press::Steady(rate))
        };
        let measured = bench.workshop.measure(headend, longer)?;
        cell::tell(&format!("accounting held at {rate:.0}/s"), headend, &measured);
        report::line(format!(
            "    backlog {} before, {} after; settled in {:.2} s",
            measured.backlog_before,
            measured.backlog_after,
            measured.settling.as_secs_f64()
        ));
        match (is_held(&measured, rate), &best) {
            (true, _) => {
                best = Some(measured);
                rate *= HOLD_MORE;
            }
            (false, Some(_)) => break,
            (false, None) => rate *= HOLD_LESS,
        }
    }
    let (Some(held), Some(headend)) = (best, &bench.stage.headend) else {
        let failure =
            format!("{test}: the drain kept up with none of {HOLD_TRIES} rates down to {rate:.0}/s");
        bench.figures.fail(failure);
        return Ok(());
    };
    for (measure, value) in [
        ("held rate", held.tally.rate()),
        ("held backlog before", held.backlog_before as f64),
        ("held backlog after", held.backlog_after as f64),
        ("held seconds", held.tally.elapsed.as_secs_f64()),
        ("held p99 ms", held.tally.latency(0.99).as_secs_f64() * 1e3),
        ("held us", held.settled_us()),
    ] {
        bench.figures.add(&test, measure, title, value);
    }
    told(&mut bench.figures, &test, headend, &held);
    Ok(())
}

/// Whether a server took a rate and its drain kept up with it.
fn is_held(measured: &Measured, rate: f64) -> bool {
    let reached = measured.tally.rate();
    let behind = measured.backlog_after as f64 - measured.backlog_before as f64;
    measured.check().is_ok() && behind <= reached * HOLD_BEHIND_S && reached > HOLD_REACHED * rate
}

/// A cell with the usual subscribers and one NAS.
pub fn cell(bench: &Bench, work: Work, place: Place, press: Press) -> Cell {
    Cell {
        work,
        nas: 1,
        subscribers: bench.plan.subscribers,
        place,
        press,
        length: bench.plan.length,
    }
}

/// Keeps what a saturated cell gave.
pub fn keep(figures: &mut Figures, test: &str, subject: &dyn Subject, work: Work, measured: &Measured) {
    let title = subject.kind().title();
    for (measure, value) in [
        ("rate", measured.tally.rate()),
        ("server us", measured.server_us()),
        ("all us", measured.all_us()),
        ("generator us", measured.tally.generator_ns() / 1e3),
        ("judging us", measured.tally.judging_ns() / 1e3),
        ("lost", measured.tally.lost as f64),
    ] {
        figures.add(test, measure, title, value);
    }
    if work == Work::Accounting {
        figures.add(test, "settled us", title, measured.settled_us());
        figures.add(test, "settled rate", title, measured.settled_rate());
        figures.add(test, "settling s", title, measured.settling.as_secs_f64());
    }
    told(figures, test, subject, measured);
}

/// Notes what went wrong in a cell.
pub fn told(figures: &mut Figures, test: &str, subject: &dyn Subject, measured: &Measured) {
    figures.trouble(test, subject.kind().title(), measured.tally.troubles());
}
