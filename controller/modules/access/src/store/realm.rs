//! `access.realms`, `access.home_servers`, `access.realm_servers`: whose logins are decided where.
//! Never opens or seals a secret; [`crate::app::realm`] does.

use ipnet::IpNet;
use kernel::id::{HomeServerId, RealmId};
use kernel::{Error, OpContext};
use uuid::Uuid;

use super::{Listed, Tx, Window};

/// How a home server is reached.
#[derive(Debug, Clone)]
pub struct TlsRow {
    /// `udp` or `tls`.
    pub transport: String,
    /// What its certificate must be for.
    pub name: Option<String>,
    /// The certificates of its authorities, PEM; `None`: our own.
    pub ca: Option<String>,
    /// What we show, PEM; `None`: a certificate of our own authority.
    pub certificate: Option<String>,
    /// Its key, sealed, when there is a new one; a stored one is never read here.
    pub key: Option<String>,
}

impl Default for TlsRow {
    fn default() -> Self {
        Self {
            transport: "udp".to_owned(),
            name: None,
            ca: None,
            certificate: None,
            key: None,
        }
    }
}

/// A home server as people see it: everything but its secrets.
#[derive(Debug, Clone)]
pub struct HomeServer {
    /// Its id.
    pub id: HomeServerId,
    /// How people call it.
    pub name: String,
    /// Where it is.
    pub address: IpNet,
    /// Where it takes logins.
    pub auth_port: Option<i32>,
    /// Where it takes accounting.
    pub accounting_port: Option<i32>,
    /// Whether its replies to logins must be signed.
    pub require_message_authenticator: bool,
    /// Whether it answers Status-Server.
    pub status_server: bool,
    /// Whether a secret is stored.
    pub secret_set: bool,
    /// How it is reached.
    pub tls: TlsRow,
    /// Whether it gets a copy of every accounting record.
    pub copy_accounting: bool,
}

/// What a home server is to become.
#[derive(Debug, Clone)]
pub struct HomeServerRow {
    /// How people call it.
    pub name: String,
    /// Where it is.
    pub address: IpNet,
    /// Where it takes logins.
    pub auth_port: Option<i32>,
    /// Where it takes accounting.
    pub accounting_port: Option<i32>,
    /// Whether its replies to logins must be signed.
    pub require_message_authenticator: bool,
    /// Whether it answers Status-Server.
    pub status_server: bool,
    /// How it is reached.
    pub tls: TlsRow,
    /// Whether it gets a copy of every accounting record.
    pub copy_accounting: bool,
}

/// A realm as people see it.
#[derive(Debug, Clone)]
pub struct Realm {
    /// Its id.
    pub id: RealmId,
    /// The realm in lower case; `*`: every other.
    pub name: String,
    /// `here`, `nowhere` or `by_home_servers`.
    pub decided: String,
    /// Whether the realm is taken off the user name.
    pub strip: bool,
    /// `fail_over` or `spread`.
    pub balance: String,
    /// `all` or `roaming`.
    pub pass: String,
    /// Whether accounting of its users goes to its home servers.
    pub accounting: bool,
    /// The names of its home servers, in order.
    pub home_servers: Vec<String>,
}

/// What a realm is to become.
#[derive(Debug, Clone)]
pub struct RealmRow {
    /// The realm in lower case; `*`: every other.
    pub name: String,
    /// `here`, `nowhere` or `by_home_servers`.
    pub decided: String,
    /// Whether the realm is taken off the user name.
    pub strip: bool,
    /// `fail_over` or `spread`.
    pub balance: String,
    /// `all` or `roaming`.
    pub pass: String,
    /// Whether accounting of its users goes to its home servers.
    pub accounting: bool,
}

/// A row of `access.home_servers` as it is read.
struct HomeServerStored {
    id: HomeServerId,
    name: String,
    address: IpNet,
    auth_port: Option<i32>,
    accounting_port: Option<i32>,
    require_message_authenticator: bool,
    status_server: bool,
    copy_accounting: bool,
    secret_set: bool,
    transport: String,
    tls_name: Option<String>,
    tls_ca: Option<String>,
    tls_certificate: Option<String>,
}

