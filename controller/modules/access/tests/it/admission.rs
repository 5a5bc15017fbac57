//! Who may come in beside those who are in: asked for over HTTP, decided in memory, written down, and there again after a
//! restart.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use radius::Code;
use radius::attribute::kind;
use serde_json::{Value, json};

use crate::nas::{FakeNas, Reply, Report};
use crate::world::{Isp, World, eventually};

/// The password of everybody.
const PASSWORD: &str = "open sesame";

/// An id out of an answer.
fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// Seconds since 1970.
fn now_s() -> u32 {
    u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits")
}

/// A node with alice and a NAS at this address.
async fn scene(address: &str) -> (World, Isp, FakeNas, Value) {
    let world = World::new().await;
    let isp = world.isp().await;
    let nas = FakeNas::at(address, "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    let alice = world.subscriber(&isp, "alice", PASSWORD).await;
    eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
    (world, isp, nas, alice)
}

/// Changes something; its `data`.
async fn patch(world: &World, isp: &Isp, path: &str, body: &Value) -> Value {
    let answer = world.ask(Method::PATCH, isp, path, Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "PATCH {path}: {}", answer.body);
    answer.body["data"].clone()
}

/// Changes what the partner's plan asks for, and waits until the access plane knows.
async fn plan(world: &World, isp: &Isp, body: &Value) {
    let plan = world.get(isp, "plans").await[0].clone();
    patch(world, isp, &format!("plans/{}/admission", id(&plan)), body).await;
    let partner = isp.id.as_uuid();
    eventually(|| async {
        let alice = world.plane.directory().subscriber(partner.into(), "alice")?;
        alice.is_guarded().then_some(())
    })
    .await;
}

/// Alice logs in.
async fn login(world: &World, nas: &mut FakeNas) -> Reply {
    let patience = Duration::from_secs(10);
    let reply = nas.login_within(patience, world.auth(), "alice", PASSWORD).await;
    reply.expect("a reply")
}

/// The session of a login is reported.
async fn start<'a>(world: &World, nas: &mut FakeNas, session: &'a [u8], accept: &'a Reply) {
    let class = accept.view().first(kind::CLASS).expect("a Class").to_vec();
    let address = accept
        .view()
        .first(kind::FRAMED_IP_ADDRESS)
        .and_then(|octets| octets.try_into().ok());
    let report = Report {
        class: &class,
        framed_ip: address,
        ..Report::new(1, session, now_s())
    };
    nas.account(world.accounting(), &report).await;
}

#[tokio::test]
async fn a_login_beyond_the_limit_is_refused_with_a_reason_and_simulated_alike() {
    let (world, isp, mut nas, alice) = scene("127.61.9.1").await;
    plan(&world, &isp, &json!({ "simultaneous": 1 })).await;
    assert_eq!(login(&world, &mut nas).await.code(), Code::AccessAccept);
    nas.station = "02-00-00-00-00-02";
    assert_eq!(login(&world, &mut nas).await.code(), Code::AccessReject);
    let explained = eventually(|| async {
        let explained = world.get(&isp, "radius/explain?username=alice").await;
        (explained.as_array()?.len() == 2).then_some(explained)
    });
    assert_eq!(explained.await[0]["reason"], "too_many_sessions");

    let bras = world.get(&isp, "nas").await[0].clone();
    let ask = |station: &str| json!({ "subscriber_id": id(&alice), "nas_id": id(&bras), "calling_station_id": station });
    let other = world
        .post(&isp, "radius/simulate", &ask("02-00-00-00-00-03"))
        .await;
    assert_eq!(other["reason"], "too_many_sessions");
    let own = world
        .post(&isp, "radius/simulate", &ask("02:00:00:00:00:01"))
        .await;
    assert_eq!(
        (&own["outcome"], &own["reason"]),
        (&json!("Access-Accept"), &json!("accepted"))
    );
    assert_eq!(own["attributes"][0], "Session-Timeout = 3600");
    let state = world
        .get(&isp, &format!("subscribers/{}/admission", id(&alice)))
        .await;
    assert_eq!(
        (&state["places_open"], &state["places_waiting"]),
        (&json!(0), &json!(1)),
        "asking took no place"
    );
}

#[tokio::test]
async fn a_session_that_loses_its_place_is_disconnected() {
    let (world, isp, mut nas, _alice) = scene("127.61.9.2").await;
    plan(
        &world,
        &isp,
        &json!({ "simultaneous": 1, "on_collision": "replace" }),
    )
    .await;
    let older = login(&world, &mut nas).await;
    start(&world, &mut nas, b"0001", &older).await;
    nas.station = "02-00-00-00-00-02";
    let newer = login(&world, &mut nas).await;
    assert_eq!(newer.code(), Code::AccessAccept);
    let told = nas.told(Code::DisconnectAck, None).await;
    assert_eq!(told.view().first(kind::ACCT_SESSION_ID), Some(&b"0001"[..]));
    eventually(|| async { (world.metric("access_intents_total", Some("acknowledged")) == 1).then_some(()) })
        .await;
    assert_eq!(world.metric("access_places_taken_over_total", None), 1);
}

