//! Moving in over the API: trials, what another partner sees, what is sealed, and sessions that go on.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::nas::{FakeNas, Report};
use crate::world::{Isp, World, eventually};

/// A batch of this many users.
fn users(count: usize, import: Option<&str>) -> Value {
    let one = |n: usize| {
        json!({ "username": format!("user-{n}"), "plan": "fiber-100", "client": "homes", "site": "main",
            "check": [{ "attribute": "Cleartext-Password", "op": ":=", "value": "open sesame" },
                      { "attribute": "Simultaneous-Use", "op": ":=", "value": "1" }],
            "reply": [{ "attribute": "Filter-Id", "op": "=", "value": "x" }],
            "groups": [{ "group": "gold", "priority": 1 }] })
    };
    json!({ "import_id": import, "items": (0..count).map(one).collect::<Vec<_>>() })
}

/// Begins an import; its id.
async fn start(world: &World, isp: &Isp) -> String {
    let import = world.post(isp, "imports", &json!({ "source": "a test" })).await;
    import["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_batch_is_tried_taken_and_found_again() {
    let world = World::new().await;
    let isp = world.isp().await;
    let trial = world.post(&isp, "import/subscribers", &users(3, None)).await;
    assert_eq!(
        trial,
        json!({ "imported": 3, "updated": 0, "unchanged": 0, "refused": [] })
    );
    assert_eq!(
        world.get(&isp, "subscribers").await,
        json!([]),
        "a trial changes nothing"
    );
    let import = start(&world, &isp).await;
    let taken = world
        .post(&isp, "import/subscribers", &users(3, Some(&import)))
        .await;
    assert_eq!(taken, trial);
    let again = world
        .post(&isp, "import/subscribers", &users(3, Some(&import)))
        .await;
    assert_eq!(
        again,
        json!({ "imported": 0, "updated": 0, "unchanged": 3, "refused": [] })
    );
    let mut changed = users(1, Some(&import));
    changed["items"][0]["check"][0]["value"] = json!("another");
    changed["items"][0]["expires_at"] = json!("2030-01-01T00:00:00Z");
    let refused = world.post(&isp, "import/subscribers", &changed).await;
    assert_eq!(
        refused["refused"],
        json!([{ "index": 0, "says": "he is here already, with another password, another end of service" }])
    );
    changed["update"] = json!(true);
    let updated = world.post(&isp, "import/subscribers", &changed).await;
    assert_eq!(updated["updated"], 1);
    let done = world
        .post(&isp, &format!("imports/{import}/finish"), &json!({}))
        .await;
    assert_eq!(
        done["counts"],
        json!([{ "kind": "subscriber", "imported": 3, "updated": 1, "unchanged": 3, "refused": 1 }])
    );
    let late = world
        .ask(
            Method::POST,
            &isp,
            "import/subscribers",
            Some(&users(1, Some(&import))),
        )
        .await;
    assert_eq!(late.status, StatusCode::CONFLICT, "it has ended: {}", late.body);
    let mut root = world.test.as_ref().expect("a database").superuser().await;
    let rows = sqlx::query("SELECT value FROM access.radcheck WHERE attribute = 'Cleartext-Password'")
        .fetch_all(&mut root)
        .await
        .expect("rows");
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert!(
            row.get::<String, _>(0).starts_with("sealed:"),
            "no password lies about"
        );
    }
}