impl From<HomeServerStored> for HomeServer {
    fn from(stored: HomeServerStored) -> Self {
        Self {
            id: stored.id,
            name: stored.name,
            address: stored.address,
            auth_port: stored.auth_port,
            accounting_port: stored.accounting_port,
            require_message_authenticator: stored.require_message_authenticator,
            status_server: stored.status_server,
            copy_accounting: stored.copy_accounting,
            secret_set: stored.secret_set,
            tls: TlsRow {
                transport: stored.transport,
                name: stored.tls_name,
                ca: stored.tls_ca,
                certificate: stored.tls_certificate,
                key: None,
            },
        }
    }
}

/// Lists a partner's home servers by name.
pub async fn home_server_list(
    tx: &mut Tx,
    op: &OpContext,
    window: Window,
) -> Result<Listed<HomeServer>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.home_servers WHERE tenant_id = $1"#,
        tenant
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        HomeServerStored,
        r#"SELECT id AS "id: HomeServerId", name, address AS "address: IpNet", auth_port, accounting_port,
                  require_message_authenticator, status_server, copy_accounting, secret IS NOT NULL AS "secret_set!",
                  transport, tls_name, tls_ca, tls_certificate
             FROM access.home_servers WHERE tenant_id = $1 ORDER BY name LIMIT $2 OFFSET $3"#,
        tenant,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed {
        rows: rows.into_iter().map(HomeServer::from).collect(),
        total,
    })
}

