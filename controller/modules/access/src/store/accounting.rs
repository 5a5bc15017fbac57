//! Accounting into `access.radacct`: one upsert a batch, whatever the order the records came in.
//! Never reads a packet; [`crate::drain::row`] has made rows of them, one a session.
//!
//! Every rule here gives the same table when a batch is carried over twice or cut differently: the first record in
//! journal order decides the start (`radacct_key`), counters only grow, what the NAS said first stays, what may change
//! follows the newest event time, and a stop is final.

use ipnet::IpNet;
use kernel::id::NasId;
use kernel::{Error, OpContext};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tx;

/// Marks, in `connectinfo_stop`, a stop that no Stop told us: the NAS restarted. `NAS-Reboot` alone would not do, a NAS
/// may send that cause itself.
const CLOSED_BY_RESTART: &str = "closed by Accounting-On/Off";

/// What a batch knows about one session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// The session's id; `acctuniqueid` is its hex.
    pub session: Uuid,
    /// Whose.
    pub tenant: Uuid,
    /// On which NAS.
    pub nas: Uuid,
    /// Whose service, when it was known.
    pub subscriber: Option<Uuid>,
    /// Acct-Session-Id as text, `0x…` when it is none.
    pub acct_session_id: String,
    /// User-Name.
    pub username: Option<String>,
    /// NAS-IP-Address, else where the packet came from.
    pub nas_address: IpNet,
    /// NAS-Identifier.
    pub nas_identifier: Option<String>,
    /// NAS-Port-Id, else NAS-Port.
    pub nas_port: Option<String>,
    /// NAS-Port-Type, by name.
    pub nas_port_type: Option<String>,
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
    /// Acct-Authentic, by name.
    pub authentic: Option<String>,
    /// Connect-Info of the Start.
    pub connect_info_start: Option<String>,
    /// Connect-Info of the Stop.
    pub connect_info_stop: Option<String>,
    /// From the subscriber.
    pub octets_in: i64,
    /// To the subscriber.
    pub octets_out: i64,
    /// Called-Station-Id.
    pub called_station: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// Acct-Terminate-Cause, by name.
    pub terminate_cause: Option<String>,
    /// Service-Type, by name.
    pub service_type: Option<String>,
    /// Framed-Protocol, by name.
    pub framed_protocol: Option<String>,
    /// Framed-IP-Address.
    pub framed_ip: Option<IpNet>,
    /// Framed-IPv6-Address.
    pub framed_ipv6: Option<IpNet>,
    /// Framed-IPv6-Prefix.
    pub framed_ipv6_prefix: Option<IpNet>,
    /// Framed-Interface-Id.
    pub framed_interface_id: Option<String>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6_prefix: Option<IpNet>,
    /// Class in hex.
    pub class: Option<String>,
    /// Whether a Start is among the records.
    pub start_seen: bool,
}

/// The id of a session as `acctuniqueid` spells it.
#[must_use]
pub fn unique_id(session: Uuid) -> String {
    session.simple().to_string()
}

