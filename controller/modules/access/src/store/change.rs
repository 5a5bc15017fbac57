//! `access.directory_change`: what the feeder must look at again, in commit order.
//! Never interprets a change; [`crate::feeder`] does.
//!
//! Commit order. A version number is drawn when a line is written, not when it is committed, so a line may become
//! visible behind others that were read long ago. Lines are therefore ordered by (xid, version), and a reader may move
//! its cursor only up to the horizon ([`change_horizon`]): below it every transaction has ended, and nothing can appear
//! any more. It need not wait for the horizon to *read*: `xmin` is that of the whole cluster, and one transaction left
//! open anywhere would hold up every change. What was read beyond the horizon is named in `ahead` and not given again.

use kernel::Error;
use uuid::Uuid;

use super::Tx;

/// The name the triggers notify under.
pub const CHANNEL: &str = "access_directory";

/// How far the feeder has read: everything up to and including this line is in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeCursor {
    /// The transaction that wrote the line.
    pub xid: i64,
    /// The line.
    pub version: i64,
}

/// Which database a cursor belongs to: transaction numbers of one mean nothing in another.
///
/// A copy of the rows, restored into whatever cluster, has another table; a copy of the files that went its own way has
/// another timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseId {
    /// The cluster.
    pub system: i64,
    /// Its timeline.
    pub timeline: i64,
    /// The table of change lines in it, by its number and that of its database.
    pub log: i64,
}

/// Where a database stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseNow {
    /// Which one it is.
    pub id: DatabaseId,
    /// Its clock.
    pub unix_s: i64,
}

/// One line: look at this object again.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where the line stands.
    pub cursor: ChangeCursor,
    /// Whose object it is.
    pub tenant: Uuid,
    /// `partner`, `nas`, `plan`, `bandwidth_profile`, `subscriber`, `username` or `group`.
    pub kind: String,
    /// Id, user name or group name.
    pub key: String,
    /// How long ago the transaction that wrote the line began, by the database's clock, when the line was read; seconds.
    pub age_s: f64,
}

/// The cursor that stands behind every transaction that is sure to have ended, and before every other one.
///
/// Asked before anything is read: what is below it is seen by the statements that follow.
pub async fn change_horizon(tx: &mut Tx) -> Result<ChangeCursor, Error> {
    let xmin =
        sqlx::query_scalar!(r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "xmin!""#)
            .fetch_one(&mut **tx)
            .await?;
    Ok(ChangeCursor {
        xid: xmin - 1,
        version: i64::MAX,
    })
}

/// Which database this is, and its clock.
pub async fn database_now(tx: &mut Tx) -> Result<DatabaseNow, Error> {
    let row = sqlx::query!(
        r#"SELECT cluster.system_identifier AS "system!", checkpoint.timeline_id::bigint AS "timeline!",
                  (base.oid::bigint << 32) | 'access.directory_change'::regclass::oid::bigint AS "log!",
                  extract(epoch FROM now())::bigint AS "unix_s!"
             FROM pg_control_system() cluster, pg_control_checkpoint() checkpoint, pg_database base
            WHERE base.datname = current_database()"#
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(DatabaseNow {
        id: DatabaseId {
            system: row.system,
            timeline: row.timeline,
            log: row.log,
        },
        unix_s: row.unix_s,
    })
}

/// How many lines stand behind `after`, as far as `most`.
pub async fn change_count(tx: &mut Tx, after: ChangeCursor, most: i64) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT FROM access.directory_change
                WHERE (xid, version) > ($1::bigint::text::xid8, $2::bigint) LIMIT $3) lines"#,
        after.xid,
        after.version,
        most
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(count)
}

/// The newest version written by anybody so far; what the directory's version number starts from.
pub async fn change_newest(tx: &mut Tx) -> Result<i64, Error> {
    let version =
        sqlx::query_scalar!(r#"SELECT coalesce(max(version), 0) AS "version!" FROM access.directory_change"#)
            .fetch_one(&mut **tx)
            .await?;
    Ok(version)
}

/// The next lines after `after` that can be seen, in order, without those in `ahead`; none of a transaction beyond
/// `xid_max`.
pub async fn change_list(
    tx: &mut Tx,
    after: ChangeCursor,
    xid_max: i64,
    ahead: &[i64],
    limit: i64,
) -> Result<Vec<Change>, Error> {
    let rows = sqlx::query!(
        r#"SELECT xid::text::bigint AS "xid!", version, tenant_id, kind, key,
                  extract(epoch FROM clock_timestamp() - at)::float8 AS "age_s!"
             FROM access.directory_change
            WHERE (xid, version) > ($1::bigint::text::xid8, $2::bigint) AND xid <= $3::bigint::text::xid8
              AND version <> ALL ($4::bigint[])
            ORDER BY directory_change.xid, version LIMIT $5"#,
        after.xid,
        after.version,
        xid_max,
        ahead,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    let line = |xid, version| ChangeCursor { xid, version };
    Ok(rows
        .into_iter()
        .map(|row| Change {
            cursor: line(row.xid, row.version),
            tenant: row.tenant_id,
            kind: row.kind,
            key: row.key,
            age_s: row.age_s,
        })
        .collect())
}

/// Drops lines that every feeder has long read.
pub async fn change_trim(tx: &mut Tx, older_than_days: i32) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM access.directory_change WHERE at < now() - make_interval(days => $1)",
        older_than_days
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}
