//! Monthly partitions: isolated, made by any node at any time, and never in the way of a row that came too early.

use kernel::testing::TestDatabase;
use kernel::{Database, OpContext};
use sqlx::AssertSqlSafe;

use super::seed::seed;
use super::{app, count, is_partition_made_later, isolated};

#[tokio::test]
async fn partitions_made_later_are_isolated_and_take_their_rows() {
    let seeded = seed().await;
    let mut superuser = seeded.test.superuser().await;
    let later: Vec<_> = isolated(&mut superuser)
        .await
        .into_iter()
        .filter(|(tab, _)| is_partition_made_later(tab))
        .collect();
    assert_eq!(later.len(), 8, "four tables, two months: {later:?}");
    for (tab, _) in &later {
        assert_eq!(
            count(&mut superuser, tab).await.expect("counts"),
            2,
            "{tab}: the rows of its month are there"
        );
    }
    let mut app = app(&seeded.test).await;
    for (tab, _) in &later {
        match count(&mut app, tab).await {
            Ok(seen) => assert_eq!(seen, 0, "{tab}"),
            Err(error) => assert_eq!(
                error
                    .as_database_error()
                    .and_then(|error| error.code())
                    .as_deref(),
                Some("42501"),
                "{tab}"
            ),
        }
    }
    let mut tx = seeded
        .test
        .database()
        .begin(&OpContext::system("test").in_partner(seeded.west))
        .await
        .expect("begins");
    assert_eq!(count(&mut tx, "access.radacct").await.expect("counts"), 3);
    tx.rollback().await.expect("rolls back");
}

#[tokio::test]
async fn partitions_may_be_asked_for_again_and_by_several_nodes_at_once() {
    let test = TestDatabase::new().await;
    let node = async |database: &Database| {
        for _ in 0..3 {
            let mut tx = database
                .begin(&OpContext::system("partitions"))
                .await
                .expect("begins");
            sqlx::raw_sql("CALL access.ensure_partitions('2026-11-01', 4)")
                .execute(&mut *tx)
                .await
                .expect("makes them");
            tx.commit().await.expect("commits");
        }
    };
    tokio::join!(
        node(test.database()),
        node(test.database()),
        node(test.database())
    );
    let mut superuser = test.superuser().await;
    let made: Vec<String> = sqlx::query_scalar(
        "SELECT relname || ' ' || pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname ~ '^radacct_2' AND relkind = 'r' ORDER BY 1",
    )
    .fetch_all(&mut superuser)
    .await
    .expect("reads");
    assert_eq!(made.len(), 4, "{made:?}");
    assert_eq!(
        made[1],
        "radacct_202612 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')"
    );
}

#[tokio::test]
async fn rows_that_came_before_their_month_was_made_move_into_it() {
    let test = TestDatabase::new().await;
    let partner = test.partner("isp-west").await;
    let platform = OpContext::system("test");
    let mut tx = test
        .database()
        .begin(&platform.in_partner(partner))
        .await
        .expect("begins");
    sqlx::raw_sql(AssertSqlSafe(format!(
        "INSERT INTO access.radacct (tenant_id, nas_id, acctsessionid, acctuniqueid, nasipaddress, acctstarttime, acctupdatetime)
         SELECT '{partner}', gen_random_uuid(), 's', at, '10.0.0.1', at::timestamptz, at::timestamptz
         FROM unnest(ARRAY['2031-02-28 23:59:59Z', '2031-03-01 00:00:00Z', '2031-03-31 23:59:59Z', '2031-04-01 00:00:00Z']) AS at"
    )))
    .execute(&mut *tx)
    .await
    .expect("no month of theirs exists");
    tx.commit().await.expect("commits");
    let mut tx = test
        .database()
        .begin(&platform.in_partner(partner))
        .await
        .expect("begins");
    sqlx::raw_sql("CALL access.ensure_partitions('2031-03-15', 1)")
        .execute(&mut *tx)
        .await
        .expect("makes the month");
    let scope: String = sqlx::query_scalar("SELECT current_setting('app.scope')")
        .fetch_one(&mut *tx)
        .await
        .expect("reads");
    assert_eq!(scope, "", "the procedure's scope must not stay behind");
    tx.commit().await.expect("commits");
    let mut superuser = test.superuser().await;
    for (tab, expected) in [
        ("access.radacct_203103", 2),
        ("access.radacct_default", 2),
        ("access.radacct", 4),
    ] {
        assert_eq!(
            count(&mut superuser, tab).await.expect("counts"),
            expected,
            "{tab}"
        );
    }
    let mut tx = test
        .database()
        .begin(&platform.in_partner(partner))
        .await
        .expect("begins");
    sqlx::raw_sql(AssertSqlSafe(format!(
        "INSERT INTO access.radacct (tenant_id, nas_id, acctsessionid, acctuniqueid, nasipaddress, acctstarttime, acctupdatetime)
         VALUES ('{partner}', gen_random_uuid(), 's', 'new', '10.0.0.1', '2031-03-09', '2031-03-09')"
    )))
    .execute(&mut *tx)
    .await
    .expect("a new row of that month, numbered by the parent");
    tx.commit().await.expect("commits");
    assert_eq!(
        count(&mut superuser, "access.radacct_203103")
            .await
            .expect("counts"),
        3
    );
    let unmatched: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_index own WHERE indrelid = 'access.radacct_203103'::regclass
            AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = own.indexrelid)",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("reads");
    assert_eq!(unmatched, 0, "each index belongs to one of the parent's");
}
