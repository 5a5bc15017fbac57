//! How subscribers are told apart and what is stored of their passwords: through the API, the feeder and the packet path.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use kernel::OpContext;
use radius::Code;
use radius_server::directory::{Credential, IdentifyBy, MarkKind};
use serde_json::{Value, json};

use crate::nas::FakeNas;
use crate::world::{Isp, PATIENCE, World, within};

/// How long he waits for one answer: no longer than it is worked on.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Logs in until the reply has this code.
async fn reaches(world: &World, nas: &mut FakeNas, login: (&str, &str), code: Code) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let reply = nas
            .login_within(ANSWER_WAIT, world.auth(), login.0, login.1)
            .await;
        if reply.is_some_and(|reply| reply.code() == code) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no {code:?} for {} within {PATIENCE:?}",
            login.0
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asserts that the directory comes to say so.
async fn comes_true(what: &str, look: impl Fn() -> bool) {
    let found = within(PATIENCE, || async { look().then_some(()) });
    assert!(found.await.is_some(), "{what}");
}

/// Changes something of a partner's; its `data`.
async fn patch(world: &World, isp: &Isp, path: &str, body: &Value) -> Value {
    let answer = world.ask(Method::PATCH, isp, path, Some(body)).await;
    assert!(answer.status.is_success(), "PATCH {path}: {}", answer.body);
    answer.body["data"].clone()
}

/// A subscriber's path.
fn path_of(subscriber: &Value) -> String {
    format!("subscribers/{}", subscriber["id"].as_str().expect("an id"))
}

/// A subscriber to make, with these fields beside the usual ones.
pub fn draft(username: &str, more: &Value) -> Value {
    let mut body = json!({ "username": username, "client": "homes", "site": "main", "plan": "fiber-100" });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

/// Writes a row of radcheck as FreeRADIUS's tools do.
async fn radcheck(world: &World, isp: &Isp, username: &str, attribute: &str, value: &str) {
    let op = OpContext::system("test").in_partner(isp.id);
    let mut tx = world.kernel.db.begin(&op).await.expect("begins");
    sqlx::query("INSERT INTO access.radcheck (tenant_id, username, attribute, op, value) VALUES ($1, $2, $3, ':=', $4)")
        .bind(isp.id.as_uuid())
        .bind(username)
        .bind(attribute)
        .bind(value)
        .execute(&mut *tx)
        .await
        .expect("inserted");
    tx.commit().await.expect("commits");
}

#[tokio::test]
async fn a_password_is_stored_as_argon2id_and_still_logs_in() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.64.1.1", "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    let body = draft(
        "alice",
        &json!({ "password": "open sesame", "password_store": "argon2id" }),
    );
    let alice = world.post(&isp, "subscribers", &body).await;
    assert_eq!(alice["password_store"], "argon2id");
    assert_eq!(alice["password_methods"], json!(["PAP", "EAP-GTC"]));
    assert!(
        alice["password_check_cost"]
            .as_str()
            .expect("words")
            .contains("19 MiB"),
        "{alice}"
    );
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessAccept).await;
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessAccept).await;
    reaches(&world, &mut nas, ("alice", "wrong"), Code::AccessReject).await;
    let explained = world.get(&isp, "radius/explain?username=alice").await;
    assert!(
        explained
            .to_string()
            .contains("as remembered from an earlier login"),
        "{explained}"
    );

    // A new password stays what it was stored as; the partner's choice is for those to come.
    let alice = patch(
        &world,
        &isp,
        &path_of(&alice),
        &json!({ "password": "new words" }),
    )
    .await;
    assert_eq!(alice["password_store"], "argon2id");
    reaches(&world, &mut nas, ("alice", "new words"), Code::AccessAccept).await;
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessReject).await;
    let refused = json!({ "password_store": "reversible" });
    let refused = world
        .ask(Method::PATCH, &isp, &path_of(&alice), Some(&refused))
        .await;
    assert_eq!(
        refused.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        refused.body
    );

    patch(
        &world,
        &isp,
        "identity-policy",
        &json!({ "password_store": "argon2id" }),
    )
    .await;
    let bob = world.subscriber(&isp, "bob", "bob's words").await;
    assert_eq!(bob["password_store"], "argon2id");
    // A reversible one can be made into a hash, because it is known.
    let carol = draft(
        "carol",
        &json!({ "password": "carol's words", "password_store": "reversible" }),
    );
    let carol = world.post(&isp, "subscribers", &carol).await;
    assert_eq!(carol["password_store"], "reversible");
    let carol = patch(
        &world,
        &isp,
        &path_of(&carol),
        &json!({ "password_store": "argon2id" }),
    )
    .await;
    assert_eq!(carol["password_store"], "argon2id");
    reaches(&world, &mut nas, ("carol", "carol's words"), Code::AccessAccept).await;
}