#[tokio::test]
async fn a_binding_is_written_down_outlives_a_restart_and_ends_with_a_release() {
    let (world, isp, mut nas, alice) = scene("127.61.9.3").await;
    plan(&world, &isp, &json!({ "bind": "mac" })).await;
    assert_eq!(login(&world, &mut nas).await.code(), Code::AccessAccept);
    let admission = format!("subscribers/{}/admission", id(&alice));
    let bound = eventually(|| async {
        let state = world.get(&isp, &admission).await;
        state["bound_since"].is_string().then_some(state)
    });
    assert_eq!(bound.await["bound"], "mac 02:00:00:00:00:01");
    let (test, dir) = world.stop().await;
    let test = test.expect("a database");
    let world = World::start(test.database().clone(), dir).await;
    nas.station = "02-00-00-00-00-02";
    assert_eq!(login(&world, &mut nas).await.code(), Code::AccessReject);
    let released = world
        .post(&isp, &format!("subscribers/{}/release", id(&alice)), &json!({}))
        .await;
    assert_eq!(released["was_bound_to"], "mac 02:00:00:00:00:01");
    assert_eq!(login(&world, &mut nas).await.code(), Code::AccessAccept);
    let audit: i64 =
        sqlx::query_scalar("SELECT count(*) FROM kernel.audit WHERE action = 'subscriber.release'")
            .fetch_one(&mut test.superuser().await)
            .await
            .expect("counted");
    assert_eq!(audit, 1);
}

#[tokio::test]
async fn an_address_is_leased_kept_over_a_restart_and_not_assigned_to_another() {
    let (world, isp, mut nas, _alice) = scene("127.61.9.4").await;
    let home = json!({ "name": "home", "kind": "ipv4", "ranges": ["10.7.0.0/29"], "excluded": ["10.7.0.1"] });
    world.post(&isp, "pools", &home).await;
    let overlap = json!({ "name": "other", "kind": "ipv4", "ranges": ["10.7.0.6-10.7.0.9"] });
    let refused = world.ask(Method::POST, &isp, "pools", Some(&overlap)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    plan(&world, &isp, &json!({ "ipv4_pool": "home" })).await;
    let accept = login(&world, &mut nas).await;
    assert_eq!(
        accept.view().first(kind::FRAMED_IP_ADDRESS),
        Some(&[10, 7, 0, 2][..])
    );
    start(&world, &mut nas, b"0001", &accept).await;

    let bob = world.subscriber(&isp, "bob", PASSWORD).await;
    let assign = |address: &str| json!({ "addresses": [{ "kind": "ipv4", "address": address }] });
    let path = format!("subscribers/{}/admission", id(&bob));
    let taken = world
        .ask(Method::PATCH, &isp, &path, Some(&assign("10.7.0.2/32")))
        .await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.body);
    let detail = taken.body["detail"].as_str().expect("words");
    assert!(detail.contains("alice has it of pool home"), "{detail}");
    patch(&world, &isp, &path, &assign("10.7.0.3/32")).await;
    eventually(|| async {
        let pools = world.get(&isp, "pools").await;
        (pools[0]["reserved"] == 1).then_some(())
    })
    .await;
    let removed = world
        .ask(
            Method::DELETE,
            &isp,
            &format!("pools/{}", id(&world.get(&isp, "pools").await[0])),
            None,
        )
        .await;
    assert_eq!(removed.status, StatusCode::CONFLICT, "a plan names it");

    // The lease is on its way into the database within a tenth of a second; the session is in the journal.
    let (test, dir) = world.stop().await;
    let test = test.expect("a database");
    let world = World::start(test.database().clone(), dir).await;
    let pool = world.get(&isp, "pools").await[0].clone();
    assert_eq!((&pool["total"], &pool["given"]), (&json!(5), &json!(1)));
    nas.station = "02-00-00-00-00-02";
    let second = login(&world, &mut nas).await;
    assert_eq!(
        second.view().first(kind::FRAMED_IP_ADDRESS),
        Some(&[10, 7, 0, 4][..])
    );
}

