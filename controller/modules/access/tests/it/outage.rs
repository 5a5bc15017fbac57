//! With the database away: logins and accounting go on, what needs it says so, and nothing is lost when it returns.

use axum::http::{Method, StatusCode};
use kernel::OpContext;
use kernel::testing::TestCluster;
use radius::Code;
use serde_json::json;
use std::sync::Arc;

use crate::nas::{FakeNas, Report};
use crate::world::{World, eventually};
use access::app::App;
use access::plane::PlaneHandle;

#[tokio::test]
async fn the_access_plane_does_not_notice_and_catches_up() {
    let cluster = TestCluster::start().await;
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let world = World::start(cluster.database().clone(), dir).await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.5.1", "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    world.subscriber(&isp, "alice", "open sesame").await;
    eventually(|| async {
        world
            .plane
            .directory()
            .subscriber(isp.id.as_uuid().into(), "alice")
    })
    .await;
    eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
    let at = u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits") - 60;
    nas.account(world.accounting(), &Report::new(1, b"0081A2", at))
        .await;
    let session = world.session_of(&isp, "alice").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();

    cluster.stop().await;
    let accept = nas
        .login(world.auth(), "alice", "open sesame")
        .await
        .expect("answered from memory");
    assert_eq!(accept.code(), Code::AccessAccept);
    nas.account(
        world.accounting(),
        &Report::new(3, b"0081A2", at + 30).with(30, 123, 456),
    )
    .await;
    let (path, body) = (
        format!("sessions/{session}/disconnect"),
        json!({ "reason": "a test" }),
    );
    let answer = world.ask(Method::POST, &isp, &path, Some(&body)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);

    let answer = world.ask(Method::GET, &isp, "sessions", None).await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "nobody is recognised without the database"
    );

    let coa = coa::Coa::start(coa::Timing::default())
        .await
        .expect("session control");
    let handle = PlaneHandle::of(&world.plane);
    let app = Arc::new(App::new(
        world.kernel.db.clone(),
        world.kernel.sealer.clone(),
        handle,
        coa,
        Arc::default(),
    ));
    let op = OpContext::system("test").in_partner(isp.id);
    let explanation = app.radius_explain(&op, "alice", 20).await.expect("from memory");
    assert_eq!(explanation.decisions[0].reason, "accepted");
    assert!(
        explanation
            .incomplete
            .is_some_and(|why| why.contains("from memory"))
    );
    let id = session.parse().expect("an id");
    let error = app
        .session_disconnect(&op, id, "a test".to_owned())
        .await
        .expect_err("not without a stored intent");
    assert!(
        error.to_string().starts_with("nothing was sent to the NAS"),
        "{error}"
    );

    eventually(|| async {
        (world.metric("access_drain_failures_total", Some("accounting")) > 0).then_some(())
    })
    .await;

    cluster.start_again().await;
    let carried = eventually(|| async {
        let session = world
            .ask(Method::GET, &isp, "sessions?username=alice", None)
            .await;
        let mut tx = world.kernel.db.begin(&OpContext::system("test")).await.ok()?;
        let octets: Option<i64> =
            sqlx::query_scalar("SELECT acctinputoctets FROM access.radacct WHERE username = 'alice'")
                .fetch_optional(&mut *tx)
                .await
                .ok()?;
        (octets == Some(123) && session.status == StatusCode::OK).then_some(())
    });
    carried.await;
    world.subscriber(&isp, "bob", "open sesame").await;
    eventually(|| async { world.plane.directory().subscriber(isp.id.as_uuid().into(), "bob") }).await;
    assert!(world.metric("access_drain_records_total", Some("accounting")) >= 2);
    assert_eq!(world.metric("access_drain_poisoned_total", Some("accounting")), 0);
    world.stop().await;
}
