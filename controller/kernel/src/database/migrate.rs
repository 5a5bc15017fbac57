//! Brings the schema up to date and gives the program's role what it needs of it.
//! Never runs as the program's role, and never gives it more than reading and writing rows.

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::error::DatabaseError;

/// Applies the steps that are missing as the schema's owner, then grants. Nodes that start together take turns.
///
/// # Errors
/// [`DatabaseError::SchemaNewer`], [`DatabaseError::Migrate`], [`DatabaseError::Statement`].
pub(crate) async fn run(owner: &PgConnectOptions, app_role: &str) -> Result<(), DatabaseError> {
    let mut connection = PgConnection::connect_with(owner)
        .await
        .map_err(DatabaseError::statement("connecting as the schema's owner"))?;
    let done = run_on(&mut connection, app_role).await;
    let _ = connection.close().await; // what matters is committed; a failing goodbye changes nothing
    done
}

/// The same, on a connection.
async fn run_on(connection: &mut PgConnection, app_role: &str) -> Result<(), DatabaseError> {
    // The owner's search_path may point elsewhere (FreeRADIUS's tools want `access`), and a lock that another node
    // holds for ever must not hold this one for ever.
    sqlx::raw_sql("SET search_path = public; SET lock_timeout = '5min'; SET client_min_messages = warning")
        .execute(&mut *connection)
        .await
        .map_err(DatabaseError::statement("preparing the schema's owner"))?;
    migrations::MIGRATOR
        .run(&mut *connection)
        .await
        .map_err(explain)?;
    grant(connection, app_role).await
}

/// Gives the program's role its rights, again at each start, so that new tables are never forgotten.
async fn grant(connection: &mut PgConnection, app_role: &str) -> Result<(), DatabaseError> {
    let role = quote(app_role);
    // One transaction: at no instant may the role change the audit. The lock keeps two nodes from updating the same
    // catalog rows at once, which PostgreSQL answers with "tuple concurrently updated".
    let statements = format!(
        "BEGIN;
         SELECT pg_advisory_xact_lock(hashtext('headend grants'));
         GRANT USAGE ON SCHEMA kernel, access TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA kernel, access TO {role};
         REVOKE UPDATE, DELETE, TRUNCATE ON kernel.audit, kernel.audit_chain FROM {role};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA kernel, access TO {role};
         GRANT SELECT ON public._sqlx_migrations TO {role};
         COMMIT"
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(DatabaseError::statement("granting rights to the program's role"))
}

/// Checks as the program's role that the schema is what this program needs, when it may not change it.
///
/// # Errors
/// [`DatabaseError::NotMigrated`] or [`DatabaseError::SchemaNewer`].
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let steps = migrations::MIGRATOR.iter().map(|step| step.version);
    let needed = steps.max().unwrap_or_default();
    let there = sqlx::query_scalar::<_, bool>("SELECT to_regclass('public._sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(DatabaseError::statement("looking for the schema"))?;
    let applied = match there {
        true => sqlx::query_scalar::<_, i64>(
            "SELECT coalesce(max(version), 0) FROM public._sqlx_migrations WHERE success",
        )
        .fetch_one(connection)
        .await
        .map_err(DatabaseError::statement("reading the schema's step"))?,
        false => 0,
    };
    match applied.cmp(&needed) {
        std::cmp::Ordering::Less => Err(DatabaseError::NotMigrated { applied, needed }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(DatabaseError::SchemaNewer { step: applied }),
    }
}

/// Says what a failed migration means.
fn explain(source: MigrateError) -> DatabaseError {
    let hint = match &source {
        MigrateError::VersionMissing(step) => return DatabaseError::SchemaNewer { step: *step },
        MigrateError::VersionMismatch(step) => {
            format!(": step {step} was applied from another text than this program has")
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => hint_of(error).to_owned(),
        _ => String::new(),
    };
    DatabaseError::Migrate { hint, source }
}

/// What the owner lacks.
fn hint_of(error: &sqlx::Error) -> &'static str {
    match error
        .as_database_error()
        .and_then(|database| database.code())
        .as_deref()
    {
        Some("42501") => {
            ": the role of database.owner_url must own the database (ALTER DATABASE ... OWNER TO ...)"
        }
        Some("55P03") => ": another program has held the schema locked for minutes; stop it and start again",
        _ => "",
    }
}

/// Quotes a name for use in a statement.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_role_with_a_quote_in_its_name_stays_a_name() {
        assert_eq!(quote("head\"end; DROP"), "\"head\"\"end; DROP\"");
    }
}
