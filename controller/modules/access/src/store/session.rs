//! Reading `access.radacct`: sessions that have ended, for people, and those that are open, for a start after a stop.
//! Never writes; [`super::accounting`] does. Open sessions are shown from memory, not from here.

use futures_util::Stream;
use ipnet::IpNet;
use kernel::id::{NasId, SessionId};
use kernel::{Error, OpContext};
use time::OffsetDateTime;
use uuid::Uuid;

use super::accounting::unique_id;
use super::{Listed, Tx, Window};

/// A session as the table has it.
#[derive(Debug, Clone)]
pub struct StoredSession {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant_id: Uuid,
    /// On which NAS; the NAS may be gone.
    pub nas_id: Uuid,
    /// The NAS's name today, if it still exists.
    pub nas: Option<String>,
    /// Whose service.
    pub subscriber_id: Option<Uuid>,
    /// Acct-Session-Id, `0x…` when it is no text.
    pub acct_session_id: String,
    /// User-Name.
    pub username: Option<String>,
    /// NAS-IP-Address, else the source of its packets.
    pub nas_address: IpNet,
    /// NAS-Identifier.
    pub nas_identifier: Option<String>,
    /// NAS-Port-Id, else NAS-Port.
    pub nas_port: Option<String>,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// Event time of the newest record.
    pub updated_at: OffsetDateTime,
    /// When it ended.
    pub stopped_at: Option<OffsetDateTime>,
    /// Acct-Session-Time, seconds.
    pub session_time: Option<i64>,
    /// From the subscriber.
    pub octets_in: i64,
    /// To the subscriber.
    pub octets_out: i64,
    /// Called-Station-Id.
    pub called_station: Option<String>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// Why it ended.
    pub terminate_cause: Option<String>,
    /// Framed-IP-Address.
    pub framed_ip: Option<IpNet>,
    /// Framed-IPv6-Address.
    pub framed_ipv6: Option<IpNet>,
    /// Framed-IPv6-Prefix.
    pub framed_ipv6_prefix: Option<IpNet>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6_prefix: Option<IpNet>,
    /// Framed-Interface-Id in hex.
    pub framed_interface_id: Option<String>,
    /// From the subscriber over IPv6, where the NAS tells.
    pub octets_in6: Option<i64>,
    /// To the subscriber over IPv6, where the NAS tells.
    pub octets_out6: Option<i64>,
    /// What its counter from the subscriber said last.
    pub said_in: Option<i64>,
    /// What the other one said last.
    pub said_out: Option<i64>,
    /// Acct-Session-Time of the record that said so.
    pub said_at: Option<i64>,
    /// How often a counter wrapped unsaid.
    pub counter_wraps: i32,
    /// How often a counter began anew.
    pub counter_resets: i32,
    /// When its newest record was sent, by our clock.
    pub heard_at: Option<OffsetDateTime>,
    /// Connect-Info of its Stop, or by what we inferred its end.
    pub stop_evidence: Option<String>,
    /// Class in hex.
    pub class: Option<String>,
    /// Whether its Start was seen.
    pub start_seen: bool,
}

/// Which closed sessions to list.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Exactly this user name.
    pub username: Option<String>,
    /// On this NAS.
    pub nas: Option<NasId>,
}

