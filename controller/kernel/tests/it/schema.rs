//! What the schema promises: no partner sees another, the audit stays, FreeRADIUS's tools find their tables.
//!
//! [`seed`] puts a row of each of two partners into every table that has a `tenant_id`; a new table without a row there
//! fails the first test below, and one without a policy the second. [`partitions`] looks at those made at run time,
//! [`freeradius`] at what other tools rely on.

mod freeradius;
mod partitions;
mod seed;

use kernel::Database;
use kernel::OpContext;
use kernel::database::DatabaseConfig;
use kernel::testing::TestDatabase;
use seed::seed;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

/// Tables without a `tenant_id`, and why that is right. This list only shrinks.
const UNTENANTED: [(&str, &str); 13] = [
    (
        "access.journal_cursor",
        "how far a node has carried its journal; names no partner",
    ),
    (
        "kernel.event_consumers",
        "how far a part of the program has read the log; names no partner",
    ),
    (
        "kernel.job_schedules",
        "when the platform's own jobs are due; names no partner",
    ),
    ("kernel.backup_codes", "belong to people, like login_sessions"),
    (
        "kernel.login_sessions",
        "belong to people, who belong to no partner by themselves",
    ),
    ("kernel.msp_users", "who works for the platform"),
    ("kernel.permissions", "the closed list, the same for everybody"),
    (
        "kernel.role_permissions",
        "reached through kernel.roles, which is isolated",
    ),
    ("kernel.passkeys", "belong to people, like login_sessions"),
    (
        "kernel.challenges_spent",
        "digests of what was asked of a browser; says nothing of anybody",
    ),
    ("kernel.second_factors", "belong to people, like login_sessions"),
    ("kernel.setup", "the one-time link; one row"),
    ("kernel.users", "people belong to no partner by themselves"),
];

