//! Reads an export and says whether the chain in it is whole. Pure and offline: knows no database, no network, and asks
//! nobody. What it finds it names by place, id and kind; see [`super::export`] for the format.
//!
//! What it cannot find: a chain that was written anew from some place to its end, with all hashes. For that, keep what
//! [`Report::head`] said at an earlier time, outside of the database, and hand it in as [`Verifier::expecting`].

use serde::Deserialize;
use serde_json::Value;

use super::chain::{HASH_CHARS, Hash};
use super::export::FORMAT;

/// Most faults kept; more are counted.
pub const FAULTS_MAX: usize = 1000;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The place in the chain; `None` where there is none.
    pub seq: Option<i64>,
    /// The line's id, where it is known.
    pub id: Option<String>,
    /// What is wrong, in words.
    pub what: String,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Whose chain; empty when the file does not say.
    pub chain: String,
    /// After which place the export begins; 0: it is the whole chain.
    pub after: i64,
    /// Lines read.
    pub lines: u64,
    /// The last place and its hash: keep them, to hold a later export against.
    pub head: (i64, String),
    /// What is wrong, in the order of the file; at most [`FAULTS_MAX`].
    pub faults: Vec<Fault>,
    /// Faults beyond those.
    pub further: u64,
}

/// A record of the export.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Record {
    /// How a page begins.
    Audit {
        /// How hashes are computed.
        format: u32,
        /// Whose chain.
        chain: String,
        /// The place before the first one.
        after: i64,
        /// Its hash.
        after_hash: String,
    },
    /// A line that is gone.
    Missing {
        /// Its place.
        seq: i64,
        /// Its id.
        id: String,
        /// Its hash.
        hash: String,
    },
    /// A line in no chain.
    Loose {
        /// Its id.
        id: String,
        /// Why it is said to be loose.
        why: String,
    },
    /// How a page ends.
    End {
        /// The last place.
        seq: i64,
        /// Its hash.
        hash: String,
        /// Whether another page should follow.
        more: bool,
    },
}

/// What of a line the chain hangs on; the rest is only in its octets.
#[derive(Deserialize)]
struct Link {
    /// Whose chain.
    chain: String,
    /// The place.
    seq: i64,
    /// The hash before.
    prev: String,
    /// The line's id.
    id: String,
}

/// Reads an export, record by record; several exports that follow each other are one.
#[derive(Debug, Default)]
pub struct Verifier {
    /// What was found so far.
    report: Report,
    /// Whether a page has begun.
    begun: bool,
    /// Whether the last page said that it ends here.
    ended: bool,
    /// Whether the last page said that another one follows.
    more: bool,
    /// A place whose hash is known from elsewhere, until it was seen.
    expected: Option<(i64, Hash)>,
}

impl Verifier {
    /// Nothing read yet, nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing read yet; this place had this hash when somebody looked before.
    pub fn expecting(seq: i64, hash: Hash) -> Self {
        Self {
            expected: Some((seq, hash)),
            ..Self::default()
        }
    }

