//! Acts that want a second person: asked, decided by somebody else, done once; and every way around it.

use axum::http::{HeaderValue, Method};
use kernel::authz::{Permission, PermissionSet};
use kernel::http::testing::{Answer, Person, api_key, person, request};
use kernel::tenancy::Partner;
use serde_json::{Value, json};

use crate::world::World;

/// A partner that wants a second person for keys, people and roles.
struct Scene {
    world: World,
    partner: Partner,
    one: Person,
    other: Person,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let partner = world.partner().await;
        let (one, other) = (
            world.partner_admin(&partner).await,
            world.partner_admin(&partner).await,
        );
        let scene = Self {
            world,
            partner,
            one,
            other,
        };
        let put = scene
            .policy(&["users:manage", "roles:manage", "api-keys:manage"], None)
            .await;
        assert_eq!(put.status, 200, "{}", put.body);
        scene
    }

    fn path(&self, rest: &str) -> String {
        format!("/partners/{}/{rest}", self.partner.slug)
    }

    /// Says what wants a second person.
    async fn policy(&self, permissions: &[&str], approval: Option<&str>) -> Answer {
        let body = json!({ "permissions": permissions });
        self.send(
            Method::PUT,
            "approval-policy",
            &self.one.token,
            Some(&body),
            approval,
        )
        .await
    }

    /// A request, with an approval or without.
    async fn send(
        &self,
        method: Method,
        rest: &str,
        token: &str,
        body: Option<&Value>,
        approval: Option<&str>,
    ) -> Answer {
        let uri = format!("/api/v1{}", self.path(rest));
        let mut request = request(&method, &uri, Some(token), body);
        if let Some(approval) = approval {
            let value = HeaderValue::from_str(approval).expect("a header");
            request.headers_mut().insert("headend-approval", value);
        }
        self.world.send(request).await
    }

    /// Asks for a key.
    async fn key(&self, token: &str, name: &str, approval: Option<&str>) -> Answer {
        let body = json!({ "name": name, "permissions": ["partner:read"] });
        self.send(Method::POST, "api-keys", token, Some(&body), approval)
            .await
    }

    /// Decides.
    async fn decide(&self, token: &str, approval: &str, verb: &str) -> Answer {
        let rest = format!("approvals/{approval}/{verb}");
        let body = json!({ "reason": "called him" });
        self.send(Method::POST, &rest, token, Some(&body), None).await
    }
}

/// The approval that an answer asks for.
fn wanted(answer: &Answer) -> String {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (403, Some("approval_required")),
        "{}",
        answer.body
    );
    answer.headers["headend-approval"]
        .to_str()
        .expect("text")
        .to_owned()
}

#[tokio::test]
async fn an_act_is_asked_for_decided_by_somebody_else_and_done_once() {
    let scene = Scene::new().await;
    let id = wanted(&scene.key(&scene.one.token, "bot", None).await);
    assert_eq!(
        wanted(&scene.key(&scene.one.token, "bot", None).await),
        id,
        "it waits already"
    );
    assert_eq!(
        scene.key(&scene.one.token, "bot", Some(&id)).await.code(),
        Some("approval_unfit")
    );
    let listed = scene
        .world
        .get(&scene.path("approvals?waiting=true"), &scene.other.token)
        .await;
    let shown = &listed.body["data"][0];
    assert_eq!(
        (&shown["state"], &shown["permission"]),
        (&json!("waiting"), &json!("api-keys:manage"))
    );
    assert_eq!(shown["body"]["name"], "bot");
    assert_eq!(
        scene.decide(&scene.one.token, &id, "approve").await.status,
        409,
        "his own"
    );
    let approved = scene.decide(&scene.other.token, &id, "approve").await;
    assert_eq!(
        (approved.status.as_u16(), &approved.body["data"]["state"]),
        (200, &json!("approved"))
    );
    assert_eq!(
        scene.decide(&scene.other.token, &id, "deny").await.status,
        409,
        "decided"
    );
    // For this act of this person, and for nothing else.
    for answer in [
        scene.key(&scene.one.token, "other bot", Some(&id)).await,
        scene.key(&scene.other.token, "bot", Some(&id)).await,
        scene
            .send(
                Method::POST,
                "roles",
                &scene.one.token,
                Some(&json!({})),
                Some(&id),
            )
            .await,
    ] {
        assert_eq!(answer.code(), Some("approval_unfit"), "{}", answer.body);
    }
    let (first, second) = tokio::join!(
        scene.key(&scene.one.token, "bot", Some(&id)),
        scene.key(&scene.one.token, "bot", Some(&id))
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403]);
    let lines = scene.world.audit("approval.approve").await;
    assert_eq!((lines.len(), lines[0].reason.as_deref()), (1, Some("called him")));
    assert_eq!(scene.world.audit("approval.ask").await.len(), 1);
}

