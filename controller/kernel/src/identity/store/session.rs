//! Rows of `kernel.login_sessions`.

use ipnet::IpNet;
use time::OffsetDateTime;

use crate::database::Tx;
use crate::error::Error;
use crate::id::{LoginSessionId, PartnerId, UserId};
use crate::identity::session::LoginSession;
use crate::identity::token::TokenDigest;
use crate::op::OpContext;

/// A session that is not revoked, of a person who may sign in.
pub struct SessionRow {
    /// Its id.
    pub id: LoginSessionId,
    /// Whose.
    pub user: UserId,
    /// His address.
    pub email: String,
    /// Its last request, to the minute.
    pub last_seen_at: OffsetDateTime,
    /// Its end at the latest.
    pub expires_at: OffsetDateTime,
    /// When who holds it was last proven.
    pub proved_at: OffsetDateTime,
    /// The one partner it counts in; `None`: wherever its person may.
    pub only_partner: Option<PartnerId>,
}

/// Finds the session behind a token.
pub async fn session_find_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    digest: &TokenDigest,
) -> Result<Option<SessionRow>, Error> {
    Ok(sqlx::query_as!(
        SessionRow,
        r#"SELECT session.id AS "id: LoginSessionId", session.user_id AS "user: UserId", person.email,
               session.last_seen_at, session.expires_at, session.proved_at,
               session.only_partner AS "only_partner: PartnerId"
           FROM kernel.login_sessions session JOIN kernel.users person ON person.id = session.user_id
           WHERE session.token_sha256 = $1 AND session.revoked_at IS NULL
             AND person.status = 'active' AND person.deleted_at IS NULL"#,
        digest.as_slice(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Begins one.
pub async fn session_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    user: UserId,
    digest: &TokenDigest,
    (now, expires_at): (OffsetDateTime, OffsetDateTime),
    user_agent: Option<&str>,
    only_partner: Option<PartnerId>,
) -> Result<LoginSessionId, Error> {
    let id = LoginSessionId::new();
    sqlx::query!(
        "INSERT INTO kernel.login_sessions (id, user_id, token_sha256, created_at, last_seen_at, proved_at, expires_at,
             source_ip, user_agent, only_partner)
         VALUES ($1, $2, $3, $4, $4, $4, $5, $6, $7, $8)",
        id.as_uuid(),
        user.as_uuid(),
        digest.as_slice(),
        now,
        expires_at,
        op.source_ip.map(IpNet::from),
        user_agent,
        only_partner.map(PartnerId::as_uuid),
    )
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// Notes that it was used, at most once a minute.
pub async fn session_seen_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    id: LoginSessionId,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.login_sessions SET last_seen_at = $2
         WHERE id = $1 AND last_seen_at < $2::timestamptz - interval '1 minute'",
        id.as_uuid(),
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes that who holds it was proven again.
pub async fn session_proved_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    id: LoginSessionId,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.login_sessions SET proved_at = $2 WHERE id = $1",
        id.as_uuid(),
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends one.
pub async fn session_revoke_in_tx(tx: &mut Tx, _op: &OpContext, id: LoginSessionId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.login_sessions SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL",
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends all of a person, except one.
pub async fn session_revoke_all_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    except: Option<LoginSessionId>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.login_sessions SET revoked_at = now()
         WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2",
        user.as_uuid(),
        except.map(LoginSessionId::as_uuid),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends one of a person; `false` when he has none like it.
pub async fn session_revoke_of_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    id: LoginSessionId,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE kernel.login_sessions SET revoked_at = now() WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL",
        user.as_uuid(),
        id.as_uuid(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all that a partner's provider vouched for; answers how many.
pub async fn session_revoke_of_partner_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    partner: PartnerId,
) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE kernel.login_sessions SET revoked_at = now() WHERE only_partner = $1 AND revoked_at IS NULL",
        partner.as_uuid(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Lists those of a person that count, the newest first.
pub async fn session_list_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    user: UserId,
    now: OffsetDateTime,
    seen_after: OffsetDateTime,
) -> Result<Vec<LoginSession>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: LoginSessionId", created_at, last_seen_at, expires_at, source_ip AS "source_ip: IpNet", user_agent
           FROM kernel.login_sessions
           WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND last_seen_at > $3
           ORDER BY id DESC LIMIT $4"#,
        user.as_uuid(),
        now,
        seen_after,
        SESSIONS_SHOWN_MAX,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| LoginSession {
            id: row.id,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            source_ip: row.source_ip.map(|net| net.addr()),
            user_agent: row.user_agent,
        })
        .collect())
}

/// Most sessions of a person that are listed.
const SESSIONS_SHOWN_MAX: i64 = 200;

/// Forgets those that ended a month ago; the audit keeps who was signed in when.
pub async fn session_forget_old_in_tx(tx: &mut Tx, _op: &OpContext) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM kernel.login_sessions WHERE id IN (
             SELECT id FROM kernel.login_sessions WHERE expires_at < now() - interval '30 days' LIMIT 100
             FOR UPDATE SKIP LOCKED)"
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