    /// Reads one line of the export; an empty one says nothing.
    pub fn feed(&mut self, text: &str) {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return;
        }
        if let Some((hash, line)) = hashed_line(text) {
            return self.line(hash, line);
        }
        match serde_json::from_str(text) {
            Ok(Record::Audit {
                format,
                chain,
                after,
                after_hash,
            }) => self.begin(format, chain, after, after_hash),
            Ok(Record::Missing { seq, id, hash }) => {
                self.place(seq, Some(&id));
                self.fault(Some(seq), Some(id), "the line was removed from the table");
                self.advance(seq, hash);
            }
            Ok(Record::Loose { id, why }) => {
                self.fault(None, Some(id), format!("the line is in no chain: {why}"));
            }
            Ok(Record::End { seq, hash, more }) => self.end(seq, &hash, more),
            Err(_) => self.fault(None, None, "this is no record of an audit export"),
        }
    }

    /// What was found, once everything was read.
    pub fn finish(mut self) -> Report {
        if !self.begun {
            self.fault(None, None, "the file holds no audit export");
        } else if !self.ended || self.more {
            self.fault(None, None, "the export is cut off: its end is missing");
        }
        if let Some((seq, _)) = self.expected {
            let what = "the export does not reach the place whose hash is expected";
            self.fault(Some(seq), None, what);
        }
        self.report
    }

    /// A page begins.
    fn begin(&mut self, format: u32, chain: String, after: i64, after_hash: String) {
        if format != FORMAT {
            let what = format!("the export has format {format}, and this program knows {FORMAT}");
            self.fault(None, None, what);
        }
        let joins = self.report.head == (after, after_hash.clone()) && self.report.chain == chain;
        if !self.begun {
            if after == 0 && Hash::read(&after_hash) != Some(Hash::GENESIS) {
                self.fault(None, None, "the chain does not begin with the hash of nothing");
            }
            (self.report.chain, self.report.after) = (chain, after);
            self.advance(after, after_hash);
        } else if !joins {
            let what = "the part that begins here does not continue the one before";
            self.fault(Some(after), None, what);
            self.report.chain = chain;
            self.advance(after, after_hash);
        }
        (self.begun, self.ended, self.more) = (true, false, false);
    }

    /// A line with its hash.
    fn line(&mut self, hash: &str, text: &str) {
        self.report.lines += 1;
        let Ok(link) = serde_json::from_str::<Link>(text) else {
            return self.fault(None, None, "this is no line of an audit");
        };
        let id = Some(link.id.as_str());
        if self.ended || !self.begun {
            self.fault(
                Some(link.seq),
                Some(link.id.clone()),
                "the line stands outside of the export",
            );
        }
        if link.chain != self.report.chain {
            let what = format!("the line belongs to the chain of {}", link.chain);
            self.fault(Some(link.seq), Some(link.id.clone()), what);
        }
        let follows = self.place(link.seq, id);
        if Hash::read(hash) != Some(Hash::of(text)) {
            let what = "the line is not as it was written: its hash is another one";
            self.fault(Some(link.seq), Some(link.id), what);
        } else if follows && link.prev != self.report.head.1 {
            let what = format!(
                "the line does not follow the one at {}: one of the two was changed together with its hash",
                link.seq - 1
            );
            self.fault(Some(link.seq), Some(link.id), what);
        }
        self.advance(link.seq, hash.to_owned());
    }

    /// A page ends.
    fn end(&mut self, seq: i64, hash: &str, more: bool) {
        if (seq, hash) != (self.report.head.0, self.report.head.1.as_str()) {
            let what = "the export ends elsewhere: lines before its end were removed, added or changed";
            self.fault(Some(seq), None, what);
        }
        (self.ended, self.more) = (true, more);
    }

    /// Looks whether a place comes next; says what is wrong when it does not.
    fn place(&mut self, seq: i64, id: Option<&str>) -> bool {
        let next = self.report.head.0 + 1;
        let id = id.map(str::to_owned);
        if seq > next {
            let what = match seq - next {
                1 => format!("the line at {next} before this one was removed"),
                _ => format!("the lines at {next} to {} before this one were removed", seq - 1),
            };
            self.fault(Some(seq), id, what);
        } else if seq < next {
            let what = format!(
                "the line stands after the one at {}: it was moved or inserted",
                next - 1
            );
            self.fault(Some(seq), id, what);
        }
        seq == next
    }

    /// Goes on from a place, and holds it against what is known of it.
    fn advance(&mut self, seq: i64, hash: String) {
        if let Some((_, known)) = self.expected.take_if(|(expected, _)| *expected == seq)
            && Hash::read(&hash) != Some(known)
        {
            let what = "this place had another hash before: the chain was written anew";
            self.fault(Some(seq), None, what);
        }
        self.report.head = (seq, hash);
    }

    /// Notes a fault.
    fn fault(&mut self, seq: Option<i64>, id: Option<String>, what: impl Into<String>) {
        if self.report.faults.len() >= FAULTS_MAX {
            self.report.further += 1;
            return;
        }
        self.report.faults.push(Fault {
            seq,
            id,
            what: what.into(),
        });
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    /// The report for programs.
    pub fn to_json(&self) -> Value {
        let faults = self
            .faults
            .iter()
            .map(|fault| serde_json::json!({ "seq": fault.seq, "id": fault.id, "what": fault.what }));
        serde_json::json!({
            "chain": self.chain,
            "after": self.after,
            "lines": self.lines,
            "head": { "seq": self.head.0, "hash": self.head.1 },
            "whole": self.is_whole(),
            "faults": faults.collect::<Vec<_>>(),
            "further_faults": self.further,
        })
    }
}

/// The hash and the octets of a record that is a line; they are taken from where they stand, because a hash is of octets.
fn hashed_line(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("{\"hash\":\"")?;
    let (hash, rest) = rest.split_at_checked(HASH_CHARS)?;
    let line = rest.strip_prefix("\",\"line\":")?.strip_suffix('}')?;
    Some((hash, line))
}

#[cfg(test)]
mod tests;
