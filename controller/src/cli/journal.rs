//! `headend journal`: what is in the journal on this machine, whether the server runs or not.
//! Never asks the server and never writes; the reading is `radius_server::journal::inspect`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use radius_server::journal::OwnedRecord;
use radius_server::journal::inspect::said::{self, Said};
use radius_server::journal::inspect::{self, Edge, Inspection, SegmentFound};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::serve::Serve;
use crate::failure::{Exit, Failure};
use crate::output;

/// Records that are shown at most, whatever is asked for.
const LIMIT_MAX: usize = 100_000;
/// Where the rest is written.
const PAGE: &str = "docs/journal.md says what each damage means and what to do";

/// What to do with the journal.
#[derive(Subcommand)]
pub enum Command {
    /// Show segments and damage, or records; exit code 1 when something is damaged
    Inspect(Inspect),
}

/// `headend journal inspect`
#[derive(Args)]
pub struct Inspect {
    /// Which server.
    #[command(flatten)]
    server: Serve,
    /// Which journal
    #[arg(long, value_enum, value_name = "STREAM")]
    stream: Option<Stream>,
    /// Show records instead of segments, the newest that match
    #[arg(long)]
    records: bool,
    /// Only records of this user name
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Only records of this NAS: its id, its address, or what it calls itself
    #[arg(long, value_name = "NAS")]
    nas: Option<String>,
    /// Only records of this Acct-Session-Id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only records received at this time (RFC 3339) or so long ago (30m, 2h, 1d), or later
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<OffsetDateTime>,
    /// Only records received before this time (RFC 3339) or so long ago
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<OffsetDateTime>,
    /// How many records at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// Show everything in one record, by its sequence number; passwords and keys stay hidden
    #[arg(long, value_name = "SEQ")]
    raw: Option<u64>,
}

/// One of the two journals.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stream {
    /// Accounting-Requests.
    Accounting,
    /// Explanations of logins.
    Decisions,
}

impl Stream {
    /// Both.
    const ALL: [Stream; 2] = [Stream::Accounting, Stream::Decisions];

    /// Its name, also of its directory.
    const fn name(self) -> &'static str {
        match self {
            Stream::Accounting => "accounting",
            Stream::Decisions => "decisions",
        }
    }
}

/// One journal that was looked at.
struct Seen {
    /// Which one.
    stream: Stream,
    /// Where it is.
    dir: PathBuf,
    /// What is in it.
    found: Inspection,
}

/// A record that is shown.
struct Shown {
    /// Of which journal.
    stream: Stream,
    /// The record.
    record: OwnedRecord,
    /// What it says, or why that cannot be read.
    said: Result<Said, String>,
}

impl Command {
    /// Does it.
    pub fn run(self, json: bool) -> Result<(), Failure> {
        let Command::Inspect(inspect) = self;
        inspect.run(json)
    }
}

impl Inspect {
    /// Looks, shows, and fails when something is damaged.
    fn run(self, json: bool) -> Result<(), Failure> {
        let home = self.server.configuration()?.radius.journal_dir;
        let mut records = VecDeque::new();
        let mut seen = Vec::new();
        for stream in Stream::ALL {
            let dir = home.join(stream.name());
            if self.stream.is_some_and(|only| only != stream) || !dir.exists() {
                continue;
            }
            let mut take = |record: &OwnedRecord| self.take(stream, record, &mut records);
            let found = inspect::inspect(&dir, &mut take).map_err(|error| unreadable(&dir, &error))?;
            seen.push(Seen { stream, dir, found });
        }
        if seen.is_empty() {
            let title = format!("there is no journal in {}", home.display());
            return Err(Failure::new(Exit::NotFound, title)
                .next("give --data-dir or --config of the server whose journal you mean"));
        }
        match self.raw {
            Some(seq) => show_raw(seq, &records, json)?,
            None if self.records => show_records(&records, json),
            None => show_segments(&seen, json),
        }
        damage(&seen)
    }

    /// Remembers a record when it is asked for; of too many the newest.
    fn take(&self, stream: Stream, record: &OwnedRecord, records: &mut VecDeque<Shown>) {
        let wanted = match self.raw {
            Some(seq) => record.seq == seq,
            None => self.records,
        };
        if !wanted {
            return;
        }
        let said = Said::read(record.kind, &record.payload);
        if self.raw.is_none() && !self.matches(said.as_ref().ok()) {
            return;
        }
        records.push_back(Shown {
            stream,
            record: record.clone(),
            said,
        });
        if records.len() > self.limit.min(LIMIT_MAX) {
            records.pop_front();
        }
    }

