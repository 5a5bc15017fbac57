//! Accounting into `access.radacct`: staged by COPY, then one statement a batch, whatever the order the records came in.
//! Never reads a packet; [`crate::drain::row`] has made rows of them, one a session.
//!
//! A batch has two kinds of rows. Of *new* ones the table may not know anything yet: their start is settled first, then
//! they are inserted with all their columns, or merged into what is there. *More* of a session whose start is settled,
//! and of which each thing that stays as it was said first has been said, is an update of the few columns that move.
//!
//! Every rule here gives the same table when a batch is carried over twice or cut differently: the first record in
//! journal order decides the start (`radacct_key`), what was used only grows, what the NAS said first stays, what may change
//! follows the newest event time, and a stop is final.

use std::borrow::Cow;

use ipnet::IpNet;
use kernel::id::NasId;
use kernel::{Error, OpContext};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Tx;
use super::copy::Rows;
use super::merge::{MORE_MERGE, NEW_INSERT, NEW_MERGE, closing};
use crate::drain::ports::Block;

/// Marks, in `connectinfo_stop`, a stop that no Stop told us: the NAS restarted. `NAS-Reboot` alone would not do, a NAS
/// may send that cause itself. What we close begins with `closed by `, and a later sign of life opens it again.
const CLOSED_BY_RESTART: &str = "closed by Accounting-On/Off";

/// What a batch knows about one session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow<'a> {
    /// The session's id; `acctuniqueid` is its hex.
    pub session: Uuid,
    /// Whose.
    pub tenant: Uuid,
    /// On which NAS.
    pub nas: Uuid,
    /// Whose service, when it was known.
    pub subscriber: Option<Uuid>,
    /// Acct-Session-Id as text, `0x…` when it is none.
    pub acct_session_id: Cow<'a, str>,
    /// User-Name.
    pub username: Option<Cow<'a, str>>,
    /// NAS-IP-Address, else where the packet came from.
    pub nas_address: IpNet,
    /// NAS-Identifier.
    pub nas_identifier: Option<Cow<'a, str>>,
    /// NAS-Port-Id, else NAS-Port.
    pub nas_port: Option<Cow<'a, str>>,
    /// NAS-Port-Type, by name.
    pub nas_port_type: Option<Cow<'a, str>>,
    /// When the session began; only the first record to arrive decides it.
    pub started: OffsetDateTime,
    /// Event time of the newest record.
    pub updated: OffsetDateTime,
    /// When it ended, if a Stop is among the records.
    pub stopped: Option<OffsetDateTime>,
    /// Seconds between the last two records, when the batch holds both.
    pub interval: Option<i64>,
    /// Acct-Session-Time, seconds.
    pub session_time: Option<i64>,
    /// The same of the record that the counters are from; `None` when it says none, or there are no counters.
    pub said_at: Option<i64>,
    /// What the first of several records said, when there are: from there the counters only grew.
    pub began: Option<Began>,
    /// A record had Gigawords.
    pub gigawords: bool,
    /// Over IPv6, from and to the subscriber, where the NAS tells.
    pub octets6: Option<(i64, i64)>,
    /// When the newest record was sent, by our clock.
    pub heard: OffsetDateTime,
    /// The beginning of that hour.
    pub hour: OffsetDateTime,
    /// The longest time between two of the records, by our clock.
    pub interim: Option<Duration>,
    /// Acct-Authentic, by name.
    pub authentic: Option<Cow<'a, str>>,
    /// Connect-Info of the Start.
    pub connect_info_start: Option<Cow<'a, str>>,
    /// Connect-Info of the Stop.
    pub connect_info_stop: Option<Cow<'a, str>>,
    /// From the subscriber.
    pub octets_in: i64,
    /// To the subscriber.
    pub octets_out: i64,
    /// Called-Station-Id.
    pub called_station: Option<Cow<'a, str>>,
    /// Calling-Station-Id.
    pub calling_station: Option<Cow<'a, str>>,
    /// Acct-Terminate-Cause, by name.
    pub terminate_cause: Option<Cow<'a, str>>,
    /// Service-Type, by name.
    pub service_type: Option<Cow<'a, str>>,
    /// Framed-Protocol, by name.
    pub framed_protocol: Option<Cow<'a, str>>,
    /// Framed-IP-Address.
    pub framed_ip: Option<IpNet>,
    /// Framed-IPv6-Address.
    pub framed_ipv6: Option<IpNet>,
    /// Framed-IPv6-Prefix.
    pub framed_ipv6_prefix: Option<IpNet>,
    /// Framed-Interface-Id; the table spells it in hex.
    pub framed_interface_id: Option<[u8; 8]>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6_prefix: Option<IpNet>,
    /// Class; the table spells it in hex.
    pub class: Option<&'a [u8]>,
    /// Whether a Start is among the records.
    pub start_seen: bool,
    /// Ports of public addresses that were its, or were taken back.
    pub ports: Vec<PortsRow>,
}

