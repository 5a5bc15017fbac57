//! The only place that writes to the terminal: lines, tables, JSON on stdout; notes on stderr.
//! Never colours, never panics when the reader of a pipe has gone. What to show is the caller's.

use std::io::Write;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes one line to stdout. A closed pipe is the reader's choice and no error.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Writes one line to stderr, for what is not the result.
pub fn note(text: &str) {
    let mut out = std::io::stderr().lock();
    drop(writeln!(out, "{text}"));
}

/// Writes a JSON value to stdout, indented.
pub fn json(value: &Value) {
    line(&format!("{value:#}"));
}

/// Writes rows under their headings, columns aligned, two spaces between; numbers are not set apart.
pub fn table(headings: &[&str], rows: &[Vec<String>]) {
    line(&layout(headings, rows));
}

/// The text of a table.
fn layout(headings: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = headings.iter().map(|name| (*name).to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&heading).chain(rows).collect();
    let widths: Vec<usize> = (0..headings.len())
        .map(|n| {
            all.iter()
                .filter_map(|row| row.get(n))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let lines: Vec<String> = all
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// Writes an object as `field: value` lines, nested fields with a dot.
pub fn fields(value: &Value) {
    let mut rows = Vec::new();
    flatten("", value, &mut rows);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, text) in rows {
        line(format!("{name:<width$}  {text}").trim_end());
    }
}

/// Collects the leaves of a value with their dotted names.
fn flatten(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let full = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flatten(&full, inner, rows);
            }
        }
        other => rows.push((format!("{name}:"), cell(other))),
    }
}

/// A value as people read it: nothing for null, text without quotes, lists with commas.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        // A user name comes from the network: no control character reaches a terminal.
        Value::String(text) => text
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The cell of one field of an object; a dot reaches into a nested one.
pub fn field(object: &Value, name: &str) -> String {
    let pointer = format!("/{}", name.replace('.', "/"));
    object.pointer(&pointer).map_or_else(|| "-".to_owned(), cell)
}

/// A field as a column shows it: an instant goes without fractions of a second.
pub fn column(object: &Value, name: &str) -> String {
    let text = field(object, name);
    match OffsetDateTime::parse(&text, &Rfc3339).map(|at| at.replace_nanosecond(0)) {
        Ok(Ok(at)) => at.format(&Rfc3339).unwrap_or(text),
        _ => text,
    }
}

/// A rate in bit/s with the largest unit that keeps it whole.
pub fn rate(object: &Value, name: &str) -> String {
    match object[name].as_u64() {
        None | Some(0) => "-".to_owned(),
        Some(bps) => [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")]
            .iter()
            .find(|(unit, _)| bps.is_multiple_of(*unit))
            .map_or_else(
                || bps.to_string(),
                |(unit, letter)| format!("{}{letter}", bps / unit),
            ),
    }
}

/// A number of octets with a decimal unit.
pub fn octets(object: &Value, name: &str) -> String {
    let Some(count) = object[name].as_u64() else {
        return "-".to_owned();
    };
    let mut scaled = count as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if scaled < 1000.0 {
            return if unit == "B" {
                format!("{count} B")
            } else {
                format!("{scaled:.1} {unit}")
            };
        }
        scaled /= 1000.0;
    }
    format!("{scaled:.1} PB")
}

/// Seconds as hours, minutes and seconds.
pub fn seconds(object: &Value, name: &str) -> String {
    match object[name].as_u64() {
        None => "-".to_owned(),
        Some(total) => format!("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{cell, column, field, layout, octets, rate};
    use serde_json::json;

    #[test]
    fn table_columns_line_up_and_lines_end_without_spaces() {
        let rows = vec![
            vec!["a".to_owned(), "x".to_owned()],
            vec!["long".to_owned(), "y".to_owned()],
        ];
        assert_eq!(layout(&["N", "VALUE"], &rows), "N     VALUE\na     x\nlong  y");
    }

    #[test]
    fn cell_keeps_control_characters_off_the_terminal() {
        assert_eq!(cell(&json!("a\u{1b}[31m")), "a\u{fffd}[31m");
    }

    #[test]
    fn field_reaches_into_nested_objects_and_shows_absence() {
        let object = json!({"health": {"accepts": 3}});
        assert_eq!(
            (field(&object, "health.accepts"), field(&object, "nope")),
            ("3".to_owned(), "-".to_owned())
        );
    }

    #[test]
    fn column_drops_fractions_of_instants_and_nothing_else() {
        let object =
            json!({"a": "2026-01-01T00:00:00.123456Z", "b": "2026-01-01T00:00:00.5+01:00", "c": "10.0.0.1"});
        let shown = ["a", "b", "c"].map(|name| column(&object, name));
        assert_eq!(
            shown,
            ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00", "10.0.0.1"]
        );
    }

    #[test]
    fn rates_and_octets_have_units() {
        let object = json!({"down": 100_000_000u64, "odd": 1_500_001u64, "in": 1_234_567u64, "few": 12});
        assert_eq!(
            (rate(&object, "down"), rate(&object, "odd")),
            ("100M".to_owned(), "1500001".to_owned())
        );
        assert_eq!(
            (octets(&object, "in"), octets(&object, "few")),
            ("1.2 MB".to_owned(), "12 B".to_owned())
        );
    }
}
