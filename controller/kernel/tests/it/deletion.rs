//! Deleted and restored: partner, client, site, each with what hangs under it. And a partner that begins in one call.

use axum::http::Method;
use kernel::tenancy::Partner;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

async fn delete(world: &World, path: &str, token: &str) -> u16 {
    world
        .call(Method::DELETE, path, token, None)
        .await
        .status
        .as_u16()
}

async fn restore(world: &World, path: &str, token: &str) -> u16 {
    world
        .post(&format!("{path}/restore"), token, json!({}))
        .await
        .status
        .as_u16()
}

/// Puts a subscriber at a site, with the hand of the database's owner: the kernel's tests have no access module.
async fn subscriber(world: &World, partner: &Partner, site: &str, username: &str) -> Uuid {
    let mut root = world.test.superuser().await;
    sqlx::query_scalar(
        "WITH plan AS (INSERT INTO access.plans (id, tenant_id, slug, name) VALUES (gen_random_uuid(), $1, $3, 'P')
             ON CONFLICT (tenant_id, slug) DO UPDATE SET name = 'P' RETURNING id)
         INSERT INTO access.subscribers (id, tenant_id, site_id, plan_id, username)
         SELECT gen_random_uuid(), $1, $2, plan.id, $3 FROM plan RETURNING id",
    )
    .bind(partner.id.as_uuid())
    .bind(site.parse::<Uuid>().expect("an id"))
    .bind(username)
    .fetch_one(&mut root)
    .await
    .expect("a subscriber")
}

/// Names of the subscribers that are there.
async fn there(world: &World, partner: &Partner) -> Vec<String> {
    let mut root = world.test.superuser().await;
    sqlx::query_scalar(
        "SELECT username FROM access.subscribers WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY 1",
    )
    .bind(partner.id.as_uuid())
    .fetch_all(&mut root)
    .await
    .expect("names")
}

fn id(body: &Value) -> String {
    body["data"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

#[tokio::test]
async fn a_client_takes_its_sites_and_their_subscribers_along_and_brings_them_back() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let base = format!("/partners/{}/clients", partner.slug);
    let acme = format!("{base}/acme");
    world
        .post(&base, &admin.token, json!({ "slug": "acme", "name": "Acme" }))
        .await;
    let mut sites = Vec::new();
    for slug in ["north", "south"] {
        let made = world
            .post(
                &format!("{acme}/sites"),
                &admin.token,
                json!({ "slug": slug, "name": slug }),
            )
            .await;
        sites.push(id(&made.body));
    }
    for (site, name) in [(&sites[0], "alice"), (&sites[0], "ann"), (&sites[1], "bob")] {
        subscriber(&world, &partner, site, name).await;
    }
    // One site by itself: it stays deleted when the client comes back.
    let south = format!("{acme}/sites/south");
    assert_eq!(delete(&world, &south, &admin.token).await, 204);
    assert_eq!(there(&world, &partner).await, ["alice", "ann"]);
    assert_eq!(delete(&world, &acme, &admin.token).await, 204);
    assert_eq!(there(&world, &partner).await, Vec::<String>::new());
    for path in [&acme, &format!("{acme}/sites"), &format!("{acme}/sites/north")] {
        assert_eq!(world.get(path, &admin.token).await.status, 404, "{path}");
    }
    assert_eq!(delete(&world, &acme, &admin.token).await, 404);
    assert_eq!(
        restore(&world, &south, &admin.token).await,
        404,
        "its client is deleted"
    );
    let taken = world
        .post(&base, &admin.token, json!({ "slug": "acme", "name": "Other" }))
        .await;
    assert_eq!(taken.status, 409, "the slug is kept for it");
    let hidden = world
        .get(
            &format!("/partners/{}/deleted-clients", partner.slug),
            &admin.token,
        )
        .await;
    assert_eq!(hidden.body["data"][0]["slug"], "acme");
    let hidden = world
        .get(&format!("/partners/{}/deleted-sites", partner.slug), &admin.token)
        .await;
    assert_eq!(hidden.body["data"].as_array().map(Vec::len), Some(2));

    assert_eq!(restore(&world, &acme, &admin.token).await, 204);
    assert_eq!(there(&world, &partner).await, ["alice", "ann"]);
    assert_eq!(
        world
            .get(&format!("{acme}/sites/north"), &admin.token)
            .await
            .status,
        200
    );
    assert_eq!(world.get(&south, &admin.token).await.status, 404);
    assert_eq!(restore(&world, &south, &admin.token).await, 204);
    assert_eq!(there(&world, &partner).await, ["alice", "ann", "bob"]);
    assert_eq!(restore(&world, &acme, &admin.token).await, 404, "it is there");

    // What was deleted by itself, or has no plan any more, does not come back; a name that was given away stops it.
    let mut root = world.test.superuser().await;
    sqlx::query("UPDATE access.subscribers SET deleted_at = now() WHERE username = 'ann'")
        .execute(&mut root)
        .await
        .expect("deleted by itself");
    assert_eq!(delete(&world, &acme, &admin.token).await, 204);
    sqlx::query("UPDATE access.subscribers SET plan_id = NULL WHERE username = 'bob'")
        .execute(&mut root)
        .await
        .expect("without a plan");
    world
        .post(&base, &admin.token, json!({ "slug": "other", "name": "Other" }))
        .await;
    let other = world
        .post(
            &format!("{base}/other/sites"),
            &admin.token,
            json!({ "slug": "main", "name": "Main" }),
        )
        .await;
    let thief = subscriber(&world, &partner, &id(&other.body), "alice").await;
    let stopped = world
        .post(&format!("{acme}/restore"), &admin.token, json!({}))
        .await;
    assert_eq!(stopped.status, 409, "{}", stopped.body);
    assert_eq!(
        world.get(&acme, &admin.token).await.status,
        404,
        "and nothing of it was done"
    );
    sqlx::query("UPDATE access.subscribers SET username = 'alice-2' WHERE id = $1")
        .bind(thief)
        .execute(&mut root)
        .await
        .expect("renamed");
    assert_eq!(restore(&world, &acme, &admin.token).await, 204);
    assert_eq!(there(&world, &partner).await, ["alice", "alice-2"]);
    assert_eq!(world.audit("client.restore").await.len(), 2);
}

#[tokio::test]
async fn the_access_plane_hears_of_every_subscriber_that_goes_and_comes_back() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let base = format!("/partners/{}/clients", partner.slug);
    world
        .post(&base, &admin.token, json!({ "slug": "acme", "name": "Acme" }))
        .await;
    let made = world
        .post(
            &format!("{base}/acme/sites"),
            &admin.token,
            json!({ "slug": "main", "name": "Main" }),
        )
        .await;
    let alice = subscriber(&world, &partner, &id(&made.body), "alice").await;
    let mut root = world.test.superuser().await;
    for verb in ["delete", "restore"] {
        sqlx::query("DELETE FROM access.directory_change")
            .execute(&mut root)
            .await
            .expect("heard");
        match verb {
            "delete" => assert_eq!(delete(&world, &format!("{base}/acme"), &admin.token).await, 204),
            _ => assert_eq!(restore(&world, &format!("{base}/acme"), &admin.token).await, 204),
        }
        let told: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT key FROM access.directory_change WHERE kind = 'subscriber'")
                .fetch_all(&mut root)
                .await
                .expect("changes");
        assert_eq!(told, [alice.to_string()], "{verb}");
    }
}

