//! Whether the role the program works as is held by row-level security.
//! Never works around a role that is not: a program that could see every partner would one day show it.

use sqlx::PgConnection;

use super::error::DatabaseError;

/// Checks the role of this connection and gives its name.
///
/// # Errors
/// [`DatabaseError::RoleTooPowerful`] when it is a superuser, bypasses row-level security, may become one that does,
/// or owns tables of ours, which would let it switch the policies off.
pub(super) async fn check(connection: &mut PgConnection) -> Result<String, DatabaseError> {
    let found = sqlx::query!(
        r#"SELECT role.rolname::text AS "role!", role.rolsuper AS "superuser!", role.rolbypassrls AS "bypasses!",
                  (SELECT string_agg(other.rolname::text, ', ') FROM pg_roles other
                    WHERE (other.rolsuper OR other.rolbypassrls) AND other.oid <> role.oid
                      AND pg_has_role(role.oid, other.oid, 'MEMBER')) AS may_become,
                  (SELECT string_agg(DISTINCT owner.rolname::text, ', ') FROM pg_class tab
                     JOIN pg_namespace ON pg_namespace.oid = tab.relnamespace
                     JOIN pg_roles owner ON owner.oid = tab.relowner
                    WHERE pg_namespace.nspname IN ('kernel', 'access')
                      AND pg_has_role(role.oid, owner.oid, 'MEMBER')) AS owns_as
             FROM pg_roles role WHERE role.rolname = current_user"#
    )
    .fetch_one(connection)
    .await
    .map_err(DatabaseError::statement("looking at the rights of the program's role"))?;
    let why = match (found.superuser, found.bypasses, found.may_become, found.owns_as) {
        (true, _, _, _) => "is a superuser".to_owned(),
        (_, true, _, _) => "bypasses row-level security".to_owned(),
        (_, _, Some(others), _) => format!("may become {others}, who bypasses row-level security"),
        (_, _, _, Some(owner)) => {
            format!("owns the tables (as {owner}) and could switch row-level security off")
        }
        (false, false, None, None) => return Ok(found.role),
    };
    let fix = fix(&found.role);
    Err(DatabaseError::RoleTooPowerful {
        role: found.role,
        why,
        fix,
    })
}

/// The statements that give the program two proper roles; names are kept where they can be.
fn fix(role: &str) -> String {
    let (owner, app) = match role {
        "headend_app" => ("headend_owner", "headend_app_2"),
        "headend_owner" => ("headend_owner", "headend_app"),
        _ => ("headend_owner", "headend_app"),
    };
    let create = |name: &str| match name == role {
        true => format!("ALTER ROLE {name} NOSUPERUSER NOBYPASSRLS;"),
        false => format!("CREATE ROLE {name} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '...';"),
    };
    format!(
        "  {}\n  {}\n  CREATE DATABASE headend OWNER {owner};   -- or: ALTER DATABASE ... OWNER TO {owner};\n\
         then set database.url to connect as {app} and database.owner_url to connect as {owner}",
        create(owner),
        create(app)
    )
}
