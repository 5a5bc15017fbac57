//! People, roles and keys: who may make whom, and what a key is worth.

use axum::http::Method;
use kernel::authz::{BuiltInRole, Permission, PermissionSet};
use kernel::http::testing::{api_key, person};
use serde_json::json;

use crate::world::{PASSWORD, World};

fn new_user(email: &str, roles: &[&str]) -> serde_json::Value {
    json!({ "email": email, "name": "Somebody", "password": PASSWORD, "roles": roles })
}

#[tokio::test]
async fn nobody_grants_a_role_with_permissions_he_lacks() {
    let world = World::new().await;
    let partner = world.partner().await;
    let path = format!("/partners/{}/users", partner.slug);
    let tech = BuiltInRole::find("partner-tech").expect("a role").permissions;
    let lead = tech.union(PermissionSet::of(&[
        Permission::UsersManage,
        Permission::UsersRead,
    ]));
    let lead = person(&world.kernel, Some(partner.id), lead).await;

    let refused = world
        .post(&path, &lead.token, new_user("a@isp.example", &["partner-admin"]))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, Some("forbidden"))
    );
    let refused = world
        .post(
            &path,
            &lead.token,
            new_user("a@isp.example", &["support-agent", "billing-staff"]),
        )
        .await;
    assert_eq!(refused.status, 403, "one role too much is too much");
    let lines = world.audit("radius:subscribers:delete").await;
    assert_eq!(lines.len(), 1, "the first permission he lacks of that role");
    assert_eq!(
        (lines[0].outcome.as_str(), lines[0].partner),
        ("refused", Some(partner.id))
    );
    let id = world
        .user(&partner, &lead, "a@isp.example", &["support-agent"])
        .await;
    let user = format!("{path}/{id}");
    assert_eq!(
        world
            .patch(&user, &lead.token, json!({ "roles": ["partner-admin"] }))
            .await
            .status,
        403
    );
    let raised = world
        .patch(&user, &lead.token, json!({ "roles": ["partner-tech"] }))
        .await;
    assert_eq!(raised.body["data"]["roles"], json!(["partner-tech"]));
    let platform = world.platform_admin().await;
    let nonsense = world
        .post(
            &path,
            &platform.token,
            new_user("b@isp.example", &["platform-admin"]),
        )
        .await;
    assert_eq!(
        (
            nonsense.status.as_u16(),
            nonsense.body["errors"][0]["pointer"].as_str()
        ),
        (422, Some("/roles"))
    );
    let unknown = world
        .post(&path, &platform.token, new_user("b@isp.example", &["king"]))
        .await;
    assert_eq!(unknown.body["errors"][0]["pointer"], "/roles/0");
}

