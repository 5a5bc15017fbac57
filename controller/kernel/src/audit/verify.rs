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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An export of `count` lines.
    fn export(count: i64) -> Vec<String> {
        let mut previous = Hash::GENESIS;
        let mut out = vec![format!(
            "{{\"audit\":{{\"format\":1,\"chain\":\"platform\",\"after\":0,\"after_hash\":\"{previous}\"}}}}"
        )];
        for seq in 1..=count {
            let line = line(seq, previous, "ok");
            previous = Hash::of(&line);
            out.push(format!("{{\"hash\":\"{previous}\",\"line\":{line}}}"));
        }
        out.push(format!(
            "{{\"end\":{{\"seq\":{count},\"hash\":\"{previous}\",\"more\":false}}}}"
        ));
        out
    }

    fn line(seq: i64, previous: Hash, outcome: &str) -> String {
        format!(
            "{{\"chain\":\"platform\",\"seq\":{seq},\"prev\":\"{previous}\",\"id\":\"id-{seq}\",\"outcome\":\"{outcome}\"}}"
        )
    }

    fn verify(lines: &[String]) -> Report {
        let mut verifier = Verifier::new();
        lines.iter().for_each(|line| verifier.feed(line));
        verifier.finish()
    }

    #[track_caller]
    fn check(lines: &[String], expect: &[(Option<i64>, &str)]) {
        let report = verify(lines);
        let found: Vec<_> = report
            .faults
            .iter()
            .map(|fault| (fault.seq, fault.what.as_str()))
            .collect();
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for ((seq, what), (expect_seq, words)) in found.iter().zip(expect) {
            assert_eq!(seq, expect_seq, "{found:?}");
            assert!(what.contains(words), "{what} / {words}");
        }
    }

    #[test]
    fn a_whole_chain_is_whole_also_in_parts_and_when_it_is_empty() {
        check(&export(5), &[]);
        check(&export(0), &[]);
        let whole = export(5);
        let at_3 = Hash::read(&whole[3][9..73]).expect("a hash");
        let mut parts = whole[..4].to_vec();
        parts.push(format!(
            "{{\"end\":{{\"seq\":3,\"hash\":\"{at_3}\",\"more\":true}}}}"
        ));
        parts.push(format!(
            "{{\"audit\":{{\"format\":1,\"chain\":\"platform\",\"after\":3,\"after_hash\":\"{at_3}\"}}}}"
        ));
        parts.extend_from_slice(&whole[4..]);
        check(&parts, &[]);
        check(&parts[5..], &[]);
        check(&parts[..5], &[(None, "cut off")]);
    }

    #[test]
    fn what_was_changed_removed_inserted_or_moved_is_named() {
        let mut changed = export(5);
        changed[3] = changed[3].replace("\"ok\"", "\"no\"");
        check(&changed, &[(Some(3), "not as it was written")]);

        let mut removed = export(5);
        removed.remove(3);
        check(
            &removed,
            &[(Some(4), "the line at 3 before this one was removed")],
        );

        let mut inserted = export(5);
        inserted.insert(4, inserted[3].clone());
        check(&inserted, &[(Some(3), "moved or inserted")]);

        let mut moved = export(5);
        moved.swap(2, 3);
        check(
            &moved,
            &[
                (Some(3), "was removed"),
                (Some(2), "moved or inserted"),
                (Some(4), "was removed"),
            ],
        );

        let mut cut = export(5);
        cut.remove(5);
        check(&cut, &[(Some(5), "ends elsewhere")]);
        cut.pop();
        check(&cut, &[(None, "cut off")]);
        check(
            &["{}".to_owned()],
            &[(None, "no record"), (None, "no audit export")],
        );
    }

    #[test]
    fn a_line_changed_together_with_its_hash_breaks_the_next_one() {
        let mut forged = export(5);
        let before = Hash::read(&forged[2][9..73]).expect("a hash");
        let text = line(3, before, "no");
        forged[3] = format!("{{\"hash\":\"{}\",\"line\":{text}}}", Hash::of(&text));
        check(&forged, &[(Some(4), "does not follow the one at 3")]);
    }

    #[test]
    fn a_chain_written_anew_is_found_by_whoever_kept_a_hash() {
        let honest = verify(&export(3));
        let (seq, hash) = (honest.head.0, Hash::read(&honest.head.1).expect("a hash"));
        let held_against = |lines: &[String]| {
            let mut verifier = Verifier::expecting(seq, hash);
            lines.iter().for_each(|line| verifier.feed(line));
            verifier.finish()
        };
        assert!(held_against(&export(5)).is_whole());
        assert!(!held_against(&export(2)).is_whole());
        let mut previous = Hash::GENESIS;
        let mut anew = vec![export(0)[0].clone()];
        for seq in 1..=5 {
            let text = line(seq, previous, "no");
            previous = Hash::of(&text);
            anew.push(format!("{{\"hash\":\"{previous}\",\"line\":{text}}}"));
        }
        anew.push(format!(
            "{{\"end\":{{\"seq\":5,\"hash\":\"{previous}\",\"more\":false}}}}"
        ));
        assert!(verify(&anew).is_whole());
        let found = held_against(&anew);
        assert_eq!(found.faults.len(), 1);
        assert!(found.faults[0].what.contains("written anew"));
    }

    proptest! {
        /// Whatever one octet of an export is changed into, and wherever: it is found. (An empty chain has no line that
        /// would name it.)
        #[test]
        fn no_octet_can_be_changed(count in 1i64..6, at in any::<prop::sample::Index>(), octet in b' '..=b'~') {
            let mut octets = export(count).join("\n").into_bytes();
            let at = at.index(octets.len());
            prop_assume!(octets[at] != octet);
            octets[at] = octet;
            let text = String::from_utf8(octets).expect("all of it is ASCII");
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            prop_assert!(!verify(&lines).is_whole(), "{text}");
        }

        /// No record can be left out, doubled or moved.
        #[test]
        fn no_record_can_be_moved(count in 1i64..6, from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), keep: bool) {
            let whole = export(count);
            let mut lines = whole.clone();
            let record = if keep { lines[from.index(whole.len())].clone() } else { lines.remove(from.index(whole.len())) };
            let to = to.index(lines.len() + 1);
            lines.insert(to, record);
            prop_assume!(lines != whole);
            // The end said twice at the end says nothing new, and neither does a beginning said twice at the beginning.
            let harmless = keep && (lines.ends_with(&[lines[count as usize + 1].clone()]) || lines[0] == lines[1]);
            prop_assert_eq!(verify(&lines).is_whole(), harmless);
        }

        /// Nothing that a file can hold makes it panic.
        #[test]
        fn any_text_is_read(text in "\\PC{0,200}") {
            let mut verifier = Verifier::new();
            verifier.feed(&text);
            let report = verifier.finish();
            prop_assert!(!report.is_whole());
        }
    }

    #[test]
    fn whatever_a_file_holds_nothing_panics_and_faults_are_bounded() {
        let mut verifier = Verifier::new();
        for n in 0..2 * FAULTS_MAX {
            verifier.feed(&"é{\"hash\":\"".repeat(n % 20));
        }
        let report = verifier.finish();
        assert_eq!(report.faults.len(), FAULTS_MAX);
        assert!(report.further > 0);
    }
}
