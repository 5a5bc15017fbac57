//! Roles and permissions as they ship, and their copy in the database.

use std::collections::BTreeMap;

use kernel::OpContext;
use kernel::authz::role::matrix;
use kernel::authz::{BUILT_IN, BuiltInRole, Permission, sync};
use kernel::testing::TestDatabase;

#[test]
fn the_matrix_of_roles_is_the_reviewed_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/permissions.md");
    let reviewed = std::fs::read_to_string(path).expect("docs/permissions.md");
    assert!(
        reviewed.contains(&matrix()),
        "run controller/tests/it/isolation.rs once with UPDATE_PERMISSIONS=1 and review the change of docs/permissions.md"
    );
}

#[track_caller]
fn check_exactly(slug: &str, expect: &[&str]) {
    let role = BuiltInRole::find(slug).expect("a built-in role");
    let mut names = role.permissions.names();
    let mut expect: Vec<String> = expect.iter().map(|name| (*name).to_owned()).collect();
    names.sort();
    expect.sort();
    assert_eq!(names, expect, "{slug}");
}

#[test]
fn the_three_roles_of_an_isp_have_exactly_their_scopes() {
    check_exactly(
        "noc-engineer",
        &[
            "radius:subscribers:read",
            "radius:sessions:read",
            "radius:sessions:disconnect",
            "voltha:olt:read",
            "voltha:onu:provision",
            "netbox:ipam:read",
        ],
    );
    check_exactly(
        "support-agent",
        &["radius:subscribers:read", "radius:sessions:read"],
    );
    check_exactly(
        "billing-staff",
        &["billing:invoices:read", "billing:payments:write"],
    );
}

#[test]
fn duties_stay_separate() {
    let has = |slug, permission| {
        BuiltInRole::find(slug).is_some_and(|role: &BuiltInRole| role.permissions.contains(permission))
    };
    assert!(!has("noc-engineer", Permission::BillingInvoicesRead));
    assert!(!has("billing-staff", Permission::RadiusSessionsDisconnect));
    assert!(!has("support-agent", Permission::VolthaOnuProvision));
    for role in BUILT_IN
        .iter()
        .filter(|role| !["admin", "auditor", "partner-admin", "platform-admin"].contains(&role.slug))
    {
        assert!(
            !role.permissions.contains(Permission::AuditRead),
            "{} must not read the audit",
            role.slug
        );
        assert!(
            !role.permissions.contains(Permission::UsersManage),
            "{} must not make users",
            role.slug
        );
    }
}

#[tokio::test]
async fn the_database_holds_the_roles_of_the_code_however_often_it_is_synced() {
    let test = TestDatabase::new().await;
    let (once, twice) = (roles_after_sync(&test).await, roles_after_sync(&test).await);
    assert_eq!(once, twice);
    assert_eq!(once.len(), BUILT_IN.len());
    for role in BUILT_IN {
        let mut names = role.permissions.names();
        names.sort();
        assert_eq!(once.get(role.slug), Some(&(role.id().as_uuid(), names)));
    }
}

#[tokio::test]
async fn a_permission_that_crept_into_a_built_in_role_is_taken_out() {
    let test = TestDatabase::new().await;
    let before = roles_after_sync(&test).await;
    let support = BuiltInRole::find("support-agent").expect("a role").id().as_uuid();
    let mut root = test.superuser().await;
    sqlx::query("INSERT INTO kernel.role_permissions VALUES ($1, 'users:manage')")
        .bind(support)
        .execute(&mut root)
        .await
        .expect("a wrong grant");
    sqlx::query("INSERT INTO kernel.permissions VALUES ('radius:old:thing', false, 'of an older version')")
        .execute(&mut root)
        .await
        .expect("an old permission");
    assert_eq!(roles_after_sync(&test).await, before);
}

#[tokio::test]
async fn several_nodes_may_start_at_once() {
    let test = TestDatabase::new().await;
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let db = test.database().clone();
            tokio::spawn(async move { sync(&db).await })
        })
        .collect();
    for start in starts {
        start.await.expect("no panic").expect("synced");
    }
}

/// Role slug to its id and sorted permissions, from the database.
async fn roles_after_sync(test: &TestDatabase) -> BTreeMap<String, (uuid::Uuid, Vec<String>)> {
    sync(test.database()).await.expect("synced");
    let mut tx = test
        .database()
        .begin(&OpContext::system("test"))
        .await
        .expect("begins");
    let rows: Vec<(String, uuid::Uuid, Vec<String>)> = sqlx::query_as(
        "SELECT slug, id, array(SELECT permission FROM kernel.role_permissions WHERE role_id = id ORDER BY 1)
         FROM kernel.roles",
    )
    .fetch_all(&mut *tx)
    .await
    .expect("roles");
    rows.into_iter()
        .map(|(slug, id, mut names)| {
            names.sort();
            (slug, (id, names))
        })
        .collect()
}
