//! What somebody changes works on the packet path without a restart, for the right partner, in commit order.

use std::time::Duration;

use axum::http::Method;
use radius::Code;
use radius::attribute::kind::{self, vendor};
use serde_json::json;

use crate::nas::{FakeNas, Reply};
use crate::world::{Isp, PATIENCE, World, within};

/// Logs in until the reply has this code; panics when it does not in time.
async fn reaches(world: &World, nas: &mut FakeNas, login: (&str, &str), code: Code) -> Reply {
    reaches_with(world, nas, login, |reply| reply.code() == code).await
}

/// Logs in until the reply is as wanted; panics when none is in time, with the last one.
async fn reaches_with(
    world: &World,
    nas: &mut FakeNas,
    login: (&str, &str),
    wanted: impl Fn(&Reply) -> bool,
) -> Reply {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let reply = nas.login(world.auth(), login.0, login.1).await;
        let seen = reply
            .as_ref()
            .map(|reply| (reply.code(), reply.view().u32(kind::SESSION_TIMEOUT)));
        if let Some(reply) = reply.filter(&wanted) {
            return reply;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "not as wanted for {}; last came (code, Session-Timeout) {seen:?}",
            login.0
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_new_nas_and_a_new_subscriber_are_served_without_a_restart() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.1.1", "a secret of a NAS").await;
    world.subscriber(&isp, "alice", "open sesame").await;
    world.admit(&isp, "bras-1", &nas).await;
    let accept = reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessAccept).await;
    assert_eq!(accept.view().u32(kind::SESSION_TIMEOUT), Some(3600));
    assert_eq!(accept.view().u32(kind::ACCT_INTERIM_INTERVAL), Some(300));
    assert_eq!(accept.view().vendor(vendor::MIKROTIK, 8), Some(&b"20M/100M"[..]));

    let health = world.get(&isp, "nas").await[0]["health"].clone();
    assert_eq!(health["accepts"], 1);
    assert_eq!(health["message_authenticator_seen"], true);
}

#[tokio::test]
async fn a_change_of_plan_password_and_status_works_without_a_restart() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.1.2", "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    let alice = world.subscriber(&isp, "alice", "open sesame").await;
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessAccept).await;
    let path = format!("subscribers/{}", alice["id"].as_str().expect("an id"));

    let plan = world.get(&isp, "plans").await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let faster = json!({ "download_bps": 500_000_000, "upload_bps": 500_000_000, "session_timeout_s": null });
    let answer = world
        .ask(Method::PATCH, &isp, &format!("plans/{plan}"), Some(&faster))
        .await;
    assert!(answer.status.is_success(), "{}", answer.body);
    let found = within(PATIENCE, || async {
        let spec = world
            .plane
            .directory()
            .subscriber(isp.id.as_uuid().into(), "alice")?;
        (spec.plan.rate().download_bps == Some(500_000_000)).then_some(())
    });
    assert!(found.await.is_some(), "the new rate becomes known");
    let accept = reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessAccept).await;
    assert_eq!(accept.view().u32(kind::SESSION_TIMEOUT), None);

    world
        .ask(
            Method::PATCH,
            &isp,
            &path,
            Some(&json!({ "password": "new words" })),
        )
        .await;
    reaches(&world, &mut nas, ("alice", "new words"), Code::AccessAccept).await;

    let suspend = json!({ "status": "suspended", "status_reason": "unpaid" });
    world.ask(Method::PATCH, &isp, &path, Some(&suspend)).await;
    reaches(&world, &mut nas, ("alice", "new words"), Code::AccessReject).await;
    let explained = world.get(&isp, "radius/explain?username=alice").await;
    assert_eq!(explained[0]["reason"], "suspended");
    assert!(
        explained[0]["steps"].to_string().contains("unpaid"),
        "{explained}"
    );

    world
        .ask(Method::PATCH, &isp, &path, Some(&json!({ "status": "active" })))
        .await;
    reaches(&world, &mut nas, ("alice", "new words"), Code::AccessAccept).await;
    world.ask(Method::DELETE, &isp, &path, None).await;
    reaches(&world, &mut nas, ("alice", "new words"), Code::AccessReject).await;
}

#[tokio::test]
async fn two_partners_can_have_the_same_user_name() {
    let world = World::new().await;
    let (west, east) = (world.isp().await, world.isp().await);
    let mut west_nas = FakeNas::at("127.61.1.3", "the secret of west").await;
    let mut east_nas = FakeNas::at("127.61.1.4", "the secret of east").await;
    world.admit(&west, "bras-1", &west_nas).await;
    world.admit(&east, "bras-1", &east_nas).await;
    world.subscriber(&west, "alice", "western words").await;
    world.subscriber(&east, "alice", "eastern words").await;
    reaches(
        &world,
        &mut west_nas,
        ("alice", "western words"),
        Code::AccessAccept,
    )
    .await;
    reaches(
        &world,
        &mut east_nas,
        ("alice", "eastern words"),
        Code::AccessAccept,
    )
    .await;
    reaches(
        &world,
        &mut west_nas,
        ("alice", "eastern words"),
        Code::AccessReject,
    )
    .await;
    assert_eq!(
        world.get(&west, "radius/explain?username=alice").await[0]["reason"],
        "wrong_password"
    );
    assert_eq!(
        world.get(&east, "radius/explain?username=alice").await[0]["reason"],
        "accepted"
    );
}

