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
    /// `no`, `yes` or `auto`: whether an unsigned Access-Request may carry Proxy-State.
    pub limit_proxy_state: String,
    /// What `auto` has learned about that: `limited` or `needed`.
    pub proxy_state_shown: Option<String>,
    /// When its first Access-Request without Message-Authenticator came.
    pub unsigned_first_at: Option<OffsetDateTime>,
    /// When its last one came.
    pub unsigned_last_at: Option<OffsetDateTime>,
    /// How many came.
    pub unsigned_count: i64,
    /// How many of them carried Proxy-State.
    pub unsigned_proxied_count: i64,
    /// Until when the secret it had before is good.
    pub older_secret_until: Option<OffsetDateTime>,
    /// When the last request came that was made with it.
    pub older_secret_last_at: Option<OffsetDateTime>,
    /// Access-Requests a second that are taken from it.
    pub request_rate: Option<i32>,
    /// Access-Requests that may come at once.
    pub request_burst: Option<i32>,
    /// By what its subscribers are recognised, in order; `None`: as its partner says.
    pub identify: Option<Vec<String>>,
    /// What its certificate must carry when somebody else's authority issued it; `None`: anything.
    pub tls_name: Option<String>,
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
    /// `no`, `yes` or `auto`.
    pub limit_proxy_state: String,
    /// Access-Requests a second that are taken from it.
    pub request_rate: Option<i32>,
    /// Access-Requests that may come at once.
    pub request_burst: Option<i32>,
    /// By what its subscribers are recognised, in order; `None`: as its partner says.
    pub identify: Option<Vec<String>>,
    /// What its certificate must carry when somebody else's authority issued it; `None`: anything.
    pub tls_name: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

impl From<&Nas> for NasRow {
    fn from(nas: &Nas) -> Self {
        Self {
            name: nas.name.clone(),
            address: nas.address,
            make: nas.make.clone(),
            coa_port: nas.coa_port,
            require_message_authenticator: nas.require_message_authenticator.clone(),
            limit_proxy_state: nas.limit_proxy_state.clone(),
            request_rate: nas.request_rate,
            request_burst: nas.request_burst,
            identify: nas.identify.clone(),
            tls_name: nas.tls_name.clone(),
            description: nas.description.clone(),
        }
    }
}

/// What the access plane has learned of a NAS since it was written down last.
#[derive(Debug, Clone)]
pub struct NasLearned {
    /// Which.
    pub id: Uuid,
    /// `limited` or `needed`, once it is known.
    pub proxy_state_shown: Option<&'static str>,
    /// When its first unsigned Access-Request came.
    pub unsigned_first_at: Option<OffsetDateTime>,
    /// When its last one came.
    pub unsigned_last_at: Option<OffsetDateTime>,
    /// How many more came.
    pub unsigned: i64,
    /// How many more with Proxy-State.
    pub unsigned_proxied: i64,
    /// When the last request came that was made with the older secret.
    pub older_secret_last_at: Option<OffsetDateTime>,
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
                  message_authenticator_seen_at, limit_proxy_state, proxy_state_shown, unsigned_first_at,
                  unsigned_last_at, unsigned_count, unsigned_proxied_count, older_secret_until, older_secret_last_at,
                  request_rate, request_burst, identify, tls_name, description, created_at, updated_at
             FROM access.nas WHERE tenant_id = $1 ORDER BY shortname LIMIT $2 OFFSET $3"#,
        tenant,
        window.limit,
        window.offset
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Listed { rows, total })
}

/// The makes of a partner's NAS as their `type` names them, each with the name of one of them.
pub async fn nas_types(tx: &mut Tx, op: &OpContext) -> Result<Vec<(String, String)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT type AS make, min(shortname) AS "name!" FROM access.nas WHERE tenant_id = $1 GROUP BY type"#,
        op.require_partner()?.as_uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.make, row.name)).collect())
}

