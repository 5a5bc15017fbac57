//! What an operation may rely on: its transaction sees its partner, leaves nothing behind, and fails in bounded time.

use std::time::{Duration, Instant};

use kernel::id::{ClientId, PartnerId};
use kernel::testing::TestDatabase;
use kernel::{Database, Error, OnConstraint as _, OpContext};

/// Counts the partners that an operation sees.
async fn partners_seen(database: &Database, op: &OpContext) -> i64 {
    let mut tx = database.begin(op).await.expect("begins");
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM kernel.tenants"#)
        .fetch_one(&mut *tx)
        .await;
    tx.commit().await.expect("commits");
    count.expect("counts")
}

#[tokio::test]
async fn an_operation_sees_its_partner_and_the_platform_sees_all() {
    let test = TestDatabase::new().await;
    let (west, _east) = (test.partner("isp-west").await, test.partner("isp-east").await);
    let platform = OpContext::system("test");
    assert_eq!(partners_seen(test.database(), &platform).await, 2);
    assert_eq!(
        partners_seen(test.database(), &platform.in_partner(west)).await,
        1
    );
    assert_eq!(
        partners_seen(test.database(), &platform.in_partner(PartnerId::new())).await,
        0
    );
    assert_eq!(partners_seen(test.database(), &platform).await, 2);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back() {
    let test = TestDatabase::new().await;
    let op = OpContext::system("test");
    let mut tx = test.database().begin(&op).await.expect("begins");
    sqlx::query("INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, 'gone', 'gone')")
        .bind(PartnerId::new())
        .execute(&mut *tx)
        .await
        .expect("inserts");
    drop(tx);
    assert_eq!(partners_seen(test.database(), &op).await, 0);
}

#[tokio::test]
async fn an_operation_whose_caller_leaves_in_the_middle_of_begin_leaves_no_transaction_open() {
    let test = TestDatabase::new().await;
    let west = test.partner("isp-west").await;
    test.partner("isp-east").await;
    let platform = OpContext::system("test");
    for round in 0..300 {
        let patience = Duration::from_micros(round % 60 * 10);
        drop(tokio::time::timeout(patience, test.database().begin(&platform)).await);
    }
    for _ in 0..50 {
        assert_eq!(
            partners_seen(test.database(), &platform.in_partner(west)).await,
            1
        );
    }
    let mut superuser = test.superuser().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(&mut superuser)
        .await
        .expect("counts");
        if open == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{open} transactions stay open");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn more_operations_than_connections_get_an_answer_in_bounded_time() {
    let test = TestDatabase::new().await;
    let op = OpContext::system("test");
    let mut held = Vec::new();
    for _ in 0..test.database().pool_size().max {
        held.push(test.database().begin(&op).await.expect("begins"));
    }
    let since = Instant::now();
    let refused = test.database().begin(&op).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    drop(held);
    assert_eq!(partners_seen(test.database(), &op).await, 0);
}

#[tokio::test]
async fn a_violated_constraint_becomes_the_error_of_its_name_and_of_no_other() {
    let test = TestDatabase::new().await;
    let partner = test.partner("isp-west").await;
    let op = OpContext::system("test").in_partner(partner);
    let conflict = || Error::conflict("client", "there is a client of this name already");
    for (constraint, expect_conflict) in [("clients_tenant_id_slug_key", true), ("clients_pkey", false)] {
        let mut tx = test.database().begin(&op).await.expect("begins");
        let mut last = Ok(());
        for _ in 0..2 {
            let inserted = sqlx::query(
                "INSERT INTO kernel.clients (id, tenant_id, slug, name) VALUES ($1, $2, 'acme', 'Acme')",
            )
            .bind(ClientId::new())
            .bind(partner)
            .execute(&mut *tx)
            .await;
            last = inserted
                .map(|_| ())
                .on_constraint("unrelated", conflict)
                .on_constraint(constraint, conflict);
        }
        match last {
            Err(Error::Conflict { kind: "client", .. }) => assert!(expect_conflict, "{constraint}"),
            Err(Error::Internal { .. }) => assert!(!expect_conflict, "{constraint}"),
            other => panic!("{constraint}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_listener_hears_what_another_transaction_notifies() {
    let test = TestDatabase::new().await;
    let mut listener = test.database().listener().await.expect("listens");
    listener.listen("access_directory").await.expect("listens");
    let partner = test.partner("isp-west").await; // a trigger of the schema notifies
    let heard = tokio::time::timeout(Duration::from_secs(5), listener.recv())
        .await
        .expect("in time")
        .expect("a notification");
    assert_eq!((heard.channel(), heard.payload()), ("access_directory", ""));
    assert_eq!(
        partners_seen(test.database(), &OpContext::system("test").in_partner(partner)).await,
        1
    );
}

#[tokio::test]
async fn tests_do_not_see_each_other() {
    let (one, other) = tokio::join!(TestDatabase::new(), TestDatabase::new());
    one.partner("isp-west").await;
    assert_eq!(
        partners_seen(other.database(), &OpContext::system("test")).await,
        0
    );
}
