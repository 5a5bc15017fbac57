//! Which sessions and which NAS have been silent for how long, and the end of those that can only be gone.
//! Never decides how long is too long; [`crate::app::reaper`] does.

use kernel::Error;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Tx;
use super::accounting::unique_id;
use super::merge::closing;

/// A NAS with open sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NasHeard {
    /// Which.
    pub nas: Uuid,
    /// When it last spoke of any of them, by our clock.
    pub heard_at: OffsetDateTime,
    /// How often it speaks of one: the middle one of what its sessions have shown. `None`: of none of them twice.
    pub interim: Option<Duration>,
    /// How many it has.
    pub open: i64,
}

/// An open session of which nothing was heard for long, while its NAS spoke of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// Which.
    pub session: Uuid,
    /// Where its row is.
    pub started: OffsetDateTime,
    /// When it was last heard of, by our clock.
    pub heard_at: OffsetDateTime,
    /// How often it should have been.
    pub interim: Duration,
    /// When its NAS was last heard, by our clock.
    pub nas_heard_at: OffsetDateTime,
}

/// Every NAS that has open sessions.
pub async fn nas_heard_list(tx: &mut Tx) -> Result<Vec<NasHeard>, Error> {
    let rows = sqlx::query(
        "SELECT nas_id, max(heard_at), percentile_disc(0.5) WITHIN GROUP (ORDER BY interim), count(*)
           FROM access.radacct WHERE acctstoptime IS NULL AND heard_at IS NOT NULL GROUP BY nas_id",
    )
    .try_map(|row: PgRow| {
        Ok(NasHeard {
            nas: row.try_get(0)?,
            heard_at: row.try_get(1)?,
            interim: row.try_get::<Option<PgInterval>, _>(2)?.map(duration),
            open: row.try_get(3)?,
        })
    })
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The open sessions that missed `missed` records in a row while their NAS, as `heard`, went on speaking; the longest
/// silent first, at most `limit`.
///
/// A session's interval is the longest of what it has shown, what its plan asks for, and what its NAS usually does; where
/// the NAS never spoke twice of any session there is none.
pub async fn session_list_overdue(
    tx: &mut Tx,
    heard: &[NasHeard],
    missed: i32,
    limit: i64,
) -> Result<Vec<Overdue>, Error> {
    let spoken: Vec<&NasHeard> = heard.iter().filter(|nas| nas.interim.is_some()).collect();
    let ids: Vec<Uuid> = spoken.iter().map(|nas| nas.nas).collect();
    let heard_at: Vec<OffsetDateTime> = spoken.iter().map(|nas| nas.heard_at).collect();
    let usual: Vec<i64> = spoken
        .iter()
        .filter_map(|nas| nas.interim.map(Duration::whole_seconds))
        .collect();
    let rows = sqlx::query(
        "SELECT acctuniqueid::uuid, acctstarttime, heard_at, every, nas_heard_at FROM (
             SELECT r.acctuniqueid, r.acctstarttime, r.heard_at, n.heard_at AS nas_heard_at,
                    greatest(r.interim, make_interval(secs => p.interim_interval_s), make_interval(secs => n.usual)) AS every
               FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[]) AS n (nas_id, heard_at, usual)
               JOIN access.radacct r ON r.nas_id = n.nas_id AND r.acctstoptime IS NULL AND r.heard_at < n.heard_at
               LEFT JOIN access.subscribers s ON s.tenant_id = r.tenant_id AND s.id = r.subscriber_id
               LEFT JOIN access.plans p ON p.tenant_id = s.tenant_id AND p.id = s.plan_id) AS o
          WHERE heard_at + every * $4 < nas_heard_at ORDER BY heard_at LIMIT $5",
    )
    .bind(ids)
    .bind(heard_at)
    .bind(usual)
    .bind(missed)
    .bind(limit)
    .try_map(|row: PgRow| {
        Ok(Overdue {
            session: row.try_get(0)?,
            started: row.try_get(1)?,
            heard_at: row.try_get(2)?,
            interim: duration(row.try_get(3)?),
            nas_heard_at: row.try_get(4)?,
        })
    })
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Ends sessions of which nothing was heard since they were found overdue, each with its evidence; those it ended.
pub async fn session_close_silent(
    tx: &mut Tx,
    overdue: &[Overdue],
    evidence: &[String],
) -> Result<Vec<Uuid>, Error> {
    let ids: Vec<String> = overdue.iter().map(|silent| unique_id(silent.session)).collect();
    let started: Vec<OffsetDateTime> = overdue.iter().map(|silent| silent.started).collect();
    let heard_at: Vec<OffsetDateTime> = overdue.iter().map(|silent| silent.heard_at).collect();
    let ended = sqlx::query_scalar(closing!(
        "acctstoptime = greatest(r.acctupdatetime, r.acctstarttime), acctterminatecause = 'Stale',
                connectinfo_stop = o.evidence
           FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[])
                AS o (acctuniqueid, acctstarttime, heard_at, evidence)
          WHERE r.acctuniqueid = o.acctuniqueid COLLATE \"C\" AND r.acctstarttime = o.acctstarttime
            AND r.acctstoptime IS NULL AND r.heard_at = o.heard_at",
        "acctuniqueid::uuid"
    ))
    .bind(ids)
    .bind(started)
    .bind(heard_at)
    .bind(evidence)
    .fetch_all(&mut **tx)
    .await?;
    Ok(ended)
}

/// An interval of PostgreSQL's as a time; its months have 30 days.
const fn duration(interval: PgInterval) -> Duration {
    let days = interval.months as i64 * 30 + interval.days as i64;
    Duration::microseconds(interval.microseconds).saturating_add(Duration::days(days))
}
