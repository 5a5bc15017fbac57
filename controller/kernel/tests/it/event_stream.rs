//! The live stream over HTTP: what happens comes while the connection is open, to whom it may come.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request};
use futures_util::StreamExt as _;
use kernel::authz::{Permission, PermissionSet};
use kernel::events::stream::STREAMS_OF_PARTNER_MAX;
use kernel::http::testing::{person, request};
use kernel::tenancy::Partner;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::world::World;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream on its way.
struct Stream {
    /// What comes.
    body: BodyDataStream,
    /// What came and is not taken apart yet.
    text: String,
}

/// One message.
#[derive(Debug)]
struct Message {
    /// The position.
    id: String,
    /// The kind.
    kind: String,
    /// The event.
    data: Value,
}

impl Stream {
    /// The next message but that a partner was made, which may be on its way when a stream is opened.
    async fn next_act(&mut self) -> Option<Message> {
        loop {
            let message = self.next().await?;
            if message.kind != "partner.created" {
                return Some(message);
            }
        }
    }

    /// The next message.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some((message, rest)) = self.text.split_once("\n\n") {
                let (message, rest) = (message.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = message.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start().to_owned())
                };
                if let (Some(id), Some(kind), Some(data)) = (field("id:"), field("event:"), field("data:")) {
                    let data = serde_json::from_str(&data).expect("JSON");
                    return Some(Message { id, kind, data });
                }
            }
            let piece = tokio::time::timeout(PATIENCE, self.body.next())
                .await
                .expect("something comes")?;
            self.text
                .push_str(std::str::from_utf8(&piece.expect("octets")).expect("text"));
        }
    }
}

fn asked(path: &str, token: &str, last: Option<&str>) -> Request<Body> {
    let mut request = request(&Method::GET, &format!("/api/v1{path}"), Some(token), None);
    let headers = request.headers_mut();
    headers.insert("accept", "text/event-stream".parse().expect("a value"));
    if let Some(last) = last {
        headers.insert("last-event-id", last.parse().expect("a value"));
    }
    request
}

async fn open(world: &World, path: &str, token: &str, last: Option<&str>) -> Stream {
    let answer = world
        .api
        .router
        .clone()
        .oneshot(asked(path, token, last))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    Stream {
        body: answer.into_body().into_data_stream(),
        text: String::new(),
    }
}

async fn act(world: &World, partner: &Partner, token: &str, slug: &str) {
    let body = json!({ "slug": slug, "name": slug });
    let answer = world
        .post(&format!("/partners/{}/clients", partner.slug), token, body)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn what_happens_comes_to_whom_it_may_and_goes_on_where_it_broke_off() {
    let world = World::new().await;
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(world.kernel.events.clone().run(Vec::new(), stopping));
    let (west, east) = (world.partner().await, world.partner().await);
    let (admin, other) = (world.partner_admin(&west).await, world.partner_admin(&east).await);
    let path = format!("/partners/{}/events/stream", west.slug);

    let mut stream = open(&world, &path, &admin.token, None).await;
    act(&world, &east, &other.token, "foreign").await;
    act(&world, &west, &admin.token, "acme").await;
    let first = stream.next_act().await.expect("a message");
    assert_eq!(
        (first.kind.as_str(), &first.data["subject"]["label"]),
        ("client.created", &json!("acme"))
    );
    assert_eq!(first.data["position"].to_string(), first.id);
    act(&world, &west, &admin.token, "bolt").await;
    let second = stream.next().await.expect("a message");
    drop(stream);

    let mut again = open(&world, &path, &admin.token, Some(&first.id)).await;
    assert_eq!(again.next().await.expect("a message").id, second.id);

    // The list says the same, and who may not read clients is told of none.
    let list = format!(
        "/partners/{}/events?after={}&kinds=client.created",
        west.slug, first.id
    );
    let page = world.get(&list, &admin.token).await;
    assert_eq!(page.body["data"][0]["subject"]["label"], json!("bolt"));
    let permissions = PermissionSet::of(&[Permission::EventsRead, Permission::UsersRead]);
    let clerk = person(&world.kernel, Some(west.id), permissions).await;
    let none = world
        .get(
            &format!("/partners/{}/events?kinds=client.created", west.slug),
            &clerk.token,
        )
        .await;
    assert_eq!(none.body["data"], json!([]));

    // A stop ends streams; nobody waits for them.
    stop.send(true).expect("is running");
    running.await.expect("stops");
    assert!(again.next().await.is_none());
}

#[tokio::test]
async fn a_stream_is_asked_for_as_one_and_there_are_only_so_many() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let path = format!("/partners/{}/events/stream", partner.slug);
    let plain = world.get(&path, &admin.token).await;
    assert_eq!(
        (plain.status.as_u16(), plain.code()),
        (406, Some("not_acceptable"))
    );
    let wrong = world.send(asked(&path, &admin.token, Some("x"))).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    let mut streams = Vec::new();
    for _ in 0..STREAMS_OF_PARTNER_MAX {
        streams.push(open(&world, &path, &admin.token, None).await);
    }
    let more = world.send(asked(&path, &admin.token, None)).await;
    assert_eq!(more.status, 429, "{}", more.body);
    streams.pop();
    open(&world, &path, &admin.token, None).await;
}
