//! Sessions that another server accounted, into `access.radacct`.
//! Never touches a session that has been heard of here since: what a NAS tells us counts.

use ipnet::IpNet;
use kernel::id::NasId;
use kernel::{Error, OpContext};
use serde::Serialize;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::Tx;

/// A row of radacct, as another server wrote it.
#[derive(Debug, Clone, Serialize)]
pub struct SessionImported {
    /// Our id of it in hex.
    pub acctuniqueid: String,
    /// On which NAS.
    pub nas_id: Uuid,
    /// Whose service, when there is one of the name.
    pub subscriber_id: Option<Uuid>,
    /// Acct-Session-Id.
    pub acctsessionid: String,
    /// User-Name.
    pub username: Option<String>,
    /// Realm, as FreeRADIUS took it off.
    pub realm: Option<String>,
    /// The group it was accounted to.
    pub groupname: Option<String>,
    /// NAS-IP-Address.
    pub nasipaddress: IpNet,
    /// NAS-Port-Id.
    pub nasportid: Option<String>,
    /// NAS-Port-Type in words.
    pub nasporttype: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub acctstarttime: OffsetDateTime,
    /// When it was last heard of.
    #[serde(with = "time::serde::rfc3339")]
    pub acctupdatetime: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub acctstoptime: Option<OffsetDateTime>,
    /// Seconds between its last two records.
    pub acctinterval: Option<i64>,
    /// Seconds it has lasted.
    pub acctsessiontime: Option<i64>,
    /// Acct-Authentic in words.
    pub acctauthentic: Option<String>,
    /// Connect-Info of the Start.
    pub connectinfo_start: Option<String>,
    /// Connect-Info of the Stop.
    pub connectinfo_stop: Option<String>,
    /// From the subscriber.
    pub acctinputoctets: i64,
    /// To the subscriber.
    pub acctoutputoctets: i64,
    /// Called-Station-Id.
    pub calledstationid: Option<String>,
    /// Calling-Station-Id.
    pub callingstationid: Option<String>,
    /// Why it ended, in words.
    pub acctterminatecause: Option<String>,
    /// Service-Type in words.
    pub servicetype: Option<String>,
    /// Framed-Protocol in words.
    pub framedprotocol: Option<String>,
    /// Framed-IP-Address.
    pub framedipaddress: Option<IpNet>,
    /// Framed-IPv6-Address.
    pub framedipv6address: Option<IpNet>,
    /// Framed-IPv6-Prefix.
    pub framedipv6prefix: Option<IpNet>,
    /// Framed-Interface-Id.
    pub framedinterfaceid: Option<String>,
    /// Delegated-IPv6-Prefix.
    pub delegatedipv6prefix: Option<IpNet>,
    /// Class in hex.
    pub class: Option<String>,
}

/// What is here of a session.
#[derive(Debug, Clone)]
pub struct KnownSession {
    /// Its id in hex.
    pub acctuniqueid: String,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it was last heard of.
    pub updated_at: OffsetDateTime,
    /// When it ended.
    pub stopped_at: Option<OffsetDateTime>,
}