#[tokio::test]
async fn a_partner_is_hidden_from_everybody_and_comes_back_as_it_was() {
    let world = World::new().await;
    let partner = world.partner().await;
    let (admin, staff) = (world.partner_admin(&partner).await, world.platform_admin().await);
    let path = format!("/partners/{}", partner.slug);
    let gone = format!("/deleted-partners/{}", partner.slug);
    let put = |token: String| {
        let (world, gone) = (&world, &gone);
        async move { world.call(Method::PUT, gone, &token, None).await.status }
    };
    assert_eq!(put(admin.token.clone()).await, 403, "only the platform does");
    assert_eq!(put(staff.token.clone()).await, 204);
    assert_eq!(put(staff.token.clone()).await, 404);
    assert_eq!(world.get(&path, &admin.token).await.status, 404);
    assert_eq!(world.get(&path, &staff.token).await.status, 404);
    let me = world.get("/me", &admin.token).await;
    assert_eq!(me.body["data"]["partners"], json!([]));
    let hidden = world.get("/deleted-partners", &staff.token).await;
    assert_eq!(hidden.body["data"][0]["slug"], partner.slug.as_str());
    let back = format!("/deleted-partners/{}", partner.slug);
    assert_eq!(restore(&world, &back, &admin.token).await, 403);
    assert_eq!(restore(&world, &back, &staff.token).await, 204);
    assert_eq!(restore(&world, &back, &staff.token).await, 404);
    assert_eq!(world.get(&path, &admin.token).await.status, 200);
    let lines = world.audit("partner.restore").await;
    assert_eq!(lines[0].partner, Some(partner.id), "in the partner's own audit");
}

#[tokio::test]
async fn a_partner_begins_in_one_call_or_not_at_all() {
    let world = World::new().await;
    let staff = world.platform_admin().await;
    let body = |slug: &str, site: &str| {
        json!({
            "partner": { "slug": slug, "name": "ISP West" },
            "admin": { "email": format!("boss@{slug}.example"), "name": "Boss", "password": "correct horse battery" },
            "client": { "slug": "acme", "name": "Acme" },
            "site": { "slug": site, "name": "Main" },
        })
    };
    let wrong = world
        .post("/partners/onboard", &staff.token, body("isp-west", "NOT A SLUG"))
        .await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert_eq!(wrong.body["errors"][0]["pointer"], "/site/slug");
    assert_eq!(
        world.get("/partners/isp-west", &staff.token).await.status,
        404,
        "nothing was made"
    );
    let made = world
        .post("/partners/onboard", &staff.token, body("isp-west", "main"))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let login = world
        .login("boss@isp-west.example", "correct horse battery")
        .await;
    let token = login.body["data"]["token"].as_str().expect("a token").to_owned();
    let site = world
        .get("/partners/isp-west/clients/acme/sites/main", &token)
        .await;
    assert_eq!(site.body["data"]["id"], made.body["data"]["site_id"]);
    let again = world
        .post("/partners/onboard", &staff.token, body("isp-west", "main"))
        .await;
    assert_eq!(again.status, 409);
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let refused = world
        .post("/partners/onboard", &admin.token, body("isp-east", "main"))
        .await;
    assert_eq!(refused.status, 403);
    let alone = json!({
        "partner": { "slug": "isp-south", "name": "South" }, "site": { "slug": "x", "name": "X" },
        "admin": { "email": "b@south.example", "name": "B", "password": "short" },
    });
    let refused = world.post("/partners/onboard", &staff.token, alone).await;
    let pointers: Vec<_> = refused.body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/admin/password", "/client"]);
}
