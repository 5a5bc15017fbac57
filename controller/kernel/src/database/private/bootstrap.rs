//! Creates the two roles and the database of a private cluster, as its superuser; finds them there the next time.
//! Never creates a role that could bypass row-level security.

use sqlx::{Connection as _, PgConnection};

use super::{APP_ROLE, Cluster, DATABASE, OWNER_ROLE, SUPERUSER_ROLE};
use crate::database::error::DatabaseError;

/// Creates what is missing.
///
/// # Errors
/// [`DatabaseError::Statement`].
pub(super) async fn run(cluster: &Cluster) -> Result<(), DatabaseError> {
    let options = cluster.options(SUPERUSER_ROLE, "postgres");
    let mut connection = PgConnection::connect_with(&options)
        .await
        .map_err(DatabaseError::statement("connecting as its superuser"))?;
    let created = create_missing(&mut connection)
        .await
        .map_err(DatabaseError::statement("creating roles and database"));
    let _ = connection.close().await; // what matters is committed
    created
}

/// Looks at each of the three, and creates what is not there.
async fn create_missing(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let found = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS "owner!",
                  EXISTS (SELECT FROM pg_roles WHERE rolname = $2) AS "app!",
                  EXISTS (SELECT FROM pg_database WHERE datname = $3) AS "database!""#,
        OWNER_ROLE,
        APP_ROLE,
        DATABASE
    )
    .fetch_one(&mut *connection)
    .await?;
    if !found.owner {
        sqlx::raw_sql("CREATE ROLE headend_owner LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS")
            .execute(&mut *connection)
            .await?;
    }
    if !found.app {
        sqlx::raw_sql("CREATE ROLE headend_app LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS")
            .execute(&mut *connection)
            .await?;
    }
    if !found.database {
        sqlx::raw_sql("CREATE DATABASE headend OWNER headend_owner")
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
