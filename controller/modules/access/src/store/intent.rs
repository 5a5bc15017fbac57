//! `access.session_intents`: what somebody wants of a live session, and what came of it.
//! Never speaks to a NAS; [`crate::app::intent`] does, and [`crate::drain`] brings the proof.

use coa::{Rung, Standing, State};
use kernel::id::{IntentId, SessionId};
use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Listed, Tx, Window};

/// For how long after it was asked a Stop still proves an intent that nobody waits for any longer.
const LATE_PROOF_S: i32 = 3_600;

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
    /// `disconnect`, `reshape`, `garden`, `activate` or `deactivate`.
    pub verb: String,
    /// The service that is started or stopped.
    pub service: Option<String>,
    /// The session was let into the garden.
    pub in_garden: bool,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// `asked`, `acknowledged`, `proven`, `contradicted`, `refused`, `silent`, `failed` or `replaced`.
    pub state: String,
    /// `change`, `disconnect` or `operator`.
    pub rung: String,
    /// `disconnect` or `operator`.
    pub if_refused: String,
    /// Nothing more is done about it.
    pub over: bool,
    /// Datagrams sent.
    pub attempts: i16,
    /// From the first datagram to the answer.
    pub rtt_us: Option<i64>,
    /// The NAS's Error-Cause.
    pub error_cause: Option<i32>,
    /// The same in words, or why it failed.
    pub detail: Option<String>,
    /// Terms that the session was told.
    pub told: Vec<String>,
    /// Terms that come with the next login only.
    pub left_out: Vec<String>,
    /// What proves or contradicts it.
    pub evidence: Option<String>,
    /// Every answer on every rung.
    pub steps: Value,
    /// Of which bulk.
    pub bulk_id: Option<Uuid>,
    /// When it was asked.
    pub asked_at: OffsetDateTime,
    /// When the NAS answered last.
    pub answered_at: Option<OffsetDateTime>,
    /// When it was proven.
    pub proven_at: Option<OffsetDateTime>,
    /// Who asked; `None`: nobody, an event did.
    pub created_by: Option<Uuid>,
    /// The same by name.
    pub created_by_name: String,
}

impl Intent {
    /// Whether it arose by itself.
    pub const fn by_itself(&self) -> bool {
        self.created_by.is_none()
    }

    /// How it stands; `None` when it was never asked or something newer took its place.
    pub fn standing(&self) -> Option<Standing> {
        Some(Standing {
            state: State::of(&self.state)?,
            rung: Rung::of(&self.rung)?,
            over: self.over,
        })
    }
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
    /// What is wanted.
    pub verb: &'static str,
    /// The service that is started or stopped.
    pub service: Option<String>,
    /// The session was let into the garden.
    pub in_garden: bool,
    /// Why.
    pub reason: String,
    /// Where it begins.
    pub rung: Rung,
    /// What follows a change that does not happen.
    pub if_refused: &'static str,
    /// The make of the NAS.
    pub make: &'static str,
    /// Of which bulk.
    pub bulk_id: Option<Uuid>,
}

/// What came of asking on one rung.
#[derive(Debug, Clone, Default)]
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
    /// Terms that the session was told.
    pub told: Vec<String>,
    /// Terms that come with the next login only.
    pub left_out: Vec<String>,
}

/// Which intents to list.
#[derive(Debug, Clone, Default)]
pub struct IntentFilter {
    /// Of this session.
    pub session: Option<SessionId>,
    /// In this state.
    pub state: Option<String>,
    /// Those that somebody must look at.
    pub operator: bool,
    /// Of this bulk.
    pub bulk: Option<Uuid>,
}

/// An intent that was proven.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The make of the NAS.
    pub make: String,
    /// From asking to the proof.
    pub waited_ms: i64,
}

