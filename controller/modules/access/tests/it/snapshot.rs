//! A restart finds the directory on local disk, and the directory equals the database however long that took.

use std::sync::Arc;

use axum::http::Method;
use radius_server::directory::Subscriber;
use tempfile::TempDir;

use crate::world::{Isp, PATIENCE, World, within};

/// The file in the data directory.
const FILE: &str = "directory.snapshot";

/// The subscriber of a partner, as the packet path has him.
fn held(world: &World, isp: &Isp, username: &str) -> Option<Arc<Subscriber>> {
    let directory = world.plane.directory();
    directory.subscriber(isp.id.as_uuid().into(), username)
}

/// Waits until the directory has a subscriber.
async fn known(world: &World, isp: &Isp, username: &str) {
    let found = within(PATIENCE, || async { held(world, isp, username).map(drop) });
    assert!(found.await.is_some(), "{username} becomes known");
}

/// A world with alice and bob that has been stopped in order.
async fn stopped() -> (kernel::testing::TestDatabase, Arc<TempDir>, Isp) {
    let world = World::new().await;
    let isp = world.isp().await;
    for username in ["alice", "bob"] {
        world.subscriber(&isp, username, "open sesame").await;
        known(&world, &isp, username).await;
    }
    let (test, dir) = world.stop().await;
    (test.expect("a database"), dir, isp)
}

#[tokio::test]
async fn a_start_goes_on_from_the_snapshot_with_what_changed_meanwhile() {
    let (test, dir, isp) = stopped().await;
    assert!(dir.path().join(FILE).exists(), "written at an orderly stop");
    let mut root = test.superuser().await;
    for sql in [
        "UPDATE access.subscribers SET deleted_at = now() WHERE username = 'alice' AND tenant_id = $1",
        "UPDATE access.subscribers SET status = 'suspended' WHERE username = 'bob' AND tenant_id = $1",
    ] {
        let done = sqlx::query(sql).bind(isp.id.as_uuid()).execute(&mut root).await;
        assert_eq!(done.expect("runs").rows_affected(), 1);
    }
    let world = World::start(test.database().clone(), dir).await;
    // Changes were followed, so the snapshot was gone on from.
    assert!(world.metric("access_feeder_changes_total", None) >= 2);
    assert!(held(&world, &isp, "alice").is_none());
    let bob = held(&world, &isp, "bob").expect("there");
    assert_eq!(
        bob.service(),
        radius_server::directory::Service::Suspended { reason: "" }
    );
    assert_eq!(bob.password(), Some(&b"open sesame"[..]));
    // And is followed on: a plan that only the snapshot told of changes for those who have it.
    let plan = &world.get(&isp, "plans").await[0]["id"];
    let path = format!("plans/{}", plan.as_str().expect("an id"));
    let faster = serde_json::json!({ "download_bps": 500_000_000 });
    world.ask(Method::PATCH, &isp, &path, Some(&faster)).await;
    let found = within(PATIENCE, || async {
        let bob = held(&world, &isp, "bob")?;
        (bob.plan.rate().download_bps == Some(500_000_000)).then_some(())
    });
    assert!(found.await.is_some(), "the new rate becomes known");
}

#[tokio::test]
async fn a_damaged_snapshot_is_a_start_without_one() {
    let (test, dir, isp) = stopped().await;
    let path = dir.path().join(FILE);
    let mut octets = std::fs::read(&path).expect("reads");
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    std::fs::write(&path, octets).expect("writes");
    let world = World::start(test.database().clone(), dir).await;
    assert_eq!(
        world.metric("access_feeder_changes_total", None),
        0,
        "all was loaded"
    );
    assert!(held(&world, &isp, "alice").is_some() && held(&world, &isp, "bob").is_some());
}

#[tokio::test]
async fn a_snapshot_of_another_database_leaves_nothing_behind() {
    let (_gone, dir, isp) = stopped().await;
    let other = kernel::testing::TestDatabase::new().await;
    let world = World::start(other.database().clone(), dir).await;
    assert!(held(&world, &isp, "alice").is_none());
    assert_eq!(
        world.plane.directory().counts(),
        radius_server::directory::Counts::default()
    );
}