#[tokio::test]
async fn hashes_of_others_are_taken_from_the_api_and_from_radcheck() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.64.1.2", "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    let sha512 =
        "$6$saltsalt$e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T.mx79PEMRy8nmtr0qSYhQp1";
    let alice = world
        .post(
            &isp,
            "subscribers",
            &draft("alice", &json!({ "password_hash": sha512 })),
        )
        .await;
    assert_eq!(alice["password_store"], "sha512_crypt");
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessAccept).await;
    let wrong = draft("mallory", &json!({ "password_hash": "$9$x" }));
    let refused = world.ask(Method::POST, &isp, "subscribers", Some(&wrong)).await;
    assert_eq!(
        refused.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        refused.body
    );

    for (username, attribute, value, store) in [
        ("nt", "NT-Password", "8846f7eaee8fb117ad06bdd830b7586c", "nt_hash"),
        (
            "crypt",
            "Crypt-Password",
            "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/",
            "md5_crypt",
        ),
        (
            "ssha",
            "SSHA-Password",
            "D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=",
            "ssha1",
        ),
    ] {
        let made = world
            .post(&isp, "subscribers", &draft(username, &json!({})))
            .await;
        assert_eq!(made["password_set"], false);
        radcheck(&world, &isp, username, attribute, value).await;
        let password = if username == "nt" {
            "password"
        } else {
            "open sesame"
        };
        reaches(&world, &mut nas, (username, password), Code::AccessAccept).await;
        let shown = world.get(&isp, &path_of(&made)).await;
        assert_eq!(shown["password_store"], store);
        assert_eq!(shown["password_set"], true);
        // A new password takes its place, and nothing of it stays.
        let set = patch(&world, &isp, &path_of(&made), &json!({ "password": "new words" })).await;
        assert_eq!(set["password_store"], "reversible");
        reaches(&world, &mut nas, (username, "new words"), Code::AccessAccept).await;
        reaches(&world, &mut nas, (username, password), Code::AccessReject).await;
        patch(&world, &isp, &path_of(&made), &json!({ "password": null })).await;
        reaches(&world, &mut nas, (username, "new words"), Code::AccessReject).await;
    }
}

#[tokio::test]
async fn devices_and_lines_are_known_without_a_restart_and_after_a_start() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.64.1.3", "a secret of a NAS").await;
    let admitted = world.admit(&isp, "bras-1", &nas).await;
    let nas_path = format!("nas/{}", admitted["id"].as_str().expect("an id"));
    let shown = patch(
        &world,
        &isp,
        &nas_path,
        &json!({ "identify": ["line", "mac", "user_name"] }),
    )
    .await;
    assert_eq!(shown["identify"], json!(["line", "mac", "user_name"]));
    let marks =
        json!({ "identified_by": ["mac=0200.0000.0001", "vlan@bras-1=100.200", "circuit-id=0x0004ff"] });
    let alice = world.post(&isp, "subscribers", &draft("alice", &marks)).await;
    let normal = json!([
        "mac=02:00:00:00:00:01",
        "vlan@bras-1=100.200",
        "circuit_id=0x0004ff"
    ]);
    assert_eq!(alice["identified_by"], normal);
    reaches(
        &world,
        &mut nas,
        ("02-00-00-00-00-01", "02-00-00-00-00-01"),
        Code::AccessAccept,
    )
    .await;

    // Each means one subscriber, and a NAS must be there.
    for (marks, status) in [
        (json!(["mac=02:00:00:00:00:01"]), StatusCode::CONFLICT),
        (json!(["vlan@bras-9=100.200"]), StatusCode::UNPROCESSABLE_ENTITY),
        (json!(["mac=alice"]), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let body = draft("bob", &json!({ "identified_by": marks }));
        let refused = world.ask(Method::POST, &isp, "subscribers", Some(&body)).await;
        assert_eq!(refused.status, status, "{}", refused.body);
    }

    let (partner, nas_id) = (isp.id.as_uuid().into(), admitted["id"].as_str().expect("an id"));
    let vlan = MarkKind::Vlan.read("100.200").expect("tags");
    let on = Some(nas_id.parse::<uuid::Uuid>().expect("an id").into());
    let known = |world: &World| {
        let partner = world.plane.directory().partner(partner)?;
        partner.subscriber_marked(MarkKind::Vlan, on, &vlan)
    };
    assert!(known(&world).is_some());
    // As they are after a start: from all rows on another node, and from the snapshot on this one.
    let (test, dir) = world.stop().await;
    let test = test.expect("a database");
    let other = std::sync::Arc::new(tempfile::tempdir().expect("a directory"));
    let elsewhere = World::start(test.database().clone(), other).await;
    assert!(known(&elsewhere).is_some(), "from all rows");
    elsewhere.stop().await;
    let world = World::start(test.database().clone(), dir).await;
    assert!(known(&world).is_some(), "from the snapshot");

    patch(&world, &isp, &path_of(&alice), &json!({ "identified_by": [] })).await;
    comes_true("the marks are gone", || known(&world).is_none()).await;
    reaches(
        &world,
        &mut nas,
        ("02-00-00-00-00-01", "02-00-00-00-00-01"),
        Code::AccessReject,
    )
    .await;
}

