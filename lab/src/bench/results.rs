//! benches/RESULTS.md: what was measured, on what, how, and what must be said beside it.
//!
//! Made by the program and never by hand. Shows medians with the smallest and largest round; a dash where nothing was
//! measured; and says of each target whether it was reached on this machine in this run, good or bad.

mod method;
mod target;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;

use super::cell::Work;
use super::figures::{Figures, Median};
use super::subject::{Kind, Place};
use super::{Plan, change, growth, outage, rounds, storm};

/// What the crash drills left to be shown beside the figures, below the checkout.
const DRILLS: &str = "benches/DRILL.md";
/// What stands where nothing was measured.
const NOTHING: &str = "–";
/// Octets in a MiB.
const MIB: f64 = 1_048_576.0;

/// The whole document.
pub fn write(plan: &Plan, figures: &Figures, machine: &str, root: &Path, took: Duration) -> String {
    let mut text = String::new();
    let now = OffsetDateTime::now_utc();
    let form = if plan.quick {
        "`./lab/bench quick`"
    } else {
        "`./lab/bench`"
    };
    let _ = write!(
        text,
        "# Results\n\nWritten by {form} on {} at {:02}:{:02} UTC in {} s; run it again instead of editing this file.\n\
         {} round(s) of {} s, {} subscribers, one run for everybody. Figures are medians; in brackets the smallest and the \
         largest round.\n\n## Machine\n\n{machine}\n",
        now.date(),
        now.hour(),
        now.minute(),
        took.as_secs(),
        plan.rounds,
        plan.length.as_secs_f64(),
        plan.subscribers
    );
    text += &target::table(figures);
    for (work, place) in [
        (Work::Pap, Place::Pinned),
        (Work::Chap, Place::Pinned),
        (Work::MsChapV2, Place::Pinned),
        (Work::Accounting, Place::Pinned),
        (Work::Pap, Place::Free),
        (Work::Accounting, Place::Free),
    ] {
        text += &saturation(figures, work, place);
    }
    text += &held(figures);
    text += &latency(figures);
    text += &scaling(plan, figures);
    text += &memory(figures);
    text += &headend_alone(figures);
    text += &reboot(plan, figures);
    text += &method::text();
    text += &remarks(figures);
    if let Ok(drills) = std::fs::read_to_string(root.join(DRILLS)) {
        let _ = write!(text, "\n{}", drills.trim_start());
    }
    text
}

/// A figure with as many digits as it deserves.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        is if is >= 1_000.0 => grouped(value),
        is if is >= 100.0 => format!("{value:.0}"),
        is if is >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A large figure in groups of three digits, rounded to three significant ones.
fn grouped(value: f64) -> String {
    let scale = 10_f64.powf(value.abs().log10().floor() - 2.0);
    let digits = format!("{:.0}", (value / scale).round() * scale);
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits.as_str()), |rest| ("-", rest));
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    sign.to_owned() + &out
}

/// A median with its range.
fn ranged(median: Option<Median>) -> String {
    median.map_or_else(
        || NOTHING.to_owned(),
        |is| match is.least == is.most {
            true => number(is.value),
            false => format!(
                "{} ({} to {})",
                number(is.value),
                number(is.least),
                number(is.most)
            ),
        },
    )
}