/// Decides where the row of each session is, or learns where it was decided to be.
///
/// Returns the start time of each row, in the order of `rows`.
pub async fn session_starts_settle(tx: &mut Tx, rows: &[SessionRow]) -> Result<Vec<OffsetDateTime>, Error> {
    let ids: Vec<String> = rows.iter().map(|row| unique_id(row.session)).collect();
    let tenants: Vec<Uuid> = rows.iter().map(|row| row.tenant).collect();
    let starts: Vec<OffsetDateTime> = rows.iter().map(|row| row.started).collect();
    sqlx::query!(
        "INSERT INTO access.radacct_key (acctuniqueid, tenant_id, acctstarttime)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::timestamptz[]) ON CONFLICT (acctuniqueid) DO NOTHING",
        &ids,
        &tenants,
        &starts
    )
    .execute(&mut **tx)
    .await?;
    // A separate statement, so that it also sees what another node committed while the insert waited for it.
    let settled = sqlx::query!(
        "SELECT acctuniqueid, acctstarttime FROM access.radacct_key WHERE acctuniqueid = ANY($1)",
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    let settled: std::collections::HashMap<String, OffsetDateTime> = settled
        .into_iter()
        .map(|row| (row.acctuniqueid, row.acctstarttime))
        .collect();
    Ok(ids
        .iter()
        .zip(starts)
        .map(|(id, own)| settled.get(id).copied().unwrap_or(own))
        .collect())
}

/// Carries the rows of one batch into the table; `starts` comes from [`session_starts_settle`].
#[expect(
    clippy::too_many_lines,
    reason = "one statement with one array a column; splitting it would hide its shape"
)]
pub async fn session_upsert(
    tx: &mut Tx,
    rows: &[SessionRow],
    starts: &[OffsetDateTime],
) -> Result<(), Error> {
    /// One column of all rows.
    fn column<T>(rows: &[SessionRow], pick: impl Fn(&SessionRow) -> T) -> Vec<T> {
        rows.iter().map(pick).collect()
    }
    sqlx::query!(
        "INSERT INTO access.radacct AS r
                (acctuniqueid, tenant_id, nas_id, subscriber_id, acctsessionid, username, nasipaddress, nasidentifier,
                 nasportid, nasporttype, acctstarttime, acctupdatetime, acctstoptime, acctinterval, acctsessiontime,
                 acctauthentic, connectinfo_start, connectinfo_stop, acctinputoctets, acctoutputoctets,
                 calledstationid, callingstationid, acctterminatecause, servicetype, framedprotocol, framedipaddress,
                 framedipv6address, framedipv6prefix, framedinterfaceid, delegatedipv6prefix, class, start_seen)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::inet[],
                 $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[],
                 $14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::text[], $19::bigint[], $20::bigint[],
                 $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::inet[], $27::inet[],
                 $28::inet[], $29::text[], $30::inet[], $31::text[], $32::boolean[])
         ON CONFLICT (acctuniqueid, acctstarttime) DO UPDATE SET
                subscriber_id = coalesce(r.subscriber_id, excluded.subscriber_id),
                username = coalesce(r.username, excluded.username),
                nasidentifier = coalesce(r.nasidentifier, excluded.nasidentifier),
                nasportid = coalesce(r.nasportid, excluded.nasportid),
                nasporttype = coalesce(r.nasporttype, excluded.nasporttype),
                acctinterval = CASE WHEN excluded.acctupdatetime > r.acctupdatetime
                        THEN coalesce(excluded.acctinterval,
                                      extract(epoch FROM excluded.acctupdatetime - r.acctupdatetime)::bigint)
                        ELSE r.acctinterval END,
                acctupdatetime = greatest(r.acctupdatetime, excluded.acctupdatetime),
                acctsessiontime = greatest(r.acctsessiontime, excluded.acctsessiontime),
                acctauthentic = coalesce(r.acctauthentic, excluded.acctauthentic),
                connectinfo_start = coalesce(r.connectinfo_start, excluded.connectinfo_start),
                acctinputoctets = greatest(r.acctinputoctets, excluded.acctinputoctets),
                acctoutputoctets = greatest(r.acctoutputoctets, excluded.acctoutputoctets),
                calledstationid = coalesce(r.calledstationid, excluded.calledstationid),
                callingstationid = coalesce(r.callingstationid, excluded.callingstationid),
                -- A stop that the NAS sent is final. One that we inferred from its restart gives way to the true one,
                -- and to a sign of life from after it.
                acctstoptime = CASE
                        WHEN r.acctstoptime IS NULL OR r.connectinfo_stop = $33 AND excluded.acctstoptime IS NOT NULL
                        THEN excluded.acctstoptime
                        WHEN r.connectinfo_stop = $33 AND excluded.acctupdatetime > r.acctstoptime THEN NULL
                        ELSE r.acctstoptime END,
                acctterminatecause = CASE
                        WHEN r.acctstoptime IS NULL OR r.connectinfo_stop = $33 AND excluded.acctstoptime IS NOT NULL
                        THEN excluded.acctterminatecause
                        WHEN r.connectinfo_stop = $33 AND excluded.acctupdatetime > r.acctstoptime THEN NULL
                        ELSE r.acctterminatecause END,
                connectinfo_stop = CASE
                        WHEN r.acctstoptime IS NULL OR r.connectinfo_stop = $33 AND excluded.acctstoptime IS NOT NULL
                        THEN excluded.connectinfo_stop
                        WHEN r.connectinfo_stop = $33 AND excluded.acctupdatetime > r.acctstoptime THEN NULL
                        ELSE r.connectinfo_stop END,
                servicetype = coalesce(r.servicetype, excluded.servicetype),
                framedprotocol = coalesce(r.framedprotocol, excluded.framedprotocol),
                framedipaddress = CASE WHEN excluded.acctupdatetime >= r.acctupdatetime
                        THEN coalesce(excluded.framedipaddress, r.framedipaddress)
                        ELSE coalesce(r.framedipaddress, excluded.framedipaddress) END,
                framedipv6address = CASE WHEN excluded.acctupdatetime >= r.acctupdatetime
                        THEN coalesce(excluded.framedipv6address, r.framedipv6address)
                        ELSE coalesce(r.framedipv6address, excluded.framedipv6address) END,
                framedipv6prefix = CASE WHEN excluded.acctupdatetime >= r.acctupdatetime
                        THEN coalesce(excluded.framedipv6prefix, r.framedipv6prefix)
                        ELSE coalesce(r.framedipv6prefix, excluded.framedipv6prefix) END,
                framedinterfaceid = coalesce(r.framedinterfaceid, excluded.framedinterfaceid),
                delegatedipv6prefix = CASE WHEN excluded.acctupdatetime >= r.acctupdatetime
                        THEN coalesce(excluded.delegatedipv6prefix, r.delegatedipv6prefix)
                        ELSE coalesce(r.delegatedipv6prefix, excluded.delegatedipv6prefix) END,
                class = coalesce(r.class, excluded.class),
                start_seen = r.start_seen OR excluded.start_seen",
        &column(rows, |row| unique_id(row.session)),
        &column(rows, |row| row.tenant),
        &column(rows, |row| row.nas),
        &column(rows, |row| row.subscriber) as &[Option<Uuid>],
        &column(rows, |row| row.acct_session_id.clone()),
        &column(rows, |row| row.username.clone()) as &[Option<String>],
        &column(rows, |row| row.nas_address) as &[IpNet],
        &column(rows, |row| row.nas_identifier.clone()) as &[Option<String>],
        &column(rows, |row| row.nas_port.clone()) as &[Option<String>],
        &column(rows, |row| row.nas_port_type.clone()) as &[Option<String>],
        starts,
        &column(rows, |row| row.updated),
        &column(rows, |row| row.stopped) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.interval) as &[Option<i64>],
        &column(rows, |row| row.session_time) as &[Option<i64>],
        &column(rows, |row| row.authentic.clone()) as &[Option<String>],
        &column(rows, |row| row.connect_info_start.clone()) as &[Option<String>],
        &column(rows, |row| row.connect_info_stop.clone()) as &[Option<String>],
        &column(rows, |row| row.octets_in),
        &column(rows, |row| row.octets_out),
        &column(rows, |row| row.called_station.clone()) as &[Option<String>],
        &column(rows, |row| row.calling_station.clone()) as &[Option<String>],
        &column(rows, |row| row.terminate_cause.clone()) as &[Option<String>],
        &column(rows, |row| row.service_type.clone()) as &[Option<String>],
        &column(rows, |row| row.framed_protocol.clone()) as &[Option<String>],
        &column(rows, |row| row.framed_ip) as &[Option<IpNet>],
        &column(rows, |row| row.framed_ipv6) as &[Option<IpNet>],
        &column(rows, |row| row.framed_ipv6_prefix) as &[Option<IpNet>],
        &column(rows, |row| row.framed_interface_id.clone()) as &[Option<String>],
        &column(rows, |row| row.delegated_ipv6_prefix) as &[Option<IpNet>],
        &column(rows, |row| row.class.clone()) as &[Option<String>],
        &column(rows, |row| row.start_seen),
        CLOSED_BY_RESTART
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Closes what a NAS that restarted can no longer have: its open sessions that began before the event.
///
/// Returns the sessions it closed.
pub async fn session_close_by_restart(
    tx: &mut Tx,
    tenant: Uuid,
    nas: Uuid,
    restarted: OffsetDateTime,
) -> Result<Vec<Uuid>, Error> {
    let closed = sqlx::query_scalar!(
        r#"UPDATE access.radacct SET acctstoptime = $3, acctterminatecause = 'NAS-Reboot', connectinfo_stop = $4
            WHERE tenant_id = $1 AND nas_id = $2 AND acctstoptime IS NULL AND acctstarttime < $3
            RETURNING acctuniqueid::uuid AS "session!""#,
        tenant,
        nas,
        restarted,
        CLOSED_BY_RESTART
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(closed)
}

/// Closes the open sessions of NAS that are gone: a record of one may have been on its way when the NAS was removed.
pub async fn session_close_orphans(tx: &mut Tx) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE access.radacct r
            SET acctstoptime = greatest(now(), acctstarttime), acctterminatecause = 'Admin-Reset',
                connectinfo_stop = 'NAS removed'
          WHERE acctstoptime IS NULL AND NOT EXISTS (SELECT FROM access.nas n WHERE n.id = r.nas_id)"
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Closes the open sessions of a NAS that is being removed: no record of them will be taken any more.
pub async fn session_close_by_removal(tx: &mut Tx, op: &OpContext, nas: NasId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE access.radacct
            SET acctstoptime = greatest(now(), acctstarttime), acctterminatecause = 'Admin-Reset',
                connectinfo_stop = 'NAS removed'
          WHERE tenant_id = $1 AND nas_id = $2 AND acctstoptime IS NULL",
        op.require_partner()?.as_uuid(),
        nas.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}
