//! The copy of permissions and built-in roles in the database, so that grants can refer to them and reports join them.
//! Never reads a decision from there that the code knows better: the code's list is the truth.

use crate::database::Database;
use crate::error::Error;
use crate::op::OpContext;

use super::permission::Permission;
use super::role::BUILT_IN;

/// Makes the database agree with the code; safe to run at every start and on several nodes at once.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn sync(db: &Database) -> Result<(), Error> {
    let mut tx = db.begin(&OpContext::system("authz")).await?;
    let names: Vec<String> = Permission::ALL
        .iter()
        .map(|one| one.as_str().to_owned())
        .collect();
    let critical: Vec<bool> = Permission::ALL.iter().map(|one| one.critical()).collect();
    let descriptions: Vec<String> = Permission::ALL
        .iter()
        .map(|one| one.description().to_owned())
        .collect();
    // One node at a time: two that start together would otherwise take the same row locks in different order.
    sqlx::query!("LOCK TABLE kernel.permissions IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "INSERT INTO kernel.permissions (name, critical, description)
         SELECT * FROM unnest($1::text[], $2::boolean[], $3::text[])
         ON CONFLICT (name) DO UPDATE SET critical = excluded.critical, description = excluded.description",
        &names,
        &critical,
        &descriptions,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM kernel.role_permissions WHERE permission <> ALL ($1)",
        &names
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM kernel.permissions WHERE name <> ALL ($1)", &names)
        .execute(&mut *tx)
        .await?;
    for role in BUILT_IN {
        let id = role.id().as_uuid();
        let permissions = role.permissions.names();
        sqlx::query!(
            "INSERT INTO kernel.roles (id, slug, name, description) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
                 updated_at = now()
             WHERE (kernel.roles.name, kernel.roles.description) <> (excluded.name, excluded.description)",
            id,
            role.slug,
            role.name,
            role.description,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM kernel.role_permissions WHERE role_id = $1 AND permission <> ALL ($2)",
            id,
            &permissions
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO kernel.role_permissions (role_id, permission)
             SELECT $1, name FROM unnest($2::text[]) AS name ON CONFLICT DO NOTHING",
            id,
            &permissions
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}