#[tokio::test]
async fn what_is_denied_over_or_unknown_does_not_pass_and_what_was_refused_anyway_is_given_back() {
    let scene = Scene::new().await;
    let id = wanted(&scene.key(&scene.one.token, "bot", None).await);
    assert_eq!(scene.decide(&scene.other.token, &id, "deny").await.status, 200);
    assert_eq!(
        scene.key(&scene.one.token, "bot", Some(&id)).await.body["detail"],
        "this approval was denied"
    );
    let again = wanted(&scene.key(&scene.one.token, "bot", None).await);
    assert_ne!(again, id);
    assert_eq!(
        scene.decide(&scene.other.token, &again, "approve").await.status,
        200
    );
    // A user whose address is taken: refused by the handler, and the approval still counts.
    let body = json!({ "email": "new@isp.example", "name": "New", "password": "correct horse battery", "roles": ["support-agent"] });
    let users = |approval: Option<String>| {
        let (scene, body) = (&scene, &body);
        async move {
            scene
                .send(
                    Method::POST,
                    "users",
                    &scene.one.token,
                    Some(body),
                    approval.as_deref(),
                )
                .await
        }
    };
    let for_user = wanted(&users(None).await);
    let listed = scene
        .world
        .get(&scene.path("approvals"), &scene.other.token)
        .await;
    assert_eq!(listed.body["data"][0]["body"]["password"], "REDACTED");
    assert_eq!(
        scene
            .decide(&scene.other.token, &for_user, "approve")
            .await
            .status,
        200
    );
    assert_eq!(users(Some(for_user.clone())).await.status, 201);
    assert_eq!(
        users(Some(for_user)).await.code(),
        Some("approval_unfit"),
        "it was used"
    );
    let twice = wanted(&users(None).await);
    assert_eq!(
        scene.decide(&scene.other.token, &twice, "approve").await.status,
        200
    );
    assert_eq!(
        users(Some(twice.clone())).await.status,
        409,
        "the address is taken"
    );
    assert_eq!(users(Some(twice)).await.status, 409, "and it was given back");

    for (approval, code) in [
        ("nonsense", "invalid"),
        ("01890000-0000-7000-8000-000000000000", "approval_unfit"),
    ] {
        let answer = scene.key(&scene.one.token, "bot", Some(approval)).await;
        assert_eq!(answer.code(), Some(code), "{}", answer.body);
    }
    let mut root = scene.world.test.superuser().await;
    sqlx::query("UPDATE kernel.approvals SET expires_at = now() - interval '1 second'")
        .execute(&mut root)
        .await
        .expect("over");
    assert_eq!(
        scene.key(&scene.one.token, "bot", Some(&again)).await.body["detail"],
        "this approval is over"
    );
    let dump: String = sqlx::query_scalar("SELECT string_agg(t::text, ' ') FROM kernel.approvals t")
        .fetch_one(&mut root)
        .await
        .expect("a dump");
    assert!(!dump.contains("correct horse"), "no password is kept");
}

#[tokio::test]
async fn nobody_gets_around_it() {
    let scene = Scene::new().await;
    // By switching it off: that wants a second person, too.
    let off = wanted(&scene.policy(&[], None).await);
    assert_eq!(scene.decide(&scene.one.token, &off, "approve").await.status, 409);
    // By a key of one's own that asks, or that decides.
    let key = api_key(
        &scene.world.kernel,
        scene.partner.id,
        PermissionSet::all_of_a_partner(),
    )
    .await;
    let mut root = scene.world.test.superuser().await;
    sqlx::query("UPDATE kernel.api_keys SET created_by = $1")
        .bind(scene.one.id.as_uuid())
        .execute(&mut root)
        .await
        .expect("his key");
    let by_key = wanted(&scene.key(&key, "bot", None).await);
    assert_eq!(
        scene.decide(&scene.one.token, &by_key, "approve").await.status,
        409,
        "his own key asked"
    );
    assert_eq!(
        scene.decide(&key, &off, "approve").await.status,
        409,
        "a key decides nothing"
    );
    // By somebody who may less, or of another partner, or who has not proven himself for a while.
    let few = PermissionSet::of(&[Permission::PartnerRead]);
    let less = person(&scene.world.kernel, Some(scene.partner.id), few).await;
    assert_eq!(scene.decide(&less.token, &off, "approve").await.status, 403);
    let nothing = scene.world.get(&scene.path("approvals"), &less.token).await;
    assert_eq!(nothing.body["data"], json!([]), "nor does he see them");
    let elsewhere = scene.world.partner().await;
    let foreign = scene.world.partner_admin(&elsewhere).await;
    let path = format!("/partners/{}/approvals/{off}/approve", elsewhere.slug);
    assert_eq!(
        scene.world.post(&path, &foreign.token, json!({})).await.status,
        404
    );
    scene.world.kernel.identity.clock().pass(15 * 60);
    let late = scene.decide(&scene.other.token, &off, "approve").await;
    assert_eq!(late.code(), Some("proof_required"));
    // Platform staff is asked as everybody else, and may be the second person.
    let staff = scene.world.platform_admin().await;
    let by_staff = wanted(&scene.key(&staff.token, "bot", None).await);
    assert_eq!(scene.decide(&staff.token, &by_staff, "approve").await.status, 409);
    assert_eq!(scene.decide(&staff.token, &off, "approve").await.status, 200);
    let done = scene.policy(&[], Some(&off)).await;
    assert_eq!(done.code(), Some("proof_required"), "a proof is wanted beside it");
}

#[tokio::test]
async fn a_partner_cannot_lock_itself_out() {
    let world = World::new().await;
    let partner = world.partner().await;
    let alone = world.partner_admin(&partner).await;
    let path = format!("/partners/{}/approval-policy", partner.slug);
    let put = |permissions: Value| {
        let body = json!({ "permissions": permissions });
        world.call(Method::PUT, &path, &alone.token, Some(body))
    };
    let all = json!(["users:manage", "roles:manage", "api-keys:manage"]);
    assert_eq!(
        put(all).await.status,
        409,
        "there is nobody to be the second person"
    );
    assert_eq!(
        put(json!(["api-keys:manage"])).await.status,
        422,
        "users:manage would get around it"
    );
    assert_eq!(put(json!(["partner:read"])).await.status, 422, "not critical");
    assert_eq!(put(json!(["platform:partners:manage"])).await.status, 422);
    assert_eq!(put(json!([])).await.status, 200);
    assert_eq!(
        world.get(&path, &alone.token).await.body["data"]["permissions"],
        json!([])
    );
}
