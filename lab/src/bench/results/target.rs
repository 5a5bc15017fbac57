//! The table of targets: what Headend must reach, what it reached, and how that stands to FreeRADIUS and to the limit.
//!
//! The targets are from the work order of the access plane; they are compared here and asserted nowhere. Each was set beside
//! the limit of the machine of that day, so each is judged twice: as the figure it is, and as a ratio to the limit that the
//! same run measured on this machine.

use std::fmt::Write as _;

use super::{MIB, NOTHING, number};
use crate::bench::cell::Work;
use crate::bench::figures::Figures;
use crate::bench::subject::{Kind, Place};
use crate::bench::{change, growth, outage, rounds};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    /// The target is the most.
    Less,
    /// The target is the least.
    More,
}

/// A row.
struct Row {
    /// What is measured, with its unit.
    what: &'static str,
    /// Which way is better.
    better: Better,
    /// What Headend must reach.
    target: f64,
    /// The limit that the target was set beside, when one was.
    set_beside: Option<f64>,
    /// What was measured, by subject.
    values: [Option<f64>; 4],
}

/// The table.
pub(super) fn table(figures: &Figures) -> String {
    let mut text = "## Targets\n\n| same work, same machine | FreeRADIUS, users file | FreeRADIUS, PostgreSQL | echo limit | \
                    must reach | Headend | reached | to FreeRADIUS | to the limit | must be | reached |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for row in rows(figures) {
        row.write(&mut text);
    }
    text += "\n*To FreeRADIUS*: how many times better than the better of the two. *To the limit*: how much of what this \
             machine can do at all, or how many times the least it costs. *Must be*: the same ratio of the target to the \
             limit it was set beside; machines differ, ratios less.\n";
    text
}

impl Row {
    /// Writes the line.
    fn write(&self, text: &mut String) {
        let [echo, headend, files, sql] = self.values;
        let shown = |value: Option<f64>| value.map_or_else(|| NOTHING.to_owned(), number);
        let (sign, reached) = match self.better {
            Better::Less => ("≤", headend.map(|is| is <= self.target)),
            Better::More => ("≥", headend.map(|is| is >= self.target)),
        };
        let (ratio, ratio_reached) = self.ratio();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {sign} {} | **{}** | {} | {} | {} | {ratio} | {} |",
            self.what,
            shown(files),
            shown(sql),
            shown(echo),
            number(self.target),
            shown(headend),
            verdict(reached),
            self.to_freeradius(),
            self.to_limit(),
            verdict(ratio_reached)
        );
    }

    /// The target as a ratio to the limit it was set beside, and whether that was reached beside this run's limit.
    fn ratio(&self) -> (String, Option<bool>) {
        let [echo, headend, ..] = self.values;
        let Some(must) = self.set_beside.map(|limit| self.target / limit) else {
            return (NOTHING.to_owned(), None);
        };
        let is = headend.zip(echo).map(|(own, limit)| own / limit);
        match self.better {
            Better::Less => (format!("≤ {} x", number(must)), is.map(|is| is <= must)),
            Better::More => (format!("≥ {:.0} %", 100.0 * must), is.map(|is| is >= must)),
        }
    }

    /// How many times better than the better FreeRADIUS.
    fn to_freeradius(&self) -> String {
        let [_, headend, files, sql] = self.values;
        let both = files.into_iter().chain(sql);
        let best = match self.better {
            Better::Less => both.reduce(f64::min),
            Better::More => both.reduce(f64::max),
        };
        match (headend, best, self.better) {
            (Some(own), Some(best), Better::Less) => format!("{} x", number(best / own)),
            (Some(own), Some(best), Better::More) => format!("{} x", number(own / best)),
            _ => NOTHING.to_owned(),
        }
    }

    /// How near to the limit.
    fn to_limit(&self) -> String {
        let [echo, headend, ..] = self.values;
        match (headend, echo, self.better) {
            (Some(own), Some(limit), Better::More) => format!("{:.0} %", 100.0 * own / limit),
            (Some(own), Some(limit), Better::Less) => format!("{} x", number(own / limit)),
            _ => NOTHING.to_owned(),
        }
    }
}

/// A verdict in a word.
fn verdict(reached: Option<bool>) -> &'static str {
    reached.map_or(NOTHING, |is| if is { "yes" } else { "**no**" })
}

