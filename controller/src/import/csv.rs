//! Comma-separated values (RFC 4180): fields between commas or semicolons, quotes around what needs them.
//! Never knows what a column means; the first line names them.

use std::io::{self, Read};

use super::octets::Octets;

/// Octets of one field.
const FIELD_OCTETS_MAX: usize = 64 * 1_024;
/// Fields of one line.
const FIELDS_MAX: usize = 256;

/// The file cannot be read, or is none of these.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// It cannot be read.
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
    /// A line makes no sense.
    #[error("line {line}: {why}")]
    Wrong {
        /// Where.
        line: u64,
        /// Why.
        why: &'static str,
    },
}

/// A file being read.
pub struct Csv<R> {
    /// The file.
    octets: Octets<R>,
    /// What stands between fields.
    between: u8,
    /// The names of the columns.
    names: Vec<String>,
}

impl<R: Read> Csv<R> {
    /// Reads the names of the columns. A first line with semicolons and no commas is separated by those.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or its first line makes no sense.
    pub fn new(file: R) -> Result<Self, CsvError> {
        let mut csv = Self {
            octets: Octets::new(file),
            between: b',',
            names: Vec::new(),
        };
        let first = csv.record()?.ok_or(CsvError::Wrong {
            line: 1,
            why: "the file is empty",
        })?;
        csv.names = match first.as_slice() {
            [one] if one.contains(';') => {
                csv.between = b';';
                one.split(';').map(str::to_owned).collect()
            }
            _ => first,
        };
        for name in &mut csv.names {
            *name = name.trim().trim_start_matches('\u{feff}').to_owned();
        }
        Ok(csv)
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The next line that says something, and its number; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read, or a line makes no sense.
    pub fn next_record(&mut self) -> Result<Option<(u64, Vec<String>)>, CsvError> {
        loop {
            let line = self.octets.line();
            let Some(fields) = self.record()? else {
                return Ok(None);
            };
            if fields.iter().all(String::is_empty) {
                continue;
            }
            if fields.len() != self.names.len() {
                return Err(CsvError::Wrong {
                    line,
                    why: "it has another number of fields than the first line",
                });
            }
            return Ok(Some((line, fields)));
        }
    }

    /// One line.
    fn record(&mut self) -> Result<Option<Vec<String>>, CsvError> {
        if self.octets.peek()?.is_none() {
            return Ok(None);
        }
        let line = self.octets.line();
        let mut fields = Vec::new();
        loop {
            let (field, more) = self.field(line)?;
            fields.push(field);
            if fields.len() > FIELDS_MAX {
                return Err(CsvError::Wrong {
                    line,
                    why: "it has too many fields",
                });
            }
            if !more {
                return Ok(Some(fields));
            }
        }
    }

    /// One field, and whether another follows in its line.
    fn field(&mut self, line: u64) -> Result<(String, bool), CsvError> {
        let wrong = |why| CsvError::Wrong { line, why };
        let mut out = Vec::new();
        let mut quoted = false;
        let more = loop {
            let Some(octet) = self.octets.take()? else {
                if quoted {
                    return Err(wrong("a quote is not closed"));
                }
                break false;
            };
            match octet {
                b'"' if quoted => {
                    if self.octets.peek()? == Some(b'"') {
                        self.octets.take()?;
                        out.push(b'"');
                    } else {
                        quoted = false;
                    }
                }
                b'"' if out.is_empty() => quoted = true,
                b'\n' if !quoted => break false,
                b'\r' if !quoted && self.octets.peek()? == Some(b'\n') => {}
                octet if octet == self.between && !quoted => break true,
                other => out.push(other),
            }
            if out.len() > FIELD_OCTETS_MAX {
                return Err(wrong("a field is too long"));
            }
        };
        let text = String::from_utf8(out).map_err(|_| wrong("a field is no UTF-8"))?;
        if text.contains('\0') {
            return Err(wrong("a field has a NUL character"));
        }
        Ok((text, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of a text.
    fn read(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut csv = Csv::new(text.as_bytes()).expect("a first line");
        let mut all = Vec::new();
        while let Some(record) = csv.next_record().expect("a line") {
            all.push(record);
        }
        all
    }

    #[test]
    fn lines_are_read_with_their_numbers() {
        let text = "\u{feff}username,password\r\nbob,\"a,\"\"b\"\"\nc\"\r\n\r\neve,\r\n";
        let expect = [(2, ["bob", "a,\"b\"\nc"]), (5, ["eve", ""])];
        let read = read(text);
        assert_eq!(read.len(), 2);
        for ((line, fields), (expect_line, expect_fields)) in read.iter().zip(expect) {
            assert_eq!(
                (*line, fields.as_slice()),
                (expect_line, expect_fields.map(str::to_owned).as_slice())
            );
        }
        let semicolons = Csv::new("a;b\n".as_bytes()).expect("a first line");
        assert_eq!(semicolons.names(), ["a", "b"]);
    }

    #[test]
    fn a_line_that_makes_no_sense_says_which() {
        for text in ["a,b\n1\n", "a\n\"x\n"] {
            let mut csv = Csv::new(text.as_bytes()).expect("a first line");
            assert!(
                csv.next_record()
                    .expect_err(text)
                    .to_string()
                    .starts_with("line 2: ")
            );
        }
        assert!(Csv::new("".as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_is_read(values in proptest::collection::vec("[^\0]{1,8}", 2..5)) {
            let fields: Vec<String> = values.iter().map(|value| format!("\"{}\"", value.replace('"', "\"\""))).collect();
            let names: Vec<String> = (0..values.len()).map(|n| format!("c{n}")).collect();
            let text = format!("{}\n{}\n", names.join(","), fields.join(","));
            proptest::prop_assert_eq!(read(&text), [(2, values)]);
        }

        #[test]
        fn any_octets_are_lines_or_none(octets: Vec<u8>) {
            if let Ok(mut csv) = Csv::new(octets.as_slice()) {
                while let Ok(Some(_)) = csv.next_record() {}
            }
        }
    }
}