/// A table: a heading, columns with their measures, a row a subject that has any.
fn table(figures: &Figures, title: &str, test: &str, columns: &[(&str, &'static str)]) -> String {
    let subjects = Kind::ALL.iter().map(|kind| kind.title().to_owned());
    rows_of(figures, title, "", test, columns, subjects)
}

/// The same with rows of any name.
fn rows_of(
    figures: &Figures,
    title: &str,
    first: &str,
    test: &str,
    columns: &[(&str, &'static str)],
    rows: impl Iterator<Item = String>,
) -> String {
    if !figures.has(test) {
        return String::new();
    }
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let mut text = format!(
        "\n## {title}\n\n| {first} | {} |\n| --- |{}\n",
        heads.join(" | "),
        " ---: |".repeat(columns.len())
    );
    for row in rows {
        let cells: Vec<Option<Median>> = columns
            .iter()
            .map(|(_, measure)| figures.median(test, measure, &row))
            .collect();
        if cells.iter().any(Option::is_some) {
            let cells: Vec<String> = cells.into_iter().map(ranged).collect();
            let _ = writeln!(text, "| {row} | {} |", cells.join(" | "));
        }
    }
    text
}

/// As fast as they answer.
fn saturation(figures: &Figures, work: Work, place: Place) -> String {
    let mut columns = vec![
        ("requests/s", "rate"),
        ("server, µs CPU/request", "server us"),
        ("with its database", "all us"),
    ];
    if work == Work::Accounting {
        columns.push(("until every record is stored", "settled us"));
        columns.push(("records/s until every one is stored", "settled rate"));
    }
    columns.push(("generator, µs/request", "generator us"));
    columns.push(("judging, µs/reply", "judging us"));
    let test = rounds::name(work, place);
    table(figures, &format!("Saturation: {test}"), &test, &columns)
}

/// The rate that the drain keeps up with.
fn held(figures: &Figures) -> String {
    let test = rounds::name(Work::Accounting, Place::Free);
    let get = |measure| figures.median(&test, measure, Kind::Headend.title());
    if get("held rate").is_none() {
        return String::new();
    }
    let of = |measure| ranged(get(measure));
    format!(
        "\nHeadend's drain keeps up with {} records/s: held for {} s, {} records not yet stored before and {} after, p99 {} ms, {} \
         µs CPU a record until every one was stored.\n",
        of("held rate"),
        of("held seconds"),
        of("held backlog before"),
        of("held backlog after"),
        of("held p99 ms"),
        of("held us")
    )
}

/// At half of saturation.
fn latency(figures: &Figures) -> String {
    let columns = [
        ("requests/s", "rate"),
        ("p50 ms", "p50 ms"),
        ("p99 ms", "p99 ms"),
        ("p99.9 ms", "p99.9 ms"),
        ("given up", "lost"),
    ];
    [Work::Pap, Work::Accounting]
        .iter()
        .map(|work| {
            let test = rounds::latency_name(*work);
            table(figures, &format!("Latency: {test}, pinned"), &test, &columns)
        })
        .collect()
}

/// More subscribers, more NAS.
fn scaling(plan: &Plan, figures: &Figures) -> String {
    let rows = growth::rows(plan.subscribers, plan.subscribers_most);
    let columns = [
        ("Headend, requests/s", "rate"),
        ("µs CPU/request", "server us"),
        ("echo limit, requests/s", "echo rate"),
        ("µs CPU/request", "echo us"),
    ];
    rows_of(
        figures,
        "Scaling: PAP, pinned",
        "directory",
        growth::SCALING,
        &columns,
        rows.into_iter(),
    )
}

/// What they hold.
fn memory(figures: &Figures) -> String {
    if !figures.has(growth::MEMORY) {
        return String::new();
    }
    let mut text = "\n## Memory, after everybody has logged in\n\n| | server, MiB resident | its database, MiB | server after all rounds | its database |\n| --- | ---: | ---: | ---: | ---: |\n".to_owned();
    for kind in Kind::ALL {
        let get = |measure| {
            figures
                .median(growth::MEMORY, measure, kind.title())
                .map(|is| is.value / MIB)
        };
        let of = |measure| get(measure).map_or_else(|| "–".to_owned(), number);
        if get("octets").is_some() {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                kind.title(),
                of("octets"),
                of("database octets"),
                of("octets after all rounds"),
                of("database octets after all rounds")
            );
        }
    }
    let own = |measure| {
        figures
            .median(growth::MEMORY, measure, Kind::Headend.title())
            .map(|is| is.value)
    };
    if let (Some(once), Some(twice), Some(each)) = (
        own("octets after a start"),
        own("octets at twice the size"),
        own("octets for each further one"),
    ) {
        let _ = write!(
            text,
            "\nHeadend, started anew: {} MiB, with twice as many {} MiB: {} octets for each further subscriber. After \
             all rounds sessions that accounting left open are online, as they are after a start.\n",
            number(once / MIB),
            number(twice / MIB),
            number(each)
        );
    }
    text
}

/// Starts, changes, outage.
fn headend_alone(figures: &Figures) -> String {
    let title = Kind::Headend.title();
    let get = |test: &str, measure| figures.median(test, measure, title);
    let mut text = String::new();
    if figures.has(growth::DIRECTORY) {
        let _ = write!(
            text,
            "\n## Start with the largest directory\n\nThe directory alone, as the server's log has it: {} s from PostgreSQL, {} s \
             from its own copy. From the start of the process until it is ready, with its PostgreSQL and the sessions that \
             the tests before have left: {} s and {} s.\n",
            ranged(get(growth::DIRECTORY, "load from database s")),
            ranged(get(growth::DIRECTORY, "load from copy s")),
            ranged(get(growth::DIRECTORY, "start from database s")),
            ranged(get(growth::DIRECTORY, "start from copy s"))
        );
    }
    if figures.has(change::CHANGES_LIVE) {
        let of = |measure| ranged(get(change::CHANGES_LIVE, measure));
        let _ = write!(
            text,
            "\n## How soon a change is live\n\n{} changes of one subscriber each, at {} logins a second, commit included: p50 {} \
             ms, p99 {} ms, at most {} ms.\n",
            of("changes"),
            of("rate"),
            of("p50 ms"),
            of("p99 ms"),
            of("most ms")
        );
    }
    if figures.has(outage::OUTAGE) {
        let of = |measure| ranged(get(outage::OUTAGE, measure));
        let _ = write!(
            text,
            "\n## The database goes and comes back\n\nWithout PostgreSQL {} records/s were acknowledged and logins had a p99 of {} \
             ms. {} records were behind when it might come back; it was there {} s later, and they were carried over at {} \
             records/s for {} s beside {} live records/s (1,000,000 subscribers that report every 300 s): {} times the live \
             rate.\n",
            of("outage rate"),
            of("login p99 ms"),
            of("behind"),
            of("back s"),
            of("catch-up rate"),
            of("catch-up s"),
            number(outage::LIVE_RATE),
            of("ratio")
        );
    }
    text
}

/// Everybody at once.
fn reboot(plan: &Plan, figures: &Figures) -> String {
    let count = if plan.quick {
        storm::SUBSCRIBERS_QUICK
    } else {
        storm::SUBSCRIBERS
    }
    .min(plan.subscribers);
    let columns = [
        ("all online after, s", "calm s"),
        ("half, s", "half s"),
        ("sent again", "resent"),
        ("dialled again", "redialled"),
    ];
    let test = table(
        figures,
        &format!("A BNG reboots: {count} logins at once, pinned"),
        storm::STORM,
        &columns,
    );
    if test.is_empty() {
        return test;
    }
    format!(
        "{test}\nThe BNG sends again after {} s, {} times at most; a line nobody answered dials again {} s later. A line is \
         online when its Start is acknowledged.\n",
        storm::TIMEOUT.as_secs(),
        storm::SENDS_MAX,
        storm::REDIAL.as_secs()
    )
}

/// What went wrong or must be told.
fn remarks(figures: &Figures) -> String {
    let mut text = "\n## Seen in this run\n\n".to_owned();
    if figures.troubles().next().is_none() && figures.failures().is_empty() {
        text += "Every reply was genuine and of the expected kind, none was missing.\n";
    }
    for failure in figures.failures() {
        let _ = writeln!(text, "- **not measured**: {}", failure.replace('\n', " "));
    }
    for line in figures.troubles().chain(figures.notes().iter().cloned()) {
        let _ = writeln!(text, "- {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_thousands_apart() {
        let shown = [0.456, 4.56, 45.64, 456.4, 4_564.0, 456_789.0, 1_234_567.0].map(number);
        assert_eq!(
            shown,
            ["0.46", "4.56", "45.6", "456", "4,560", "457,000", "1,230,000"]
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_an_empty_table_is_left_out() {
        let mut figures = Figures::default();
        figures.add("PAP pinned", "rate", Kind::Echo.title(), 300_000.0);
        let text = saturation(&figures, Work::Pap, Place::Pinned);
        assert!(text.contains("| echo limit | 300,000 | – | – |"), "{text}");
        assert!(!text.contains("Headend"));
        assert_eq!(saturation(&figures, Work::Chap, Place::Pinned), "");
    }
}