/// Every table and partition of ours, with the column that names the partner; `None`: it has none.
async fn tables(connection: &mut PgConnection) -> Vec<(String, Option<String>)> {
    let rows = sqlx::query(
        "SELECT format('%I.%I', nspname, relname) AS tab,
                CASE WHEN nspname = 'kernel' AND relname = 'tenants' THEN 'id' ELSE
                    (SELECT attname::text FROM pg_attribute WHERE attrelid = tab.oid AND attname = 'tenant_id') END AS partner
           FROM pg_class tab JOIN pg_namespace ON pg_namespace.oid = relnamespace
          WHERE relkind IN ('r', 'p') AND nspname IN ('kernel', 'access') ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .expect("reads the catalogue");
    rows.iter()
        .map(|row| (row.get("tab"), row.get("partner")))
        .collect()
}

/// The isolated tables among them.
async fn isolated(connection: &mut PgConnection) -> Vec<(String, String)> {
    let found = tables(connection).await;
    let isolated: Vec<_> = found
        .into_iter()
        .filter_map(|(tab, partner)| Some((tab, partner?)))
        .collect();
    assert!(
        isolated.len() >= 28,
        "too few tables to believe this test: {isolated:?}"
    );
    isolated
}

async fn count(connection: &mut PgConnection, tab: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {tab}")))
        .fetch_one(connection)
        .await
}

async fn app(test: &TestDatabase) -> PgConnection {
    PgConnection::connect_with(&test.app_options())
        .await
        .expect("connects")
}

/// The SQLSTATE of a refused statement.
async fn refusal(connection: &mut PgConnection, statement: &str) -> String {
    let error = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .expect_err(statement);
    error
        .as_database_error()
        .and_then(|error| error.code().map(Into::into))
        .unwrap_or_else(|| panic!("{statement}: {error}"))
}

/// Partitions may be closed to the program altogether; it reads them through their parent.
fn is_partition_made_later(tab: &str) -> bool {
    tab.contains("_2026")
}

#[tokio::test]
async fn every_table_names_its_partner_or_says_why_not() {
    let seeded = seed().await;
    let mut superuser = seeded.test.superuser().await;
    for (tab, partner) in tables(&mut superuser).await {
        let excused = UNTENANTED.iter().any(|(name, _)| *name == tab);
        assert_ne!(
            partner.is_some(),
            excused,
            "{tab}: needs a tenant_id, or must leave the list of those without"
        );
        if let Some(partner) = partner {
            let partners = format!("SELECT count(DISTINCT {partner}) FROM {tab}");
            let partners: i64 = sqlx::query_scalar(AssertSqlSafe(partners))
                .fetch_one(&mut superuser)
                .await
                .expect("counts");
            assert_eq!(partners, 2, "{tab} has no row of each partner: add it to SEED");
        }
    }
}

#[tokio::test]
async fn every_table_with_a_partner_forces_row_level_security() {
    let seeded = seed().await;
    let mut superuser = seeded.test.superuser().await;
    for (tab, partner) in isolated(&mut superuser).await {
        let row = sqlx::query(
            "SELECT relrowsecurity AND relforcerowsecurity AS forced,
                    (SELECT string_agg(pg_get_expr(polqual, polrelid) || pg_get_expr(polwithcheck, polrelid), '; ')
                       FROM pg_policy WHERE polrelid = pg_class.oid AND polpermissive) AS policies,
                    (SELECT count(*) FROM pg_policy WHERE polrelid = pg_class.oid) AS count
               FROM pg_class WHERE oid = $1::regclass",
        )
        .bind(&tab)
        .fetch_one(&mut superuser)
        .await
        .expect("reads the catalogue");
        let policies: Option<String> = row.get("policies");
        let policies = policies.unwrap_or_default();
        assert!(
            row.get::<bool, _>("forced"),
            "{tab}: row-level security is not forced"
        );
        assert_eq!(
            row.get::<i64, _>("count"),
            1,
            "{tab}: one policy is expected, a second permissive one would widen it"
        );
        for words in [partner.as_str(), "app.tenant_id", "NULLIF", "app.scope"] {
            assert!(
                policies.contains(words),
                "{tab}: {words} is missing in {policies}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_partner_nothing_is_seen_and_nothing_written_also_after_a_transaction_that_had_one() {
    let seeded = seed().await;
    let mut superuser = seeded.test.superuser().await;
    let tables = isolated(&mut superuser).await;
    let mut app = app(&seeded.test).await;
    for round in ["before", "after"] {
        for (tab, _) in tables.iter().filter(|(tab, _)| !is_partition_made_later(tab)) {
            let seen = count(&mut app, tab)
                .await
                .unwrap_or_else(|error| panic!("{tab} {round}: {error}"));
            assert_eq!(seen, 0, "{tab} {round}");
        }
        for statement in [
            "INSERT INTO kernel.clients (id, tenant_id, slug, name) SELECT gen_random_uuid(), $tenant, 'x', 'x'",
            "INSERT INTO access.radcheck (tenant_id, username, attribute, value) VALUES ($tenant, 'x', 'x', 'x')",
            "INSERT INTO kernel.tenants (id, slug, name) VALUES (gen_random_uuid(), 'x', 'x')",
            "INSERT INTO kernel.roles (id, tenant_id, slug, name) VALUES (gen_random_uuid(), NULL, 'x', 'x')",
        ] {
            let statement = statement.replace("$tenant", &format!("'{}'", seeded.west));
            assert_eq!(
                refusal(&mut app, &statement).await,
                "42501",
                "{round}: {statement}"
            );
        }
        let begin = format!(
            "BEGIN; SET LOCAL app.tenant_id = '{}'; SET LOCAL app.scope = ''",
            seeded.west
        );
        let mut tx = app.begin_with(AssertSqlSafe(begin)).await.expect("begins");
        assert_eq!(count(&mut tx, "kernel.clients").await.expect("counts"), 1);
        tx.commit().await.expect("commits");
    }
}

#[tokio::test]
async fn a_partner_sees_and_changes_his_own_rows_only() {
    let seeded = seed().await;
    let mut superuser = seeded.test.superuser().await;
    let tables = isolated(&mut superuser).await;
    let mut tx = seeded
        .test
        .database()
        .begin(&OpContext::system("test").in_partner(seeded.west))
        .await
        .expect("begins");
    for (tab, partner) in tables.iter().filter(|(tab, _)| !is_partition_made_later(tab)) {
        let query = format!(
            "SELECT count(*) FILTER (WHERE {partner} = $1) AS own, count(*) FILTER (WHERE {partner} <> $1) AS foreign_ FROM {tab}"
        );
        let row = sqlx::query(AssertSqlSafe(query))
            .bind(seeded.west)
            .fetch_one(&mut *tx)
            .await
            .expect(tab);
        assert!(row.get::<i64, _>("own") >= 1, "{tab}: his own row is not seen");
        assert_eq!(
            row.get::<i64, _>("foreign_"),
            0,
            "{tab}: another partner's row is seen"
        );
        if tab == "kernel.audit" || tab == "kernel.audit_chain" {
            continue; // nobody changes it; see below
        }
        let touch = format!("UPDATE {tab} SET {partner} = {partner} WHERE {partner} = $1");
        let touched = sqlx::query(AssertSqlSafe(touch))
            .bind(seeded.east)
            .execute(&mut *tx)
            .await
            .expect(tab);
        assert_eq!(
            touched.rows_affected(),
            0,
            "{tab}: another partner's row can be changed"
        );
        let delete = format!("DELETE FROM {tab} WHERE {partner} = $1");
        let deleted = sqlx::query(AssertSqlSafe(delete))
            .bind(seeded.east)
            .execute(&mut *tx)
            .await
            .expect(tab);
        assert_eq!(
            deleted.rows_affected(),
            0,
            "{tab}: another partner's row can be deleted"
        );
    }
    for tab in [
        "access.radcheck",
        "access.radusergroup",
        "access.radacct_key",
        "access.directory_change",
    ] {
        let give_away = format!("SAVEPOINT s; UPDATE {tab} SET tenant_id = '{}'", seeded.east);
        assert_eq!(
            refusal(&mut tx, &give_away).await,
            "42501",
            "{tab}: a row can be given to another partner"
        );
        sqlx::raw_sql("ROLLBACK TO s")
            .execute(&mut *tx)
            .await
            .expect("rolls back");
    }
}

#[tokio::test]
async fn the_programs_role_is_no_superuser_and_makes_no_tables() {
    let seeded = seed().await;
    let mut app = app(&seeded.test).await;
    let row = sqlx::query(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication FROM pg_roles WHERE rolname = current_user",
    );
    assert!(!row.fetch_one(&mut app).await.expect("reads").get::<bool, _>(0));
    for statement in [
        "CREATE TABLE kernel.mine ()",
        "CREATE TABLE public.mine ()",
        "ALTER TABLE kernel.clients DISABLE ROW LEVEL SECURITY",
        "DROP POLICY partner ON kernel.clients",
        "SET ROLE headend_owner",
        "TRUNCATE kernel.clients",
        "UPDATE public._sqlx_migrations SET success = false",
    ] {
        assert_eq!(refusal(&mut app, statement).await, "42501", "{statement}");
    }
}

#[tokio::test]
async fn the_audit_can_be_written_and_read_and_not_changed_even_by_its_owner() {
    let seeded = seed().await;
    let mut tx = seeded
        .test
        .database()
        .begin(&OpContext::system("test"))
        .await
        .expect("begins");
    assert_eq!(count(&mut tx, "kernel.audit").await.expect("counts"), 2);
    let changes = [
        "UPDATE kernel.audit SET outcome = 'ok'",
        "DELETE FROM kernel.audit",
        "TRUNCATE kernel.audit",
        "UPDATE kernel.audit_chain SET seq = seq + 1",
        "DELETE FROM kernel.audit_chain",
        "TRUNCATE kernel.audit_chain",
    ];
    for change in changes {
        assert_eq!(
            refusal(&mut tx, &format!("SAVEPOINT s; {change}")).await,
            "42501",
            "{change}"
        );
        sqlx::raw_sql("ROLLBACK TO s")
            .execute(&mut *tx)
            .await
            .expect("rolls back");
    }
    tx.rollback().await.expect("rolls back"); // TRUNCATE would wait for it
    let mut owner = seeded.test.owner().await;
    sqlx::raw_sql("SET app.scope = 'platform'")
        .execute(&mut owner)
        .await
        .expect("sees all");
    for change in changes {
        assert_eq!(refusal(&mut owner, change).await, "P0001", "{change}"); // raised by the trigger
    }
    assert_eq!(count(&mut owner, "kernel.audit").await.expect("counts"), 2);
}

/// Everything the schema consists of, and every right on it, as text.
async fn snapshot(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT format('%s.%s %s %s %s', nspname, relname, relkind, relacl, relowner::regrole) FROM pg_class
           JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname IN ('kernel', 'access', 'public')
         UNION ALL SELECT format('%s %s %s', nspname, nspacl, nspowner::regrole) FROM pg_namespace WHERE nspname IN ('kernel', 'access')
         UNION ALL SELECT format('%s %s %s', tablename, policyname, qual) FROM pg_policies
         UNION ALL SELECT format('step %s %s', version, installed_on) FROM public._sqlx_migrations
         UNION ALL SELECT format('%s.%s.%s %s', table_schema, table_name, column_name, data_type)
           FROM information_schema.columns WHERE table_schema IN ('kernel', 'access') ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .expect("reads the catalogue")
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let test = TestDatabase::new().await;
    let mut superuser = test.superuser().await;
    let before = snapshot(&mut superuser).await;
    let config = DatabaseConfig {
        url: Some(test.url("headend_app")),
        owner_url: Some(test.url("headend_owner")),
        ..DatabaseConfig::default()
    };
    for _ in 0..2 {
        Database::open(&config, std::path::Path::new("/nonexistent"))
            .await
            .expect("opens")
            .close()
            .await;
        assert_eq!(snapshot(&mut superuser).await, before);
    }
}