/// Lists a partner's closed sessions, newest start first.
pub async fn session_list_closed(
    tx: &mut Tx,
    op: &OpContext,
    filter: &SessionFilter,
    window: Window,
) -> Result<Listed<StoredSession>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let nas = filter.nas.map(NasId::as_uuid);
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.radacct WHERE tenant_id = $1 AND acctstoptime IS NOT NULL
              AND ($2::text IS NULL OR username = $2) AND ($3::uuid IS NULL OR nas_id = $3)"#,
        tenant,
        filter.username,
        nas
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        StoredSession,
        r#"SELECT r.acctuniqueid::uuid AS "id!", r.tenant_id, r.nas_id, n.shortname AS "nas?", r.subscriber_id,
                  r.acctsessionid AS acct_session_id, r.username, r.nasipaddress AS "nas_address: IpNet",
                  r.nasidentifier AS nas_identifier, r.nasportid AS nas_port, r.acctstarttime AS started_at,
                  r.acctupdatetime AS updated_at, r.acctstoptime AS stopped_at, r.acctsessiontime AS session_time,
                  r.acctinputoctets AS octets_in, r.acctoutputoctets AS octets_out,
                  r.calledstationid AS called_station, r.callingstationid AS calling_station,
                  r.acctterminatecause AS terminate_cause, r.framedipaddress AS "framed_ip: IpNet", r.class,
                  r.framedipv6address AS "framed_ipv6: IpNet", r.framedipv6prefix AS "framed_ipv6_prefix: IpNet",
                  r.delegatedipv6prefix AS "delegated_ipv6_prefix: IpNet", r.framedinterfaceid AS framed_interface_id,
                  r.acctinputoctets6 AS octets_in6, r.acctoutputoctets6 AS octets_out6, r.said_in, r.said_out, r.said_at,
                  r.counter_wraps, r.counter_resets, r.heard_at, r.connectinfo_stop AS stop_evidence, r.start_seen
             FROM access.radacct r LEFT JOIN access.nas n ON n.tenant_id = r.tenant_id AND n.id = r.nas_id
            WHERE r.tenant_id = $1 AND r.acctstoptime IS NOT NULL
              AND ($2::text IS NULL OR r.username = $2) AND ($3::uuid IS NULL OR r.nas_id = $3)
            ORDER BY r.acctstarttime DESC, r.acctuniqueid LIMIT $4 OFFSET $5"#,
        tenant,
        filter.username,
        nas,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// Fetches one session, open or closed.