/// Fetches one NAS of this partner.
pub async fn nas_fetch(tx: &mut Tx, op: &OpContext, id: NasId) -> Result<Option<Nas>, Error> {
    let nas = sqlx::query_as!(
        Nas,
        r#"SELECT id AS "id: NasId", shortname AS name, address AS "address: IpNet", type AS make, coa_port,
                  coa_secret IS NOT NULL AS "coa_secret_set!", require_message_authenticator,
                  message_authenticator_seen_at, limit_proxy_state, proxy_state_shown, unsigned_first_at,
                  unsigned_last_at, unsigned_count, unsigned_proxied_count, older_secret_until, older_secret_last_at,
                  request_rate, request_burst, identify, tls_name, description, created_at, updated_at
             FROM access.nas WHERE tenant_id = $1 AND id = $2"#,
        op.require_partner()?.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(nas)
}

/// The id of the NAS of this partner with this name.
pub async fn nas_id_by_name(tx: &mut Tx, op: &OpContext, name: &str) -> Result<Option<NasId>, Error> {
    let id = sqlx::query_scalar!(
        r#"SELECT id AS "id: NasId" FROM access.nas WHERE tenant_id = $1 AND shortname = $2"#,
        op.require_partner()?.as_uuid(),
        name
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(id)
}

/// The NAS of this partner that have these names.
pub async fn nas_ids_by_names(
    tx: &mut Tx,
    op: &OpContext,
    names: &[String],
) -> Result<Vec<(String, NasId)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT shortname, id AS "id: NasId" FROM access.nas WHERE tenant_id = $1 AND shortname = ANY ($2)"#,
        op.require_partner()?.as_uuid(),
        names
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.shortname, row.id)).collect())
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
                                 description, require_message_authenticator, limit_proxy_state, request_rate,
                                 request_burst, created_by, updated_by, identify, tls_name)
         VALUES ($1, $2, $3, $4::inet::cidr, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17)",
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
        row.limit_proxy_state,
        row.request_rate,
        row.request_burst,
        op.actor.id,
        row.identify.as_deref(),
        row.tls_name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a NAS equal to `row`, and replaces those secrets that are given; one it had before is good no longer then.
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
                older_secret = CASE WHEN $10 IS NULL THEN older_secret END,
                older_secret_until = CASE WHEN $10 IS NULL THEN older_secret_until END,
                coa_secret = CASE WHEN $11 THEN $12 ELSE coa_secret END,
                limit_proxy_state = $14, request_rate = $15, request_burst = $16, identify = $17, tls_name = $18,
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
        op.actor.id,
        row.limit_proxy_state,
        row.request_rate,
        row.request_burst,
        row.identify.as_deref(),
        row.tls_name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Replaces the secret of a NAS; the one it has stays good until a moment.
pub async fn nas_secret_rotate(
    tx: &mut Tx,
    op: &OpContext,
    id: NasId,
    secret: &str,
    older_until: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.nas
            SET older_secret = secret, older_secret_until = $4, older_secret_last_at = NULL, secret = $3,
                updated_at = now(), updated_by = $5
          WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        secret,
        older_until,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets the secret a NAS had before.
pub async fn nas_older_secret_forget(tx: &mut Tx, op: &OpContext, id: NasId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE access.nas SET older_secret = NULL, older_secret_until = NULL, updated_at = now(), updated_by = $3
          WHERE tenant_id = $1 AND id = $2",
        op.require_partner()?.as_uuid(),
        id.as_uuid(),
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets every secret that has been good no longer for a day. Takes a platform operation.
pub async fn nas_older_secrets_trim(tx: &mut Tx) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE access.nas SET older_secret = NULL, older_secret_until = NULL
          WHERE older_secret_until < now() - interval '1 day'"
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Writes down what was learned of these NAS; the first unsigned request stays the first. Takes a platform operation.
pub async fn nas_learned(tx: &mut Tx, learned: &[NasLearned]) -> Result<(), Error> {
    fn column<T>(learned: &[NasLearned], of: impl Fn(&NasLearned) -> T) -> Vec<T> {
        learned.iter().map(of).collect()
    }
    let shown = column(learned, |one| one.proxy_state_shown.map(str::to_owned));
    let (first, last) = (
        column(learned, |one| one.unsigned_first_at),
        column(learned, |one| one.unsigned_last_at),
    );
    let older = column(learned, |one| one.older_secret_last_at);
    sqlx::query!(
        r#"UPDATE access.nas AS n
              SET proxy_state_shown = coalesce(n.proxy_state_shown, l.shown),
                  unsigned_first_at = coalesce(n.unsigned_first_at, l.first),
                  unsigned_last_at = greatest(n.unsigned_last_at, l.last),
                  unsigned_count = n.unsigned_count + l.unsigned,
                  unsigned_proxied_count = n.unsigned_proxied_count + l.proxied,
                  older_secret_last_at = greatest(n.older_secret_last_at, l.older)
             FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                         $7::timestamptz[]) AS l (id, shown, first, last, unsigned, proxied, older)
            WHERE n.id = l.id"#,
        &column(learned, |one| one.id),
        &shown as &[Option<String>],
        &first as &[Option<OffsetDateTime>],
        &last as &[Option<OffsetDateTime>],
        &column(learned, |one| one.unsigned),
        &column(learned, |one| one.unsigned_proxied),
        &older as &[Option<OffsetDateTime>]
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
