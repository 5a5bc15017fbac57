//! `access.port_blocks`: which ports of a public address were whose, behind carrier-grade NAT.
//! Never decides who is meant; [`crate::app::port_block`] does. What accounting says comes with the drain's batches, the rest
//! by [`blocks_insert`].

use std::net::IpAddr;

use ipnet::IpNet;
use kernel::{Error, OpContext};
use serde::Serialize;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Tx;
use super::accounting::{PortsRow, SessionRow};

/// Blocks that are looked at to find whose a port was. Those before the newest were taken back, whether or not anybody said
/// so; a few more are shown for whoever keeps logs that overlap.
pub const CANDIDATES_MAX: i64 = 16;
/// How much earlier than its session's computed start a block may have been said.
const CLOCK_SLACK: Duration = Duration::days(1);

/// What a record said of one block.
#[derive(Debug, Clone)]
pub struct PortsSaid {
    /// The session.
    pub session: Uuid,
    /// Whose.
    tenant: Uuid,
    /// On which NAS.
    nas: Uuid,
    /// Whose service, when it was known.
    subscriber: Option<Uuid>,
    /// The address behind the NAT, if it was said.
    inside: Option<IpNet>,
    /// No row of the session is older than this.
    began: OffsetDateTime,
    /// The block.
    pub ports: PortsRow,
}

impl PortsSaid {
    /// What a session's row says of one block.
    #[must_use]
    pub fn of(row: &SessionRow<'_>, ports: PortsRow) -> Self {
        Self {
            session: row.session,
            tenant: row.tenant,
            nas: row.nas,
            subscriber: row.subscriber,
            inside: row.framed_ip,
            began: row.started.checked_sub(CLOCK_SLACK).unwrap_or(row.started),
            ports,
        }
    }
}

