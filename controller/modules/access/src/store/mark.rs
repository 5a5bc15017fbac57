//! `access.subscriber_marks`: what subscribers are recognised by beside their user names.
//! Never knows what a value means; `app::mark` does.

use kernel::id::{NasId, SubscriberId};
use kernel::{Error, OpContext};
use uuid::Uuid;

use super::Tx;

/// One mark to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRow {
    /// What kind.
    pub kind: &'static str,
    /// On which NAS only.
    pub nas: Option<NasId>,
    /// In its normal form.
    pub value: String,
}

/// Gives a subscriber these marks and no others.
///
/// # Errors
/// The plain database error: `app::mark` knows what a violated constraint means to the caller.
pub async fn mark_replace(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    marks: &[MarkRow],
) -> Result<(), sqlx::Error> {
    let tenant = op.partner.map(|partner| partner.as_uuid());
    sqlx::query!(
        "DELETE FROM access.subscriber_marks WHERE tenant_id = $1 AND subscriber_id = $2",
        tenant,
        subscriber.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    let kinds: Vec<String> = marks.iter().map(|mark| mark.kind.to_owned()).collect();
    let nas: Vec<Option<Uuid>> = marks
        .iter()
        .map(|mark| mark.nas.map(|nas| nas.as_uuid()))
        .collect();
    let values: Vec<String> = marks.iter().map(|mark| mark.value.clone()).collect();
    sqlx::query!(
        "INSERT INTO access.subscriber_marks (tenant_id, subscriber_id, kind, nas_id, value)
         SELECT $1, $2, * FROM UNNEST($3::text[], $4::uuid[], $5::text[])",
        tenant,
        subscriber.as_uuid(),
        &kinds,
        &nas as &[Option<Uuid>],
        &values
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whose marks of these kinds and values there are; `kinds[i]` belongs to `values[i]`.
pub async fn marks_of_values(
    tx: &mut Tx,
    op: &OpContext,
    kinds: &[String],
    values: &[String],
) -> Result<Vec<(String, Option<Uuid>, String, Uuid)>, Error> {
    let rows = sqlx::query!(
        "SELECT m.kind, m.nas_id, m.value, m.subscriber_id FROM UNNEST($2::text[], $3::text[]) AS w (kind, value)
           JOIN access.subscriber_marks m ON m.tenant_id = $1 AND m.kind = w.kind AND m.value = w.value",
        op.require_partner()?.as_uuid(),
        kinds,
        values
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.kind, row.nas_id, row.value, row.subscriber_id))
        .collect())
}