/// Ports of a public address that a session had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortsRow {
    /// The ports.
    pub block: Block,
    /// When that was said first; `None`: only that they were taken back.
    pub since: Option<OffsetDateTime>,
    /// When they were taken back.
    pub until: Option<OffsetDateTime>,
}

/// What the first of a session's records in a batch said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    /// Octets from the subscriber.
    pub octets_in: i64,
    /// Octets to the subscriber.
    pub octets_out: i64,
    /// Acct-Session-Time, seconds.
    pub said_at: i64,
}

/// The id of a session as `acctuniqueid` spells it.
#[must_use]
pub fn unique_id(session: Uuid) -> String {
    session.simple().to_string()
}

/// The staging tables of a connection, emptied by each commit, and how to plan over them: they have no statistics, and
/// whatever their size, each row of theirs finds its counterpart by an index. Planned anew each time, since a plan made
/// while a month's partition is empty may choose the wrong index of it.
const STAGE: &str = "SET LOCAL client_min_messages = warning;
    SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    SET LOCAL plan_cache_mode = force_custom_plan;
    CREATE TEMP TABLE IF NOT EXISTS radacct_new (
        place integer, acctuniqueid text COLLATE \"C\", tenant_id uuid, nas_id uuid, subscriber_id uuid,
        acctsessionid text, username text, nasipaddress inet, nasidentifier text, nasportid text, nasporttype text,
        acctstarttime timestamptz, acctupdatetime timestamptz, acctstoptime timestamptz, acctinterval bigint,
        acctsessiontime bigint, acctauthentic text, connectinfo_start text, connectinfo_stop text,
        acctinputoctets bigint, acctoutputoctets bigint, calledstationid text, callingstationid text,
        acctterminatecause text, servicetype text, framedprotocol text, framedipaddress inet, framedipv6address inet,
        framedipv6prefix inet, framedinterfaceid text, delegatedipv6prefix inet, class text, start_seen boolean,
        said_at bigint, began_in bigint, began_out bigint, began_s bigint, gigawords boolean,
        octets_in6 bigint, octets_out6 bigint, heard_at timestamptz, usage_hour timestamptz, interim interval)
        ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS radacct_more (
        acctuniqueid text COLLATE \"C\", acctstarttime timestamptz, acctupdatetime timestamptz,
        acctstoptime timestamptz, acctinterval bigint, acctsessiontime bigint, connectinfo_stop text,
        acctinputoctets bigint, acctoutputoctets bigint, acctterminatecause text, framedipaddress inet,
        framedipv6address inet, framedipv6prefix inet, delegatedipv6prefix inet,
        said_at bigint, began_in bigint, began_out bigint, began_s bigint, gigawords boolean,
        octets_in6 bigint, octets_out6 bigint, heard_at timestamptz, usage_hour timestamptz, interim interval)
        ON COMMIT DELETE ROWS";

/// Empties the staging tables for another step of the same transaction.
const STAGE_EMPTY: &str = "DELETE FROM radacct_new; DELETE FROM radacct_more";

/// Empties the staging tables, so that the same transaction can take another step.
pub async fn session_stage_empty(tx: &mut Tx) -> Result<(), Error> {
    sqlx::raw_sql(STAGE_EMPTY).execute(&mut **tx).await?;
    Ok(())
}

/// Gets the transaction ready to take batches.
pub async fn session_stage_prepare(tx: &mut Tx) -> Result<(), Error> {
    sqlx::raw_sql(STAGE).execute(&mut **tx).await?;
    Ok(())
}

/// Rows that may be new to the table, in the order they were added.
#[derive(Debug, Default)]
pub struct NewRows {
    /// The rows.
    rows: Rows,
    /// How many of them hold a Start.
    starts: usize,
}

