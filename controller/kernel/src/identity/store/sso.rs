//! Rows of `kernel.sso_providers`, `kernel.sso_groups` and `kernel.sso_people`.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::authz::PermissionSet;
use crate::database::Tx;
use crate::error::Error;
use crate::id::{PartnerId, RoleId, UserId};
use crate::identity::grant::Role;
use crate::identity::sso::{NewProvider, SsoProvider};
use crate::identity::user::User;
use crate::op::OpContext;
use crate::tenancy::Key;

/// A provider as a login needs it.
pub struct ProviderRow {
    /// Whose.
    pub partner: PartnerId,
    /// Who it is.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// Sealed.
    pub client_secret: Option<String>,
    /// Where groups are.
    pub groups_claim: String,
}

/// Finds the provider of a partner that is there and is served; not one that is switched off.
pub async fn provider_find_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    partner: &Key,
) -> Result<Option<ProviderRow>, Error> {
    Ok(sqlx::query_as!(
        ProviderRow,
        r#"SELECT provider.tenant_id AS "partner: PartnerId", issuer, client_id, client_secret, groups_claim
           FROM kernel.sso_providers provider JOIN kernel.tenants partner ON partner.id = provider.tenant_id
           WHERE (partner.id = $1 OR partner.slug = $2) AND partner.deleted_at IS NULL AND provider.enabled"#,
        partner.id(),
        partner.slug(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Fetches the partner's, with what its groups may do.
pub async fn provider_fetch_in_tx(tx: &mut Tx, op: &OpContext) -> Result<Option<SsoProvider>, Error> {
    let partner = op.require_partner()?.as_uuid();
    let row = sqlx::query!(
        r#"SELECT issuer, client_id, client_secret IS NOT NULL AS "has_secret!", groups_claim, enabled, updated_at
           FROM kernel.sso_providers WHERE tenant_id = $1"#,
        partner,
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let mapped = sqlx::query!(
        "SELECT mapped.group_name, role.slug FROM kernel.sso_groups mapped JOIN kernel.roles role ON role.id = mapped.role_id
         WHERE mapped.tenant_id = $1 ORDER BY 1, 2",
        partner,
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in mapped {
        groups.entry(pair.group_name).or_default().push(pair.slug);
    }
    Ok(Some(SsoProvider {
        issuer: row.issuer,
        client_id: row.client_id,
        has_secret: row.has_secret,
        groups_claim: row.groups_claim,
        enabled: row.enabled,
        groups,
        updated_at: row.updated_at,
    }))
}

/// The sealed secret that is there.
pub async fn secret_fetch_in_tx(tx: &mut Tx, op: &OpContext) -> Result<Option<String>, Error> {
    let found = sqlx::query_scalar!(
        "SELECT client_secret FROM kernel.sso_providers WHERE tenant_id = $1",
        op.require_partner()?.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.flatten())
}

/// Writes the partner's, with what its groups may do.
pub async fn provider_put_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    new: &NewProvider,
    secret: Option<&str>,
    mapped: &[(String, RoleId)],
) -> Result<(), Error> {
    let partner = op.require_partner()?.as_uuid();
    sqlx::query!(
        "INSERT INTO kernel.sso_providers (tenant_id, issuer, client_id, client_secret, groups_claim, enabled, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id,
             client_secret = excluded.client_secret, groups_claim = excluded.groups_claim, enabled = excluded.enabled,
             updated_at = now(), updated_by = excluded.updated_by",
        partner,
        new.issuer,
        new.client_id,
        secret,
        new.groups_claim,
        new.enabled,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!("DELETE FROM kernel.sso_groups WHERE tenant_id = $1", partner)
        .execute(&mut **tx)
        .await?;
    let names: Vec<String> = mapped.iter().map(|(group, _)| group.clone()).collect();
    let roles: Vec<Uuid> = mapped.iter().map(|(_, role)| role.as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO kernel.sso_groups (tenant_id, group_name, role_id)
         SELECT DISTINCT $1::uuid, name, role FROM unnest($2::text[], $3::uuid[]) AS mapped (name, role)",
        partner,
        &names,
        &roles,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes the partner's. Who came in by it stays known, so that nobody takes his account over later.
pub async fn provider_remove_in_tx(tx: &mut Tx, op: &OpContext) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM kernel.sso_providers WHERE tenant_id = $1",
        op.require_partner()?.as_uuid(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The roles these groups are mapped to; built-in ones, and the partner's own.
pub async fn roles_of_groups_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    groups: &[String],
) -> Result<Vec<Role>, Error> {
    let partner = op.require_partner()?.as_uuid();
    let rows = sqlx::query!(
        r#"SELECT DISTINCT role.id AS "id: RoleId", role.slug, role.name, role.description, role.tenant_id IS NULL AS "built_in!",
               array(SELECT permission FROM kernel.role_permissions WHERE role_id = role.id) AS "permissions!"
           FROM kernel.sso_groups mapped JOIN kernel.roles role ON role.id = mapped.role_id
           WHERE mapped.tenant_id = $1 AND mapped.group_name = ANY ($2)
             AND (role.tenant_id IS NULL OR role.tenant_id = $1)"#,
        partner,
        groups,
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

/// Finds who came in by this name of the provider before; nobody else changes him until the end of the transaction.
pub async fn person_lock_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    issuer: &str,
    subject: &str,
) -> Result<Option<User>, Error> {
    let row = sqlx::query!(
        r#"SELECT person.id AS "id: UserId", person.email, person.name, person.status, person.created_at, person.updated_at
           FROM kernel.sso_people known JOIN kernel.users person ON person.id = known.user_id
           WHERE known.tenant_id = $1 AND known.issuer = $2 AND known.subject = $3 AND person.deleted_at IS NULL
           FOR UPDATE OF person"#,
        op.require_partner()?.as_uuid(),
        issuer,
        subject,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| User {
        id: row.id,
        email: row.email,
        name: row.name,
        status: row.status,
        roles: Vec::new(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }))
}

/// Notes by which name of the provider somebody comes in.
pub async fn person_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    issuer: &str,
    subject: &str,
    user: UserId,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO kernel.sso_people (tenant_id, issuer, subject, user_id) VALUES ($1, $2, $3, $4)",
        op.require_partner()?.as_uuid(),
        issuer,
        subject,
        user.as_uuid(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
