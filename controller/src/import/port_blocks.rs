//! The log of a carrier-grade NAT as comma-separated values. The first line names the columns, in any order:
//!
//! | column | what |
//! | --- | --- |
//! | `public_address` | needed; IPv4 |
//! | `ports` | needed: `1024-2047`, or one port; or `port_first` and `port_last` |
//! | `since`, `until` | when it was given (needed) and taken back; RFC 3339, or a database's spelling at `--utc-offset` |
//! | `inside` | the address behind the NAT; this or `username` is needed |
//! | `username`, `nas` | whose, by user name; the NAS by its name here |
//!
//! Never guesses at a column it does not know.

use std::fs::File;
use std::net::IpAddr;
use std::path::Path;

use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::csv::{Csv, CsvError};
use super::list::Cells;
use super::report::{Kind, Report};
use super::send::{Batches, Target};
use super::{Asked, moment};
use crate::failure::Failure;

/// The columns there are.
const COLUMNS: [&str; 9] = [
    "public_address",
    "ports",
    "port_first",
    "port_last",
    "since",
    "until",
    "inside",
    "username",
    "nas",
];

/// Does it.
///
/// # Errors
/// The file cannot be read or has a column nobody knows, or the API's.
pub async fn run(
    asked: &Asked<'_>,
    path: &Path,
    offset: UtcOffset,
    report: &mut Report,
) -> Result<(), Failure> {
    let wrong = |error: CsvError| Failure::usage(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let mut csv = Csv::new(file).map_err(wrong)?;
    let names = csv.names().to_vec();
    if let Some(name) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(Failure::usage(format!("there is no column \"{name}\""))
            .next("docs/migration.md lists the columns"));
    }
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let import = asked.start(&format!("port blocks {file}")).await?;
    let target = Target {
        api: asked.api,
        partner: asked.partner,
        import: import.as_deref(),
    };
    let mut batches = Batches::new(&target, Kind::PortBlock, "port-blocks", Map::new());
    while let Some((line, values)) = csv.next_record().map_err(wrong)? {
        let place = format!("line {line}");
        let cells = Cells::new(&names, &values);
        let name = cells.said("public_address").unwrap_or("-");
        match body(&cells, offset) {
            Ok(body) => batches.push(body, place, name, report).await?,
            Err(why) => {
                report.tally(Kind::PortBlock).read += 1;
                report.refuse(Kind::PortBlock, place, name, &why);
            }
        }
    }
    batches.send(report).await?;
    asked.finish(&target, report).await
}

/// A line as it is sent.
fn body(cells: &Cells<'_>, offset: UtcOffset) -> Result<Value, String> {
    let address = |column: &str| match cells.said(column) {
        Some(text) => text
            .trim()
            .parse::<IpAddr>()
            .map(Some)
            .map_err(|_| format!("its {column} is no address")),
        None => Ok(None),
    };
    let when = |column: &str| -> Result<Option<String>, String> {
        let Some(text) = cells.said(column) else {
            return Ok(None);
        };
        let at = match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(at) => Some(at),
            Err(_) => moment::stored(text, offset).map_err(|why| format!("{column}: {why}"))?,
        };
        Ok(at.and_then(|at| at.format(&Rfc3339).ok()))
    };
    let (first, last) = ports(cells)?;
    Ok(json!({
        "public_address": address("public_address")?.ok_or("it has no public_address")?,
        "port_first": first,
        "port_last": last,
        "since": when("since")?.ok_or("it does not say since when")?,
        "until": when("until")?,
        "inside": address("inside")?,
        "username": cells.said("username"),
        "nas": cells.said("nas"),
    }))
}

/// The first and the last port of a line.
fn ports(cells: &Cells<'_>) -> Result<(u16, u16), String> {
    let (first, last) = match (
        cells.said("ports"),
        cells.said("port_first"),
        cells.said("port_last"),
    ) {
        (Some(range), None, None) => range.split_once('-').unwrap_or((range, range)),
        (None, Some(first), Some(last)) => (first, last),
        _ => return Err("it needs ports, or port_first and port_last".to_owned()),
    };
    let port = |text: &str| {
        let number = text.trim().parse::<u16>();
        number.map_err(|_| format!("\"{text}\" is no port"))
    };
    Ok((port(first)?, port(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of these columns and values.
    fn line(columns: &[(&str, &str)]) -> Result<Value, String> {
        let (names, values): (Vec<String>, Vec<String>) = columns
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .unzip();
        body(&Cells::new(&names, &values), UtcOffset::UTC)
    }

    #[test]
    fn ports_are_a_range_or_two_columns() {
        let rest = [
            ("public_address", "192.0.2.1"),
            ("since", "2026-11-20 21:14:00"),
            ("inside", "100.64.0.9"),
        ];
        let with = |more: &[(&str, &str)]| line(&[&rest[..], more].concat());
        let one = with(&[("ports", "1024-2047")]).expect("a block");
        assert_eq!(
            (&one["port_first"], &one["port_last"]),
            (&json!(1024), &json!(2047))
        );
        assert_eq!(one["since"], "2026-11-20T21:14:00Z");
        let same = with(&[("port_first", "1024"), ("port_last", "2047")]).expect("a block");
        assert_eq!(one, same);
        for wrong in [
            &[("ports", "70000")][..],
            &[("port_first", "1")][..],
            &[("ports", "1-2"), ("port_first", "1")][..],
            &[][..],
        ] {
            assert!(with(wrong).is_err(), "{wrong:?}");
        }
        assert!(
            line(&[("ports", "1-2"), ("since", "2026-11-20T21:14:00Z")]).is_err(),
            "no address"
        );
    }
}
