//! Rows of `kernel.roles` and `kernel.role_permissions` that are a partner's own.

use crate::authz::PermissionSet;
use crate::database::Tx;
use crate::error::{Error, OnConstraint};
use crate::id::{PartnerId, RoleId};
use crate::identity::grant::Role;
use crate::op::OpContext;

/// How many the partner has.
pub async fn role_count_in_tx(tx: &mut Tx, op: &OpContext) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.roles WHERE tenant_id = $1"#,
        op.partner.map(PartnerId::as_uuid),
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Fetches one of the partner's; nobody else changes it, or gives it to somebody, until the end of the transaction.
pub async fn role_lock_in_tx(tx: &mut Tx, op: &OpContext, slug: &str) -> Result<Option<Role>, Error> {
    let found = sqlx::query!(
        r#"SELECT id AS "id: RoleId", slug, name, description,
               array(SELECT permission FROM kernel.role_permissions WHERE role_id = role.id) AS "permissions!"
           FROM kernel.roles role WHERE tenant_id = $1 AND slug = $2 FOR UPDATE"#,
        op.partner.map(PartnerId::as_uuid),
        slug,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.map(|row| Role {
        id: row.id,
        slug: row.slug,
        name: row.name,
        description: row.description,
        built_in: false,
        permissions: PermissionSet::from_names(row.permissions.iter().map(String::as_str)),
    }))
}

/// Inserts one.
pub async fn role_insert_in_tx(tx: &mut Tx, op: &OpContext, role: &Role) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO kernel.roles (id, tenant_id, slug, name, description, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        role.id.as_uuid(),
        op.partner.map(PartnerId::as_uuid),
        role.slug,
        role.name,
        role.description,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await
    .on_constraint("roles_slug", || {
        Error::conflict("role", format!("there is a role {} already", role.slug))
    })?;
    permissions_replace_in_tx(tx, role).await
}

/// Writes what may change.
pub async fn role_update_in_tx(tx: &mut Tx, op: &OpContext, role: &Role) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE kernel.roles SET name = $2, description = $3, updated_at = now(), updated_by = $4 WHERE id = $1",
        role.id.as_uuid(),
        role.name,
        role.description,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    permissions_replace_in_tx(tx, role).await
}

/// How many people hold one.
pub async fn role_holders_in_tx(tx: &mut Tx, _op: &OpContext, id: RoleId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.tenant_users WHERE role_id = $1"#,
        id.as_uuid(),
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Deletes one.
pub async fn role_delete_in_tx(tx: &mut Tx, _op: &OpContext, id: RoleId) -> Result<(), Error> {
    sqlx::query!("DELETE FROM kernel.roles WHERE id = $1", id.as_uuid())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Makes one allow exactly what it says.
async fn permissions_replace_in_tx(tx: &mut Tx, role: &Role) -> Result<(), Error> {
    let permissions = role.permissions.names();
    sqlx::query!(
        "DELETE FROM kernel.role_permissions WHERE role_id = $1 AND permission <> ALL ($2)",
        role.id.as_uuid(),
        &permissions,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO kernel.role_permissions (role_id, permission)
         SELECT $1, name FROM unnest($2::text[]) AS name ON CONFLICT DO NOTHING",
        role.id.as_uuid(),
        &permissions,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
