//! A list of subscribers as comma-separated values. The first line names the columns, in any order:
//!
//! | column | what |
//! | --- | --- |
//! | `username` | needed |
//! | `password` | in the clear; stored sealed |
//! | `password_hash` | a hash in its place, as `headend subscriber add` takes it |
//! | `plan`, `site` | a plan's slug, `client/site`; else those of the flags |
//! | `name`, `status`, `status_reason` | as the API has them |
//! | `expires_at` | RFC 3339, or a day |
//! | `groups` | names, `;` between |
//! | `mac`, `identified_by` | what he is recognised by; `kind=value`, `;` between |
//! | `reply:ATTRIBUTE`, `check:ATTRIBUTE` | a row of radreply or radcheck, `:=` |
//!
//! Never guesses at a column it does not know.

use std::fs::File;
use std::path::Path;

use serde_json::{Map, Value, json};
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

use super::csv::{Csv, CsvError};
use super::report::{Kind, Report};
use super::send::{Batches, Target};
use super::{Asked, moment};
use crate::failure::Failure;

/// Columns that go as they are, and the characters they may have.
const PLAIN: [(&str, usize); 3] = [("name", 100), ("status", 20), ("status_reason", 200)];
/// The others, but for rows of attributes.
const OTHERS: [&str; 9] = [
    "username",
    "password",
    "password_hash",
    "plan",
    "site",
    "expires_at",
    "groups",
    "mac",
    "identified_by",
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
    columns_check(&names)?;
    let file = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let import = asked.start(&format!("list {file}")).await?;
    let target = Target {
        api: asked.api,
        partner: asked.partner,
        import: import.as_deref(),
    };
    let mut beside = Map::new();
    beside.insert("update".to_owned(), json!(asked.update));
    let mut batches = Batches::new(&target, Kind::Subscriber, "subscribers", beside);
    while let Some((line, values)) = csv.next_record().map_err(wrong)? {
        let place = format!("line {line}");
        let cells = Cells::new(&names, &values);
        let name = cells.said("username").unwrap_or("-");
        match body(asked, &cells, offset) {
            Ok(body) => batches.push(body, place, name, report).await?,
            Err(why) => {
                report.tally(Kind::Subscriber).read += 1;
                report.refuse(Kind::Subscriber, place, name, &why);
            }
        }
    }
    batches.send(report).await?;
    asked.finish(&target, report).await
}

/// Refuses columns nobody knows.
fn columns_check(names: &[String]) -> Result<(), Failure> {
    let known = |name: &String| {
        let rows = name
            .strip_prefix("reply:")
            .or_else(|| name.strip_prefix("check:"));
        rows.is_some_and(|attribute| !attribute.is_empty())
            || PLAIN.iter().any(|(plain, _)| plain == name)
            || OTHERS.contains(&name.as_str())
    };
    if let Some(name) = names.iter().find(|name| !known(name)) {
        return Err(Failure::usage(format!("there is no column \"{name}\""))
            .next("docs/migration.md lists the columns"));
    }
    if !names.iter().any(|name| name == "username") {
        return Err(Failure::usage("the first line names no column \"username\""));
    }
    Ok(())
}

/// A line with the names of its columns.
pub(super) struct Cells<'a> {
    /// The names.
    names: &'a [String],
    /// The values.
    values: &'a [String],
}

impl<'a> Cells<'a> {
    /// A line.
    pub(super) fn new(names: &'a [String], values: &'a [String]) -> Self {
        Self { names, values }
    }

    /// The value of a column that says something.
    pub(super) fn said(&self, name: &str) -> Option<&'a str> {
        let at = self.names.iter().position(|column| column == name)?;
        self.values
            .get(at)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// What stands between the semicolons of a column.
    fn several(&self, name: &str) -> Vec<&'a str> {
        let parts = self.said(name).unwrap_or_default().split(';').map(str::trim);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// Rows of the columns behind a prefix.
    fn rows(&self, prefix: &str) -> Vec<Value> {
        self.names
            .iter()
            .zip(self.values)
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| {
                let attribute = name.strip_prefix(prefix)?;
                Some(json!({ "attribute": attribute, "op": ":=", "value": value }))
            })
            .collect()
    }
}

/// A line as it is sent.
fn body(asked: &Asked<'_>, cells: &Cells<'_>, offset: UtcOffset) -> Result<Value, String> {
    let (client, site) = match cells.said("site") {
        Some(written) => written
            .split_once('/')
            .ok_or_else(|| format!("\"{written}\" is no site: write client/site"))?,
        None => asked.site,
    };
    let plan = cells
        .said("plan")
        .or(asked.plan)
        .ok_or("he has no plan, and --plan names none")?;
    let mut check = cells.rows("check:");
    let passwords = [
        ("password", "Cleartext-Password"),
        ("password_hash", "Password-With-Header"),
    ];
    for (column, attribute) in passwords {
        if let Some(value) = cells.said(column) {
            // Without a header it would be taken for a password in the clear.
            let value = match column {
                "password_hash" if !value.starts_with('{') => format!("{{crypt}}{value}"),
                _ => value.to_owned(),
            };
            check.push(json!({ "attribute": attribute, "op": ":=", "value": value }));
        }
    }
    let mut marks: Vec<String> = cells
        .several("mac")
        .iter()
        .map(|mac| format!("mac={mac}"))
        .collect();
    marks.extend(cells.several("identified_by").into_iter().map(str::to_owned));
    let groups: Vec<Value> = cells
        .several("groups")
        .iter()
        .enumerate()
        .map(|(priority, group)| json!({ "group": group, "priority": priority }))
        .collect();
    let expires = cells
        .said("expires_at")
        .map(|text| moment::expiration(text, offset))
        .transpose()?
        .and_then(|end| end.format(&Rfc3339).ok());
    let mut body = json!({ "username": cells.said("username").ok_or("he has no user name")?,
        "plan": plan, "client": client, "site": site, "expires_at": expires, "check": check,
        "reply": cells.rows("reply:"), "groups": groups, "identified_by": marks });
    for (column, chars) in PLAIN {
        if let Some(value) = cells.said(column) {
            if value.chars().count() > chars {
                return Err(format!("his {column} has more than {chars} characters"));
            }
            body[column] = json!(value);
        }
    }
    if !matches!(
        cells.said("status"),
        None | Some("active" | "suspended" | "terminated")
    ) {
        return Err("his status is none: active, suspended or terminated".to_owned());
    }
    Ok(body)
}
