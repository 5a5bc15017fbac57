//! Rows of `kernel.roles`, `kernel.msp_users` and `kernel.tenant_users`: which roles there are, and who holds them.

use uuid::Uuid;

use crate::authz::PermissionSet;
use crate::database::Tx;
use crate::error::Error;
use crate::id::{PartnerId, RoleId, UserId};
use crate::identity::Membership;
use crate::identity::grant::{Grants, Role};
use crate::op::OpContext;

/// All roles a person holds anywhere; needs a platform operation to see them all.
pub async fn grant_list_in_tx(tx: &mut Tx, _op: &OpContext, user: UserId) -> Result<Grants, Error> {
    let rows = sqlx::query!(
        r#"SELECT NULL::uuid AS "partner: PartnerId", NULL::text AS slug, NULL::text AS name, role.slug AS "role!",
               array(SELECT permission FROM kernel.role_permissions WHERE role_id = role.id) AS "permissions!"
           FROM kernel.msp_users held JOIN kernel.roles role ON role.id = held.role_id
           WHERE held.user_id = $1
           UNION ALL
           SELECT partner.id, partner.slug, partner.name, role.slug,
               array(SELECT permission FROM kernel.role_permissions WHERE role_id = role.id)
           FROM kernel.tenant_users held
               JOIN kernel.tenants partner ON partner.id = held.tenant_id AND partner.deleted_at IS NULL
               JOIN kernel.roles role ON role.id = held.role_id
           WHERE held.user_id = $1
           ORDER BY 2, 4"#,
        user.as_uuid(),
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut grants = Grants::default();
    for row in rows {
        let permissions = PermissionSet::from_names(row.permissions.iter().map(String::as_str));
        let (Some(partner), Some(slug), Some(name)) = (row.partner, row.slug, row.name) else {
            grants.platform.push((row.role, permissions));
            continue;
        };
        match grants
            .partners
            .iter_mut()
            .find(|membership| membership.partner == partner)
        {
            Some(membership) => {
                membership.roles.push(row.role);
                membership.permissions = membership.permissions.union(permissions);
            }
            None => {
                grants.partners.push(Membership {
                    partner,
                    slug,
                    name,
                    roles: vec![row.role],
                    permissions,
                });
            }
        }
    }
    Ok(grants)
}

/// The roles that can be held where the operation is: the built-in ones and the partner's own.
pub async fn role_list_in_tx(tx: &mut Tx, op: &OpContext) -> Result<Vec<Role>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: RoleId", slug, name, description, tenant_id IS NULL AS "built_in!",
               array(SELECT permission FROM kernel.role_permissions WHERE role_id = role.id) AS "permissions!"
           FROM kernel.roles role WHERE tenant_id IS NULL OR tenant_id = $1 ORDER BY slug"#,
        op.partner.map(PartnerId::as_uuid),
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Role {
            id: row.id,
            slug: row.slug,
            name: row.name,
            description: row.description,
            built_in: row.built_in,
            permissions: PermissionSet::from_names(row.permissions.iter().map(String::as_str)),
        })
        .collect())
}

/// Makes a person hold exactly these roles where the operation is.
pub async fn grant_replace_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    user: UserId,
    roles: &[Role],
) -> Result<(), Error> {
    let ids: Vec<Uuid> = roles.iter().map(|role| role.id.as_uuid()).collect();
    match op.partner {
        Some(partner) => {
            sqlx::query!(
                "DELETE FROM kernel.tenant_users WHERE tenant_id = $1 AND user_id = $2 AND role_id <> ALL ($3)",
                partner.as_uuid(),
                user.as_uuid(),
                &ids,
            )
            .execute(&mut **tx)
            .await?;
            sqlx::query!(
                "INSERT INTO kernel.tenant_users (tenant_id, user_id, role_id, created_by)
                 SELECT $1, $2, role_id, $4 FROM unnest($3::uuid[]) AS role_id ON CONFLICT DO NOTHING",
                partner.as_uuid(),
                user.as_uuid(),
                &ids,
                op.actor_id(),
            )
            .execute(&mut **tx)
            .await?;
        }
        None => {
            sqlx::query!(
                "DELETE FROM kernel.msp_users WHERE user_id = $1 AND role_id <> ALL ($2)",
                user.as_uuid(),
                &ids,
            )
            .execute(&mut **tx)
            .await?;
            sqlx::query!(
                "INSERT INTO kernel.msp_users (user_id, role_id, created_by)
                 SELECT $1, role_id, $3 FROM unnest($2::uuid[]) AS role_id ON CONFLICT DO NOTHING",
                user.as_uuid(),
                &ids,
                op.actor_id(),
            )
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(())
}
