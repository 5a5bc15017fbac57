//! Rows of `kernel.tenants`.

use uuid::Uuid;

use crate::database::Tx;
use crate::error::{Error, OnConstraint};
use crate::id::PartnerId;
use crate::op::OpContext;
use crate::tenancy::name::Key;
use crate::tenancy::{Partner, Visible};

/// Lists by slug, with the number of all that match.
pub async fn partner_list_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    visible: &Visible,
    slug: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Partner>, i64), Error> {
    let only: Option<Vec<Uuid>> = match visible {
        Visible::All => None,
        Visible::Of(partners) => Some(partners.iter().map(|partner| partner.as_uuid()).collect()),
    };
    let rows = sqlx::query_as!(
        Partner,
        r#"SELECT id AS "id: PartnerId", slug, name, status, time_zone, created_at, updated_at FROM kernel.tenants
           WHERE deleted_at IS NULL AND ($1::uuid[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR slug = $2)
           ORDER BY slug LIMIT $3 OFFSET $4"#,
        only.as_deref() as Option<&[Uuid]>,
        slug,
        limit,
        offset,
    )
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM kernel.tenants
           WHERE deleted_at IS NULL AND ($1::uuid[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR slug = $2)"#,
        only.as_deref() as Option<&[Uuid]>,
        slug,
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((rows, total))
}

/// Fetches by id.
pub async fn partner_fetch_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    id: PartnerId,
) -> Result<Option<Partner>, Error> {
    Ok(sqlx::query_as!(
        Partner,
        r#"SELECT id AS "id: PartnerId", slug, name, status, time_zone, created_at, updated_at
           FROM kernel.tenants WHERE id = $1 AND deleted_at IS NULL"#,
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Fetches by id and keeps others from changing it until the end of the transaction.
pub async fn partner_lock_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    id: PartnerId,
) -> Result<Option<Partner>, Error> {
    Ok(sqlx::query_as!(
        Partner,
        r#"SELECT id AS "id: PartnerId", slug, name, status, time_zone, created_at, updated_at
           FROM kernel.tenants WHERE id = $1 AND deleted_at IS NULL FOR UPDATE"#,
        id.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Finds the id behind an id or a slug.
pub async fn partner_resolve_in_tx(
    tx: &mut Tx,
    _op: &OpContext,
    key: &Key,
) -> Result<Option<PartnerId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id: PartnerId" FROM kernel.tenants WHERE (id = $1 OR slug = $2) AND deleted_at IS NULL"#,
        key.id(),
        key.slug(),
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Inserts one.
pub async fn partner_insert_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    slug: &str,
    name: &str,
) -> Result<Partner, Error> {
    sqlx::query_as!(
        Partner,
        r#"INSERT INTO kernel.tenants (id, slug, name, created_by, updated_by) VALUES ($1, $2, $3, $4, $4)
           RETURNING id AS "id: PartnerId", slug, name, status, time_zone, created_at, updated_at"#,
        PartnerId::new().as_uuid(),
        slug,
        name,
        op.actor_id(),
    )
    .fetch_one(&mut **tx)
    .await
    .on_constraint("tenants_slug_key", || {
        Error::conflict(
            "partner",
            format!("there is already a partner with the slug {slug}"),
        )
    })
}

/// Writes name, status and time zone.
pub async fn partner_update_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    id: PartnerId,
    name: &str,
    status: &str,
    time_zone: &str,
) -> Result<Partner, Error> {
    Ok(sqlx::query_as!(
        Partner,
        r#"UPDATE kernel.tenants SET name = $2, status = $3, time_zone = $5, updated_at = now(), updated_by = $4
           WHERE id = $1 AND deleted_at IS NULL
           RETURNING id AS "id: PartnerId", slug, name, status, time_zone, created_at, updated_at"#,
        id.as_uuid(),
        name,
        status,
        op.actor_id(),
        time_zone,
    )
    .fetch_one(&mut **tx)
    .await?)
}
