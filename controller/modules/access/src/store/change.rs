//! `access.directory_change`: what the feeder must look at again, in commit order.
//! Never interprets a change; [`crate::feeder`] does.
//!
//! Commit order. A version number is drawn when a line is written, not when it is committed, so a later number may
//! become visible first. Lines are therefore read only once every transaction that began before theirs has ended
//! (`xid < pg_snapshot_xmin`), ordered by (xid, version): nothing can then appear behind the reader.

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
}

/// The cursor that stands before every transaction this snapshot cannot see.
///
/// Called first in the transaction that loads everything: what it skips is in the load, what it does not skip is read
/// again, which changes nothing.
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

/// The newest version written by anybody so far; what the directory's version number starts from.
pub async fn change_newest(tx: &mut Tx) -> Result<i64, Error> {
    let version =
        sqlx::query_scalar!(r#"SELECT coalesce(max(version), 0) AS "version!" FROM access.directory_change"#)
            .fetch_one(&mut **tx)
            .await?;
    Ok(version)
}

/// The next lines after `after` whose transactions, and all older ones, have ended.
pub async fn change_list(tx: &mut Tx, after: ChangeCursor, limit: i64) -> Result<Vec<Change>, Error> {
    let rows = sqlx::query!(
        r#"SELECT xid::text::bigint AS "xid!", version, tenant_id, kind, key
             FROM access.directory_change
            WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
              AND (xid, version) > ($1::bigint::text::xid8, $2::bigint)
            ORDER BY directory_change.xid, version LIMIT $3"#,
        after.xid,
        after.version,
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
