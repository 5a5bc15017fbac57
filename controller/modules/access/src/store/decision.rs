//! `access.radpostauth`: authentication decisions, each with its steps.
//! Never holds a password: the column `pass` stays NULL.

use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tx;

/// One decision as the table has it.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRow {
    /// The decision's id; also what Class carries.
    pub id: Uuid,
    /// Whose NAS asked.
    pub tenant: Uuid,
    /// The user name as it was sent.
    pub username: String,
    /// `Access-Accept`, `Access-Reject`, `Access-Challenge` or `dropped`.
    pub reply: String,
    /// When.
    pub at: OffsetDateTime,
    /// The Class we gave, in hex; `None` when nobody was accepted.
    pub class: Option<String>,
    /// Called-Station-Id.
    pub called_station: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// Which NAS asked.
    pub nas: Uuid,
    /// Whose service, when the name was known.
    pub subscriber: Option<Uuid>,
    /// The typed outcome, for example `wrong_password`.
    pub reason: String,
    /// `[{step, found, ok}]`.
    pub steps: Value,
    /// From datagram to decision.
    pub duration_us: i32,
}

/// A stored decision with the NAS's name of today.
#[derive(Debug, Clone)]
pub struct StoredDecision {
    /// The decision's id.
    pub id: Uuid,
    /// `Access-Accept`, `Access-Reject`, `Access-Challenge` or `dropped`.
    pub reply: String,
    /// When.
    pub at: OffsetDateTime,
    /// Which NAS asked.
    pub nas_id: Uuid,
    /// Its name, if it still exists.
    pub nas: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// The typed outcome.
    pub reason: String,
    /// `[{step, found, ok}]`.
    pub steps: Value,
    /// From datagram to decision.
    pub duration_us: i32,
}

/// Stores a batch; a decision that is there already stays as it is.
pub async fn decision_insert(tx: &mut Tx, rows: &[DecisionRow]) -> Result<(), Error> {
    /// One column of all rows.
    fn column<T>(rows: &[DecisionRow], pick: impl Fn(&DecisionRow) -> T) -> Vec<T> {
        rows.iter().map(pick).collect()
    }
    sqlx::query!(
        "INSERT INTO access.radpostauth (id, tenant_id, username, reply, authdate, class, calledstationid,
                                         callingstationid, nas_id, subscriber_id, reason, steps, duration_us)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
                              $7::text[], $8::text[], $9::uuid[], $10::uuid[], $11::text[], $12::jsonb[], $13::int[])
         ON CONFLICT (id, authdate) DO NOTHING",
        &column(rows, |row| row.id),
        &column(rows, |row| row.tenant),
        &column(rows, |row| row.username.clone()),
        &column(rows, |row| row.reply.clone()),
        &column(rows, |row| row.at),
        &column(rows, |row| row.class.clone()) as &[Option<String>],
        &column(rows, |row| row.called_station.clone()) as &[Option<String>],
        &column(rows, |row| row.calling_station.clone()) as &[Option<String>],
        &column(rows, |row| row.nas),
        &column(rows, |row| row.subscriber) as &[Option<Uuid>],
        &column(rows, |row| row.reason.clone()),
        &column(rows, |row| row.steps.clone()),
        &column(rows, |row| row.duration_us)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The newest decisions about a user name on this partner's NAS.
pub async fn decision_list(
    tx: &mut Tx,
    op: &OpContext,
    username: &str,
    limit: i64,
) -> Result<Vec<StoredDecision>, Error> {
    let rows = sqlx::query_as!(
        StoredDecision,
        r#"SELECT d.id, d.reply, d.authdate AS at, d.nas_id, n.shortname AS "nas?",
                  d.callingstationid AS calling_station, d.reason, d.steps, d.duration_us
             FROM access.radpostauth d LEFT JOIN access.nas n ON n.tenant_id = d.tenant_id AND n.id = d.nas_id
            WHERE d.tenant_id = $1 AND d.username = $2 ORDER BY d.authdate DESC, d.id DESC LIMIT $3"#,
        op.require_partner()?.as_uuid(),
        username,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}
