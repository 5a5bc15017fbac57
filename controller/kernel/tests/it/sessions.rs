//! Signed-in sessions: seen and ended by their person, and by who may manage him; and guessing, under a virtual clock.

use axum::http::Method;
use kernel::authz::{Permission, PermissionSet};
use serde_json::Value;

use crate::world::{PASSWORD, World};

const EMAIL: &str = "tech@isp.example";

fn token(body: &Value) -> String {
    body["data"]["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

fn ids(body: &Value) -> Vec<String> {
    let list = body["data"].as_array().unwrap_or_else(|| panic!("{body}"));
    list.iter()
        .filter_map(|session| session["id"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_person_sees_and_ends_his_own_sessions() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world.user(&partner, &admin, EMAIL, &["partner-tech"]).await;
    let here = token(&world.login_from("192.0.2.1", EMAIL, PASSWORD).await.body);
    let there = token(&world.login_from("192.0.2.2", EMAIL, PASSWORD).await.body);
    let third = token(&world.login(EMAIL, PASSWORD).await.body);
    let listed = world.get("/me/sessions", &here).await;
    assert_eq!(ids(&listed.body).len(), 3);
    let sessions = listed.body["data"].as_array().expect("sessions").clone();
    let current: Vec<_> = sessions
        .iter()
        .filter(|session| session["current"] == true)
        .collect();
    assert_eq!(
        (current.len(), &current[0]["source_ip"]),
        (1, &Value::from("192.0.2.1"))
    );
    let of_there = sessions
        .iter()
        .find(|session| session["source_ip"] == "192.0.2.2")
        .and_then(|session| session["id"].as_str())
        .expect("the other one");
    let path = format!("/me/sessions/{of_there}");
    // Nobody else's: he is told that there is none.
    assert_eq!(
        world.call(Method::DELETE, &path, &admin.token, None).await.status,
        404
    );
    assert_eq!(world.call(Method::DELETE, &path, &here, None).await.status, 204);
    assert_eq!(world.call(Method::DELETE, &path, &here, None).await.status, 404);
    assert_eq!(world.get("/me", &there).await.status, 401);
    assert_eq!(
        world
            .call(Method::DELETE, "/me/sessions", &here, None)
            .await
            .status,
        204
    );
    assert_eq!(world.get("/me", &third).await.status, 401);
    assert_eq!(world.get("/me", &here).await.status, 200);
    // One that has been idle for too long is none.
    world.login(EMAIL, PASSWORD).await;
    world.kernel.identity.clock().pass(29 * 60);
    assert_eq!(world.get("/me", &here).await.status, 200);
    world.kernel.identity.clock().pass(2 * 60);
    assert_eq!(ids(&world.get("/me/sessions", &here).await.body).len(), 1);
    assert_eq!(world.audit("session.revoke").await.len(), 1);
    assert_eq!(world.audit("session.revoke-all").await.len(), 1);
}

#[tokio::test]
async fn an_administrator_ends_sessions_of_those_he_may_manage_and_of_nobody_else() {
    let world = World::new().await;
    let (partner, elsewhere) = (world.partner().await, world.partner().await);
    let admin = world.partner_admin(&partner).await;
    let id = world.user(&partner, &admin, EMAIL, &["partner-tech"]).await;
    let session = token(&world.login(EMAIL, PASSWORD).await.body);
    let path = format!("/partners/{}/users/{id}/sessions", partner.slug);
    let listed = world.get(&path, &admin.token).await;
    assert_eq!(ids(&listed.body).len(), 1);
    let one = format!("{path}/{}", ids(&listed.body)[0]);
    let foreign = world.partner_admin(&elsewhere).await;
    let wrong = format!("/partners/{}/users/{id}/sessions", elsewhere.slug);
    assert_eq!(world.get(&wrong, &foreign.token).await.status, 404);
    assert_eq!(
        world
            .call(Method::DELETE, &wrong, &foreign.token, None)
            .await
            .status,
        404
    );
    let few = PermissionSet::of(&[Permission::UsersManage]);
    let less = kernel::http::testing::person(&world.kernel, Some(partner.id), few).await;
    assert_eq!(
        world.call(Method::DELETE, &path, &less.token, None).await.status,
        403
    );
    assert_eq!(world.get("/me", &session).await.status, 200);
    assert_eq!(
        world.call(Method::DELETE, &one, &admin.token, None).await.status,
        204
    );
    assert_eq!(world.get("/me", &session).await.status, 401);
    let session = token(&world.login(EMAIL, PASSWORD).await.body);
    assert_eq!(
        world.call(Method::DELETE, &path, &admin.token, None).await.status,
        204
    );
    assert_eq!(world.get("/me", &session).await.status, 401);
    let platform = world.platform_admin().await;
    let above = format!("/users/{}/sessions", platform.id);
    assert_eq!(ids(&world.get(&above, &platform.token).await.body).len(), 1);
    let lines = world.audit("session.revoke").await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].object_label.as_deref(), Some(EMAIL));
}

#[tokio::test]
async fn a_day_of_guessing_never_keeps_the_person_out_and_gets_few_guesses() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    world.user(&partner, &admin, EMAIL, &["partner-tech"]).await;
    let mut guesses = 0;
    // The attacker tries as soon as he may, from one address; the person signs in every hour from another.
    for minute in 0..24 * 60 {
        if world
            .login_from("203.0.113.66", EMAIL, "wrong horse battery")
            .await
            .status
            == 401
        {
            guesses += 1;
        }
        if minute % 60 == 0 {
            let answer = world.login_from("192.0.2.7", EMAIL, PASSWORD).await;
            assert_eq!(answer.status, 200, "minute {minute}: {}", answer.body);
        }
        world.kernel.identity.clock().pass(60);
    }
    // Five at once, then with doubled waits up to a quarter of an hour: four an hour.
    assert!((90..=110).contains(&guesses), "{guesses} guesses in a day");
    // Who guesses is not helped by the person's success, and an hour of quiet is forgiven.
    assert_eq!(
        world
            .login_from("203.0.113.66", EMAIL, "wrong horse battery")
            .await
            .status,
        429
    );
    world.kernel.identity.clock().pass(60 * 60);
    assert_eq!(
        world.login_from("203.0.113.66", EMAIL, PASSWORD).await.status,
        200
    );
}
