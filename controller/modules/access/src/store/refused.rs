//! `access.journal_refused`: journal records that could not become rows, as they were.
//! Never read back by the program; they are there for a person.

use kernel::Error;
use uuid::Uuid;

use super::Tx;
use super::cursor::Stream;

/// Records kept at most: a node whose every record is refused must not fill the disk with them.
const ROWS_MAX: i64 = 100_000;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct RefusedRecord<'a> {
    /// Its number in its journal.
    pub seq: i64,
    /// Whose, if it says so.
    pub tenant: Option<Uuid>,
    /// The octets.
    pub payload: &'a [u8],
    /// Why it is here.
    pub reason: &'a str,
}

/// Keeps records; `false` when there are so many already that these are not kept.
pub async fn refused_insert(
    tx: &mut Tx,
    node: Uuid,
    stream: Stream,
    records: &[RefusedRecord<'_>],
) -> Result<bool, Error> {
    let kept = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM access.journal_refused"#)
        .fetch_one(&mut **tx)
        .await?;
    let room = usize::try_from(ROWS_MAX.saturating_sub(kept)).unwrap_or(0);
    for record in records.iter().take(room) {
        sqlx::query!(
            "INSERT INTO access.journal_refused (node_id, stream, seq, tenant_id, payload, reason)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            node,
            stream.name(),
            record.seq,
            record.tenant,
            record.payload,
            record.reason
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(records.len() <= room)
}

/// Removes those older than so many days.
pub async fn refused_trim(tx: &mut Tx, days: i32) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM access.journal_refused WHERE at < now() - make_interval(days => $1::int)",
        days
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}
