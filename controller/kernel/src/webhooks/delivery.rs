//! The log of what webhooks were told, replay, and the bound of both.
//! Never changes what was sent: a replay sends the same octets under the same id, signed anew.

use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::Webhooks;
use super::teller::deliver_in_tx;
use super::webhook::webhook_found_in_tx;
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::id::{DeliveryId, EventId, WebhookId};
use crate::op::OpContext;

/// How long a delivery stays in the log, in days.
pub const KEEP_DAYS: i32 = 30;
/// Deliveries that are replayed at once at most.
pub const REPLAY_MAX: i64 = 1_000;
/// How often old ones are looked for.
const LOOK_WAIT: std::time::Duration = std::time::Duration::from_secs(60 * 60);
/// Most deliveries deleted in one transaction.
const DELETE_MAX: i64 = 10_000;

/// What was told, or shall be.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event's id, which the receiver sees.
    pub event_id: EventId,
    /// What happened.
    pub kind: String,
    /// `waiting`, `delivered` or `dead`.
    pub state: String,
    /// Sent so often.
    pub attempts: i32,
    /// The status of the last answer.
    pub status: Option<i32>,
    /// What was wrong with the last attempt.
    pub error: Option<String>,
    /// How long the last attempt took.
    pub took_ms: Option<i32>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was sent last.
    pub tried_at: Option<OffsetDateTime>,
    /// When it was taken or given up.
    pub finished_at: Option<OffsetDateTime>,
}

impl Webhooks {
    /// Lists the deliveries of a webhook, newest first, with the number of all that match.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delivery_list(
        &self,
        op: &OpContext,
        webhook: WebhookId,
        state: Option<&str>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Delivery>, i64), Error> {
        let partner = op.require_partner()?.as_uuid();
        let mut tx = self.db.begin(op).await?;
        webhook_found_in_tx(&mut tx, op, webhook).await?;
        let rows = sqlx::query_as!(
            Delivery,
            r#"SELECT id AS "id: DeliveryId", event_id AS "event_id: EventId", kind, state, attempts, status, error,
                      took_ms, created_at, tried_at, finished_at
               FROM kernel.webhook_deliveries WHERE tenant_id = $1 AND webhook_id = $2 AND ($3::text IS NULL OR state = $3)
               ORDER BY id DESC LIMIT $4 OFFSET $5"#,
            partner,
            webhook.as_uuid(),
            state,
            limit,
            offset,
        )
        .fetch_all(&mut *tx)
        .await?;
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM kernel.webhook_deliveries
               WHERE tenant_id = $1 AND webhook_id = $2 AND ($3::text IS NULL OR state = $3)"#,
            partner,
            webhook.as_uuid(),
            state,
        )
        .fetch_one(&mut *tx)
        .await?;
        Ok((rows, total))
    }

    /// One delivery with the text that is sent.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delivery_fetch(
        &self,
        op: &OpContext,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<(Delivery, String), Error> {
        let partner = op.require_partner()?.as_uuid();
        let mut tx = self.db.begin(op).await?;
        let delivery = sqlx::query_as!(
            Delivery,
            r#"SELECT id AS "id: DeliveryId", event_id AS "event_id: EventId", kind, state, attempts, status, error,
                      took_ms, created_at, tried_at, finished_at
               FROM kernel.webhook_deliveries WHERE tenant_id = $1 AND webhook_id = $2 AND id = $3"#,
            partner,
            webhook.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| Error::not_found("delivery", id))?;
        let body = sqlx::query_scalar!(
            "SELECT body FROM kernel.webhook_deliveries WHERE tenant_id = $1 AND id = $2",
            partner,
            id.as_uuid(),
        )
        .fetch_one(&mut *tx)
        .await?;
        Ok((delivery, body))
    }

    /// Sends once more: this one, whatever became of it, or the oldest that were given up. How many.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one that waits, or while the webhook is disabled.
    pub async fn delivery_replay(
        &self,
        op: &OpContext,
        webhook: WebhookId,
        id: Option<DeliveryId>,
    ) -> Result<u64, Error> {
        let mut tx = self.db.begin(op).await?;
        let found = webhook_found_in_tx(&mut tx, op, webhook).await?;
        if !found.enabled {
            return Err(Error::conflict(
                "webhook",
                "the webhook is disabled; enable it first",
            ));
        }
        let again = sqlx::query_scalar!(
            r#"UPDATE kernel.webhook_deliveries SET state = 'waiting', finished_at = NULL WHERE id IN (
                   SELECT id FROM kernel.webhook_deliveries
                    WHERE tenant_id = $1 AND webhook_id = $2
                      AND CASE WHEN $3::uuid IS NULL THEN state = 'dead' ELSE id = $3 AND state <> 'waiting' END
                    ORDER BY id LIMIT $4 FOR UPDATE)
               RETURNING id AS "id: DeliveryId""#,
            op.require_partner()?.as_uuid(),
            webhook.as_uuid(),
            id.map(DeliveryId::as_uuid),
            REPLAY_MAX,
        )
        .fetch_all(&mut *tx)
        .await?;
        if let (Some(id), []) = (id, again.as_slice()) {
            tx.rollback().await?;
            self.delivery_fetch(op, webhook, id).await?;
            return Err(Error::conflict("delivery", "it waits to be sent already"));
        }
        for delivery in &again {
            deliver_in_tx(&mut tx, op, *delivery, None).await?;
        }
        let entry = Entry::ok("webhook.replay", "webhook")
            .object(webhook, &found.name)
            .after(json!({ "deliveries": again.len() }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        self.jobs.wake();
        Ok(again.len() as u64)
    }

    /// Deletes old deliveries until told to stop.
    pub async fn keep(self, mut stopping: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.trim(KEEP_DAYS).await {
                tracing::warn!(%error, "old webhook deliveries cannot be deleted now; they stay a while longer");
            }
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(LOOK_WAIT) => {}
            }
        }
    }

    /// Deletes deliveries that are older; how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn trim(&self, keep_days: i32) -> Result<u64, Error> {
        let op = OpContext::system("webhooks");
        let mut deleted = 0;
        loop {
            let mut tx = self.db.begin(&op).await?;
            let some = sqlx::query!(
                "DELETE FROM kernel.webhook_deliveries WHERE id IN (
                     SELECT id FROM kernel.webhook_deliveries WHERE created_at < now() - make_interval(days => $1)
                      ORDER BY created_at LIMIT $2)",
                keep_days,
                DELETE_MAX,
            )
            .execute(&mut *tx)
            .await?
            .rows_affected();
            tx.commit().await?;
            deleted += some;
            if some < DELETE_MAX.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }
}
