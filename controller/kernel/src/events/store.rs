//! The SQL of events: into the outbox, out of the log. The way between the two is [`super::sequence`].

use time::OffsetDateTime;

use super::event::{Event, Logged};
use crate::audit::entry::cut;
use crate::database::Tx;
use crate::error::Error;
use crate::id::{EventId, PartnerId, RequestId};
use crate::op::OpContext;

/// The name under which the database says that something waits in the outbox.
pub(super) const CHANNEL: &str = "kernel_events";

/// Which events to read; what is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Of things of this kind.
    pub subject_kind: Option<String>,
    /// Of this thing.
    pub subject_id: Option<String>,
    /// At or after this instant.
    pub since: Option<OffsetDateTime>,
    /// Before this instant.
    pub until: Option<OffsetDateTime>,
}

/// Writes that something happened, in the transaction that makes it so. The caller has locked the subject's row, if there is
/// one: that is what keeps the events of one subject in order.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Internal`]; the act must then not commit.
pub async fn emit(tx: &mut Tx, op: &OpContext, event: Event) -> Result<EventId, Error> {
    let id = EventId::new();
    sqlx::query!(
        "WITH written AS (
             INSERT INTO kernel.event_outbox (id, tenant_id, kind, subject_kind, subject_id, subject_label, actor_kind,
                 actor_id, actor_name, request_id, data)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11))
         SELECT pg_notify($12, '')",
        id.as_uuid(),
        op.partner.map(PartnerId::as_uuid),
        event.kind.name,
        event.kind.subject(),
        event.subject_id,
        event.subject_label,
        op.actor.kind.as_str(),
        op.actor.id,
        cut(op.actor.name.clone()),
        op.request_id.as_uuid(),
        event.data,
        CHANNEL,
    )
    .execute(&mut **tx)
    .await
    .map_err(|source| Error::internal("writing an event", source))?;
    Ok(id)
}

/// The last position of the log; 0 when there is none.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn head_fetch_in_tx(tx: &mut Tx) -> Result<i64, Error> {
    Ok(
        sqlx::query_scalar!(r#"SELECT coalesce(max(position), 0) AS "head!" FROM kernel.events"#)
            .fetch_one(&mut **tx)
            .await?,
    )
}

/// Events behind a position, oldest first. A platform operation reads those of every partner.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn event_list_after_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    after: i64,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Logged>, Error> {
    Ok(sqlx::query_as!(
        Logged,
        r#"SELECT position, id AS "id: EventId", tenant_id AS "partner: PartnerId", kind, subject_kind, subject_id,
                  subject_label, at, actor_kind, actor_id, actor_name, request_id AS "request_id: RequestId", data
           FROM kernel.events
           WHERE position > $1 AND ($2::uuid IS NULL OR tenant_id = $2) AND ($3::text[] IS NULL OR kind = ANY ($3))
             AND ($4::text IS NULL OR subject_kind = $4) AND ($5::text IS NULL OR subject_id = $5)
             AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
           ORDER BY position LIMIT $8"#,
        after,
        op.partner.map(PartnerId::as_uuid),
        filter.kinds.as_deref(),
        filter.subject_kind.as_deref(),
        filter.subject_id.as_deref(),
        filter.since,
        filter.until,
        limit,
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Events before a position, newest first.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn event_list_before_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    before: i64,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Logged>, Error> {
    Ok(sqlx::query_as!(
        Logged,
        r#"SELECT position, id AS "id: EventId", tenant_id AS "partner: PartnerId", kind, subject_kind, subject_id,
                  subject_label, at, actor_kind, actor_id, actor_name, request_id AS "request_id: RequestId", data
           FROM kernel.events
           WHERE position < $1 AND ($2::uuid IS NULL OR tenant_id = $2) AND ($3::text[] IS NULL OR kind = ANY ($3))
             AND ($4::text IS NULL OR subject_kind = $4) AND ($5::text IS NULL OR subject_id = $5)
             AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
           ORDER BY position DESC LIMIT $8"#,
        before,
        op.partner.map(PartnerId::as_uuid),
        filter.kinds.as_deref(),
        filter.subject_kind.as_deref(),
        filter.subject_id.as_deref(),
        filter.since,
        filter.until,
        limit,
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// One event by its position.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn event_fetch_in_tx(tx: &mut Tx, op: &OpContext, position: i64) -> Result<Option<Logged>, Error> {
    let found = event_list_after_in_tx(tx, op, position - 1, &Filter::default(), 1).await?;
    Ok(found.into_iter().find(|event| event.position == position))
}