#[tokio::test]
async fn a_partners_choice_reaches_its_nas_and_its_names() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.64.1.4", "a secret of a NAS").await;
    let admitted = world.admit(&isp, "bras-1", &nas).await;
    world.subscriber(&isp, "Alice", "open sesame").await;
    reaches(&world, &mut nas, ("Alice", "open sesame"), Code::AccessAccept).await;
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessReject).await;
    let choice = json!({ "username_case": "fold", "identify": ["mac", "user_name"] });
    patch(&world, &isp, "identity-policy", &choice).await;
    reaches(&world, &mut nas, ("aLICE", "open sesame"), Code::AccessAccept).await;
    let nas_id: uuid::Uuid = admitted["id"].as_str().expect("an id").parse().expect("an id");
    let directory = world.plane.directory();
    comes_true("the NAS follows", || {
        let nas = directory.nas(nas_id.into()).expect("there");
        nas.identify.rules().eq([IdentifyBy::Mac, IdentifyBy::UserName])
    })
    .await;
    let clash = draft("alice", &json!({ "password": "other words" }));
    let refused = world.ask(Method::POST, &isp, "subscribers", Some(&clash)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    patch(
        &world,
        &isp,
        "identity-policy",
        &json!({ "username_case": "exact" }),
    )
    .await;
    reaches(&world, &mut nas, ("alice", "open sesame"), Code::AccessReject).await;
    world.subscriber(&isp, "alice", "other words").await;
    let refused = json!({ "username_case": "fold" });
    let refused = world
        .ask(Method::PATCH, &isp, "identity-policy", Some(&refused))
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    let refused = json!({ "identify": ["mac", "mac"] });
    let refused = world
        .ask(Method::PATCH, &isp, "identity-policy", Some(&refused))
        .await;
    assert_eq!(
        refused.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn what_is_stored_of_a_password_is_sealed_whatever_it_is() {
    let world = World::new().await;
    let isp = world.isp().await;
    let hash = "{SSHA}D/7jlSQn2i2dlCfowamQj6YyPBMBAnNhbHQ=";
    world
        .post(
            &isp,
            "subscribers",
            &draft("alice", &json!({ "password_hash": hash })),
        )
        .await;
    let op = OpContext::system("test").in_partner(isp.id);
    let mut tx = world.kernel.db.begin(&op).await.expect("begins");
    let stored: Vec<(String, String)> = sqlx::query_as("SELECT attribute, value FROM access.radcheck")
        .fetch_all(&mut *tx)
        .await
        .expect("read");
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].0, "SSHA-Password");
    assert!(kernel::secrets::is_sealed(&stored[0].1), "{}", stored[0].1);
    // Moved to where a password stands it does not open: the hash must not become one.
    sqlx::query("UPDATE access.radcheck SET attribute = 'Cleartext-Password'")
        .execute(&mut *tx)
        .await
        .expect("moved");
    tx.commit().await.expect("commits");
    let directory = world.plane.directory();
    comes_true("it counts as none", || {
        let alice = directory.subscriber(isp.id.as_uuid().into(), "alice");
        alice.is_some_and(|alice| alice.spec().credential == Credential::None)
    })
    .await;
}