/// Puts down what records said. The same again changes nothing; what was said earlier moves the beginning back; what was taken
/// back ends.
pub async fn said_put(tx: &mut Tx, said: &[PortsSaid]) -> Result<(), Error> {
    let mut columns = Columns::default();
    said.iter().for_each(|said| columns.add(said));
    sqlx::query!(
        "UPDATE access.port_blocks p
            SET since = least(p.since, s.since),
                until = coalesce(p.until, CASE WHEN s.until IS NOT NULL THEN greatest(s.until, p.since) END)
           FROM UNNEST($1::uuid[], $2::inet[], $3::integer[], $4::integer[], $5::timestamptz[], $6::timestamptz[],
                       $7::timestamptz[]) AS s (session_id, public_address, port_first, port_last, since, until, began)
          WHERE p.session_id = s.session_id AND p.public_address = s.public_address AND p.port_first = s.port_first
            AND p.port_last = s.port_last AND p.since >= s.began
            AND (p.until IS NULL OR p.until >= s.since)
            AND (p.since > s.since OR (p.until IS NULL AND s.until >= p.since))",
        &columns.sessions,
        &columns.publics as &[IpNet],
        &columns.firsts,
        &columns.lasts,
        &columns.since as &[Option<OffsetDateTime>],
        &columns.until as &[Option<OffsetDateTime>],
        &columns.began
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO access.port_blocks (tenant_id, public_address, port_first, port_last, since, until, session_id, inside,
                                         nas_id, subscriber_id, source)
         SELECT s.tenant_id, s.public_address, s.port_first, s.port_last, s.since, s.until, s.session_id, s.inside, s.nas_id,
                s.subscriber_id, 'accounting'
           FROM UNNEST($1::uuid[], $2::inet[], $3::integer[], $4::integer[], $5::timestamptz[], $6::timestamptz[],
                       $7::timestamptz[], $8::uuid[], $9::uuid[], $10::uuid[], $11::inet[])
                AS s (session_id, public_address, port_first, port_last, since, until, began, tenant_id, nas_id,
                      subscriber_id, inside)
          WHERE s.since IS NOT NULL
            AND NOT EXISTS (SELECT FROM access.port_blocks p
                             WHERE p.session_id = s.session_id AND p.public_address = s.public_address
                               AND p.port_first = s.port_first AND p.port_last = s.port_last AND p.since >= s.began
                               AND (p.until IS NULL OR p.until >= s.since))",
        &columns.sessions,
        &columns.publics as &[IpNet],
        &columns.firsts,
        &columns.lasts,
        &columns.since as &[Option<OffsetDateTime>],
        &columns.until as &[Option<OffsetDateTime>],
        &columns.began,
        &columns.tenants,
        &columns.nas,
        &columns.subscribers as &[Option<Uuid>],
        &columns.insides as &[Option<IpNet>]
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What records said, by columns.
#[derive(Default)]
struct Columns {
    /// Sessions.
    sessions: Vec<Uuid>,
    /// Public addresses.
    publics: Vec<IpNet>,
    /// First ports.
    firsts: Vec<i32>,
    /// Last ports.
    lasts: Vec<i32>,
    /// When they were given.
    since: Vec<Option<OffsetDateTime>>,
    /// When they were taken back.
    until: Vec<Option<OffsetDateTime>>,
    /// Nothing of the session is older.
    began: Vec<OffsetDateTime>,
    /// Partners.
    tenants: Vec<Uuid>,
    /// NAS.
    nas: Vec<Uuid>,
    /// Subscribers.
    subscribers: Vec<Option<Uuid>>,
    /// Addresses behind the NAT.
    insides: Vec<Option<IpNet>>,
}

impl Columns {
    /// Adds a line.
    fn add(&mut self, said: &PortsSaid) {
        let block = said.ports.block;
        self.sessions.push(said.session);
        self.publics.push(IpNet::from(IpAddr::V4(block.public)));
        self.firsts.push(block.first.into());
        self.lasts.push(block.last.into());
        self.since.push(said.ports.since);
        self.until.push(said.ports.until);
        self.began.push(said.began);
        self.tenants.push(said.tenant);
        self.nas.push(said.nas);
        self.subscribers.push(said.subscriber);
        self.insides.push(said.inside);
    }
}

/// A block as the table has it.
#[derive(Debug, Clone)]
pub struct StoredBlock {
    /// The public address.
    pub public_address: IpNet,
    /// The first port.
    pub port_first: i32,
    /// The last one.
    pub port_last: i32,
    /// When it was given.
    pub since: OffsetDateTime,
    /// When it was taken back.
    pub until: Option<OffsetDateTime>,
    /// The session that said it.
    pub session_id: Option<Uuid>,
    /// The address behind the NAT.
    pub inside: Option<IpNet>,
    /// On which NAS.
    pub nas_id: Option<Uuid>,
    /// Its name today.
    pub nas: Option<String>,
    /// Whose service.
    pub subscriber_id: Option<Uuid>,
    /// The name it was brought in with, else the subscriber's today.
    pub username: Option<String>,
    /// `accounting`, `api` or `import`.
    pub source: String,
}

/// The blocks that a port of an address was in at some time, unless they were taken back before; the newest first.
pub async fn block_list_at(
    tx: &mut Tx,
    op: &OpContext,
    public: IpNet,
    port: u16,
    at: OffsetDateTime,
) -> Result<Vec<StoredBlock>, Error> {
    Ok(sqlx::query_as!(
        StoredBlock,
        r#"SELECT b.public_address AS "public_address!: IpNet", b.port_first AS "port_first!", b.port_last AS "port_last!",
                  b.since AS "since!", b.until AS "until?", b.session_id AS "session_id?", b.inside AS "inside?: IpNet",
                  b.nas_id AS "nas_id?", n.shortname AS "nas?", b.subscriber_id AS "subscriber_id?",
                  coalesce(b.username, u.username) AS username, b.source AS "source!"
             FROM (SELECT * FROM access.port_blocks
                    WHERE tenant_id = $1 AND public_address = $2 AND since <= $4 AND port_first <= $3 AND port_last >= $3
                    ORDER BY since DESC LIMIT $5) b
             LEFT JOIN access.nas n ON n.tenant_id = b.tenant_id AND n.id = b.nas_id
             LEFT JOIN access.subscribers u ON u.tenant_id = b.tenant_id AND u.id = b.subscriber_id
            WHERE b.until IS NULL OR b.until >= $4
            ORDER BY b.since DESC"#,
        op.require_partner()?.as_uuid(),
        public as IpNet,
        i32::from(port),
        at,
        CANDIDATES_MAX
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// A block that is brought in.
#[derive(Debug, Clone, Serialize)]
pub struct NewBlock {
    /// The public address.
    pub public_address: IpNet,
    /// The first port.
    pub port_first: i32,
    /// The last one.
    pub port_last: i32,
    /// When it was given.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// When it was taken back.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// The address behind the NAT.
    pub inside: Option<IpNet>,
    /// On which NAS.
    pub nas_id: Option<Uuid>,
    /// Whose service.
    pub subscriber_id: Option<Uuid>,
    /// His name.
    pub username: Option<String>,
}

/// What is here of a block that is brought in.
#[derive(Debug, Clone)]
pub struct KnownBlock {
    /// Its place among those asked for, from 0.
    pub place: i64,
    /// When it was taken back.
    pub until: Option<OffsetDateTime>,
}

/// Which of these are here, given at the same time and brought in as well.
pub async fn blocks_known(
    tx: &mut Tx,
    op: &OpContext,
    blocks: &[NewBlock],
) -> Result<Vec<KnownBlock>, Error> {
    Ok(sqlx::query_as!(
        KnownBlock,
        r#"SELECT r.place - 1 AS "place!", p.until AS "until?"
             FROM ROWS FROM (jsonb_to_recordset($2::jsonb)
                    AS (public_address inet, port_first integer, port_last integer, since timestamptz))
                  WITH ORDINALITY AS r (public_address, port_first, port_last, since, place)
             JOIN access.port_blocks p ON p.tenant_id = $1 AND p.public_address = r.public_address AND p.since = r.since
              AND p.port_first = r.port_first AND p.port_last = r.port_last AND p.source <> 'accounting'"#,
        op.require_partner()?.as_uuid(),
        Json(blocks) as _
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Inserts blocks that are not here.
pub async fn blocks_insert(
    tx: &mut Tx,
    op: &OpContext,
    source: &str,
    blocks: &[NewBlock],
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.port_blocks (tenant_id, public_address, port_first, port_last, since, until, inside, nas_id,
                                         subscriber_id, username, source)
         SELECT $1, r.public_address, r.port_first, r.port_last, r.since, r.until, r.inside, r.nas_id, r.subscriber_id,
                r.username, $3
           FROM jsonb_to_recordset($2::jsonb) AS r (public_address inet, port_first integer, port_last integer,
                since timestamptz, until timestamptz, inside inet, nas_id uuid, subscriber_id uuid, username text)",
        op.require_partner()?.as_uuid(),
        Json(blocks) as _,
        source
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes when blocks that are here were taken back.
pub async fn blocks_end(tx: &mut Tx, op: &OpContext, blocks: &[NewBlock]) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.port_blocks p SET until = r.until
           FROM jsonb_to_recordset($2::jsonb) AS r (public_address inet, port_first integer, port_last integer,
                since timestamptz, until timestamptz)
          WHERE p.tenant_id = $1 AND p.public_address = r.public_address AND p.since = r.since
            AND p.port_first = r.port_first AND p.port_last = r.port_last AND p.source <> 'accounting'
            AND p.until IS NULL",
        op.require_partner()?.as_uuid(),
        Json(blocks) as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
