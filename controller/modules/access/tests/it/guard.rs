//! What a NAS is held to: a secret that is replaced while it works, unsigned requests that are seen and then refused, a rate.

use axum::http::{Method, StatusCode};
use radius::Code;
use serde_json::{Value, json};

use crate::nas::FakeNas;
use crate::world::{Isp, World, eventually, within};
use std::time::Duration;

/// The path of a NAS, or of something about it.
fn path(nas: &Value, about: &str) -> String {
    format!("nas/{}{about}", nas["id"].as_str().expect("an id"))
}

/// Waits until a login ends like this.
async fn reaches(world: &World, nas: &mut FakeNas, password: &str, code: Option<Code>) {
    let mut reached = false;
    for _ in 0..100 {
        let reply = nas.login(world.auth(), "alice", password).await;
        if reply.map(|reply| reply.code()) == code {
            reached = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(reached, "no {code:?}");
}

/// A world with a NAS and alice, and the NAS as the API shows it.
async fn world(address: &str) -> (World, Isp, FakeNas, Value) {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at(address, "a secret of a NAS").await;
    world.subscriber(&isp, "alice", "open sesame").await;
    let admitted = world.admit(&isp, "bras-1", &nas).await;
    reaches(&world, &mut nas, "open sesame", Some(Code::AccessAccept)).await;
    (world, isp, nas, admitted)
}

#[tokio::test]
async fn a_secret_is_replaced_while_the_nas_goes_on() {
    let (world, isp, mut nas, admitted) = world("127.61.8.1").await;
    let rotate = json!({ "secret": "another secret of it", "overlap_s": 3600 });
    let after = world.post(&isp, &path(&admitted, "/secret"), &rotate).await;
    assert!(after["older_secret_until"].is_string(), "{after}");
    let mut newer = nas.again_with("another secret of it").await;
    reaches(&world, &mut newer, "open sesame", Some(Code::AccessAccept)).await;
    reaches(&world, &mut nas, "open sesame", Some(Code::AccessAccept)).await;
    let seen = world.get(&isp, &path(&admitted, "")).await;
    assert!(seen["posture"]["older_secret_last_at"].is_string(), "{seen}");
    assert!(seen["health"]["older_secret_used"].as_u64() > Some(0), "{seen}");

    let again = world
        .ask(Method::POST, &isp, &path(&admitted, "/secret"), Some(&rotate))
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let ended = world
        .ask(Method::DELETE, &isp, &path(&admitted, "/older-secret"), None)
        .await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.body);
    reaches(&world, &mut nas, "open sesame", None).await;
    reaches(&world, &mut newer, "open sesame", Some(Code::AccessAccept)).await;

    // A secret that is simply set replaces both.
    let third = json!({ "secret": "a third secret of it", "overlap_s": 3600 });
    world.post(&isp, &path(&admitted, "/secret"), &third).await;
    let set = json!({ "secret": "a fourth secret of it" });
    let answer = world
        .ask(Method::PATCH, &isp, &path(&admitted, ""), Some(&set))
        .await;
    assert_eq!(
        answer.body["data"]["older_secret_until"],
        Value::Null,
        "{}",
        answer.body
    );
    let mut fourth = nas.again_with("a fourth secret of it").await;
    reaches(&world, &mut fourth, "open sesame", Some(Code::AccessAccept)).await;
    reaches(&world, &mut newer, "open sesame", None).await;

    for (field, body) in [
        ("/secret", json!({ "secret": "12345", "overlap_s": 3600 })),
        (
            "/overlap_s",
            json!({ "secret": "another secret of it", "overlap_s": 59 }),
        ),
        (
            "/overlap_s",
            json!({ "secret": "another secret of it", "overlap_s": 7_776_001 }),
        ),
    ] {
        let refused = world
            .ask(Method::POST, &isp, &path(&admitted, "/secret"), Some(&body))
            .await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            refused.body["errors"].to_string().contains(field),
            "{}",
            refused.body
        );
    }
}

