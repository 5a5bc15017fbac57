//! The teller: of each event a delivery for each webhook that wants it, in the transaction that moves the log's position.
//! Never speaks to anybody; what it writes is done by [`super::deliverer`].

use serde_json::json;

use super::Webhooks;
use super::deliverer::KIND;
use crate::database::Tx;
use crate::error::Error;
use crate::events::{Consumer, Handling, Logged};
use crate::id::{DeliveryId, WebhookId};
use crate::jobs::{Jobs, NewJob, enqueue};
use crate::op::OpContext;

/// Deliveries of one webhook that wait at most; what comes beyond is given up at once, and may be replayed.
pub const WAITING_MAX: i64 = 10_000;

/// Makes deliveries.
pub struct Teller {
    /// Does them.
    jobs: Jobs,
}

impl Teller {
    /// For these webhooks.
    #[must_use]
    pub fn new(webhooks: &Webhooks) -> Self {
        Self {
            jobs: webhooks.jobs.clone(),
        }
    }
}

impl Consumer for Teller {
    fn name(&self) -> &'static str {
        "webhooks"
    }

    fn wants(&self, _kind: &str) -> bool {
        true
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, op: &'a OpContext, event: &'a Logged) -> Handling<'a> {
        Box::pin(async move {
            let Some(partner) = event.partner else {
                return Ok(()); // the platform has no webhooks
            };
            let webhooks = sqlx::query_scalar!(
                r#"SELECT id AS "id: WebhookId" FROM kernel.webhooks WHERE tenant_id = $1 AND enabled AND $2 = ANY (kinds)"#,
                partner.as_uuid(),
                event.kind,
            )
            .fetch_all(&mut **tx)
            .await?;
            for webhook in webhooks {
                tell_in_tx(tx, op, webhook, event).await?;
            }
            Ok(())
        })
    }

    fn committed(&self) {
        self.jobs.wake();
    }
}

/// Makes one delivery and its job.
async fn tell_in_tx(tx: &mut Tx, op: &OpContext, webhook: WebhookId, event: &Logged) -> Result<(), Error> {
    let waiting = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT FROM kernel.webhook_deliveries
            WHERE webhook_id = $1 AND state = 'waiting' LIMIT $2) waiting"#,
        webhook.as_uuid(),
        WAITING_MAX,
    )
    .fetch_one(&mut **tx)
    .await?;
    let full = waiting >= WAITING_MAX;
    let id = DeliveryId::new();
    sqlx::query!(
        "INSERT INTO kernel.webhook_deliveries (id, tenant_id, webhook_id, event_id, kind, body, state, error, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN 'dead' ELSE 'waiting' END,
                 CASE WHEN $7 THEN 'too many wait to be told to this webhook' END, CASE WHEN $7 THEN now() END)",
        id.as_uuid(),
        op.require_partner()?.as_uuid(),
        webhook.as_uuid(),
        event.id.as_uuid(),
        event.kind,
        event.told().to_string(),
        full,
    )
    .execute(&mut **tx)
    .await?;
    if !full {
        let lane = format!("webhook {webhook} {} {}", event.subject_kind, event.subject_id);
        deliver_in_tx(tx, op, id, Some(lane)).await?;
    }
    Ok(())
}

/// Makes the job of a delivery.
pub(super) async fn deliver_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: DeliveryId,
    lane: Option<String>,
) -> Result<(), Error> {
    let job = NewJob {
        lane,
        key: Some(id.to_string()),
        ..NewJob::new(KIND, json!({ "delivery": id }))
    };
    enqueue(tx, op, job).await.map(drop)
}