#[tokio::test]
async fn where_he_may_come_from_is_read_and_refused_by_field() {
    let (world, isp, mut nas, alice) = scene("127.61.9.5").await;
    let path = format!("subscribers/{}/admission", id(&alice));
    for allowed in [
        json!([{ "kind": "nas", "nas": "bras-9" }]),
        json!([{ "kind": "nas" }]),
        json!([{ "kind": "mac", "value": "no mac" }]),
        json!([{ "kind": "vlan", "value": "5000" }]),
    ] {
        let body = json!({ "allowed": allowed });
        let answer = world.ask(Method::PATCH, &isp, &path, Some(&body)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {}",
            answer.body
        );
    }
    let body = json!({ "allowed": [{ "kind": "mac", "value": "0200.0000.0002" }] });
    let state = patch(&world, &isp, &path, &body).await;
    assert_eq!(state["allowed"][0]["value"], "02:00:00:00:00:02");
    let partner = isp.id.as_uuid();
    eventually(|| async {
        let alice = world.plane.directory().subscriber(partner.into(), "alice")?;
        alice.is_ruled().then_some(())
    })
    .await;
    assert_eq!(login(&world, &mut nas).await.code(), Code::AccessReject);
    nas.station = "02-00-00-00-00-02";
    assert_eq!(login(&world, &mut nas).await.code(), Code::AccessAccept);
}

#[tokio::test]
async fn those_at_a_site_get_addresses_of_its_pool_and_the_nas_is_not_told_of_its_own() {
    let (world, isp, mut nas, alice) = scene("127.61.9.41").await;
    for (name, range) in [("homes", "10.9.0.0/24"), ("roof", "10.9.7.0/24")] {
        world
            .post(
                &isp,
                "pools",
                &json!({ "name": name, "kind": "ipv4", "ranges": [range] }),
            )
            .await;
    }
    let of_nas = json!({ "framed_pool": "nas-pool" });
    let fiber = world.get(&isp, "plans").await[0].clone();
    patch(&world, &isp, &format!("plans/{}", id(&fiber)), &of_nas).await;
    plan(&world, &isp, &json!({ "ipv4_pool": "homes" })).await;
    let site = alice["site_id"].as_str().expect("an id").to_owned();
    let path = format!("sites/{site}/pools");
    let none = json!({ "ipv4_pool": null, "prefix_pool": null, "delegated_pool": null });
    assert_eq!(world.get(&isp, &path).await, none);
    let range = |reply: &Reply| {
        assert_eq!(reply.code(), Code::AccessAccept);
        let view = reply.view();
        assert_eq!(view.first(kind::FRAMED_POOL), None, "one authority says which");
        let address: [u8; 4] = view
            .first(kind::FRAMED_IP_ADDRESS)
            .and_then(|octets| octets.try_into().ok())
            .expect("an address");
        address[2]
    };
    eventually(|| async { world.plane.directory().gate().pools().get(1).map(|_| ()) }).await;
    assert_eq!(range(&login(&world, &mut nas).await), 0);

    patch(&world, &isp, &path, &json!({ "ipv4_pool": "roof" })).await;
    let partner = isp.id.as_uuid();
    let ruled = async |wanted: bool| {
        eventually(|| async {
            let directory = world.plane.directory();
            let alice = directory.subscriber(partner.into(), "alice")?;
            let rules = directory.partner(partner.into())?.rules_of(&alice);
            let has = rules.is_some_and(|rules| rules.pools[0].is_some());
            (has == wanted).then_some(())
        })
        .await;
    };
    ruled(true).await;
    let bras = world.get(&isp, "nas").await[0].clone();
    let preview = format!("radius/preview?username=alice&nas={}", id(&bras));
    let preview = world.get(&isp, &preview).await;
    assert!(
        preview
            .to_string()
            .contains("the NAS's pool is not named beside it"),
        "{preview:#}"
    );
    nas.station = "02-00-00-00-00-77";
    assert_eq!(range(&login(&world, &mut nas).await), 7);
    let roof = world.get(&isp, "pools").await[1].clone();
    let busy = world
        .ask(Method::DELETE, &isp, &format!("pools/{}", id(&roof)), None)
        .await;
    assert_eq!(busy.status, StatusCode::CONFLICT, "{}", busy.body);
    assert!(busy.body.to_string().contains("site homes/main"), "{}", busy.body);
    let wrong = json!({ "prefix_pool": "roof" });
    let wrong = world.ask(Method::PATCH, &isp, &path, Some(&wrong)).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.body);
    let east = world.isp().await;
    let foreign = world
        .ask(Method::PATCH, &east, &path, Some(&json!({ "ipv4_pool": null })))
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{}", foreign.body);

    patch(&world, &isp, &path, &json!({ "ipv4_pool": null })).await;
    ruled(false).await;
    nas.station = "02-00-00-00-00-78";
    assert_eq!(range(&login(&world, &mut nas).await), 0);
}
