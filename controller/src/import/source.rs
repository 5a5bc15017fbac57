//! Where rows come from: a dump in a file, or the database itself.
//! Never changes either. Both can be read several times, which is why sessions need not be held in memory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures_util::TryStreamExt;
use kernel::database::foreign::{Foreign, ForeignError};

use super::copy_text::{self, LINE_OCTETS_MAX};
use super::dump::{Broken, Dump, Item};
use super::table::{Row, Table};
use crate::failure::{Exit, Failure};

/// A source of rows.
pub enum Source {
    /// A dump.
    Dump(PathBuf),
    /// A PostgreSQL.
    Postgres(Box<Foreign>),
}

impl Source {
    /// A dump in a file.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn dump(path: &Path) -> Result<Source, Failure> {
        File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        Ok(Source::Dump(path.to_owned()))
    }

    /// A PostgreSQL at a URL.
    ///
    /// # Errors
    /// Nobody answers there.
    pub async fn postgres(url: &str) -> Result<Source, Failure> {
        let opened = Foreign::open(url).await.map_err(foreign)?;
        Ok(Source::Postgres(Box::new(opened)))
    }

    /// Which one, for people; without a password.
    pub fn words(&self) -> String {
        match self {
            Source::Dump(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                format!("FreeRADIUS, dump {}", name.to_string_lossy())
            }
            Source::Postgres(database) => format!("FreeRADIUS, {}", database.place()),
        }
    }

    /// Shows every row of these tables.
    ///
    /// # Errors
    /// The source cannot be read, or what `each` says.
    pub async fn visit(
        &mut self,
        tables: &[Table],
        mut each: impl AsyncFnMut(Item) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Source::Dump(path) => {
                let file = File::open(&*path).map_err(|error| Failure::file("read", path, &error))?;
                let mut dump = Dump::new(file);
                let wrong = |error| Failure::usage(format!("{}: {error}", path.display()));
                while let Some(item) = dump.next_row().map_err(wrong)? {
                    let table = match &item {
                        Ok(row) => row.table,
                        Err(broken) => broken.table,
                    };
                    if tables.contains(&table) {
                        each(item).await?;
                    }
                }
                Ok(())
            }
            Source::Postgres(database) => {
                for table in tables {
                    read_table(database, *table, &mut each).await?;
                }
                Ok(())
            }
        }
    }
}

/// Shows every row of a table of a live database; one that is not there has none.
async fn read_table(
    database: &mut Foreign,
    table: Table,
    each: &mut impl AsyncFnMut(Item) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let there = database.columns(table.name()).await.map_err(foreign)?;
    if there.is_empty() {
        if table == Table::Radcheck {
            return Err(
                Failure::usage(format!("{} has no table radcheck", database.place()))
                    .next("name its schema in the URL: ?options=-csearch_path%3Dradius"),
            );
        }
        return Ok(());
    }
    let columns: Rc<[String]> = there.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut pieces = database.copy(table.name(), &there).await.map_err(foreign)?;
    let (mut line, mut number) = (Vec::new(), 0);
    while let Some(piece) = pieces.try_next().await.map_err(foreign)? {
        for octet in piece {
            if octet != b'\n' {
                // One more than the bound is enough to know that it is broken.
                if line.len() <= LINE_OCTETS_MAX {
                    line.push(octet);
                }
                continue;
            }
            number += 1;
            each(row(table, number, &columns, &line)).await?;
            line.clear();
        }
    }
    Ok(())
}

/// A line as a row.
fn row(table: Table, line: u64, columns: &Rc<[String]>, octets: &[u8]) -> Item {
    let broken = |why| Broken { table, line, why };
    if octets.len() > LINE_OCTETS_MAX {
        return Err(broken("the row is too long".to_owned()));
    }
    Ok(Row {
        table,
        line,
        columns: Rc::clone(columns),
        values: copy_text::fields(octets).map_err(broken)?,
    })
}

/// A foreign database that cannot be read.
fn foreign(error: ForeignError) -> Failure {
    let mut why: &dyn std::error::Error = &error;
    let failure = Failure::new(Exit::Failed, error.to_string());
    while let Some(inner) = why.source() {
        why = inner;
    }
    failure.detail(why.to_string())
}