pub async fn session_fetch(
    tx: &mut Tx,
    op: &OpContext,
    id: SessionId,
) -> Result<Option<StoredSession>, Error> {
    let session = sqlx::query_as!(
        StoredSession,
        r#"SELECT r.acctuniqueid::uuid AS "id!", r.tenant_id, r.nas_id, n.shortname AS "nas?", r.subscriber_id,
                  r.acctsessionid AS acct_session_id, r.username, r.nasipaddress AS "nas_address: IpNet",
                  r.nasidentifier AS nas_identifier, r.nasportid AS nas_port, r.acctstarttime AS started_at,
                  r.acctupdatetime AS updated_at, r.acctstoptime AS stopped_at, r.acctsessiontime AS session_time,
                  r.acctinputoctets AS octets_in, r.acctoutputoctets AS octets_out,
                  r.calledstationid AS called_station, r.callingstationid AS calling_station,
                  r.acctterminatecause AS terminate_cause, r.framedipaddress AS "framed_ip: IpNet", r.class,
                  r.framedipv6address AS "framed_ipv6: IpNet", r.framedipv6prefix AS "framed_ipv6_prefix: IpNet",
                  r.delegatedipv6prefix AS "delegated_ipv6_prefix: IpNet", r.framedinterfaceid AS framed_interface_id,
                  r.acctinputoctets6 AS octets_in6, r.acctoutputoctets6 AS octets_out6, r.said_in, r.said_out, r.said_at,
                  r.counter_wraps, r.counter_resets, r.heard_at, r.connectinfo_stop AS stop_evidence, r.start_seen
             FROM access.radacct_key k
             JOIN access.radacct r ON r.acctuniqueid = k.acctuniqueid AND r.acctstarttime = k.acctstarttime
             LEFT JOIN access.nas n ON n.tenant_id = r.tenant_id AND n.id = r.nas_id
            WHERE k.tenant_id = $1 AND k.acctuniqueid = $2"#,
        op.require_partner()?.as_uuid(),
        unique_id(id.as_uuid())
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(session)
}

/// How many sessions are told that held an address.
pub const HOLDERS_MAX: i64 = 100;

/// Sessions of a condition that held what it asks for at $5. Those that are open: they have no end. Those that had not lasted a
/// month: they ended within a month after that time, and began within one before it. Those that had: of an index of their
/// own. So what is looked at does not grow with the history; the migration of the indexes says how.
macro_rules! held {
    ($condition:literal) => {
        concat!(
            "SELECT acctuniqueid, acctstarttime FROM access.radacct WHERE tenant_id = $1 AND ",
            $condition,
            " AND acctstarttime <= $5 AND acctstoptime IS NULL
              UNION ALL SELECT acctuniqueid, acctstarttime FROM access.radacct WHERE tenant_id = $1 AND ",
            $condition,
            " AND acctstarttime <= $5 AND acctstarttime >= $5 - interval '744 hours'
               AND acctstoptime >= $5 AND acctstoptime <= $5 + interval '744 hours'
               AND acctstoptime - acctstarttime <= interval '31 days'
              UNION ALL SELECT acctuniqueid, acctstarttime FROM access.radacct WHERE tenant_id = $1 AND ",
            $condition,
            " AND acctstarttime <= $5 AND acctstoptime >= $5 AND acctstoptime - acctstarttime > interval '31 days'"
        )
    };
}

/// The sessions that held an address of this network, or a prefix around it, at that time.
pub const HELD: &str = concat!(
    "SELECT acctuniqueid::uuid FROM (",
    held!("framedipaddress >= $2 AND framedipaddress <= $3"),
    " UNION ",
    held!("framedipv6address >= $2 AND framedipv6address <= $3"),
    " UNION ",
    held!("framedipv6prefix >= $2 AND framedipv6prefix <= $3"),
    " UNION ",
    held!("framedipv6prefix = ANY($4)"),
    " UNION ",
    held!("delegatedipv6prefix >= $2 AND delegatedipv6prefix <= $3"),
    " UNION ",
    held!("delegatedipv6prefix = ANY($4)"),
    ") AS held ORDER BY acctstarttime DESC LIMIT $6"
);

/// Who held an address of a network, or a prefix around it, at some time; the newest first.
pub async fn session_list_at(
    tx: &mut Tx,
    op: &OpContext,
    network: IpNet,
    at: OffsetDateTime,
) -> Result<Vec<SessionId>, Error> {
    // As PostgreSQL sorts them, all that lies in a network is between the network itself and its last address.
    let (first, last) = (network, IpNet::from(network.broadcast()));
    let first = if first.prefix_len() == first.max_prefix_len() {
        last
    } else {
        first
    };
    let around: Vec<IpNet> = match network {
        IpNet::V4(_) => Vec::new(),
        IpNet::V6(_) => std::iter::successors(network.supernet(), IpNet::supernet).collect(),
    };
    let held: Vec<Uuid> = sqlx::query_scalar(HELD)
        .bind(op.require_partner()?.as_uuid())
        .bind(first)
        .bind(last)
        .bind(around)
        .bind(at)
        .bind(HOLDERS_MAX)
        .fetch_all(&mut **tx)
        .await?;
    Ok(held.into_iter().map(SessionId::from).collect())
}

/// Every partner's open sessions, one after the other: there may be more than memory should hold twice.
pub fn session_list_open(tx: &mut Tx) -> impl Stream<Item = Result<StoredSession, sqlx::Error>> + '_ {
    sqlx::query_as!(
        StoredSession,
        r#"SELECT r.acctuniqueid::uuid AS "id!", r.tenant_id, r.nas_id, n.shortname AS "nas?", r.subscriber_id,
                  r.acctsessionid AS acct_session_id, r.username, r.nasipaddress AS "nas_address: IpNet",
                  r.nasidentifier AS nas_identifier, r.nasportid AS nas_port, r.acctstarttime AS started_at,
                  r.acctupdatetime AS updated_at, r.acctstoptime AS stopped_at, r.acctsessiontime AS session_time,
                  r.acctinputoctets AS octets_in, r.acctoutputoctets AS octets_out,
                  r.calledstationid AS called_station, r.callingstationid AS calling_station,
                  r.acctterminatecause AS terminate_cause, r.framedipaddress AS "framed_ip: IpNet", r.class,
                  r.framedipv6address AS "framed_ipv6: IpNet", r.framedipv6prefix AS "framed_ipv6_prefix: IpNet",
                  r.delegatedipv6prefix AS "delegated_ipv6_prefix: IpNet", r.framedinterfaceid AS framed_interface_id,
                  r.acctinputoctets6 AS octets_in6, r.acctoutputoctets6 AS octets_out6, r.said_in, r.said_out, r.said_at,
                  r.counter_wraps, r.counter_resets, r.heard_at, r.connectinfo_stop AS stop_evidence, r.start_seen
             FROM access.radacct r LEFT JOIN access.nas n ON n.tenant_id = r.tenant_id AND n.id = r.nas_id
            WHERE r.acctstoptime IS NULL"#
    )
    .fetch(&mut **tx)
}