#[tokio::test]
async fn nobody_reaches_a_person_who_may_more_than_he_does() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let boss = world
        .user(&partner, &admin, "boss@isp.example", &["partner-admin"])
        .await;
    let lead = PermissionSet::of(&[Permission::UsersManage, Permission::UsersRead]);
    let lead = person(&world.kernel, Some(partner.id), lead).await;
    let path = format!("/partners/{}/users/{boss}", partner.slug);
    for change in [
        json!({ "password": "taken over by me" }),
        json!({ "status": "disabled" }),
        json!({ "roles": [] }),
        json!({ "name": "Fool" }),
    ] {
        let answer = world.patch(&path, &lead.token, change.clone()).await;
        assert_eq!(answer.status, 403, "{change}");
    }
    assert_eq!(world.login("boss@isp.example", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_partner_does_not_change_a_person_who_also_works_elsewhere() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let (west_admin, east_admin) = (world.partner_admin(&west).await, world.partner_admin(&east).await);
    let both = world
        .user(&west, &west_admin, "both@isp.example", &["support-agent"])
        .await;
    let mut root = world.test.superuser().await;
    sqlx::query("INSERT INTO kernel.tenant_users SELECT $1, user_id, role_id FROM kernel.tenant_users WHERE user_id = $2")
        .bind(east.id.as_uuid())
        .bind(both.parse::<uuid::Uuid>().expect("an id"))
        .execute(&mut root)
        .await
        .expect("also works there");
    let at_east = format!("/partners/{}/users/{both}", east.slug);
    assert_eq!(
        world
            .patch(
                &at_east,
                &east_admin.token,
                json!({ "password": "taken over by me" })
            )
            .await
            .status,
        403
    );
    assert_eq!(
        world
            .patch(&at_east, &east_admin.token, json!({ "status": "disabled" }))
            .await
            .status,
        403
    );
    let left = world
        .patch(&at_east, &east_admin.token, json!({ "roles": [] }))
        .await;
    assert_eq!(left.status, 200, "membership here is ours: {}", left.body);
    assert_eq!(world.get(&at_east, &east_admin.token).await.status, 404);
    assert_eq!(
        world
            .get(
                &format!("/partners/{}/users/{both}", west.slug),
                &west_admin.token
            )
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn people_of_another_partner_are_not_found() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let (west_admin, east_admin) = (world.partner_admin(&west).await, world.partner_admin(&east).await);
    let theirs = world
        .user(&west, &west_admin, "west@isp.example", &["support-agent"])
        .await;
    let path = format!("/partners/{}/users/{theirs}", east.slug);
    assert_eq!(world.get(&path, &east_admin.token).await.status, 404);
    for change in [
        json!({ "name": "X" }),
        json!({ "roles": ["support-agent"] }),
        json!({ "password": PASSWORD }),
    ] {
        assert_eq!(world.patch(&path, &east_admin.token, change).await.status, 404);
    }
    let listed = world
        .get(&format!("/partners/{}/users", east.slug), &east_admin.token)
        .await;
    assert_eq!(listed.body["meta"]["total"], 1, "himself: {}", listed.body);
}

#[tokio::test]
async fn nobody_locks_himself_out() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let path = format!("/partners/{}/users/{}", partner.slug, admin.id);
    for change in [json!({ "status": "disabled" }), json!({ "roles": [] })] {
        assert_eq!(world.patch(&path, &admin.token, change).await.status, 409);
    }
    assert_eq!(
        world
            .patch(&path, &admin.token, json!({ "name": "New name" }))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_new_password_and_disabling_end_all_sessions() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let id = world
        .user(&partner, &admin, "tech@isp.example", &["partner-tech"])
        .await;
    let path = format!("/partners/{}/users/{id}", partner.slug);
    for (password, change) in [
        (PASSWORD, json!({ "password": "a password of his own" })),
        ("a password of his own", json!({ "status": "disabled" })),
    ] {
        let login = world.login("tech@isp.example", password).await;
        let token = login.body["data"]["token"].as_str().expect("a token").to_owned();
        assert_eq!(world.patch(&path, &admin.token, change).await.status, 200);
        assert_eq!(world.get("/me", &token).await.status, 401);
    }
    let lines = world.audit("user.update").await;
    assert_eq!(lines.len(), 2);
    assert!(!format!("{lines:?}").contains("of his own"));
    assert_eq!(
        lines[1].after.as_ref().map(|after| after["status"].clone()),
        Some(json!("disabled"))
    );
}

#[tokio::test]
async fn an_address_is_taken_once_and_for_all() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let (west_admin, east_admin) = (world.partner_admin(&west).await, world.partner_admin(&east).await);
    world
        .user(&west, &west_admin, "one@isp.example", &["support-agent"])
        .await;
    for (partner, admin) in [(&west, &west_admin), (&east, &east_admin)] {
        let path = format!("/partners/{}/users", partner.slug);
        let again = world
            .post(
                &path,
                &admin.token,
                new_user("ONE@isp.example", &["support-agent"]),
            )
            .await;
        assert_eq!((again.status.as_u16(), again.code()), (409, Some("conflict")));
    }
}

#[tokio::test]
async fn platform_people_are_made_by_the_platform_only() {
    let world = World::new().await;
    let partner = world.partner().await;
    let (platform, admin) = (world.platform_admin().await, world.partner_admin(&partner).await);
    let made = world
        .post(
            "/users",
            &platform.token,
            new_user("second@isp.example", &["platform-admin"]),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        world
            .post(
                "/users",
                &admin.token,
                new_user("x@isp.example", &["support-agent"])
            )
            .await
            .status,
        403
    );
    let id = made.body["data"]["id"].as_str().expect("an id");
    let within = format!("/partners/{}/users/{id}", partner.slug);
    assert_eq!(
        world
            .patch(&within, &admin.token, json!({ "name": "X" }))
            .await
            .status,
        404
    );
    assert_eq!(
        world
            .patch(&format!("/users/{id}"), &platform.token, json!({ "name": "X" }))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_key_is_shown_once_works_like_its_scopes_and_dies_when_revoked() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let keys = format!("/partners/{}/api-keys", partner.slug);
    let body = json!({ "name": "bot", "permissions": ["partner:read", "audit:read"] });
    let made = world.post(&keys, &admin.token, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let token = made.body["data"]["token"].as_str().expect("the key").to_owned();
    assert!(token.starts_with("hek_") && made.body["data"]["prefix"] == token[..12]);

    let listed = world.get(&keys, &admin.token).await;
    assert!(listed.body["data"][0].get("token").is_none());
    assert!(!listed.body.to_string().contains(&token));
    let clients = format!("/partners/{}/clients", partner.slug);
    assert_eq!(world.get(&clients, &token).await.status, 200);
    assert_eq!(
        world
            .post(&clients, &token, json!({ "slug": "a", "name": "A" }))
            .await
            .status,
        403
    );
    assert_eq!(
        world.get("/partners", &token).await.body["data"][0]["slug"],
        partner.slug
    );
    assert_eq!(
        world.get("/me", &token).await.body["data"]["user"]["kind"],
        "api_key"
    );
    let used = world.get(&keys, &admin.token).await;
    assert!(used.body["data"][0]["last_used_at"].is_string());

    let id = made.body["data"]["id"].as_str().expect("an id");
    let revoke = format!("{keys}/{id}");
    assert_eq!(
        world
            .call(Method::DELETE, &revoke, &admin.token, None)
            .await
            .status,
        204
    );
    assert_eq!(world.get(&clients, &token).await.status, 401);
    assert_eq!(
        world
            .call(Method::DELETE, &revoke, &admin.token, None)
            .await
            .status,
        404
    );
    let (created, revoked) = (
        world.audit("api-key.create").await,
        world.audit("api-key.revoke").await,
    );
    assert_eq!((created.len(), revoked.len()), (1, 1));
    assert!(!format!("{created:?}{revoked:?}").contains(&token));
}

#[tokio::test]
async fn a_key_never_allows_more_than_its_maker() {
    let world = World::new().await;
    let partner = world.partner().await;
    let keys = format!("/partners/{}/api-keys", partner.slug);
    let maker = PermissionSet::of(&[Permission::ApiKeysManage, Permission::PartnerRead]);
    let maker = person(&world.kernel, Some(partner.id), maker).await;
    let ask = async |token: &str, permissions: &[&str]| {
        world
            .post(&keys, token, json!({ "name": "k", "permissions": permissions }))
            .await
    };
    assert_eq!(
        ask(&maker.token, &["partner:read", "users:manage"]).await.status,
        403
    );
    let made = ask(&maker.token, &["partner:read", "api-keys:manage"]).await;
    assert_eq!(made.status, 201);
    let key = made.body["data"]["token"].as_str().expect("a key").to_owned();
    assert_eq!(
        ask(&key, &["users:manage"]).await.status,
        403,
        "nor does a key that makes keys"
    );
    assert_eq!(ask(&key, &["partner:read"]).await.status, 201);
    let platform = world.platform_admin().await;
    let nonsense = ask(&platform.token, &["partner:read", "platform:partners:manage"]).await;
    assert_eq!(nonsense.body["errors"][0]["pointer"], "/permissions/1");
    assert_eq!(
        ask(&platform.token, &["everything"]).await.body["errors"][0]["pointer"],
        "/permissions/0"
    );
    assert_eq!(ask(&platform.token, &[]).await.status, 422);
}

#[tokio::test]
async fn an_expired_key_and_one_of_a_deleted_partner_are_worth_nothing() {
    let world = World::new().await;
    let partner = world.partner().await;
    let key = api_key(&world.kernel, partner.id, PermissionSet::all_of_a_partner()).await;
    let mut root = world.test.superuser().await;
    let path = format!("/partners/{}", partner.slug);
    assert_eq!(world.get(&path, &key).await.status, 200);
    sqlx::query("UPDATE kernel.api_keys SET expires_at = now()")
        .execute(&mut root)
        .await
        .expect("updated");
    assert_eq!(world.get(&path, &key).await.status, 401);
    sqlx::query("UPDATE kernel.api_keys SET expires_at = NULL")
        .execute(&mut root)
        .await
        .expect("updated");
    assert_eq!(world.get(&path, &key).await.status, 200);
    sqlx::query("UPDATE kernel.tenants SET deleted_at = now()")
        .execute(&mut root)
        .await
        .expect("updated");
    assert_eq!(world.get(&path, &key).await.status, 401);
    let past = json!({ "name": "k", "permissions": ["partner:read"], "expires_at": "2020-01-01T00:00:00Z" });
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let answer = world
        .post(
            &format!("/partners/{}/api-keys", partner.slug),
            &admin.token,
            past,
        )
        .await;
    assert_eq!(answer.body["errors"][0]["pointer"], "/expires_at");
}

#[tokio::test]
async fn roles_are_listed_with_their_permissions_and_others_own_roles_are_not() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let admin = world.partner_admin(&west).await;
    person(&world.kernel, Some(east.id), PermissionSet::empty()).await;
    let answer = world
        .get(&format!("/partners/{}/roles", west.slug), &admin.token)
        .await;
    let roles = answer.body["data"].as_array().expect("roles");
    let own = roles.iter().filter(|role| role["built_in"] == false).count();
    assert_eq!(own, 1, "the one made for the admin of this test");
    let support = roles
        .iter()
        .find(|role| role["slug"] == "support-agent")
        .expect("a role");
    assert_eq!(
        support["permissions"],
        json!(["radius:subscribers:read", "radius:sessions:read"])
    );
}

#[tokio::test]
async fn what_somebody_may_do_elsewhere_also_counts_against_taking_him_over() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let platform = world.platform_admin().await;
    // A platform admin who also lends a hand at the partner, and a person of the platform who is a partner's admin.
    let boss = new_user("boss@isp.example", &["platform-admin"]);
    let boss = world.post("/users", &platform.token, boss).await.body["data"]["id"].clone();
    let helper = world
        .post(
            "/users",
            &platform.token,
            new_user("helper@isp.example", &["support-agent"]),
        )
        .await;
    let helper = helper.body["data"]["id"].clone();
    let mut root = world.test.superuser().await;
    for (user, role) in [(&boss, "support-agent"), (&helper, "partner-admin")] {
        sqlx::query("INSERT INTO kernel.tenant_users (tenant_id, user_id, role_id) VALUES ($1, $2, $3)")
            .bind(partner.id.as_uuid())
            .bind(
                user.as_str()
                    .and_then(|id| id.parse::<uuid::Uuid>().ok())
                    .expect("an id"),
            )
            .bind(BuiltInRole::find(role).expect("a role").id().as_uuid())
            .execute(&mut root)
            .await
            .expect("a grant");
    }
    let support = BuiltInRole::find("support-agent").expect("a role").permissions;
    let clerk =
        PermissionSet::of(&[Permission::PlatformPartnersManage, Permission::UsersManage]).union(support);
    let clerk = person(&world.kernel, None, clerk).await;
    let takeover = json!({ "password": "taken over by me" });
    for (who, path) in [
        (
            &clerk,
            format!(
                "/partners/{}/users/{}",
                partner.slug,
                boss.as_str().expect("an id")
            ),
        ),
        (&clerk, format!("/users/{}", helper.as_str().expect("an id"))),
        (
            &admin,
            format!(
                "/partners/{}/users/{}",
                partner.slug,
                boss.as_str().expect("an id")
            ),
        ),
    ] {
        let answer = world.patch(&path, &who.token, takeover.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (403, Some("forbidden")),
            "{path}: {}",
            answer.body
        );
    }
    assert_eq!(world.login("boss@isp.example", PASSWORD).await.status, 200);
    let path = format!(
        "/partners/{}/users/{}",
        partner.slug,
        boss.as_str().expect("an id")
    );
    assert_eq!(
        world.patch(&path, &platform.token, takeover).await.status,
        200,
        "who may as much himself does"
    );
}