#[tokio::test]
async fn an_unsigned_nas_is_listed_and_not_tightened_and_one_that_signs_is() {
    let (world, isp, mut nas, admitted) = world("127.61.8.2").await;
    nas.signs = false;
    // It has signed, and `auto` holds it to that; nothing it does unsigned is answered, and all of it is counted.
    reaches(&world, &mut nas, "open sesame", None).await;
    let seen = world.get(&isp, &path(&admitted, "")).await;
    assert_eq!(seen["posture"]["verdict"], "unsigned", "{seen}");
    assert!(seen["posture"]["unsigned_last_at"].is_string(), "{seen}");
    let kept = world.post(&isp, &path(&admitted, "/tighten"), &json!({})).await;
    assert_eq!(kept["require_message_authenticator"], "auto");

    let mut other = FakeNas::at("127.61.8.3", "a secret of a NAS").await;
    let signing = world.admit(&isp, "bras-2", &other).await;
    reaches(&world, &mut other, "open sesame", Some(Code::AccessAccept)).await;
    let tight = world.post(&isp, &path(&signing, "/tighten"), &json!({})).await;
    assert_eq!(tight["posture"]["verdict"], "tight", "{tight}");
    assert_eq!(
        (
            &tight["require_message_authenticator"],
            &tight["limit_proxy_state"]
        ),
        (&json!("yes"), &json!("yes"))
    );
    let set = json!({ "require_message_authenticator": "no", "limit_proxy_state": "no" });
    let answer = world
        .ask(Method::PATCH, &isp, &path(&signing, ""), Some(&set))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    other.signs = false;
    reaches(&world, &mut other, "open sesame", Some(Code::AccessAccept)).await;
}

#[tokio::test]
async fn what_a_nas_has_shown_is_known_after_a_restart() {
    let (world, isp, mut nas, admitted) = world("127.61.8.4").await;
    nas.signs = false;
    reaches(&world, &mut nas, "open sesame", None).await;
    let (isp, id) = (isp.clone(), path(&admitted, ""));
    let db = world.test.as_ref().expect("its own").database().clone();
    // A stop writes down what was learned.
    let (_test, dir) = world.stop().await;
    let world = World::start(db, dir).await;
    let seen = world.get(&isp, &id).await;
    assert_eq!(seen["health"]["unsigned"], 0);
    assert_eq!(seen["posture"]["verdict"], "unsigned", "{seen}");
    assert_eq!(seen["posture"]["unsigned"], 1, "{seen}");
    assert!(seen["posture"]["unsigned_since"].is_string(), "{seen}");
}

#[tokio::test]
async fn a_nas_is_held_to_its_rate_until_it_has_none() {
    let (world, isp, mut nas, admitted) = world("127.61.8.5").await;
    let set = |rate: Value| json!({ "request_rate": rate, "request_burst": null });
    let slow = set(json!(1));
    world
        .ask(Method::PATCH, &isp, &path(&admitted, ""), Some(&slow))
        .await;
    eventually(|| async { nas_limited(&world).then_some(()) }).await;
    // One a second, and each attempt waits for a fifth of one.
    reaches(&world, &mut nas, "open sesame", None).await;
    let seen = world.get(&isp, &path(&admitted, "")).await;
    assert!(seen["health"]["rate_limited"].as_u64() > Some(0), "{seen}");
    let free = set(Value::Null);
    world
        .ask(Method::PATCH, &isp, &path(&admitted, ""), Some(&free))
        .await;
    within(Duration::from_secs(5), || async {
        (!nas_limited(&world)).then_some(())
    })
    .await
    .expect("freed");
    reaches(&world, &mut nas, "open sesame", Some(Code::AccessAccept)).await;
}

/// Whether the only NAS has a rate on the packet path.
fn nas_limited(world: &World) -> bool {
    world.plane.directory().nas_list()[0].request_rate.is_some()
}
