//! What became of everything that was read, so that it adds up: read = imported + updated + already there + refused.
//! Never holds a password or a secret. What is refused is listed: some here, all of them in a file when one is named.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::table::Table;
use crate::failure::{Exit, Failure};
use crate::output;

/// Refused things held for the report.
const REFUSED_HELD_MAX: usize = 1_000;
/// Refused things shown to people.
const REFUSED_SHOWN_MAX: usize = 20;
/// Different notes held.
const NOTES_MAX: usize = 200;

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Network access servers.
    Nas,
    /// Plans, made from groups.
    Plan,
    /// Groups whose rows stay rows.
    Group,
    /// Subscribers.
    Subscriber,
    /// Sessions.
    Session,
    /// Port blocks of a carrier-grade NAT.
    PortBlock,
}

impl Kind {
    /// Its word in the report.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Nas => "nas",
            Kind::Plan => "plan",
            Kind::Group => "group",
            Kind::Subscriber => "subscriber",
            Kind::Session => "session",
            Kind::PortBlock => "port_block",
        }
    }
}

/// What became of one kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How many the source has.
    pub read: u64,
    /// New here.
    pub imported: u64,
    /// Were here and are as the source has them now.
    pub updated: u64,
    /// Were here already.
    pub unchanged: u64,
    /// Are not here, or not as the source has them.
    pub refused: u64,
}

impl Tally {
    /// Whether everything that was read is accounted for.
    const fn adds_up(&self) -> bool {
        self.read == self.imported + self.updated + self.unchanged + self.refused
    }
}

/// Something that was not taken.
struct Refused {
    /// Of which kind, or in which table.
    kind: &'static str,
    /// Where it stands in the source.
    place: String,
    /// How people call it.
    name: String,
    /// Why.
    why: String,
}

/// What became of everything.
#[derive(Default)]
pub struct Report {
    /// By kind.
    tallies: BTreeMap<Kind, Tally>,
    /// Rows read and rows that make no sense, by table.
    rows: BTreeMap<Table, (u64, u64)>,
    /// The first that were refused.
    refused: Vec<Refused>,
    /// How many were refused, rows that make no sense among them.
    refused_count: u64,
    /// What people should know: how often, and where first.
    notes: BTreeMap<String, (u64, String)>,
    /// Where all that are refused go.
    file: Option<BufWriter<File>>,
    /// Why that file cannot be written.
    file_error: Option<std::io::Error>,
}