/// Fetches one home server of this partner, locked until the transaction ends.
pub async fn home_server_fetch(
    tx: &mut Tx,
    op: &OpContext,
    id: HomeServerId,
) -> Result<Option<HomeServer>, Error> {
    Ok(sqlx::query_as!(
        HomeServerStored,
        r#"SELECT id AS "id: HomeServerId", name, address AS "address: IpNet", auth_port, accounting_port,
                  require_message_authenticator, status_server, copy_accounting, secret IS NOT NULL AS "secret_set!",
                  transport, tls_name, tls_ca, tls_certificate
             FROM access.home_servers WHERE tenant_id = $1 AND id = $2 FOR UPDATE"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(HomeServer::from))
}

/// Inserts a home server.
///
/// # Errors
/// The plain database error: [`crate::app::realm`] knows what a violated constraint means to the caller.
pub async fn home_server_insert(
    tx: &mut Tx,
    op: &OpContext,
    id: HomeServerId,
    row: &HomeServerRow,
    secret: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.home_servers (id, tenant_id, name, address, auth_port, accounting_port, secret,
                                          require_message_authenticator, status_server, created_by, updated_by,
                                          transport, tls_name, tls_ca, tls_certificate, tls_key, copy_accounting)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14, $15, $16)",
        id.as_uuid(),
        op.partner.map(|partner| partner.as_uuid()),
        row.name,
        row.address as IpNet,
        row.auth_port,
        row.accounting_port,
        secret,
        row.require_message_authenticator,
        row.status_server,
        op.actor.id,
        row.tls.transport,
        row.tls.name,
        row.tls.ca,
        row.tls.certificate,
        row.tls.key,
        row.copy_accounting
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a home server equal to `row`, and replaces its secret when one is given; over TLS it has none. Its key goes with
/// its certificate, and is replaced when one is given.
///
/// # Errors
/// As [`home_server_insert`].
pub async fn home_server_update(
    tx: &mut Tx,
    op: &OpContext,
    id: HomeServerId,
    row: &HomeServerRow,
    secret: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE access.home_servers
            SET name = $3, address = $4, auth_port = $5, accounting_port = $6,
                secret = CASE WHEN $11 = 'tls' THEN NULL ELSE coalesce($7, secret) END,
                require_message_authenticator = $8, status_server = $9, updated_at = now(), updated_by = $10,
                transport = $11, tls_name = $12, tls_ca = $13, tls_certificate = $14,
                tls_key = CASE WHEN $14::text IS NULL THEN NULL ELSE coalesce($15, tls_key) END,
                copy_accounting = $16
          WHERE tenant_id = $1 AND id = $2",
        op.partner.map(|partner| partner.as_uuid()),
        id.as_uuid(),
        row.name,
        row.address as IpNet,
        row.auth_port,
        row.accounting_port,
        secret,
        row.require_message_authenticator,
        row.status_server,
        op.actor.id,
        row.tls.transport,
        row.tls.name,
        row.tls.ca,
        row.tls.certificate,
        row.tls.key,
        row.copy_accounting
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes a home server.
///
/// # Errors
/// As [`home_server_insert`]: a realm may name it.
pub async fn home_server_delete(tx: &mut Tx, op: &OpContext, id: HomeServerId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM access.home_servers WHERE tenant_id = $1 AND id = $2",
        op.partner.map(|partner| partner.as_uuid()),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Lists a partner's realms by name.
pub async fn realm_list(tx: &mut Tx, op: &OpContext, window: Window) -> Result<Listed<Realm>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.realms WHERE tenant_id = $1"#,
        tenant
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        Realm,
        r#"SELECT r.id AS "id: RealmId", r.name, r.decided, r.strip, r.balance, r.pass, r.accounting,
                  ARRAY(SELECT h.name FROM access.realm_servers s
                          JOIN access.home_servers h ON h.tenant_id = s.tenant_id AND h.id = s.home_server_id
                         WHERE s.tenant_id = r.tenant_id AND s.realm_id = r.id ORDER BY s.position) AS "home_servers!"
             FROM access.realms r WHERE r.tenant_id = $1 ORDER BY r.name LIMIT $2 OFFSET $3"#,
        tenant,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// Fetches one realm of this partner, locked until the transaction ends.
pub async fn realm_fetch(tx: &mut Tx, op: &OpContext, id: RealmId) -> Result<Option<Realm>, Error> {
    Ok(sqlx::query_as!(
        Realm,
        r#"SELECT r.id AS "id: RealmId", r.name, r.decided, r.strip, r.balance, r.pass, r.accounting,
                  ARRAY(SELECT h.name FROM access.realm_servers s
                          JOIN access.home_servers h ON h.tenant_id = s.tenant_id AND h.id = s.home_server_id
                         WHERE s.tenant_id = r.tenant_id AND s.realm_id = r.id ORDER BY s.position) AS "home_servers!"
             FROM access.realms r WHERE r.tenant_id = $1 AND r.id = $2 FOR UPDATE OF r"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Inserts a realm without home servers.
///
/// # Errors
/// As [`home_server_insert`].
pub async fn realm_insert(
    tx: &mut Tx,
    op: &OpContext,
    id: RealmId,
    row: &RealmRow,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.realms (id, tenant_id, name, decided, strip, balance, pass, accounting, created_by,
                                    updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        id.as_uuid(),
        op.partner.map(|partner| partner.as_uuid()),
        row.name,
        row.decided,
        row.strip,
        row.balance,
        row.pass,
        row.accounting,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a realm equal to `row`; its home servers stay.
///
/// # Errors
/// As [`home_server_insert`].
pub async fn realm_update(
    tx: &mut Tx,
    op: &OpContext,
    id: RealmId,
    row: &RealmRow,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE access.realms SET name = $3, decided = $4, strip = $5, balance = $6, pass = $7,
                accounting = $8, updated_at = now(), updated_by = $9
          WHERE tenant_id = $1 AND id = $2",
        op.partner.map(|partner| partner.as_uuid()),
        id.as_uuid(),
        row.name,
        row.decided,
        row.strip,
        row.balance,
        row.pass,
        row.accounting,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives a realm these home servers, by name and in this order; how many of the names there are.
pub async fn realm_servers_put(
    tx: &mut Tx,
    op: &OpContext,
    id: RealmId,
    names: &[String],
) -> Result<u64, Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "DELETE FROM access.realm_servers WHERE tenant_id = $1 AND realm_id = $2",
        tenant,
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    let put = sqlx::query!(
        "INSERT INTO access.realm_servers (tenant_id, realm_id, home_server_id, position)
         SELECT $1, $2, h.id, w.position::integer
           FROM UNNEST($3::text[]) WITH ORDINALITY AS w (name, position)
           JOIN access.home_servers h ON h.tenant_id = $1 AND h.name = w.name",
        tenant,
        id.as_uuid(),
        names
    )
    .execute(&mut **tx)
    .await?;
    Ok(put.rows_affected())
}

/// Deletes a realm.
pub async fn realm_delete(tx: &mut Tx, op: &OpContext, id: RealmId) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.realms WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

// -- for the feeder, all partners at once ---------------------------------------------------------------------------

/// A home server with its sealed secret.
#[derive(Debug, Clone)]
pub struct HomeServerEntry {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: Uuid,
    /// How people call it.
    pub name: String,
    /// Where it is.
    pub address: IpNet,
    /// Where it takes logins.
    pub auth_port: Option<i32>,
    /// Where it takes accounting.
    pub accounting_port: Option<i32>,
    /// Sealed; `None` over TLS.
    pub secret: Option<String>,
    /// Whether its replies to logins must be signed.
    pub require_message_authenticator: bool,
    /// Whether it answers Status-Server.
    pub status_server: bool,
    /// What its certificate must be for, over TLS; `None`: it is reached by UDP.
    pub tls_name: Option<String>,
    /// The certificates of its authorities, PEM.
    pub tls_ca: Option<String>,
    /// What we show, PEM.
    pub tls_certificate: Option<String>,
    /// Its key, sealed.
    pub tls_key: Option<String>,
    /// Whether it gets a copy of every accounting record.
    pub copy_accounting: bool,
}

/// A realm with the ids of its home servers.
#[derive(Debug, Clone)]
pub struct RealmEntry {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: Uuid,
    /// The realm in lower case; `*`: every other.
    pub name: String,
    /// `here`, `nowhere` or `by_home_servers`.
    pub decided: String,
    /// Whether the realm is taken off the user name.
    pub strip: bool,
    /// `fail_over` or `spread`.
    pub balance: String,
    /// `all` or `roaming`.
    pub pass: String,
    /// Whether accounting of its users goes to its home servers.
    pub accounting: bool,
    /// Its home servers, in order.
    pub home_servers: Vec<Uuid>,
}

/// The home servers of these partners.
pub async fn home_server_entries(tx: &mut Tx, tenants: &[Uuid]) -> Result<Vec<HomeServerEntry>, Error> {
    Ok(sqlx::query_as!(
        HomeServerEntry,
        r#"SELECT id, tenant_id AS tenant, name, address AS "address: IpNet", auth_port, accounting_port, secret,
                  require_message_authenticator, status_server, copy_accounting, tls_name, tls_ca, tls_certificate, tls_key
             FROM access.home_servers WHERE tenant_id = ANY($1) ORDER BY id"#,
        tenants
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The realms of these partners.
pub async fn realm_entries(tx: &mut Tx, tenants: &[Uuid]) -> Result<Vec<RealmEntry>, Error> {
    Ok(sqlx::query_as!(
        RealmEntry,
        r#"SELECT r.id, r.tenant_id AS tenant, r.name, r.decided, r.strip, r.balance, r.pass, r.accounting,
                  ARRAY(SELECT s.home_server_id FROM access.realm_servers s
                         WHERE s.tenant_id = r.tenant_id AND s.realm_id = r.id ORDER BY s.position) AS "home_servers!"
             FROM access.realms r WHERE r.tenant_id = ANY($1) ORDER BY r.id"#,
        tenants
    )
    .fetch_all(&mut **tx)
    .await?)
}
