//! Partners, clients, sites and settings, and the audit of what is done to them.

use axum::http::Method;
use kernel::authz::{Permission, PermissionSet};
use kernel::http::testing::person;
use kernel::id::SiteId;
use kernel::tenancy::{NewClient, NewSite, site_fetch_in_tx, site_find_in_tx};
use kernel::{Error, OpContext};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_partner_is_created_listed_renamed_and_suspended() {
    let world = World::new().await;
    let platform = world.platform_admin().await;
    let made = world
        .post(
            "/partners",
            &platform.token,
            json!({ "slug": "isp-west", "name": "ISP West" }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["data"]["status"], "active");
    let again = world
        .post(
            "/partners",
            &platform.token,
            json!({ "slug": "isp-west", "name": "Other" }),
        )
        .await;
    assert_eq!((again.status.as_u16(), again.code()), (409, Some("conflict")));
    let id = made.body["data"]["id"].as_str().expect("an id");
    for key in [id, "isp-west"] {
        assert_eq!(
            world.get(&format!("/partners/{key}"), &platform.token).await.body["data"]["id"],
            id
        );
    }
    assert_eq!(
        world.get("/partners?slug=isp-west", &platform.token).await.body["meta"]["total"],
        1
    );
    let changed = world
        .patch(
            "/partners/isp-west",
            &platform.token,
            json!({ "status": "suspended" }),
        )
        .await;
    assert_eq!(
        (
            changed.body["data"]["status"].as_str(),
            changed.body["data"]["name"].as_str()
        ),
        (Some("suspended"), Some("ISP West"))
    );
    let lines = world.audit("partner.update").await;
    assert_eq!(
        lines[0].before,
        Some(json!({ "name": "ISP West", "status": "active", "time_zone": "UTC" }))
    );
    assert_eq!(
        lines[0].after,
        Some(json!({ "name": "ISP West", "status": "suspended", "time_zone": "UTC" }))
    );
    assert_eq!(lines[0].actor_name, platform.email);
}

#[tokio::test]
async fn a_partner_renames_itself_but_does_not_resume_itself() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let path = format!("/partners/{}", partner.slug);
    let renamed = world
        .patch(&path, &admin.token, json!({ "name": "Smith & Sons" }))
        .await;
    assert_eq!(renamed.body["data"]["name"], "Smith & Sons");
    let refused = world
        .patch(&path, &admin.token, json!({ "status": "active" }))
        .await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("platform:partners:manage"))
    );
}

#[tokio::test]
async fn one_sees_the_partners_one_works_for_and_no_other() {
    let world = World::new().await;
    let (west, _east) = (world.partner().await, world.partner().await);
    let noc = person(
        &world.kernel,
        Some(west.id),
        PermissionSet::of(&[Permission::RadiusSessionsRead]),
    )
    .await;
    let listed = world.get("/partners", &noc.token).await;
    assert_eq!(listed.body["meta"]["total"], 1);
    assert_eq!(listed.body["data"][0]["slug"], west.slug);
    let platform = world.platform_admin().await;
    assert_eq!(
        world.get("/partners", &platform.token).await.body["meta"]["total"],
        2
    );
}

