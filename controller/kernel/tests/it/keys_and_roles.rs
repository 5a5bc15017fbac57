//! Keys that are replaced without a gap, and roles that a partner makes himself: nobody gives what he lacks.

use axum::http::Method;
use kernel::authz::{Permission, PermissionSet};
use kernel::http::testing::{Person, person};
use kernel::tenancy::Partner;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

fn token(body: &Value) -> String {
    body["data"]["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

fn id(body: &Value) -> &str {
    body["data"]["id"].as_str().unwrap_or_else(|| panic!("{body}"))
}

/// Somebody with exactly these permissions in the partner.
async fn somebody(world: &World, partner: &Partner, permissions: &[Permission]) -> Person {
    person(&world.kernel, Some(partner.id), PermissionSet::of(permissions)).await
}

#[tokio::test]
async fn a_key_is_replaced_without_a_gap_and_the_former_ends_by_itself() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let keys = format!("/partners/{}/api-keys", partner.slug);
    let clock = world.kernel.identity.clock();
    let in_ninety_days = time::OffsetDateTime::now_utc() + time::Duration::days(90);
    let expires = in_ninety_days
        .format(&time::format_description::well_known::Rfc3339)
        .expect("an instant");
    let body = json!({ "name": "bot", "permissions": ["partner:read"], "expires_at": expires });
    let old = world.post(&keys, &admin.token, body).await;
    let rotate = format!("{keys}/{}/rotate", id(&old.body));
    let new = world
        .post(&rotate, &admin.token, json!({ "overlap_s": 3600 }))
        .await;
    assert_eq!(new.status, 201, "{}", new.body);
    assert_eq!(new.body["data"]["replaces"], id(&old.body));
    assert_eq!(new.body["data"]["permissions"], json!(["partner:read"]));
    assert!(new.body["data"]["expires_at"].is_string(), "the term is kept");
    assert_eq!(world.post(&rotate, &admin.token, json!({})).await.status, 409);

    let path = format!("/partners/{}", partner.slug);
    let (old_token, new_token) = (token(&old.body), token(&new.body));
    for key in [&old_token, &new_token] {
        assert_eq!(world.get(&path, key).await.status, 200);
    }
    clock.pass(3601);
    assert_eq!(world.get(&path, &old_token).await.status, 401);
    assert_eq!(world.get(&path, &new_token).await.status, 200);
    // What works no longer is not brought back by replacing it.
    clock.pass(-3600);
    let newer = format!("{keys}/{}", id(&new.body));
    assert_eq!(
        world
            .call(Method::DELETE, &newer, &admin.token, None)
            .await
            .status,
        204
    );
    assert_eq!(
        world
            .post(&format!("{newer}/rotate"), &admin.token, json!({}))
            .await
            .status,
        404
    );
    let lines = world.audit("api-key.rotate").await;
    assert_eq!(lines.len(), 1);
    let shown = format!("{lines:?}");
    assert!(!shown.contains(&old_token) && !shown.contains(&new_token));
    let listed = world.get(&keys, &admin.token).await;
    let used = listed.body["data"][0]["last_used_at"].is_string();
    assert!(used, "{}", listed.body);
}

#[tokio::test]
async fn nobody_replaces_a_key_that_may_more_than_he_and_none_of_another_partner() {
    let world = World::new().await;
    let (partner, elsewhere) = (world.partner().await, world.partner().await);
    let admin = world.partner_admin(&partner).await;
    let keys = format!("/partners/{}/api-keys", partner.slug);
    let body = json!({ "name": "bot", "permissions": ["users:manage"] });
    let key = world.post(&keys, &admin.token, body).await;
    let less = somebody(&world, &partner, &[Permission::ApiKeysManage]).await;
    let rotate = format!("{keys}/{}/rotate", id(&key.body));
    let refused = world.post(&rotate, &less.token, json!({})).await;
    assert_eq!(refused.status, 403);
    let foreign = world.partner_admin(&elsewhere).await;
    let wrong = format!("/partners/{}/api-keys/{}/rotate", elsewhere.slug, id(&key.body));
    assert_eq!(world.post(&wrong, &foreign.token, json!({})).await.status, 404);
    let long = world
        .post(&rotate, &admin.token, json!({ "overlap_s": 31 * 24 * 3600 }))
        .await;
    assert_eq!(long.status, 422);
}

#[tokio::test]
async fn three_words_stand_for_many_permissions() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let keys = format!("/partners/{}/api-keys", partner.slug);
    let mut seen = Vec::new();
    for word in ["read", "write", "admin"] {
        let body = json!({ "name": word, "permissions": [word] });
        let made = world.post(&keys, &admin.token, body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let names = made.body["data"]["permissions"]
            .as_array()
            .expect("names")
            .clone();
        let set = PermissionSet::from_names(names.iter().filter_map(Value::as_str));
        seen.push(set);
    }
    let [read, write, all] = seen[..] else {
        panic!("three")
    };
    assert!(read.is_subset(write) && write.is_subset(all));
    assert_eq!(all, PermissionSet::all_of_a_partner());
    assert!(read.iter().all(|one| one.as_str().ends_with(":read")));
    assert!(!write.iter().any(Permission::critical));
    assert!(!write.contains(Permission::AuditRead));
    let tech = somebody(
        &world,
        &partner,
        &[Permission::ApiKeysManage, Permission::PartnerRead],
    )
    .await;
    let body = json!({ "name": "too much", "permissions": ["read"] });
    assert_eq!(world.post(&keys, &tech.token, body).await.status, 403);
}

#[tokio::test]
async fn a_partner_makes_roles_of_his_own_which_work_at_once_and_end_at_once() {
    let world = World::new().await;
    let (partner, elsewhere) = (world.partner().await, world.partner().await);
    let admin = world.partner_admin(&partner).await;
    let roles = format!("/partners/{}/roles", partner.slug);
    let body = json!({ "slug": "night-shift", "name": "Night shift", "permissions": ["users:read"] });
    let made = world.post(&roles, &admin.token, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["data"]["built_in"], false);
    assert_eq!(world.post(&roles, &admin.token, body).await.status, 409);
    let taken = json!({ "slug": "auditor", "name": "Mine", "permissions": ["users:read"] });
    assert_eq!(world.post(&roles, &admin.token, taken).await.status, 409);

    world
        .user(&partner, &admin, "night@isp.example", &["night-shift"])
        .await;
    let night = token(&world.login("night@isp.example", PASSWORD).await.body);
    let (users, audit) = (
        format!("/partners/{}/users", partner.slug),
        format!("/partners/{}/audit", partner.slug),
    );
    assert_eq!(world.get(&users, &night).await.status, 200);
    assert_eq!(world.get(&audit, &night).await.status, 403);
    let role = format!("{roles}/night-shift");
    let change = json!({ "permissions": ["audit:read"] });
    assert_eq!(world.patch(&role, &admin.token, change).await.status, 200);
    assert_eq!(world.get(&users, &night).await.status, 403);
    assert_eq!(world.get(&audit, &night).await.status, 200);
    let held = world.call(Method::DELETE, &role, &admin.token, None).await;
    assert_eq!(held.status, 409, "{}", held.body);

    // Another partner does not know it, and the platform's roles are nobody's to change.
    let foreign = world.partner_admin(&elsewhere).await;
    let theirs = format!("/partners/{}/roles", elsewhere.slug);
    let listed = world.get(&format!("{theirs}?per_page=200"), &foreign.token).await;
    assert!(!listed.body.to_string().contains("night-shift"));
    let wrong = format!("{theirs}/night-shift");
    assert_eq!(
        world
            .patch(&wrong, &foreign.token, json!({ "name": "x" }))
            .await
            .status,
        404
    );
    let built_in = format!("{roles}/partner-tech");
    assert_eq!(
        world
            .patch(&built_in, &admin.token, json!({ "name": "x" }))
            .await
            .status,
        404
    );
    assert_eq!(
        world
            .call(Method::DELETE, &built_in, &admin.token, None)
            .await
            .status,
        404
    );

    let unused = json!({ "slug": "unused", "name": "Unused", "permissions": ["users:read"] });
    assert_eq!(world.post(&roles, &admin.token, unused).await.status, 201);
    let path = format!("{roles}/unused");
    assert_eq!(
        world.call(Method::DELETE, &path, &admin.token, None).await.status,
        204
    );
    for (action, count) in [("role.create", 2), ("role.update", 1), ("role.remove", 1)] {
        assert_eq!(world.audit(action).await.len(), count, "{action}");
    }
}

#[tokio::test]
async fn nobody_makes_or_touches_a_role_that_may_more_than_he() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let roles = format!("/partners/{}/roles", partner.slug);
    let less = somebody(
        &world,
        &partner,
        &[Permission::RolesManage, Permission::UsersRead],
    )
    .await;
    let make = |permission: &str| json!({ "slug": "mine", "name": "Mine", "permissions": [permission] });
    let refused = world.post(&roles, &less.token, make("users:manage")).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        world
            .post(&roles, &less.token, make("platform:partners:manage"))
            .await
            .status,
        422
    );
    assert_eq!(
        world
            .post(&roles, &less.token, make("radius:everything"))
            .await
            .status,
        422
    );
    assert_eq!(
        world.post(&roles, &less.token, make("users:read")).await.status,
        201
    );
    let wider = json!({ "permissions": ["users:read", "audit:read"] });
    let mine = format!("{roles}/mine");
    assert_eq!(world.patch(&mine, &less.token, wider.clone()).await.status, 403);
    assert_eq!(world.patch(&mine, &admin.token, wider).await.status, 200);
    // Now it allows what he lacks, so he may not even rename it, or take it away from others by narrowing it.
    assert_eq!(
        world
            .patch(&mine, &less.token, json!({ "name": "x" }))
            .await
            .status,
        403
    );
    assert_eq!(
        world
            .patch(&mine, &less.token, json!({ "permissions": ["users:read"] }))
            .await
            .status,
        403
    );
    assert_eq!(
        world.call(Method::DELETE, &mine, &less.token, None).await.status,
        403
    );
    let refusals = world.audit("users:manage").await;
    assert!(refusals.iter().any(|line| line.outcome == "refused"));
}