impl Report {
    /// A report; all that is refused also goes to `file`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn new(file: Option<&Path>) -> Result<Report, Failure> {
        let open = |path: &Path| File::create(path).map_err(|error| Failure::file("write", path, &error));
        Ok(Report {
            file: file.map(open).transpose()?.map(BufWriter::new),
            ..Report::default()
        })
    }

    /// The tally of a kind.
    pub fn tally(&mut self, kind: Kind) -> &mut Tally {
        self.tallies.entry(kind).or_default()
    }

    /// Notes that a row was read.
    pub fn row_read(&mut self, table: Table) {
        self.rows.entry(table).or_default().0 += 1;
    }

    /// Notes that a row makes no sense; it belongs to nothing that is counted.
    pub fn row_broken(&mut self, table: Table, line: u64, why: &str) {
        self.rows.entry(table).or_default().1 += 1;
        self.list(table.name(), format!("{} {line}", table.name()), "-", why);
    }

    /// Notes that something was not taken.
    pub fn refuse(&mut self, kind: Kind, place: String, name: &str, why: &str) {
        self.tally(kind).refused += 1;
        self.list(kind.word(), place, name, why);
    }

    /// Puts something on the list, and into the file.
    fn list(&mut self, kind: &'static str, place: String, name: &str, why: &str) {
        self.refused_count += 1;
        if let Some(file) = &mut self.file {
            // Tabs and line ends within would make two of one line.
            let flat = |text: &str| text.replace(['\t', '\n', '\r'], " ");
            if let Err(error) = writeln!(file, "{kind}\t{}\t{}\t{}", flat(&place), flat(name), flat(why)) {
                self.file_error.get_or_insert(error);
            }
        }
        if self.refused.len() < REFUSED_HELD_MAX {
            self.refused.push(Refused {
                kind,
                place,
                name: name.to_owned(),
                why: why.to_owned(),
            });
        }
    }

    /// Notes what people should know about somebody; the same about many is one line.
    pub fn note(&mut self, says: impl Into<String>, name: &str) {
        let says = says.into();
        if self.notes.len() < NOTES_MAX || self.notes.contains_key(&says) {
            self.notes.entry(says).or_insert_with(|| (0, name.to_owned())).0 += 1;
        }
    }

    /// Writes the file out and checks the sums.
    ///
    /// # Errors
    /// The file cannot be written, or something got lost, which is a defect.
    pub fn close(&mut self) -> Result<(), Failure> {
        let flushed = self.file.take().map_or(Ok(()), |mut file| file.flush());
        if let Some(error) = self.file_error.take().or(flushed.err()) {
            let message = format!("the list of what was refused cannot be written: {error}");
            return Err(Failure::new(Exit::Failed, message));
        }
        match self.tallies.iter().find(|(_, tally)| !tally.adds_up()) {
            None => Ok(()),
            Some((kind, tally)) => Err(Failure::new(
                Exit::Failed,
                format!("the report does not add up: {} {tally:?}", kind.word()),
            )
            .next("this is a defect; please report it")),
        }
    }

    /// How many things and rows were refused.
    pub const fn refused_count(&self) -> u64 {
        self.refused_count
    }

    /// The report for programs.
    pub fn to_json(&self, dry_run: bool) -> Value {
        let tallies: serde_json::Map<String, Value> = self
            .tallies
            .iter()
            .map(|(kind, tally)| {
                let figures = json!({ "read": tally.read, "imported": tally.imported, "updated": tally.updated,
                    "unchanged": tally.unchanged, "refused": tally.refused });
                (kind.word().to_owned(), figures)
            })
            .collect();
        let rows: serde_json::Map<String, Value> = self
            .rows
            .iter()
            .map(|(table, (read, broken))| {
                (table.name().to_owned(), json!({ "read": read, "broken": broken }))
            })
            .collect();
        let refused: Vec<Value> = self
            .refused
            .iter()
            .map(|one| json!({ "kind": one.kind, "place": one.place, "name": one.name, "why": one.why }))
            .collect();
        let notes: Vec<Value> = self
            .notes
            .iter()
            .map(|(says, (count, first))| json!({ "says": says, "count": count, "first": first }))
            .collect();
        json!({ "dry_run": dry_run, "kinds": tallies, "rows": rows, "refused": refused,
            "refused_count": self.refused_count, "notes": notes })
    }

    /// The report for people.
    pub fn print(&self, dry_run: bool) {
        let rows: Vec<Vec<String>> = self
            .tallies
            .iter()
            .map(|(kind, tally)| {
                let figures = [
                    tally.read,
                    tally.imported,
                    tally.updated,
                    tally.unchanged,
                    tally.refused,
                ];
                std::iter::once(kind.word().to_owned())
                    .chain(figures.map(|figure| figure.to_string()))
                    .collect()
            })
            .collect();
        let imported = if dry_run { "TO_IMPORT" } else { "IMPORTED" };
        let updated = if dry_run { "TO_UPDATE" } else { "UPDATED" };
        output::table(
            &["KIND", "READ", imported, updated, "ALREADY_THERE", "REFUSED"],
            &rows,
        );
        for (says, (count, first)) in &self.notes {
            output::line(&clean(&format!("note: {says} ({count}, first {first})")));
        }
        for one in self.refused.iter().take(REFUSED_SHOWN_MAX) {
            output::line(&clean(&format!(
                "refused: {} ({}): {}",
                one.name, one.place, one.why
            )));
        }
        let more = self.refused_count.saturating_sub(REFUSED_SHOWN_MAX as u64);
        if more > 0 {
            output::line(&format!(
                "and {more} more were refused; --refused FILE lists them all"
            ));
        }
        if dry_run {
            output::line("nothing was changed");
        }
    }
}

/// A line without what a terminal would obey.
fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}