    /// Whether a record is what the filters ask for; one that cannot be read is only what no filter asks for.
    fn matches(&self, said: Option<&Said>) -> bool {
        let Some(said) = said else {
            return self.user.is_none()
                && self.nas.is_none()
                && self.session.is_none()
                && self.since.is_none()
                && self.until.is_none();
        };
        let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let nas = self.nas.as_deref().is_none_or(|wanted| {
            wanted == said.nas.as_uuid().to_string()
                || wanted == said.source.ip().to_string()
                || Some(wanted) == said.nas_name.as_deref()
        });
        let at = i128::from(said.at_unix_us) * 1_000;
        nas && is(&self.user, &said.user)
            && is(&self.session, &said.session)
            && self.since.is_none_or(|since| at >= since.unix_timestamp_nanos())
            && self.until.is_none_or(|until| at < until.unix_timestamp_nanos())
    }
}

/// Shows the segments of each journal.
fn show_segments(seen: &[Seen], json: bool) {
    if json {
        return output::json(&Value::Array(seen.iter().map(journal_json).collect()));
    }
    for journal in seen {
        let found = &journal.found;
        let records: u64 = found.segments.iter().map(|segment| segment.records).sum();
        let octets: u64 = found.segments.iter().map(|segment| segment.octets).sum();
        let drained = found.drained_seq.map_or_else(
            || "how far the database is was not noted yet".to_owned(),
            |seq| format!("the database has at least all below {seq}"),
        );
        output::line(&format!(
            "{} journal in {}: {records} records, {octets} octets; {drained}",
            journal.stream.name(),
            journal.dir.display()
        ));
        let rows: Vec<_> = found.segments.iter().map(segment_row).collect();
        output::table(
            &[
                "SEGMENT",
                "STATE",
                "FIRST_SEQ",
                "LAST_SEQ",
                "RECORDS",
                "OCTETS",
                "FIRST",
                "LAST",
            ],
            &rows,
        );
        for copy in &found.copies {
            output::line(&format!(
                "{}  corrupt copy  {} octets",
                name(&copy.path),
                copy.octets
            ));
        }
    }
}

/// One segment as a row.
fn segment_row(segment: &SegmentFound) -> Vec<String> {
    let seq = |edge: Option<Edge>| edge.map_or("-".to_owned(), |edge| edge.seq.to_string());
    let at = |edge: Option<Edge>| {
        edge.and_then(|edge| edge.at_unix_us)
            .map_or("-".to_owned(), |at| moment(at, false))
    };
    let state = if segment.damage.is_empty() {
        segment.state.as_str().to_owned()
    } else {
        format!("{}, DAMAGED", segment.state.as_str())
    };
    vec![
        name(&segment.path),
        state,
        seq(segment.first),
        seq(segment.last),
        segment.records.to_string(),
        segment.octets.to_string(),
        at(segment.first),
        at(segment.last),
    ]
}

/// One journal as JSON.
fn journal_json(journal: &Seen) -> Value {
    let edge = |edge: Option<Edge>| {
        edge.map_or(
            Value::Null,
            |edge| json!({"seq": edge.seq, "at": edge.at_unix_us.map(|at| moment(at, true))}),
        )
    };
    let segment = |segment: &SegmentFound| {
        json!({
            "path": segment.path, "state": segment.state.as_str(), "first": edge(segment.first),
            "last": edge(segment.last), "records": segment.records, "octets": segment.octets,
            "torn_octets": segment.torn_octets, "damage": segment.damage,
        })
    };
    let found = &journal.found;
    json!({
        "stream": journal.stream.name(), "dir": journal.dir, "sound": found.is_sound(), "drained_seq": found.drained_seq,
        "segments": found.segments.iter().map(segment).collect::<Vec<_>>(),
        "corrupt_copies": found.copies.iter()
            .map(|copy| json!({"path": copy.path, "octets": copy.octets})).collect::<Vec<_>>(),
    })
}

/// Shows records.
fn show_records(records: &VecDeque<Shown>, json: bool) {
    let values: Vec<_> = records.iter().map(record_json).collect();
    if json {
        return output::json(&Value::Array(values));
    }
    let fields = [
        "at",
        "nas_name",
        "what",
        "username",
        "acct_session_id",
        "octets_in",
        "octets_out",
        "seq",
    ];
    let row = |value: &Value| -> Vec<String> { fields.map(|field| output::column(value, field)).into() };
    output::table(
        &["AT", "NAS", "KIND", "USERNAME", "SESSION", "IN", "OUT", "SEQ"],
        &values.iter().map(row).collect::<Vec<_>>(),
    );
}