/// Replaces the open intent of a session, if it has one, by a new one. What was let into the garden stays let in for it.
pub async fn intent_insert(tx: &mut Tx, op: &OpContext, row: &IntentRow) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    let replaced = sqlx::query_scalar!(
        "UPDATE access.session_intents
            SET state = 'replaced', over = true, detail = 'a newer request replaced this one'
          WHERE tenant_id = $1 AND session_id = $2 AND NOT over RETURNING in_garden",
        tenant,
        row.session_id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO access.session_intents
                (id, tenant_id, session_id, nas_id, subscriber_id, verb, service, in_garden, reason, rung, if_refused, make,
                 bulk_id, created_by, created_by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        row.id.as_uuid(),
        tenant,
        row.session_id.as_uuid(),
        row.nas_id,
        row.subscriber_id,
        row.verb,
        row.service,
        row.in_garden || replaced.unwrap_or(false),
        row.reason,
        row.rung.as_str(),
        row.if_refused,
        row.make,
        row.bulk_id,
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
        r#"SELECT id AS "id: IntentId", tenant_id, session_id AS "session_id: SessionId", nas_id, subscriber_id, verb, service,
                  in_garden, reason, state, rung, if_refused, over, attempts, rtt_us, error_cause, detail, told, left_out,
                  evidence, steps, bulk_id, asked_at, answered_at, proven_at, created_by, created_by_name
             FROM access.session_intents WHERE tenant_id = $1 AND id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(intent)
}

/// Lists intents of this partner, the newest first.
pub async fn intent_list(
    tx: &mut Tx,
    op: &OpContext,
    filter: &IntentFilter,
    window: Window,
) -> Result<Listed<Intent>, Error> {
    let (tenant, session) = (
        op.require_partner()?.as_uuid(),
        filter.session.map(|id| id.as_uuid()),
    );
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM access.session_intents
            WHERE tenant_id = $1 AND ($2::uuid IS NULL OR session_id = $2) AND ($3::text IS NULL OR state = $3)
              AND (NOT $4 OR rung = 'operator' AND state <> 'proven') AND ($5::uuid IS NULL OR bulk_id = $5)"#,
        tenant,
        session,
        filter.state,
        filter.operator,
        filter.bulk
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        Intent,
        r#"SELECT id AS "id: IntentId", tenant_id, session_id AS "session_id: SessionId", nas_id, subscriber_id, verb, service,
                  in_garden, reason, state, rung, if_refused, over, attempts, rtt_us, error_cause, detail, told, left_out,
                  evidence, steps, bulk_id, asked_at, answered_at, proven_at, created_by, created_by_name
             FROM access.session_intents
            WHERE tenant_id = $1 AND ($2::uuid IS NULL OR session_id = $2) AND ($3::text IS NULL OR state = $3)
              AND (NOT $4 OR rung = 'operator' AND state <> 'proven') AND ($5::uuid IS NULL OR bulk_id = $5)
            ORDER BY session_intents.id DESC LIMIT $6 OFFSET $7"#,
        tenant,
        session,
        filter.state,
        filter.operator,
        filter.bulk,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// Writes what a NAS said on a rung, and where that leads; how the intent stands then. A proof that was faster, or a newer
/// intent, keeps the last word.
pub async fn intent_answer_put(
    tx: &mut Tx,
    op: &OpContext,
    id: IntentId,
    rung: Rung,
    to: Standing,
    outcome: &IntentOutcome,
) -> Result<Option<Standing>, Error> {
    let step = serde_json::json!({
        "rung": rung.as_str(), "said": outcome.state, "attempts": outcome.attempts, "rtt_us": outcome.rtt_us,
        "error_cause": outcome.error_cause, "detail": outcome.detail,
        "at": OffsetDateTime::now_utc().unix_timestamp(),
    });
    // What was never asked did not get so far as to stand anywhere.
    let state = if outcome.state == "failed" {
        "failed"
    } else {
        to.state.as_str()
    };
    let row = sqlx::query!(
        "UPDATE access.session_intents i
            SET state = CASE WHEN open.it THEN $3 ELSE i.state END, rung = CASE WHEN open.it THEN $4 ELSE i.rung END,
                over = CASE WHEN open.it THEN $5 ELSE i.over END,
                detail = CASE WHEN open.it THEN $6 ELSE i.detail END,
                attempts = i.attempts + $7, rtt_us = $8, error_cause = $9, steps = i.steps || $10,
                answered_at = CASE WHEN $11 THEN now() ELSE i.answered_at END,
                told = $12, left_out = $13
           FROM (SELECT id, state = 'asked' AND rung = $14 AND NOT over AS it FROM access.session_intents
                  WHERE tenant_id = $1 AND id = $2 FOR UPDATE) AS open
          WHERE i.id = open.id RETURNING i.state, i.rung, i.over",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        state,
        to.rung.as_str(),
        to.over,
        outcome.detail,
        outcome.attempts,
        outcome.rtt_us,
        outcome.error_cause,
        step,
        outcome.answered,
        &outcome.told,
        &outcome.left_out,
        rung.as_str()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let standing = |row: (String, String, bool)| {
        Some(Standing {
            state: State::of(&row.0)?,
            rung: Rung::of(&row.1)?,
            over: row.2,
        })
    };
    Ok(row.and_then(|row| standing((row.state, row.rung, row.over))))
}

/// Writes where something that accounting showed, or did not show, leads; `false` when the intent had moved on meanwhile.
pub async fn intent_hear_put(
    tx: &mut Tx,
    op: &OpContext,
    id: IntentId,
    from: Standing,
    to: Standing,
    evidence: Option<&str>,
    detail: Option<&str>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE access.session_intents
            SET state = $5, rung = $6, over = $7, evidence = $8, detail = $9,
                proven_at = CASE WHEN $5 = 'proven' THEN now() ELSE proven_at END
          WHERE tenant_id = $1 AND id = $2 AND state = $3 AND rung = $4 AND NOT over",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        from.state.as_str(),
        from.rung.as_str(),
        to.state.as_str(),
        to.rung.as_str(),
        to.over,
        evidence,
        detail
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks the intents of sessions whose end is now in this transaction as proven; `tenants[i]` has session `ended[i]`.
///
/// Also one that nobody waits for any longer, if the end came soon after it was asked. What was to hold in a session that has
/// ended by itself was not proven by that.
pub async fn intent_prove(tx: &mut Tx, tenants: &[Uuid], ended: &[Uuid]) -> Result<Vec<Proof>, Error> {
    let rows = sqlx::query!(
        r#"UPDATE access.session_intents i
              SET state = CASE WHEN moot.it THEN 'contradicted' ELSE 'proven' END, over = true,
                  proven_at = CASE WHEN moot.it THEN NULL ELSE now() END,
                  evidence = 'stop', detail = CASE WHEN moot.it THEN 'the session has ended' END
             FROM UNNEST($1::uuid[], $2::uuid[]) AS e (tenant_id, session_id), access.session_intents found,
                  LATERAL (SELECT found.verb IN ('activate', 'garden') AS it) AS moot
            WHERE found.tenant_id = e.tenant_id AND found.session_id = e.session_id AND i.id = found.id
              AND (NOT i.over OR i.state IN ('acknowledged', 'contradicted', 'refused', 'silent')
                                 AND i.asked_at > now() - make_interval(secs => $3::int))
        RETURNING i.make, i.state, (extract(epoch FROM now() - i.asked_at) * 1000)::bigint AS "waited_ms!""#,
        tenants,
        ended,
        LATE_PROOF_S
    )
    .fetch_all(&mut **tx)
    .await?;
    let proven = rows.into_iter().filter(|row| row.state == "proven");
    Ok(proven
        .map(|row| Proof {
            make: row.make,
            waited_ms: row.waited_ms,
        })
        .collect())
}

/// The intents of every partner about which something is still to be done, the oldest first.
pub async fn intent_list_watched(tx: &mut Tx, limit: i64) -> Result<Vec<Intent>, Error> {
    let intents = sqlx::query_as!(
        Intent,
        r#"SELECT id AS "id: IntentId", tenant_id, session_id AS "session_id: SessionId", nas_id, subscriber_id, verb, service,
                  in_garden, reason, state, rung, if_refused, over, attempts, rtt_us, error_cause, detail, told, left_out,
                  evidence, steps, bulk_id, asked_at, answered_at, proven_at, created_by, created_by_name
             FROM access.session_intents WHERE NOT over ORDER BY session_intents.asked_at LIMIT $1"#,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(intents)
}
