//! The one-time set-up: opens once, closes for ever.

use axum::http::Method;
use kernel::http::testing::{Answer, request};
use kernel::identity::Token;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

fn body(token: &str) -> Value {
    json!({
        "token": token,
        "partner": { "slug": "isp-west", "name": "ISP West" },
        "admin": { "email": "NOC@isp.example", "name": "NOC", "password": PASSWORD },
    })
}

async fn complete(world: &World, body: Value) -> Answer {
    world
        .send(request(&Method::POST, "/api/v1/setup", None, Some(&body)))
        .await
}

async fn is_open(world: &World) -> Value {
    world
        .send(request(&Method::GET, "/api/v1/setup", None, None))
        .await
        .body["data"]["open"]
        .clone()
}

#[tokio::test]
async fn the_first_person_is_a_platform_admin_and_the_link_closes_for_ever() {
    let world = World::new().await;
    let token = world
        .setup
        .as_ref()
        .map(Token::reveal)
        .expect("a link at the first start")
        .to_owned();
    assert_eq!(is_open(&world).await, true);

    let done = complete(&world, body(&token)).await;
    assert_eq!(done.status, 201, "{}", done.body);
    assert_eq!(done.body["data"]["user"]["email"], "noc@isp.example");
    assert_eq!(done.body["data"]["partner"]["slug"], "isp-west");

    for _ in 0..2 {
        let again = complete(&world, body(&token)).await;
        assert_eq!((again.status.as_u16(), again.code()), (410, Some("setup_closed")));
    }
    assert_eq!(is_open(&world).await, false);
    assert!(
        world.kernel.start().await.expect("starts").is_none(),
        "a later start prints no link"
    );

    let login = world.login("noc@isp.example", PASSWORD).await;
    assert_eq!(login.status, 200, "{}", login.body);
    let me = world
        .get("/me", login.body["data"]["token"].as_str().expect("a token"))
        .await;
    assert_eq!(me.body["data"]["platform_roles"], json!(["platform-admin"]));
    assert_eq!(me.body["data"]["partners"][0]["slug"], "isp-west");
    let lines = world.audit("setup.complete").await;
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].actor_kind.as_str(), lines[0].object_label.as_deref()),
        ("anonymous", Some("noc@isp.example"))
    );
}

#[tokio::test]
async fn it_stays_closed_even_if_every_user_is_gone() {
    let world = World::new().await;
    let token = world
        .setup
        .as_ref()
        .map(Token::reveal)
        .expect("a link")
        .to_owned();
    assert_eq!(complete(&world, body(&token)).await.status, 201);
    let mut root = world.test.superuser().await;
    for table in ["kernel.msp_users", "kernel.login_sessions", "kernel.users"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")))
            .execute(&mut root)
            .await
            .expect("deleted");
    }
    assert_eq!(complete(&world, body(&token)).await.status, 410);
    assert!(world.kernel.start().await.expect("starts").is_none());
}

#[tokio::test]
async fn only_the_newest_link_works() {
    let world = World::new().await;
    let old = world
        .setup
        .as_ref()
        .map(Token::reveal)
        .expect("a link")
        .to_owned();
    let new = world
        .kernel
        .start()
        .await
        .expect("starts again")
        .expect("another link");
    for wrong in [old.as_str(), "", "hst_", "hek_x", &"x".repeat(47)] {
        let answer = complete(&world, body(wrong)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (403, Some("setup_token_wrong")),
            "{wrong}"
        );
    }
    assert_eq!(complete(&world, body(new.reveal())).await.status, 201);
}

#[tokio::test]
async fn wrong_input_is_named_and_leaves_the_link_open() {
    let world = World::new().await;
    let token = world
        .setup
        .as_ref()
        .map(Token::reveal)
        .expect("a link")
        .to_owned();
    let mut wrong = body(&token);
    wrong["admin"]["email"] = json!("nobody");
    wrong["admin"]["password"] = json!("short");
    let answer = complete(&world, wrong).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, Some("invalid")));
    let pointers: Vec<&str> = answer.body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert_eq!(pointers, ["/admin/email", "/admin/password"]);
    let mut wrong = body(&token);
    wrong["partner"]["slug"] = json!("ISP West");
    let answer = complete(&world, wrong).await;
    assert_eq!(answer.body["errors"][0]["pointer"], "/partner/slug");
    assert_eq!(
        complete(&world, body(&token)).await.status,
        201,
        "nothing of the failed ones remained"
    );
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    let world = World::new().await;
    let token = world
        .setup
        .as_ref()
        .map(Token::reveal)
        .expect("a link")
        .to_owned();
    let router = world.api.router.clone();
    let tries: Vec<_> = (0..6)
        .map(|n| {
            let (router, mut body) = (router.clone(), body(&token));
            body["admin"]["email"] = json!(format!("noc{n}@isp.example"));
            tokio::spawn(async move {
                let request = request(&Method::POST, "/api/public/v1/setup", None, Some(&body));
                kernel::http::testing::send(&router, request)
                    .await
                    .status
                    .as_u16()
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for one in tries {
        statuses.push(one.await.expect("no panic"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 410, 410, 410, 410, 410]);
}