#[tokio::test]
async fn a_batch_has_bounds_and_belongs_to_one_partner() {
    let world = World::new().await;
    let (west, east) = (world.isp().await, world.isp().await);
    let import = start(&world, &west).await;
    for (path, body) in [
        (format!("imports/{import}/finish"), json!({})),
        ("import/subscribers".to_owned(), users(1, Some(&import))),
        (
            "import/groups".to_owned(),
            json!({ "import_id": import, "items": [] }),
        ),
        (
            "import/nas".to_owned(),
            json!({ "import_id": import, "items": [] }),
        ),
        (
            "import/sessions".to_owned(),
            json!({ "import_id": import, "items": [] }),
        ),
    ] {
        let answer = world.ask(Method::POST, &east, &path, Some(&body)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
    }
    assert_eq!(world.get(&east, "imports").await, json!([]));
    let many = world
        .ask(
            Method::POST,
            &west,
            "import/subscribers",
            Some(&users(1_001, None)),
        )
        .await;
    assert_eq!(many.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", many.body);
    let wrong = json!({ "items": [
        { "username": " a", "plan": "fiber-100", "client": "homes", "site": "main" },
        { "username": "b", "plan": "nothing", "client": "homes", "site": "main" },
        { "username": "c", "plan": "fiber-100", "client": "homes", "site": "nowhere" },
        { "username": "d", "plan": "fiber-100", "client": "homes", "site": "main", "identified_by": ["mac=x"] },
        { "username": "e", "plan": "fiber-100", "client": "homes", "site": "main",
          "check": [{ "attribute": "NT-Password", "op": ":=", "value": "secret" }] },
        { "username": "f", "plan": "fiber-100", "client": "homes", "site": "main" },
        { "username": "f", "plan": "fiber-100", "client": "homes", "site": "main" },
    ] });
    let outcome = world.post(&west, "import/subscribers", &wrong).await;
    assert_eq!(
        (&outcome["imported"], outcome["refused"].as_array().map(Vec::len)),
        (&json!(1), Some(6)),
        "{outcome:#}"
    );
    assert!(!outcome.to_string().contains("secret"), "{outcome:#}");
}

#[tokio::test]
async fn an_open_session_goes_on_when_its_nas_comes_over() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.9.1", "a secret of a NAS").await;
    let import = start(&world, &isp).await;
    let batch = json!({ "import_id": import, "items": [{ "nasname": nas.address().to_string(), "name": "bras-1",
        "type": "mikrotik", "secret": nas.secret_text, "community": "public" }] });
    assert_eq!(world.post(&isp, "import/nas", &batch).await["imported"], 1);
    assert_eq!(world.post(&isp, "import/nas", &batch).await["unchanged"], 1);
    let mut other = batch.clone();
    other["items"][0]["secret"] = json!("another secret");
    let refused = world.post(&isp, "import/nas", &other).await;
    assert_eq!(
        refused["refused"][0]["says"],
        "it is admitted already, as bras-1, with another secret"
    );

    let alice = world.subscriber(&isp, "alice", "open sesame").await;
    let plan = world.get(&isp, "plans").await[0]["id"].clone();
    let path = format!("plans/{}/admission", plan.as_str().expect("an id"));
    let once = world
        .ask(Method::PATCH, &isp, &path, Some(&json!({ "simultaneous": 1 })))
        .await;
    assert_eq!(once.status, StatusCode::OK, "{}", once.body);
    eventually(|| async {
        let partner = isp.id.as_uuid().into();
        let alice = world.plane.directory().subscriber(partner, "alice")?;
        alice.is_guarded().then_some(())
    })
    .await;
    let now = time::OffsetDateTime::now_utc();
    let at = |seconds_ago: i64| {
        let moment = now - time::Duration::seconds(seconds_ago);
        moment
            .format(&time::format_description::well_known::Rfc3339)
            .expect("a moment")
    };
    let address = nas.address().to_string();
    let sessions = json!({ "import_id": import, "items": [
        { "acctsessionid": "0081A2", "username": "alice", "nasipaddress": address, "acctstarttime": at(3_600),
          "acctupdatetime": at(300), "acctsessiontime": 3_300, "acctinputoctets": 10, "acctoutputoctets": 20 },
        { "acctsessionid": "0081A2", "username": "alice", "nasipaddress": address, "acctstarttime": at(90_000),
          "acctstoptime": at(80_000), "acctsessiontime": 10_000 },
        { "acctsessionid": "1", "nasipaddress": "192.0.2.1", "acctstarttime": at(10) },
        { "acctsessionid": "2", "nasipaddress": address, "acctstarttime": "1970-01-01T00:00:00Z" },
    ] });
    let outcome = world.post(&isp, "import/sessions", &sessions).await;
    assert_eq!(
        (&outcome["imported"], outcome["refused"].as_array().map(Vec::len)),
        (&json!(2), Some(2)),
        "{outcome:#}"
    );
    let open = world.session_of(&isp, "alice").await;
    assert_eq!(open["state"], "open", "{open:#}");
    // It is one of those that his plan allows.
    let path = format!("subscribers/{}/admission", alice["id"].as_str().expect("an id"));
    eventually(|| async {
        let admission = world.get(&isp, &path).await;
        (admission["places_open"] == 1).then_some(())
    })
    .await;
    assert_eq!(
        world.post(&isp, "import/sessions", &sessions).await["unchanged"],
        2
    );

    eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
    let unix = u32::try_from(now.unix_timestamp()).expect("32 bits");
    nas.account(
        world.accounting(),
        &Report {
            octets_in: 5_000,
            octets_out: 6_000,
            time: 3_600,
            ..Report::new(3, b"0081A2", unix)
        },
    )
    .await;
    let goes_on = eventually(|| async {
        let session = world.session_of(&isp, "alice").await;
        (session["octets_in"].as_u64() != Some(10)).then_some(session)
    })
    .await;
    assert_eq!(goes_on["id"], open["id"], "{goes_on:#}");
    eventually(|| async {
        let mut root = world.test.as_ref().expect("a database").superuser().await;
        let told: bool = sqlx::query_scalar(
            "SELECT bool_or(acctinputoctets <> 10 AND acctstoptime IS NULL) FROM access.radacct",
        )
        .fetch_one(&mut root)
        .await
        .expect("a row");
        told.then_some(())
    })
    .await;
    // The other server's word about a session that we hear ourselves does not count any more.
    let mut ended = sessions.clone();
    ended["items"] = json!([ended["items"][0]]);
    ended["items"][0]["acctstoptime"] = json!(at(200));
    assert_eq!(world.post(&isp, "import/sessions", &ended).await["unchanged"], 1);
}
