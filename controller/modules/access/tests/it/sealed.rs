//! No secret is anywhere in the database in the clear, nor in an answer.

use axum::http::Method;
use serde_json::json;
use sqlx::Row;

use crate::nas::FakeNas;
use crate::world::World;

#[tokio::test]
async fn secrets_are_nowhere_in_the_clear() {
    let world = World::new().await;
    let isp = world.isp().await;
    let nas = FakeNas::at("127.61.6.1", "horse-battery-staple").await;
    let admitted = world.admit(&isp, "bras-1", &nas).await;
    let path = format!("nas/{}", admitted["id"].as_str().expect("an id"));
    world
        .ask(
            Method::PATCH,
            &isp,
            &path,
            Some(&json!({ "coa_secret": "horse-battery-coa" })),
        )
        .await;
    let alice = world.subscriber(&isp, "alice", "horse-battery-alice").await;
    let path = format!("subscribers/{}", alice["id"].as_str().expect("an id"));
    let answer = world
        .ask(
            Method::PATCH,
            &isp,
            &path,
            Some(&json!({ "password": "horse-battery-again" })),
        )
        .await;
    assert!(answer.status.is_success());
    for list in ["nas", "subscribers", "audit"] {
        assert!(
            !world.get(&isp, list).await.to_string().contains("horse-battery"),
            "{list}"
        );
    }

    let mut root = world.test.as_ref().expect("a database").superuser().await;
    let tables = "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
                   WHERE schemaname IN ('access', 'kernel')";
    let tables = sqlx::query(tables).fetch_all(&mut root).await.expect("tables");
    assert!(tables.len() > 20);
    let mut sealed = 0;
    for table in tables {
        let name: String = table.get("name");
        let sql = sqlx::AssertSqlSafe(format!("SELECT to_jsonb(t)::text AS row FROM {name} t"));
        for row in sqlx::query(sql).fetch_all(&mut root).await.expect("rows") {
            let row: String = row.get("row");
            assert!(!row.contains("horse-battery"), "{name}: {row}");
            sealed += row.matches("sealed:1:").count();
        }
    }
    assert_eq!(sealed, 3, "two secrets of the NAS and one password");
}
