//! `access.identity_policies`: a partner's choices about how its subscribers are told apart.
//! A partner without a row has the defaults.

use kernel::{Error, OpContext};

use super::Tx;

/// What a partner chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPolicy {
    /// Rules of its NAS that have none of their own, in order.
    pub identify: Vec<String>,
    /// `exact` or `fold`.
    pub username_case: String,
    /// `reversible` or `argon2id`.
    pub password_store: String,
}

impl Default for IdentityPolicy {
    fn default() -> Self {
        Self {
            identify: vec!["user_name".to_owned()],
            username_case: "exact".to_owned(),
            password_store: "reversible".to_owned(),
        }
    }
}

/// What this partner chose.
pub async fn identity_policy_fetch(tx: &mut Tx, op: &OpContext) -> Result<IdentityPolicy, Error> {
    let policy = sqlx::query_as!(
        IdentityPolicy,
        "SELECT identify, username_case, password_store FROM access.identity_policies WHERE tenant_id = $1",
        op.require_partner()?.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(policy.unwrap_or_default())
}

/// Stores what this partner chose.
pub async fn identity_policy_put(tx: &mut Tx, op: &OpContext, policy: &IdentityPolicy) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO access.identity_policies (tenant_id, identify, username_case, password_store, updated_by)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id) DO UPDATE SET identify = excluded.identify, username_case = excluded.username_case,
             password_store = excluded.password_store, updated_at = now(), updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        &policy.identify,
        policy.username_case,
        policy.password_store,
        op.actor.id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// One of this partner's user names that another one equals but for its case; `None`: all differ.
pub async fn username_clash_any(tx: &mut Tx, op: &OpContext) -> Result<Option<String>, Error> {
    let name = sqlx::query_scalar!(
        r#"SELECT min(username) AS "username!" FROM access.subscribers
            WHERE tenant_id = $1 AND deleted_at IS NULL
            GROUP BY lower(username) HAVING count(*) > 1 LIMIT 1"#,
        op.require_partner()?.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(name)
}

/// The user name of this partner that equals this one but for its case.
pub async fn username_clash(tx: &mut Tx, op: &OpContext, username: &str) -> Result<Option<String>, Error> {
    let name = sqlx::query_scalar!(
        "SELECT username FROM access.subscribers
          WHERE tenant_id = $1 AND deleted_at IS NULL AND lower(username) = lower($2) AND username <> $2 LIMIT 1",
        op.require_partner()?.as_uuid(),
        username
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(name)
}