#[tokio::test]
async fn clients_and_sites_nest_below_their_partner() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let (west_admin, east_admin) = (world.partner_admin(&west).await, world.partner_admin(&east).await);
    let clients = format!("/partners/{}/clients", west.slug);
    let client = world
        .post(
            &clients,
            &west_admin.token,
            json!({ "slug": "homes", "name": "Homes", "contact_email": "A@isp.example" }),
        )
        .await;
    assert_eq!(client.status, 201, "{}", client.body);
    assert_eq!(client.body["data"]["contact_email"], "a@isp.example");
    let sites = format!("{clients}/homes/sites");
    let site = world
        .post(&sites, &west_admin.token, json!({ "slug": "dmz", "name": "DMZ" }))
        .await;
    assert_eq!(
        (site.status.as_u16(), site.body["data"]["address"].is_null()),
        (201, true),
        "a site need not be a place"
    );
    assert_eq!(
        world
            .post(&sites, &west_admin.token, json!({ "slug": "dmz", "name": "DMZ" }))
            .await
            .status,
        409
    );
    assert_eq!(
        world
            .post(
                &clients,
                &west_admin.token,
                json!({ "slug": "homes", "name": "X" })
            )
            .await
            .status,
        409
    );
    let (client_id, site_id) = (
        client.body["data"]["id"].as_str().expect("id"),
        site.body["data"]["id"].as_str().expect("id"),
    );
    for path in [
        format!("{sites}/dmz"),
        format!("{clients}/{client_id}/sites/{site_id}"),
    ] {
        assert_eq!(
            world.get(&path, &west_admin.token).await.body["data"]["client_slug"],
            "homes"
        );
    }
    let moved = world
        .patch(
            &format!("{sites}/dmz"),
            &west_admin.token,
            json!({ "address": "Main Street 1" }),
        )
        .await;
    assert_eq!(moved.body["data"]["address"], "Main Street 1");
    let placeless = world
        .patch(
            &format!("{sites}/dmz"),
            &west_admin.token,
            json!({ "address": null }),
        )
        .await;
    assert!(placeless.body["data"]["address"].is_null() && placeless.body["data"]["name"] == "DMZ");

    // The same names at another partner are other things, and ids do not cross.
    let theirs = format!("/partners/{}/clients", east.slug);
    assert_eq!(
        world
            .get(&format!("{theirs}/{client_id}"), &east_admin.token)
            .await
            .status,
        404
    );
    assert_eq!(
        world
            .get(
                &format!("{theirs}/{client_id}/sites/{site_id}"),
                &east_admin.token
            )
            .await
            .status,
        404
    );
    assert_eq!(
        world
            .post(
                &format!("{theirs}/{client_id}/sites"),
                &east_admin.token,
                json!({ "slug": "x", "name": "X" })
            )
            .await
            .status,
        404
    );
    assert_eq!(
        world
            .patch(
                &format!("{theirs}/{client_id}"),
                &east_admin.token,
                json!({ "name": "X" })
            )
            .await
            .status,
        404
    );
    assert_eq!(
        world
            .post(
                &theirs,
                &east_admin.token,
                json!({ "slug": "homes", "name": "Homes" })
            )
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn what_is_deleted_is_hidden_with_all_below_it() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let clients = format!("/partners/{}/clients", partner.slug);
    world
        .post(
            &clients,
            &admin.token,
            json!({ "slug": "homes", "name": "Homes" }),
        )
        .await;
    let site = format!("{clients}/homes/sites/dmz");
    world
        .post(
            &format!("{clients}/homes/sites"),
            &admin.token,
            json!({ "slug": "dmz", "name": "DMZ" }),
        )
        .await;
    let mut root = world.test.superuser().await;
    assert_eq!(world.get(&site, &admin.token).await.status, 200);
    sqlx::query("UPDATE kernel.clients SET deleted_at = now()")
        .execute(&mut root)
        .await
        .expect("deleted");
    assert_eq!(world.get(&site, &admin.token).await.status, 404);
    assert_eq!(world.get(&clients, &admin.token).await.body["meta"]["total"], 0);
    sqlx::query("UPDATE kernel.clients SET deleted_at = NULL")
        .execute(&mut root)
        .await
        .expect("restored");
    assert_eq!(
        world.get(&site, &admin.token).await.status,
        200,
        "restoring brings it back"
    );
    sqlx::query("UPDATE kernel.tenants SET deleted_at = now()")
        .execute(&mut root)
        .await
        .expect("deleted");
    assert_eq!(world.get(&site, &admin.token).await.status, 404);
    assert_eq!(
        world.get("/partners", &admin.token).await.body["meta"]["total"],
        0
    );
}

#[tokio::test]
async fn names_with_injections_are_refused_or_kept_as_they_are() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let clients = format!("/partners/{}/clients", partner.slug);
    for name in [
        "<script>",
        "a;b",
        "a|b",
        "$(reboot)",
        "a`b`",
        "x & y",
        "",
        "a\u{0}b",
        &"x".repeat(101),
    ] {
        let answer = world
            .post(&clients, &admin.token, json!({ "slug": "a", "name": name }))
            .await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.body["errors"][0]["pointer"].as_str()
            ),
            (422, Some("/name")),
            "{name:?}"
        );
    }
    for slug in [
        "",
        "A",
        "a b",
        "../x",
        "a'--",
        "é",
        &"x".repeat(64),
        "00000000-0000-0000-0000-000000000000",
    ] {
        let answer = world
            .post(&clients, &admin.token, json!({ "slug": slug, "name": "A" }))
            .await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.body["errors"][0]["pointer"].as_str()
            ),
            (422, Some("/slug")),
            "{slug:?}"
        );
    }
    let odd = "Robert'); DROP TABLE kernel.clients; --".replace(';', ",");
    let kept = world
        .post(&clients, &admin.token, json!({ "slug": "bobby", "name": odd }))
        .await;
    assert_eq!(kept.body["data"]["name"], odd);
    for path in ["%27%20OR%201=1--", "..%2F..", "%FF"] {
        let answer = world.get(&format!("{clients}/{path}"), &admin.token).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
    for filter in ["actor=%27%20OR%201=1--", "object=%25", "action=_"] {
        let answer = world
            .get(
                &format!("/partners/{}/audit?{filter}", partner.slug),
                &admin.token,
            )
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["meta"]["total"].as_i64()),
            (200, Some(0)),
            "{filter}"
        );
    }
    for uri in [
        format!("{clients}/%00"),
        format!("/partners/{}/audit?actor=a%00b", partner.slug),
    ] {
        assert_eq!(
            world.get(&uri, &admin.token).await.status,
            400,
            "no NUL reaches the database: {uri}"
        );
    }
}