impl NewRows {
    /// Fields of one row.
    const FIELDS: i16 = 33 + COUNTED_FIELDS;

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.rows.count()
    }

    /// Adds one.
    pub fn add(&mut self, row: &SessionRow<'_>) {
        fn text<'a>(rows: &'a mut Rows, value: Option<&Cow<'_, str>>) -> &'a mut Rows {
            rows.maybe(value, |rows, value| rows.text(value))
        }
        let place = i32::try_from(self.rows.count()).unwrap_or(i32::MAX);
        self.starts += usize::from(row.start_seen);
        let rows = self.rows.row(Self::FIELDS);
        rows.int(place)
            .hex(row.session.as_bytes())
            .uuid(row.tenant)
            .uuid(row.nas)
            .maybe(row.subscriber, Rows::uuid)
            .text(&row.acct_session_id);
        text(rows, row.username.as_ref()).inet(row.nas_address);
        text(rows, row.nas_identifier.as_ref());
        text(rows, row.nas_port.as_ref());
        text(rows, row.nas_port_type.as_ref())
            .instant(row.started)
            .instant(row.updated)
            .maybe(row.stopped, Rows::instant)
            .maybe(row.interval, Rows::bigint)
            .maybe(row.session_time, Rows::bigint);
        text(rows, row.authentic.as_ref());
        text(rows, row.connect_info_start.as_ref());
        text(rows, row.connect_info_stop.as_ref())
            .bigint(row.octets_in)
            .bigint(row.octets_out);
        text(rows, row.called_station.as_ref());
        text(rows, row.calling_station.as_ref());
        text(rows, row.terminate_cause.as_ref());
        text(rows, row.service_type.as_ref());
        text(rows, row.framed_protocol.as_ref())
            .maybe(row.framed_ip, Rows::inet)
            .maybe(row.framed_ipv6, Rows::inet)
            .maybe(row.framed_ipv6_prefix, Rows::inet)
            .maybe(row.framed_interface_id, |rows, id| rows.hex(&id))
            .maybe(row.delegated_ipv6_prefix, Rows::inet)
            .maybe(row.class, Rows::hex)
            .boolean(row.start_seen);
        counted(rows, row);
    }
}

/// More of sessions whose start is settled.
#[derive(Debug, Default)]
pub struct MoreRows(Rows);

impl MoreRows {
    /// Fields of one row.
    const FIELDS: i16 = 14 + COUNTED_FIELDS;

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.count()
    }

    /// Adds one, with the start that was settled for its session.
    pub fn add(&mut self, row: &SessionRow<'_>, started: OffsetDateTime) {
        let rows = self.0.row(Self::FIELDS);
        rows.hex(row.session.as_bytes())
            .instant(started)
            .instant(row.updated)
            .maybe(row.stopped, Rows::instant)
            .maybe(row.interval, Rows::bigint)
            .maybe(row.session_time, Rows::bigint)
            .maybe(row.connect_info_stop.as_deref(), Rows::text)
            .bigint(row.octets_in)
            .bigint(row.octets_out)
            .maybe(row.terminate_cause.as_deref(), Rows::text)
            .maybe(row.framed_ip, Rows::inet)
            .maybe(row.framed_ipv6, Rows::inet)
            .maybe(row.framed_ipv6_prefix, Rows::inet)
            .maybe(row.delegated_ipv6_prefix, Rows::inet);
        counted(rows, row);
    }
}

/// Fields of [`counted`].
const COUNTED_FIELDS: i16 = 10;

/// What both kinds of rows say of counters, ages and hours.
fn counted(rows: &mut Rows, row: &SessionRow<'_>) {
    let began = row.began;
    rows.maybe(row.said_at, Rows::bigint)
        .maybe(began.map(|began| began.octets_in), Rows::bigint)
        .maybe(began.map(|began| began.octets_out), Rows::bigint)
        .maybe(began.map(|began| began.said_at), Rows::bigint)
        .boolean(row.gigawords)
        .maybe(row.octets6.map(|(octets_in, _)| octets_in), Rows::bigint)
        .maybe(row.octets6.map(|(_, octets_out)| octets_out), Rows::bigint)
        .instant(row.heard)
        .instant(row.hour)
        .maybe(row.interim, Rows::interval);
}

/// A start that was settled otherwise than a row said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Which of the rows.
    pub place: usize,
    /// Its start.
    pub started: OffsetDateTime,
}

/// Carries rows that may be new: settles where each one's row is, then inserts it or merges it into what is there.
///
/// Whether a key or a row exists is asked for each row only when `careful`, or when something tells that some may:
/// a Start nearly always is the first of its session. If it was not, the database refuses the batch as a duplicate, and
/// the caller must come again, carefully.
///
/// Returns the starts that differ from what the rows said; for all others that holds.
pub async fn session_new_carry(tx: &mut Tx, new: &NewRows, careful: bool) -> Result<Vec<Settled>, Error> {
    new.rows
        .send(tx, "COPY radacct_new FROM STDIN (FORMAT binary)")
        .await?;
    let mut settled = 0;
    if !careful && new.starts > 0 {
        settled += execute(tx, KEY_OF_STARTS).await?;
    }
    if careful {
        settled += execute(tx, KEY_OF_ALL).await?;
    } else if new.starts < new.count() {
        settled += execute(tx, KEY_OF_OTHERS).await?;
    }
    if usize::try_from(settled).ok() == Some(new.count()) && !careful {
        moved(tx, NEW_INSERT).await?;
        return Ok(Vec::new());
    }
    // A separate statement, so that it also sees what another node committed while the insert waited for it.
    let differing = sqlx::query(
        "UPDATE radacct_new n SET acctstarttime = k.acctstarttime FROM access.radacct_key k
          WHERE k.acctuniqueid = n.acctuniqueid AND k.acctstarttime <> n.acctstarttime
         RETURNING n.place, n.acctstarttime",
    )
    .try_map(|row: PgRow| {
        Ok(Settled {
            place: usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or(usize::MAX),
            started: row.try_get(1)?,
        })
    })
    .fetch_all(&mut **tx)
    .await?;
    moved(tx, NEW_MERGE).await?;
    Ok(differing)
}