#[tokio::test]
async fn loading_everything_again_takes_out_what_is_gone_and_keeps_the_rest() {
    let (test, dir, isp) = stopped().await;
    // No trigger notes it, as when rows came back from a backup: only a full load can tell.
    let mut root = test.superuser().await;
    for sql in [
        "SET session_replication_role = replica",
        "DELETE FROM access.radcheck WHERE username = 'alice'",
        "DELETE FROM access.subscribers WHERE username = 'alice'",
        "DROP TRIGGER note_change ON access.subscribers",
        "ALTER TABLE access.directory_change RENAME TO former",
        "CREATE TABLE access.directory_change (LIKE access.former INCLUDING ALL)",
        "GRANT ALL ON access.directory_change TO PUBLIC",
    ] {
        sqlx::query(sql).execute(&mut root).await.expect("runs");
    }
    let world = World::start(test.database().clone(), dir).await;
    assert!(held(&world, &isp, "alice").is_none(), "alice is gone");
    assert!(held(&world, &isp, "bob").is_some(), "bob is there");
}

#[tokio::test]
async fn a_full_load_makes_of_every_row_what_following_its_change_made() {
    let world = World::new().await;
    let isp = world.isp().await;
    world.subscriber(&isp, "alice", "sealed words").await;
    world.subscriber(&isp, "bob", "sealed words").await;
    let mut root = world.test.as_ref().expect("a database").superuser().await;
    for sql in [
        // Of several passwords Cleartext-Password counts, and of those the newest.
        "INSERT INTO access.radcheck (tenant_id, username, attribute, value) VALUES
            ($1, 'alice', 'User-Password', 'third'), ($1, 'alice', 'Cleartext-Password', 'newest'),
            ($1, 'alice', 'User-Password', 'last'), ($1, 'nobody', 'Cleartext-Password', 'x')",
        "INSERT INTO access.radreply (tenant_id, username, attribute, op, value) VALUES
            ($1, 'alice', 'Framed-Route', '=', 'a'), ($1, 'alice', 'Framed-Route', '+=', 'b')",
        "INSERT INTO access.radusergroup (tenant_id, username, groupname, priority) VALUES
            ($1, 'alice', 'second', 2), ($1, 'alice', 'first', 1), ($1, 'alice', 'third', 3)",
        "INSERT INTO access.radgroupreply (tenant_id, groupname, attribute, op, value) VALUES
            ($1, 'first', 'Idle-Timeout', '=', '7'), ($1, 'first', 'Fall-Through', '=', 'Yes'),
            ($1, 'second', 'Session-Timeout', '=', '9'), ($1, 'third', 'Port-Limit', '=', '1')",
        "UPDATE access.subscribers SET expires_at = 'infinity', status = 'suspended', status_reason = 'unpaid'
          WHERE tenant_id = $1 AND username = 'bob'",
        "UPDATE access.subscribers SET expires_at = '2031-02-03 04:05:06.7+00' WHERE tenant_id = $1 AND username = 'alice'",
    ] {
        let done = sqlx::query(sql).bind(isp.id.as_uuid()).execute(&mut root).await;
        done.expect("runs");
    }
    let followed = within(PATIENCE, || async {
        let alice = held(&world, &isp, "alice")?;
        alice.expires_at_unix_s().map(|_| alice)
    });
    let followed = followed.await.expect("alice becomes known");
    let (test, _dir) = world.stop().await;
    let test = test.expect("a database");

    let empty = Arc::new(tempfile::tempdir().expect("a directory"));
    let world = World::start(test.database().clone(), empty).await;
    let loaded = held(&world, &isp, "alice").expect("there");
    assert_eq!(loaded.password(), Some(&b"newest"[..]));
    assert_eq!(loaded.password(), followed.password());
    assert_eq!(loaded.reply(), followed.reply());
    assert_eq!(
        loaded.reply().len(),
        3 + 3 + 6 + 6,
        "two routes, two groups, not the third"
    );
    assert_eq!(loaded.expires_at_unix_s(), followed.expires_at_unix_s());
    assert_eq!(loaded.plan, followed.plan);
    let bob = held(&world, &isp, "bob").expect("there");
    assert_eq!(
        bob.service(),
        radius_server::directory::Service::Suspended { reason: "unpaid" }
    );
    assert_eq!(bob.password(), Some(&b"sealed words"[..]));
    assert_eq!(bob.expires_at_unix_s(), None, "infinity is never");
    assert!(held(&world, &isp, "nobody").is_none());
}