#[tokio::test]
async fn explain_knows_names_that_nobody_has() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.1.5", "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    reaches(&world, &mut nas, ("alcie", "open sesame"), Code::AccessReject).await;
    let answer = world
        .ask(Method::GET, &isp, "radius/explain?username=alcie", None)
        .await;
    assert_eq!(answer.body["meta"]["complete"], true);
    let decision = &answer.body["data"][0];
    assert_eq!(decision["reason"], "unknown_subscriber");
    assert_eq!(decision["outcome"], "Access-Reject");
    assert_eq!(decision["nas"], "bras-1");
    assert_eq!(decision["steps"][0]["step"], "source");
}

#[tokio::test]
async fn what_a_freeradius_tool_writes_is_honoured() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.1.6", "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    world.subscriber(&isp, "alice", "open sesame").await;
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessAccept).await;

    let mut root = world.test.as_ref().expect("a database").superuser().await;
    for sql in [
        "UPDATE access.radcheck SET value = 'plain words' WHERE tenant_id = $1 AND username = 'alice'",
        "INSERT INTO access.radreply (tenant_id, username, attribute, value) VALUES ($1, 'alice', 'Idle-Timeout', '77')",
        "INSERT INTO access.radreply (tenant_id, username, attribute, value) VALUES ($1, 'alice', 'No-Such', '1')",
        "INSERT INTO access.radusergroup (tenant_id, username, groupname) VALUES ($1, 'alice', 'vip')",
        "INSERT INTO access.radgroupreply (tenant_id, groupname, attribute, op, value)
         VALUES ($1, 'vip', 'Session-Timeout', ':=', '99')",
        "UPDATE access.nas SET secret = 'plain secret' WHERE tenant_id = $1",
    ] {
        sqlx::query(sql)
            .bind(isp.id.as_uuid())
            .execute(&mut root)
            .await
            .expect("runs");
    }
    let mut nas = FakeNas::at("127.61.1.6", "plain secret").await;
    // Six commits, not one: the NAS may be live before the group is, so the value that the group gives instead of the
    // plan's is waited for like the password.
    let accept = reaches_with(&world, &mut nas, ("alice", "plain words"), |reply| {
        reply.code() == Code::AccessAccept && reply.view().u32(kind::SESSION_TIMEOUT) == Some(99)
    })
    .await;
    assert_eq!(accept.view().u32(kind::IDLE_TIMEOUT), Some(77));
}

#[tokio::test]
async fn a_change_that_commits_late_holds_nobody_up_and_is_not_skipped() {
    let world = World::new().await;
    let isp = world.isp().await;
    world.subscriber(&isp, "early", "open sesame").await;
    world.subscriber(&isp, "later", "open sesame").await;
    known(&world, &isp, "early", "active").await;
    known(&world, &isp, "later", "active").await;

    let test = world.test.as_ref().expect("a database");
    let suspend = "UPDATE access.subscribers SET status = 'suspended' WHERE username = $1";
    let mut slow = test.superuser().await;
    sqlx::query("BEGIN").execute(&mut slow).await.expect("begins");
    sqlx::query(suspend)
        .bind("early")
        .execute(&mut slow)
        .await
        .expect("runs");
    let mut quick = test.superuser().await;
    sqlx::query(suspend)
        .bind("later")
        .execute(&mut quick)
        .await
        .expect("runs");
    // The line of `later` is committed and has the higher number; the one of `early` is not to be seen yet, and holds
    // nobody up.
    known(&world, &isp, "later", "suspended").await;
    known(&world, &isp, "early", "active").await;
    sqlx::query("COMMIT").execute(&mut slow).await.expect("commits");
    known(&world, &isp, "early", "suspended").await;
    known(&world, &isp, "later", "suspended").await;
}

/// Waits until the directory has a subscriber in this state.
async fn known(world: &World, isp: &Isp, username: &str, state: &str) {
    let found = within(PATIENCE, || async {
        let spec = world
            .plane
            .directory()
            .subscriber(isp.id.as_uuid().into(), username)?;
        let active = spec.service() == radius_server::directory::Service::Active;
        (active == (state == "active")).then_some(())
    });
    assert!(found.await.is_some(), "{username} becomes {state}");
}