#[tokio::test]
async fn labels_are_renamed_and_unknown_settings_do_not_exist() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let settings = format!("/partners/{}/settings", partner.slug);
    let put = async |key: &str, value: serde_json::Value| {
        world
            .call(
                Method::PUT,
                &format!("{settings}/{key}"),
                &admin.token,
                Some(json!({ "value": value })),
            )
            .await
    };
    assert_eq!(
        put("label_overrides", json!({ "client": "Account" }))
            .await
            .status,
        204
    );
    assert_eq!(
        world.get(&settings, &admin.token).await.body["data"],
        json!({ "label_overrides": { "client": "Account" } })
    );
    assert_eq!(put("colour", json!("red")).await.status, 404);
    let wrong = put("label_overrides", json!({ "invoice": "Bill", "client": 7 })).await;
    let pointers: Vec<_> = wrong.body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/value/client", "/value/invoice"]);
    assert_eq!(world.audit("setting.put").await.len(), 1);
}

#[tokio::test]
async fn modules_find_sites_by_slug_and_by_id_in_their_partner_only() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let west_op = OpContext::system("test").in_partner(west.id);
    let east_op = OpContext::system("test").in_partner(east.id);
    let tenancy = &world.kernel.tenancy;
    let client = NewClient {
        slug: "homes".into(),
        name: "Homes".into(),
        contact_email: None,
    };
    tenancy.client_create(&west_op, &client).await.expect("a client");
    let site = NewSite {
        slug: "dmz".into(),
        name: "DMZ".into(),
        address: None,
    };
    let made = tenancy
        .site_create(&west_op, "homes", &site)
        .await
        .expect("a site");
    let mut tx = world.kernel.db.begin(&west_op).await.expect("begins");
    assert_eq!(
        site_find_in_tx(&mut tx, &west_op, "homes", "dmz")
            .await
            .expect("found")
            .id,
        made.id
    );
    assert_eq!(
        site_fetch_in_tx(&mut tx, &west_op, made.id)
            .await
            .expect("found")
            .slug,
        "dmz"
    );
    let mut tx = world.kernel.db.begin(&east_op).await.expect("begins");
    assert!(matches!(
        site_find_in_tx(&mut tx, &east_op, "homes", "dmz").await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        site_fetch_in_tx(&mut tx, &east_op, made.id).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        site_fetch_in_tx(&mut tx, &west_op, SiteId::new()).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_partner_reads_its_own_audit_and_the_platform_all_of_it() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let (west_admin, east_admin) = (world.partner_admin(&west).await, world.partner_admin(&east).await);
    world
        .post(
            &format!("/partners/{}/clients", west.slug),
            &west_admin.token,
            json!({ "slug": "a", "name": "A" }),
        )
        .await;
    world
        .post(
            &format!("/partners/{}/clients", east.slug),
            &east_admin.token,
            json!({ "slug": "b", "name": "B" }),
        )
        .await;
    let own = world
        .get(
            &format!("/partners/{}/audit?action=client.create", west.slug),
            &west_admin.token,
        )
        .await;
    assert_eq!(own.body["meta"]["total"], 1, "{}", own.body);
    let line = &own.body["data"][0];
    assert_eq!(
        (line["object"]["label"].as_str(), line["outcome"].as_str()),
        (Some("a"), Some("ok"))
    );
    assert_eq!(line["actor"]["name"], west_admin.email);
    assert_eq!(line["after"]["name"], "A");
    assert_eq!(line["partner_id"], west.id.to_string());
    let all = world.platform_admin().await;
    assert_eq!(
        world.get("/audit?action=client.create", &all.token).await.body["meta"]["total"],
        2
    );
    let by = world
        .get(
            &format!("/audit?action=client.create&actor={}", east_admin.id),
            &all.token,
        )
        .await;
    assert_eq!(by.body["data"][0]["object"]["label"], "b");
    let paged = world.get("/audit?per_page=1&page=2", &all.token).await;
    assert_eq!(
        (
            paged.body["data"].as_array().map(Vec::len),
            paged.body["meta"]["page"].as_u64()
        ),
        (Some(1), Some(2))
    );
    assert!(
        paged.body["links"]["next"]
            .as_str()
            .is_some_and(|next| next.contains("page=3&per_page=1"))
    );
}
