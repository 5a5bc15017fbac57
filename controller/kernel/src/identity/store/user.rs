//! Rows of `kernel.users`, read together with the roles held where the operation is.

use crate::database::Tx;
use crate::error::{Error, OnConstraint};
use crate::id::{PartnerId, UserId};
use crate::identity::EmailAddress;
use crate::identity::user::User;
use crate::op::OpContext;

/// A person with what its password is compared with.
pub struct UserSecret {
    /// The person; without roles.
    pub user: User,
    /// A PHC string.
    pub password_hash: String,
}

/// Finds a person by address, wherever it works.
pub async fn user_find_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    email: &EmailAddress,
) -> Result<Option<UserSecret>, Error> {
    let row = sqlx::query!(
        r#"SELECT id AS "id: UserId", email, name, status, password_hash, created_at, updated_at
           FROM kernel.users WHERE email = $1 AND deleted_at IS NULL"#,
        email.as_str(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| UserSecret {
        user: User {
            id: row.id,
            email: row.email,
            name: row.name,
            status: row.status,
            roles: Vec::new(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        },
        password_hash: row.password_hash,
    }))
}

/// Lists those who hold a role here, by address, with the number of all that match.
pub async fn user_list_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    email: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<User>, i64), Error> {
    let partner = op.partner.map(PartnerId::as_uuid);
    let rows = sqlx::query_as!(
        User,
        r#"WITH held AS (
               SELECT user_id, role_id FROM kernel.tenant_users WHERE tenant_id = $1
               UNION ALL
               SELECT user_id, role_id FROM kernel.msp_users WHERE $1::uuid IS NULL)
           SELECT person.id AS "id: UserId", person.email, person.name, person.status,
               array_agg(role.slug ORDER BY role.slug) AS "roles!", person.created_at, person.updated_at
           FROM held JOIN kernel.users person ON person.id = held.user_id
               JOIN kernel.roles role ON role.id = held.role_id
           WHERE person.deleted_at IS NULL AND ($2::text IS NULL OR person.email = $2)
           GROUP BY person.id ORDER BY person.email LIMIT $3 OFFSET $4"#,
        partner,
        email,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"WITH held AS (
               SELECT user_id FROM kernel.tenant_users WHERE tenant_id = $1
               UNION
               SELECT user_id FROM kernel.msp_users WHERE $1::uuid IS NULL)
           SELECT count(*) AS "count!" FROM held JOIN kernel.users person ON person.id = held.user_id
           WHERE person.deleted_at IS NULL AND ($2::text IS NULL OR person.email = $2)"#,
        partner,
        email,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// The address of a person, wherever it works.
pub async fn email_fetch_in_tx(tx: &mut Tx, _op: &OpContext, id: UserId) -> Result<Option<String>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT email FROM kernel.users WHERE id = $1", id.as_uuid())
            .fetch_optional(&mut **tx)
            .await?,
    )
}

/// Fetches one who holds a role here.
pub async fn user_fetch_in_tx(tx: &mut Tx, op: &OpContext, id: UserId) -> Result<Option<User>, Error> {
    Ok(sqlx::query_as!(
        User,
        r#"WITH held AS (
               SELECT user_id, role_id FROM kernel.tenant_users WHERE tenant_id = $1 AND user_id = $2
               UNION ALL
               SELECT user_id, role_id FROM kernel.msp_users WHERE $1::uuid IS NULL AND user_id = $2)
           SELECT person.id AS "id: UserId", person.email, person.name, person.status,
               array_agg(role.slug ORDER BY role.slug) AS "roles!", person.created_at, person.updated_at
           FROM held JOIN kernel.users person ON person.id = held.user_id
               JOIN kernel.roles role ON role.id = held.role_id
           WHERE person.deleted_at IS NULL GROUP BY person.id"#,
        op.partner.map(PartnerId::as_uuid),
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// The same, and keeps others from changing the person until the end of the transaction.
pub async fn user_lock_in_tx(tx: &mut Tx, op: &OpContext, id: UserId) -> Result<Option<User>, Error> {
    sqlx::query!(
        "SELECT id FROM kernel.users WHERE id = $1 FOR UPDATE",
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    user_fetch_in_tx(tx, op, id).await
}

/// Inserts one, without roles.
pub async fn user_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    email: &EmailAddress,
    name: &str,
    password_hash: &str,
) -> Result<User, Error> {
    let row = sqlx::query!(
        r#"INSERT INTO kernel.users (id, email, name, password_hash, created_by, updated_by)
           VALUES ($1, $2, $3, $4, $5, $5)
           RETURNING id AS "id: UserId", email, name, status, created_at, updated_at"#,
        UserId::new().as_uuid(),
        email.as_str(),
        name,
        password_hash,
        op.actor_id(),
    )
    .fetch_one(&mut **tx)
    .await
    .on_constraint("users_email", || {
        Error::conflict("user", format!("the e-mail address {email} is taken"))
    })?;
    Ok(User {
        id: row.id,
        email: row.email,
        name: row.name,
        status: row.status,
        roles: Vec::new(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Writes what may change; the password only when there is a new one.
pub async fn user_update_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: UserId,
    name: &str,
    status: &str,
    password_hash: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.users SET name = $2, status = $3, password_hash = coalesce($4, password_hash),
             updated_at = now(), updated_by = $5
         WHERE id = $1 AND deleted_at IS NULL",
        id.as_uuid(),
        name,
        status,
        password_hash,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes a new password.
pub async fn password_update_in_tx(tx: &mut Tx, op: &OpContext, id: UserId, hash: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.users SET password_hash = $2, updated_at = now(), updated_by = $3
         WHERE id = $1 AND deleted_at IS NULL",
        id.as_uuid(),
        hash,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
