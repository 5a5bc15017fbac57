//! `access.session_intents`: what somebody wants of a live session, and what came of it.
//! Never speaks to a NAS; [`crate::app::disconnect`] does, and [`crate::drain`] brings the proof.

use kernel::id::{IntentId, SessionId};
use kernel::{Error, OpContext};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tx;

/// For how long after it was asked a Stop still proves an intent whose answer never came.
const LATE_PROOF_S: i32 = 300;

/// An intent as the table has it.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// Whose.
    pub tenant_id: Uuid,
    /// About which session.
    pub session_id: SessionId,
    /// On which NAS.
    pub nas_id: Uuid,
    /// Whose service.
    pub subscriber_id: Option<Uuid>,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// `asked`, `acknowledged`, `proven`, `refused`, `silent`, `failed` or `replaced`.
    pub state: String,
    /// Datagrams sent.
    pub attempts: i16,
    /// From the first datagram to the answer.
    pub rtt_us: Option<i64>,
    /// The NAS's Error-Cause.
    pub error_cause: Option<i32>,
    /// The same in words, or why it failed.
    pub detail: Option<String>,
    /// When it was asked.
    pub asked_at: OffsetDateTime,
    /// When the NAS answered.
    pub answered_at: Option<OffsetDateTime>,
    /// When the session's Stop was carried into the database.
    pub proven_at: Option<OffsetDateTime>,
    /// Who asked.
    pub created_by_name: String,
}

/// What is needed to remember that something was asked.
#[derive(Debug, Clone)]
pub struct IntentRow {
    /// The new intent.
    pub id: IntentId,
    /// About which session.
    pub session_id: SessionId,
    /// On which NAS.
    pub nas_id: Uuid,
    /// Whose service.
    pub subscriber_id: Option<Uuid>,
    /// Why.
    pub reason: String,
}

/// What came of an intent.
#[derive(Debug, Clone)]
pub struct IntentOutcome {
    /// `acknowledged`, `refused`, `silent` or `failed`.
    pub state: &'static str,
    /// Datagrams sent.
    pub attempts: i16,
    /// From the first datagram to the answer.
    pub rtt_us: Option<i64>,
    /// The NAS's Error-Cause.
    pub error_cause: Option<i32>,
    /// The same in words, or why it failed.
    pub detail: Option<String>,
    /// Whether the NAS answered at all.
    pub answered: bool,
}

/// Replaces the open intent of a session, if it has one, by a new one.
pub async fn intent_insert(tx: &mut Tx, op: &OpContext, row: &IntentRow) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "UPDATE access.session_intents SET state = 'replaced', detail = 'a newer request replaced this one'
          WHERE tenant_id = $1 AND session_id = $2 AND state IN ('asked', 'acknowledged')",
        tenant,
        row.session_id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO access.session_intents
                (id, tenant_id, session_id, nas_id, subscriber_id, verb, reason, created_by, created_by_name)
         VALUES ($1, $2, $3, $4, $5, 'disconnect', $6, $7, $8)",
        row.id.as_uuid(),
        tenant,
        row.session_id.as_uuid(),
        row.nas_id,
        row.subscriber_id,
        row.reason,
        op.actor.id,
        op.actor.name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Fetches one intent of this partner.
pub async fn intent_fetch(tx: &mut Tx, op: &OpContext, id: IntentId) -> Result<Option<Intent>, Error> {
    let intent = sqlx::query_as!(
        Intent,
        r#"SELECT id AS "id: IntentId", tenant_id, session_id AS "session_id: SessionId", nas_id, subscriber_id,
                  reason, state, attempts, rtt_us, error_cause, detail, asked_at, answered_at, proven_at,
                  created_by_name
             FROM access.session_intents WHERE tenant_id = $1 AND id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(intent)
}

/// Writes what came of an intent. A proof that was faster, or a newer intent, keeps the last word on the state.
pub async fn intent_outcome_put(
    tx: &mut Tx,
    op: &OpContext,
    id: IntentId,
    outcome: &IntentOutcome,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.session_intents
            SET state = CASE WHEN state = 'asked' THEN $3 ELSE state END, attempts = $4, rtt_us = $5,
                error_cause = $6, detail = CASE WHEN state = 'asked' THEN $7 ELSE detail END,
                answered_at = CASE WHEN $8 THEN now() END
          WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        outcome.state,
        outcome.attempts,
        outcome.rtt_us,
        outcome.error_cause,
        outcome.detail,
        outcome.answered
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Marks the intents of sessions whose end is now in this transaction as proven; `tenants[i]` has session `ended[i]`.
///
/// Also one whose answer got lost, if the end came soon after it was asked.
pub async fn intent_prove(tx: &mut Tx, tenants: &[Uuid], ended: &[Uuid]) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE access.session_intents i SET state = 'proven', proven_at = now(), detail = NULL
           FROM UNNEST($1::uuid[], $2::uuid[]) AS e (tenant_id, session_id)
          WHERE i.tenant_id = e.tenant_id AND i.session_id = e.session_id
            AND (i.state IN ('asked', 'acknowledged')
                 OR i.state = 'silent' AND i.asked_at > now() - make_interval(secs => $3::int))",
        tenants,
        ended,
        LATE_PROOF_S
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// The intents of every partner that were asked and never got an outcome: a crash stood between.
pub async fn intent_list_asked(tx: &mut Tx, limit: i64) -> Result<Vec<Intent>, Error> {
    let intents = sqlx::query_as!(
        Intent,
        r#"SELECT id AS "id: IntentId", tenant_id, session_id AS "session_id: SessionId", nas_id, subscriber_id,
                  reason, state, attempts, rtt_us, error_cause, detail, asked_at, answered_at, proven_at,
                  created_by_name
             FROM access.session_intents WHERE state = 'asked' ORDER BY asked_at LIMIT $1"#,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(intents)
}
