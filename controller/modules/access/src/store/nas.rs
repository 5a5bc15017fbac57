//! `access.nas`: network access servers and their sealed secrets.
//! Never opens or seals a secret; [`crate::app::nas`] does, and only sealed text passes through here.

use ipnet::IpNet;
use kernel::id::{NasId, PartnerId};
use kernel::{Error, OpContext};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Listed, Tx, Window};

/// A NAS as people see it: everything but its secrets.
#[derive(Debug, Clone)]
pub struct Nas {
    /// Its id.
    pub id: NasId,
    /// How people call it; FreeRADIUS's `shortname`.
    pub name: String,
    /// The source address or network its packets come from.
    pub address: IpNet,
    /// Its make: `mikrotik`, `cisco`, `hostapd`; decides the dialect of replies and disconnects.
    pub make: String,
    /// Where it listens for Disconnect-Requests.
    pub coa_port: i32,
    /// Whether Disconnect-Requests are signed with a secret of their own.
    pub coa_secret_set: bool,
    /// `no`, `yes` or `auto`.
    pub require_message_authenticator: String,
    /// Since when `auto` knows that the NAS signs its requests.
    pub message_authenticator_seen_at: Option<OffsetDateTime>,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

/// What a NAS is to become; the same for a new one and a changed one.
#[derive(Debug, Clone)]
pub struct NasRow {
    /// How people call it.
    pub name: String,
    /// The source address or network.
    pub address: IpNet,
    /// Its make.
    pub make: String,
    /// Where it listens for Disconnect-Requests.
    pub coa_port: i32,
    /// `no`, `yes` or `auto`.
    pub require_message_authenticator: String,
    /// Free text.
    pub description: Option<String>,
}

/// Sealed secrets to store; `None` leaves what is there.
#[derive(Debug, Clone, Default)]
pub struct SealedSecrets {
    /// The shared secret, sealed.
    pub secret: Option<String>,
    /// The secret for Disconnect-Requests, sealed; `Some(None)` removes it, so that `secret` serves both.
    pub coa_secret: Option<Option<String>>,
}

/// Lists a partner's NAS by name.
pub async fn nas_list(tx: &mut Tx, op: &OpContext, window: Window) -> Result<Listed<Nas>, Error> {
    let tenant = op.require_partner()?.as_uuid();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM access.nas WHERE tenant_id = $1"#,
        tenant
    )
    .fetch_one(&mut **tx)
    .await?;
    let rows = sqlx::query_as!(
        Nas,
        r#"SELECT id AS "id: NasId", shortname AS name, address AS "address: IpNet", type AS make, coa_port,
                  coa_secret IS NOT NULL AS "coa_secret_set!", require_message_authenticator,
                  message_authenticator_seen_at, description, created_at, updated_at
             FROM access.nas WHERE tenant_id = $1 ORDER BY shortname LIMIT $2 OFFSET $3"#,
        tenant,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// Fetches one NAS of this partner.
pub async fn nas_fetch(tx: &mut Tx, op: &OpContext, id: NasId) -> Result<Option<Nas>, Error> {
    let nas = sqlx::query_as!(
        Nas,
        r#"SELECT id AS "id: NasId", shortname AS name, address AS "address: IpNet", type AS make, coa_port,
                  coa_secret IS NOT NULL AS "coa_secret_set!", require_message_authenticator,
                  message_authenticator_seen_at, description, created_at, updated_at
             FROM access.nas WHERE tenant_id = $1 AND id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(nas)
}

/// Locks the row of one NAS of this partner until the transaction ends, so that a change sees what it replaces.
pub async fn nas_lock(tx: &mut Tx, op: &OpContext, id: NasId) -> Result<(), Error> {
    sqlx::query!(
        "SELECT id FROM access.nas WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}

/// Inserts a NAS.
///
/// # Errors
/// The plain database error: [`crate::app::nas`] knows what a violated constraint means to the caller.
pub async fn nas_insert(
    tx: &mut Tx,
    op: &OpContext,
    id: NasId,
    row: &NasRow,
    secret: &str,
    coa_secret: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO access.nas (id, tenant_id, nasname, address, shortname, type, secret, coa_secret, coa_port,
                                 description, require_message_authenticator, created_by, updated_by)
         VALUES ($1, $2, $3, $4::inet::cidr, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
        id.as_uuid(),
        op.partner.map(|partner| partner.as_uuid()),
        nasname(row.address),
        row.address as IpNet,
        row.name,
        row.make,
        secret,
        coa_secret,
        row.coa_port,
        row.description,
        row.require_message_authenticator,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a NAS equal to `row`, and replaces those secrets that are given.
pub async fn nas_update(
    tx: &mut Tx,
    op: &OpContext,
    id: NasId,
    row: &NasRow,
    sealed: &SealedSecrets,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE access.nas
            SET nasname = $3, address = $4::inet::cidr, shortname = $5, type = $6, coa_port = $7, description = $8,
                require_message_authenticator = $9, secret = coalesce($10, secret),
                coa_secret = CASE WHEN $11 THEN $12 ELSE coa_secret END,
                updated_at = now(), updated_by = $13
          WHERE tenant_id = $1 AND id = $2",
        op.partner.map(|partner| partner.as_uuid()),
        id.as_uuid(),
        nasname(row.address),
        row.address as IpNet,
        row.name,
        row.make,
        row.coa_port,
        row.description,
        row.require_message_authenticator,
        sealed.secret,
        sealed.coa_secret.is_some(),
        sealed.coa_secret.clone().flatten(),
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes a NAS; its accounting history stays.
pub async fn nas_delete(tx: &mut Tx, op: &OpContext, id: NasId) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.nas WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether a network shares an address with a NAS of another partner. Takes a platform operation.
pub async fn nas_overlaps_foreign(tx: &mut Tx, partner: PartnerId, address: IpNet) -> Result<bool, Error> {
    let overlaps = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM access.nas WHERE tenant_id <> $1 AND address && $2::inet) AS "overlaps!""#,
        partner.as_uuid(),
        address as IpNet
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(overlaps)
}

/// Remembers that these NAS have shown they sign their requests; the first time stays.
///
/// Takes a platform operation: the posture of every partner is flushed in one statement.
pub async fn nas_signing_seen(tx: &mut Tx, ids: &[Uuid]) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE access.nas SET message_authenticator_seen_at = now()
          WHERE id = ANY($1) AND message_authenticator_seen_at IS NULL",
        ids
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// The address as FreeRADIUS writes it: a host without its prefix length.
fn nasname(address: IpNet) -> String {
    if address.prefix_len() == address.max_prefix_len() {
        address.addr().to_string()
    } else {
        address.trunc().to_string()
    }
}
