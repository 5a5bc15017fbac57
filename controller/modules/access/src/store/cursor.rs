//! `access.journal_cursor`: how far this node's journals have been carried into the database.
//! Never moves by itself: the drain moves it in the transaction that writes the rows.

use kernel::Error;
use uuid::Uuid;

use super::Tx;

/// The two journals a node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Accounting requests.
    Accounting,
    /// Authentication decisions.
    Decisions,
}

impl Stream {
    /// The name in the table, in logs and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounting => "accounting",
            Self::Decisions => "decisions",
        }
    }
}

/// The first record that is not in the database yet; `None` when this journal was never drained here.
pub async fn cursor_fetch(tx: &mut Tx, node: Uuid, stream: Stream) -> Result<Option<i64>, Error> {
    let next = sqlx::query_scalar!(
        "SELECT next_seq FROM access.journal_cursor WHERE node_id = $1 AND stream = $2",
        node,
        stream.name()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(next)
}

/// Sets the cursor; commits or vanishes with the rows of the same transaction.
pub async fn cursor_put(tx: &mut Tx, node: Uuid, stream: Stream, next_seq: i64) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.journal_cursor (node_id, stream, next_seq) VALUES ($1, $2, $3)
         ON CONFLICT (node_id, stream) DO UPDATE SET next_seq = excluded.next_seq, updated_at = now()",
        node,
        stream.name(),
        next_seq
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
