//! `access.radpostauth`: authentication decisions, each with its steps.
//! Never holds a password: the column `pass` stays NULL.

use kernel::{Error, OpContext};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tx;
use super::copy::Rows;

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
    pub reply: &'static str,
    /// When.
    pub at: OffsetDateTime,
    /// What the Class we gave begins with, in hex in the table; `None` when nobody was accepted.
    pub class: Option<Vec<u8>>,
    /// Called-Station-Id.
    pub called_station: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// Which NAS asked.
    pub nas: Uuid,
    /// Whose service, when the name was known.
    pub subscriber: Option<Uuid>,
    /// The typed outcome, for example `wrong_password`.
    pub reason: &'static str,
    /// `[{step, found, ok}]`, as JSON.
    pub steps: String,
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

/// The staging table of a connection, emptied by each commit, and how to plan over it: it has no statistics.
const STAGE: &str = "SET LOCAL client_min_messages = warning;
    CREATE TEMP TABLE IF NOT EXISTS radpostauth_new (
        id uuid, tenant_id uuid, username text, reply text, authdate timestamptz, class text, calledstationid text,
        callingstationid text, nas_id uuid, subscriber_id uuid, reason text, steps jsonb, duration_us integer)
        ON COMMIT DELETE ROWS";

/// Rows on their way to the table.
#[derive(Debug, Default)]
pub struct DecisionRows(Rows);

impl DecisionRows {
    /// Fields of one row.
    const FIELDS: i16 = 13;

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.count()
    }

    /// Adds one.
    pub fn add(&mut self, row: &DecisionRow) {
        self.0
            .row(Self::FIELDS)
            .uuid(row.id)
            .uuid(row.tenant)
            .text(&row.username)
            .text(row.reply)
            .instant(row.at)
            .maybe(row.class.as_deref(), Rows::hex)
            .maybe(row.called_station.as_deref(), Rows::text)
            .maybe(row.calling_station.as_deref(), Rows::text)
            .uuid(row.nas)
            .maybe(row.subscriber, Rows::uuid)
            .text(row.reason)
            .jsonb(&row.steps)
            .int(row.duration_us);
    }
}

/// Stores a batch; a decision that is there already stays as it is.
pub async fn decision_insert(tx: &mut Tx, rows: &DecisionRows) -> Result<(), Error> {
    sqlx::raw_sql(STAGE).execute(&mut **tx).await?;
    rows.0
        .send(tx, "COPY radpostauth_new FROM STDIN (FORMAT binary)")
        .await?;
    sqlx::query(
        "INSERT INTO access.radpostauth (id, tenant_id, username, reply, authdate, class, calledstationid,
                                         callingstationid, nas_id, subscriber_id, reason, steps, duration_us)
         SELECT id, tenant_id, username, reply, authdate, class, calledstationid, callingstationid, nas_id,
                subscriber_id, reason, steps, duration_us
           FROM radpostauth_new ON CONFLICT (id, authdate) DO NOTHING",
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
