//! A PostgreSQL of somebody else, read as it is: the tables of a system that people move here from.
//! Never writes: everything is read in one transaction that cannot, and that sees the database as it was at one moment.
//!
//! Rows come as `COPY ... TO STDOUT` writes them, a line a row, so that a dump and a live database are read alike.

use futures_util::{Stream, TryStreamExt};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

/// The database cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {place}")]
pub struct ForeignError {
    /// What was tried.
    doing: String,
    /// On which database; never with its password.
    place: String,
    /// What was seen.
    #[source]
    source: sqlx::Error,
}

/// Such a database.
#[derive(Debug)]
pub struct Foreign {
    /// The connection; its transaction is never committed.
    db: PgConnection,
    /// Host and database, for messages.
    place: String,
}

impl Foreign {
    /// Reaches the database at a URL. What the URL leaves out comes from PostgreSQL's variables and its password file.
    ///
    /// # Errors
    /// The URL is none, or nobody answers there.
    pub async fn open(url: &str) -> Result<Self, ForeignError> {
        let failed = |place: &str, source| ForeignError {
            doing: "open".to_owned(),
            place: place.to_owned(),
            source,
        };
        let options: PgConnectOptions = url.parse().map_err(|error| {
            failed(
                "the database: its URL is none (postgres://user@host/database)",
                error,
            )
        })?;
        let host = options.get_socket().map_or_else(
            || options.get_host().to_owned(),
            |path| path.display().to_string(),
        );
        let place = format!(
            "database {} at {host}",
            options.get_database().unwrap_or_default()
        );
        let mut db = PgConnection::connect_with(&options)
            .await
            .map_err(|error| failed(&place, error))?;
        sqlx::raw_sql(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'",
        )
        .execute(&mut db)
        .await
        .map_err(|error| failed(&place, error))?;
        Ok(Self { db, place })
    }

    /// Which database it is, without its password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The columns of a table; none when there is no such table in the search path.
    ///
    /// # Errors
    /// The database's.
    pub async fn columns(&mut self, table: &'static str) -> Result<Vec<String>, ForeignError> {
        sqlx::query_scalar(
            "SELECT attname::text FROM pg_catalog.pg_attribute
              WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        )
        .bind(table)
        .fetch_all(&mut self.db)
        .await
        .map_err(|source| ForeignError {
            doing: format!("read the columns of {table} in"),
            place: self.place.clone(),
            source,
        })
    }

    /// The rows of a table as lines, in the order of its first column here; a piece may end anywhere in a line.
    ///
    /// # Errors
    /// The database's, now or in the stream.
    pub async fn copy<'f>(
        &'f mut self,
        table: &'static str,
        columns: &[String],
    ) -> Result<impl Stream<Item = Result<Vec<u8>, ForeignError>> + Unpin + use<'f>, ForeignError> {
        let place = self.place.clone();
        let failed = move |source| ForeignError {
            doing: format!("read {table} in"),
            place: place.clone(),
            source,
        };
        let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        let statement = format!(
            "COPY (SELECT {} FROM {table} ORDER BY 1) TO STDOUT",
            names.join(", ")
        );
        let pieces = match self.db.copy_out_raw(&statement).await {
            Ok(pieces) => pieces,
            Err(error) => return Err(failed(error)),
        };
        Ok(pieces.map_ok(Vec::from).map_err(failed))
    }
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