/// One record as JSON.
fn record_json(shown: &Shown) -> Value {
    let (stream, seq) = (shown.stream.name(), shown.record.seq);
    match &shown.said {
        Err(why) => json!({"stream": stream, "seq": seq, "what": "unreadable", "why": why}),
        Ok(said) => json!({
            "stream": stream, "seq": seq, "at": moment(said.at_unix_us, true), "what": said.what,
            "nas_id": said.nas.as_uuid(), "nas_name": said.nas_name, "source": said.source,
            "partner_id": said.partner.as_uuid(),
            "subscriber_id": said.subscriber.map(|subscriber| subscriber.as_uuid()),
            "username": said.user, "acct_session_id": said.session, "octets_in": said.octets_in,
            "octets_out": said.octets_out,
        }),
    }
}

/// Shows all of the records with a sequence number; each journal may have one.
fn show_raw(seq: u64, records: &VecDeque<Shown>, json: bool) -> Result<(), Failure> {
    if records.is_empty() {
        return Err(
            Failure::new(Exit::NotFound, format!("there is no readable record {seq}"))
                .next("headend journal inspect shows which there are"),
        );
    }
    let mut values = Vec::new();
    for shown in records {
        let (mut value, lines) = (
            record_json(shown),
            said::lines(shown.record.kind, &shown.record.payload),
        );
        if json {
            value["attributes"] = json!(lines.unwrap_or_default());
            values.push(value);
            continue;
        }
        output::fields(&value);
        for line in lines.unwrap_or_else(|why| vec![why]) {
            output::line(&format!("  {}", output::cell(&Value::String(line))));
        }
    }
    if json {
        output::json(&Value::Array(values));
    }
    Ok(())
}

/// The failure that names what is damaged; none when nothing is.
fn damage(seen: &[Seen]) -> Result<(), Failure> {
    let damaged: Vec<_> = seen.iter().filter(|journal| !journal.found.is_sound()).collect();
    if damaged.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = damaged.iter().map(|journal| journal.stream.name()).collect();
    let mut failure = Failure::new(
        Exit::Failed,
        format!("damage in the journal: {}", names.join(", ")),
    );
    for journal in damaged {
        for segment in &journal.found.segments {
            for what in &segment.damage {
                failure = failure.detail(format!("{}: {what}", segment.path.display()));
            }
        }
        for copy in &journal.found.copies {
            failure = failure.detail(format!(
                "{}: kept from a damaged segment; remove it when it was looked at",
                copy.path.display()
            ));
        }
    }
    let next = format!(
        "the server starts all the same and drains what is sound; check the disk (dmesg, smartctl) and copy the directory. {PAGE}"
    );
    Err(failure.next(next))
}

/// The failure when a journal cannot be read at all.
fn unreadable(dir: &Path, error: &radius_server::journal::JournalError) -> Failure {
    let why = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
    Failure::new(Exit::Failed, format!("{error}{why}"))
        .detail(format!("while looking at the journal in {}", dir.display()))
        .next("run it as the user the server runs as, or as root")
}

/// The last part of a path.
fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Microseconds since 1970 as RFC 3339, in UTC.
fn moment(at_unix_us: i64, fractions: bool) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_unix_us) * 1_000)
        .ok()
        .map(|at| {
            if fractions {
                at
            } else {
                at.replace_nanosecond(0).unwrap_or(at)
            }
        })
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{at_unix_us} us"))
}

/// Reads an instant: RFC 3339, or how long ago.
fn instant(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(at);
    }
    let unit = |letter| match letter {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    };
    let ago = text.char_indices().last().and_then(|(at, letter)| {
        let count: u32 = text[..at].parse().ok()?;
        Some(time::Duration::seconds(i64::from(count) * unit(letter)?))
    });
    ago.and_then(|ago| OffsetDateTime::now_utc().checked_sub(ago))
        .ok_or_else(|| "a time such as 2026-11-21T13:00:00Z, or how long ago: 90s, 30m, 2h, 1d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{instant, moment};

    #[test]
    fn an_instant_is_a_time_or_how_long_ago() {
        assert_eq!(
            instant("2026-11-21T13:00:00Z").unwrap().unix_timestamp(),
            1_795_266_000
        );
        let ago = time::OffsetDateTime::now_utc() - instant("2h").unwrap();
        assert!((7_199..=7_300).contains(&ago.whole_seconds()));
        for wrong in ["", "h", "2", "2w", "-2h", "é", "99999999999d"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_shown_in_utc() {
        assert_eq!(moment(1_795_266_000_250_000, true), "2026-11-21T13:00:00.25Z");
        assert_eq!(moment(1_795_266_000_250_000, false), "2026-11-21T13:00:00Z");
    }
}