/// All rows.
fn rows(figures: &Figures) -> Vec<Row> {
    let of = |test: &str, measure: &'static str| {
        Kind::ALL.map(|kind| {
            figures
                .median(test, measure, kind.title())
                .map(|median| median.value)
        })
    };
    let own = |test: &str, measure: &'static str| {
        let value = figures
            .median(test, measure, Kind::Headend.title())
            .map(|median| median.value);
        [None, value, None, None]
    };
    // A server that asks its database for each login is charged for it; Headend's database is not asked.
    let asked = |test: &str| {
        let (alone, all) = (of(test, "server us"), of(test, "all us"));
        [alone[0], alone[1], alone[2], all[3]]
    };
    let pap = rounds::name(Work::Pap, Place::Pinned);
    let mschap = rounds::name(Work::MsChapV2, Place::Pinned);
    let accounting = rounds::name(Work::Accounting, Place::Pinned);
    let shared = rounds::name(Work::Accounting, Place::Free);
    let mut sustained = of(&shared, "rate");
    sustained[1] = own(&shared, "held rate")[1];
    let mib = |values: [Option<f64>; 4]| values.map(|value| value.map(|octets| octets / MIB));
    let row = |what, better, target, set_beside, values| Row {
        what,
        better,
        target,
        set_beside,
        values,
    };
    vec![
        row(
            "PAP, one pinned processor: µs CPU a request",
            Better::Less,
            5.0,
            Some(2.8),
            asked(&pap),
        ),
        row(
            "the same, database counted for everybody",
            Better::Less,
            5.0,
            Some(2.8),
            of(&pap, "all us"),
        ),
        row(
            "the same: requests/s",
            Better::More,
            180_000.0,
            Some(317_000.0),
            of(&pap, "rate"),
        ),
        row(
            "MS-CHAPv2: µs CPU a request",
            Better::Less,
            7.0,
            Some(4.0),
            asked(&mschap),
        ),
        row(
            "accounting into PostgreSQL: µs CPU a record, all counted",
            Better::Less,
            15.0,
            Some(2.6),
            of(&accounting, "settled us"),
        ),
        row(
            "the same: records/s held, both processors",
            Better::More,
            60_000.0,
            Some(295_000.0),
            sustained,
        ),
        row(
            "PAP at half of saturation: p99 ms",
            Better::Less,
            1.0,
            Some(0.5),
            of(&rounds::latency_name(Work::Pap), "p99 ms"),
        ),
        row(
            "accounting at half of saturation: p99 ms",
            Better::Less,
            5.0,
            Some(0.5),
            of(&rounds::latency_name(Work::Accounting), "p99 ms"),
        ),
        row(
            "memory of the server, MiB",
            Better::Less,
            120.0,
            None,
            mib(of(growth::MEMORY, "octets")),
        ),
        row(
            "octets for each further subscriber",
            Better::Less,
            700.0,
            None,
            own(growth::MEMORY, "octets for each further one"),
        ),
        row(
            "load of the largest directory, from PostgreSQL: s",
            Better::Less,
            10.0,
            None,
            own(growth::DIRECTORY, "load from database s"),
        ),
        row(
            "the same from its own copy: s",
            Better::Less,
            2.0,
            None,
            own(growth::DIRECTORY, "load from copy s"),
        ),
        row(
            "a change is live: p99 ms",
            Better::Less,
            100.0,
            None,
            own(change::CHANGES_LIVE, "p99 ms"),
        ),
        row(
            "catching up after an outage: times the live rate",
            Better::More,
            10.0,
            None,
            own(outage::OUTAGE, "ratio"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_can_be_missed_and_its_ratio_to_the_limit_reached() {
        let mut text = String::new();
        let row = Row {
            what: "p99",
            better: Better::Less,
            target: 1.0,
            set_beside: Some(0.5),
            values: [Some(2.0), Some(3.0), None, None],
        };
        row.write(&mut text);
        assert_eq!(
            text,
            "| p99 | – | – | 2.00 | ≤ 1.00 | **3.00** | **no** | – | 1.50 x | ≤ 2.00 x | yes |\n"
        );
    }

    #[test]
    fn a_row_compares_with_the_better_freeradius_and_with_the_limit() {
        let mut text = String::new();
        let row = Row {
            what: "rate",
            better: Better::More,
            target: 100.0,
            set_beside: Some(500.0),
            values: [Some(400.0), Some(200.0), Some(50.0), Some(10.0)],
        };
        row.write(&mut text);
        assert_eq!(
            text,
            "| rate | 50.0 | 10.0 | 400 | ≥ 100 | **200** | yes | 4.00 x | 50 % | ≥ 20 % | yes |\n"
        );
    }

    #[test]
    fn a_target_that_is_missed_says_so_and_one_not_measured_says_nothing() {
        let row = |own| Row {
            what: "cost",
            better: Better::Less,
            target: 5.0,
            set_beside: None,
            values: [Some(2.0), own, None, None],
        };
        let mut text = String::new();
        row(Some(6.0)).write(&mut text);
        row(None).write(&mut text);
        assert_eq!(
            text,
            "| cost | – | – | 2.00 | ≤ 5.00 | **6.00** | **no** | – | 3.00 x | – | – |\n\
             | cost | – | – | 2.00 | ≤ 5.00 | **–** | – | – | – | – | – |\n"
        );
    }
}