/// Runs a statement of [`super::merge`]; how many rows of radacct it wrote.
async fn moved(tx: &mut Tx, statement: &'static str) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(statement).fetch_one(&mut **tx).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Runs a statement; how many rows it wrote.
async fn execute(tx: &mut Tx, statement: &'static str) -> Result<u64, Error> {
    Ok(sqlx::query(statement).execute(&mut **tx).await?.rows_affected())
}

/// Settles the starts of sessions that begin; a key that is there already fails.
const KEY_OF_STARTS: &str = "INSERT INTO access.radacct_key (acctuniqueid, tenant_id, acctstarttime)
    SELECT acctuniqueid, tenant_id, acctstarttime FROM radacct_new WHERE start_seen";
/// The starts of those met without one, which may well be there.
const KEY_OF_OTHERS: &str = "INSERT INTO access.radacct_key (acctuniqueid, tenant_id, acctstarttime)
    SELECT acctuniqueid, tenant_id, acctstarttime FROM radacct_new WHERE NOT start_seen
    ON CONFLICT (acctuniqueid) DO NOTHING";
/// All starts, whatever is there.
const KEY_OF_ALL: &str = "INSERT INTO access.radacct_key (acctuniqueid, tenant_id, acctstarttime)
    SELECT acctuniqueid, tenant_id, acctstarttime FROM radacct_new ON CONFLICT (acctuniqueid) DO NOTHING";

/// Carries more of sessions that are known; how many rows took something. Fewer than were sent: some are not where they
/// were settled to be, and the caller must carry all of them as new ones.
pub async fn session_more_carry(tx: &mut Tx, more: &MoreRows) -> Result<u64, Error> {
    more.0
        .send(tx, "COPY radacct_more FROM STDIN (FORMAT binary)")
        .await?;
    moved(tx, MORE_MERGE).await
}

/// Closes what a NAS that restarted can no longer have: its open sessions that were last heard of before the event, by our
/// clock. `at` is when it was by the clock of the NAS, `heard` by ours.
///
/// Returns the sessions it closed.
pub async fn session_close_by_restart(
    tx: &mut Tx,
    tenant: Uuid,
    nas: Uuid,
    at: OffsetDateTime,
    heard: OffsetDateTime,
) -> Result<Vec<Uuid>, Error> {
    let closed = sqlx::query_scalar(closing!(
        "acctstoptime = greatest($3, r.acctstarttime), acctterminatecause = 'NAS-Reboot', connectinfo_stop = $4,
                heard_at = greatest(r.heard_at, $5)
          WHERE r.tenant_id = $1 AND r.nas_id = $2 AND r.acctstoptime IS NULL
            AND CASE WHEN r.heard_at IS NULL THEN r.acctstarttime < $3 ELSE r.heard_at <= $5 END",
        "acctuniqueid::uuid"
    ))
    .bind(tenant)
    .bind(nas)
    .bind(at)
    .bind(CLOSED_BY_RESTART)
    .bind(heard)
    .fetch_all(&mut **tx)
    .await?;
    Ok(closed)
}

/// Closes the open sessions of NAS that are gone: a record of one may have been on its way when the NAS was removed.
pub async fn session_close_orphans(tx: &mut Tx) -> Result<u64, Error> {
    moved(
        tx,
        closing!(
            "acctstoptime = greatest(now(), r.acctstarttime), acctterminatecause = 'Admin-Reset',
                connectinfo_stop = 'NAS removed'
          WHERE r.acctstoptime IS NULL AND NOT EXISTS (SELECT FROM access.nas n WHERE n.id = r.nas_id)",
            "count(*)"
        ),
    )
    .await
}

/// Closes the open sessions of a NAS that is being removed: no record of them will be taken any more.
pub async fn session_close_by_removal(tx: &mut Tx, op: &OpContext, nas: NasId) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(closing!(
        "acctstoptime = greatest(now(), r.acctstarttime), acctterminatecause = 'Admin-Reset',
                connectinfo_stop = 'NAS removed'
          WHERE r.tenant_id = $1 AND r.nas_id = $2 AND r.acctstoptime IS NULL",
        "count(*)"
    ))
    .bind(op.require_partner()?.as_uuid())
    .bind(nas.as_uuid())
    .fetch_one(&mut **tx)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
