//! Rows of `kernel.integrations` and `kernel.integration_secrets`.

use time::OffsetDateTime;

use super::secret::{SecretRow, SecretShown};
use super::settings::Integration;
use super::system::System;
use crate::database::Tx;
use crate::error::Error;
use crate::op::OpContext;

/// All of the partner, by system, each with what its secrets are called.
pub async fn integration_list_in_tx(tx: &mut Tx, op: &OpContext) -> Result<Vec<Integration>, Error> {
    let partner = op.require_partner()?.as_uuid();
    let rows = sqlx::query!(
        "SELECT system, enabled, url, port, external_id, authority, options, health_ms, read_ms, write_ms,
             in_flight_max, per_second_max, updated_at
         FROM kernel.integrations WHERE tenant_id = $1 ORDER BY system",
        partner,
    )
    .fetch_all(&mut **tx)
    .await?;
    let secrets = sqlx::query!(
        "SELECT system, name, reference, set_at FROM kernel.integration_secrets WHERE tenant_id = $1 ORDER BY system, name",
        partner,
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut list = Vec::with_capacity(rows.len());
    for row in rows {
        // A word of a newer version is passed over; the CHECK lets no other in.
        let Ok(system) = row.system.parse::<System>() else {
            continue;
        };
        let its = secrets.iter().filter(|secret| secret.system == row.system);
        list.push(Integration {
            system,
            enabled: row.enabled,
            url: row.url,
            port: row.port.and_then(|port| u16::try_from(port).ok()),
            external_id: row.external_id,
            authority: row.authority,
            options: row.options,
            health_ms: row.health_ms,
            read_ms: row.read_ms,
            write_ms: row.write_ms,
            in_flight_max: row.in_flight_max,
            per_second_max: row.per_second_max,
            secrets: its
                .map(|secret| SecretShown {
                    name: secret.name.clone(),
                    reference: secret.reference.clone(),
                    set_at: secret.set_at,
                })
                .collect(),
            updated_at: row.updated_at,
        });
    }
    Ok(list)
}

/// One of them. There are six at most.
pub async fn integration_fetch_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    system: System,
) -> Result<Option<Integration>, Error> {
    let all = integration_list_in_tx(tx, op).await?;
    Ok(all.into_iter().find(|one| one.system == system))
}

/// Writes one, without its secrets.
pub async fn integration_put_in_tx(tx: &mut Tx, op: &OpContext, one: &Integration) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO kernel.integrations (tenant_id, system, enabled, url, port, external_id, authority, options,
             health_ms, read_ms, write_ms, in_flight_max, per_second_max, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
         ON CONFLICT (tenant_id, system) DO UPDATE SET enabled = excluded.enabled, url = excluded.url,
             port = excluded.port, external_id = excluded.external_id, authority = excluded.authority,
             options = excluded.options, health_ms = excluded.health_ms, read_ms = excluded.read_ms,
             write_ms = excluded.write_ms, in_flight_max = excluded.in_flight_max,
             per_second_max = excluded.per_second_max, updated_at = now(), updated_by = excluded.updated_by",
        op.require_partner()?.as_uuid(),
        one.system.as_str(),
        one.enabled,
        one.url,
        one.port.map(i32::from),
        one.external_id,
        one.authority,
        one.options,
        one.health_ms,
        one.read_ms,
        one.write_ms,
        one.in_flight_max,
        one.per_second_max,
        op.actor_id(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes one with its secrets.
pub async fn integration_delete_in_tx(tx: &mut Tx, op: &OpContext, system: System) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM kernel.integrations WHERE tenant_id = $1 AND system = $2",
        op.require_partner()?.as_uuid(),
        system.as_str(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The secrets of a system as they are stored.
pub async fn secret_rows_in_tx(tx: &mut Tx, op: &OpContext, system: System) -> Result<Vec<SecretRow>, Error> {
    Ok(sqlx::query_as!(
        SecretRow,
        "SELECT name, sealed, reference FROM kernel.integration_secrets WHERE tenant_id = $1 AND system = $2",
        op.require_partner()?.as_uuid(),
        system.as_str(),
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Writes a secret; when that was.
pub async fn secret_put_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    system: System,
    row: &SecretRow,
) -> Result<OffsetDateTime, Error> {
    Ok(sqlx::query_scalar!(
        "INSERT INTO kernel.integration_secrets (tenant_id, system, name, sealed, reference, set_by)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, system, name) DO UPDATE SET sealed = excluded.sealed,
             reference = excluded.reference, set_at = now(), set_by = excluded.set_by
         RETURNING set_at",
        op.require_partner()?.as_uuid(),
        system.as_str(),
        row.name,
        row.sealed,
        row.reference,
        op.actor_id(),
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Deletes a secret; whether there was one.
pub async fn secret_delete_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    system: System,
    name: &str,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "DELETE FROM kernel.integration_secrets WHERE tenant_id = $1 AND system = $2 AND name = $3",
        op.require_partner()?.as_uuid(),
        system.as_str(),
        name,
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The partner's slug, which is his path in the platform's vault.
pub async fn partner_slug_in_tx(tx: &mut Tx, op: &OpContext) -> Result<String, Error> {
    let partner = op.require_partner()?;
    sqlx::query_scalar!(
        "SELECT slug FROM kernel.tenants WHERE id = $1 AND deleted_at IS NULL",
        partner.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| Error::not_found("partner", partner))
}