/// What is here of these sessions, by their ids in hex.
pub async fn sessions_known(tx: &mut Tx, op: &OpContext, ids: &[String]) -> Result<Vec<KnownSession>, Error> {
    Ok(sqlx::query_as!(
        KnownSession,
        "SELECT r.acctuniqueid, r.acctstarttime AS started_at, r.acctupdatetime AS updated_at,
                r.acctstoptime AS stopped_at
           FROM access.radacct_key k
           JOIN access.radacct r ON r.acctuniqueid = k.acctuniqueid AND r.acctstarttime = k.acctstarttime
          WHERE k.tenant_id = $1 AND k.acctuniqueid = ANY ($2)",
        op.require_partner()?.as_uuid(),
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Inserts sessions that are not here.
pub async fn sessions_insert(tx: &mut Tx, op: &OpContext, rows: &[SessionImported]) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "INSERT INTO access.radacct_key (acctuniqueid, tenant_id, acctstarttime)
         SELECT r.acctuniqueid, $1, r.acctstarttime
           FROM jsonb_to_recordset($2::jsonb) AS r (acctuniqueid text, acctstarttime timestamptz)",
        tenant,
        Json(rows) as _
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO access.radacct (tenant_id, nas_id, subscriber_id, acctsessionid, acctuniqueid, username, realm,
             groupname, nasipaddress, nasportid, nasporttype, acctstarttime, acctupdatetime, acctstoptime,
             acctinterval, acctsessiontime, acctauthentic, connectinfo_start, connectinfo_stop, acctinputoctets,
             acctoutputoctets, calledstationid, callingstationid, acctterminatecause, servicetype, framedprotocol,
             framedipaddress, framedipv6address, framedipv6prefix, framedinterfaceid, delegatedipv6prefix, class,
             start_seen)
         SELECT $1, r.nas_id, r.subscriber_id, r.acctsessionid, r.acctuniqueid, r.username, r.realm, r.groupname,
             r.nasipaddress, r.nasportid, r.nasporttype, r.acctstarttime, r.acctupdatetime, r.acctstoptime,
             r.acctinterval, r.acctsessiontime, r.acctauthentic, r.connectinfo_start, r.connectinfo_stop,
             r.acctinputoctets, r.acctoutputoctets, r.calledstationid, r.callingstationid, r.acctterminatecause,
             r.servicetype, r.framedprotocol, r.framedipaddress, r.framedipv6address, r.framedipv6prefix,
             r.framedinterfaceid, r.delegatedipv6prefix, r.class, true
           FROM jsonb_to_recordset($2::jsonb) AS r (nas_id uuid, subscriber_id uuid, acctsessionid text,
             acctuniqueid text, username text, realm text, groupname text, nasipaddress inet, nasportid text,
             nasporttype text, acctstarttime timestamptz, acctupdatetime timestamptz, acctstoptime timestamptz,
             acctinterval bigint, acctsessiontime bigint, acctauthentic text, connectinfo_start text,
             connectinfo_stop text, acctinputoctets bigint, acctoutputoctets bigint, calledstationid text,
             callingstationid text, acctterminatecause text, servicetype text, framedprotocol text,
             framedipaddress inet, framedipv6address inet, framedipv6prefix inet, framedinterfaceid text,
             delegatedipv6prefix inet, class text)",
        tenant,
        Json(rows) as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Brings open sessions up to what the other server knows by now; one that has ended here stays as it is.
pub async fn sessions_update(tx: &mut Tx, op: &OpContext, rows: &[SessionImported]) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.radacct a SET acctupdatetime = r.acctupdatetime, acctstoptime = r.acctstoptime,
             acctsessiontime = r.acctsessiontime, acctinputoctets = greatest(a.acctinputoctets, r.acctinputoctets),
             acctoutputoctets = greatest(a.acctoutputoctets, r.acctoutputoctets),
             connectinfo_stop = r.connectinfo_stop, acctterminatecause = r.acctterminatecause
           FROM jsonb_to_recordset($2::jsonb) AS r (acctuniqueid text, acctstarttime timestamptz,
             acctupdatetime timestamptz, acctstoptime timestamptz, acctsessiontime bigint, acctinputoctets bigint,
             acctoutputoctets bigint, connectinfo_stop text, acctterminatecause text)
          WHERE a.tenant_id = $1 AND a.acctuniqueid = r.acctuniqueid AND a.acctstarttime = r.acctstarttime
            AND a.acctstoptime IS NULL",
        op.require_partner()?.as_uuid(),
        Json(rows) as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The NAS of each network of this partner.
pub async fn nas_networks(tx: &mut Tx, op: &OpContext) -> Result<Vec<(IpNet, NasId)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT address AS "address: IpNet", id AS "id: NasId" FROM access.nas WHERE tenant_id = $1"#,
        op.require_partner()?.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.address, row.id)).collect())
}
