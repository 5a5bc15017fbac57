//! Realms and home servers: from the API to the packet path, over a restart, and nobody else's.

use axum::http::{Method, StatusCode};
use radius_server::directory::{Balance, Decided, Realms};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::world::{Isp, World, eventually};

/// The realms of a partner, as the packet path has them.
fn held(world: &World, isp: &Isp) -> Option<Arc<Realms>> {
    let directory = world.plane.directory();
    directory.partner(isp.id.as_uuid().into())?.realms()
}

/// Waits until the packet path has a realm that is like this.
async fn known(world: &World, isp: &Isp, user_name: &str, decided: Decided) -> Arc<Realms> {
    eventually(|| async {
        let realms = held(world, isp)?;
        let found = realms.of(user_name)?.realm.decided == decided;
        found.then_some(realms)
    })
    .await
}

/// An id out of an answer.
fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// A home server to add.
fn home_server(name: &str) -> Value {
    json!({ "name": name, "address": "192.0.2.9", "auth_port": 1812, "secret": "between us and home" })
}

/// A realm that these home servers decide.
fn realm(name: &str, home_servers: &[&str]) -> Value {
    json!({
        "name": name, "decided": "by_home_servers", "strip": true, "balance": "spread", "pass": "roaming",
        "home_servers": home_servers,
    })
}

#[tokio::test]
async fn a_realm_reaches_the_packet_path_and_outlives_a_restart() {
    let world = World::new().await;
    let isp = world.isp().await;
    for name in ["one", "two"] {
        world.post(&isp, "home-servers", &home_server(name)).await;
    }
    let made = world
        .post(&isp, "realms", &realm("Away.Example", &["two", "one"]))
        .await;
    assert_eq!(
        (&made["name"], &made["home_servers"]),
        (&json!("away.example"), &json!(["two", "one"]))
    );
    let realms = known(&world, &isp, "alice@AWAY.example", Decided::ByHomeServers).await;
    let found = realms.of("alice@away.example").expect("there").realm;
    let names: Vec<_> = found
        .servers
        .iter()
        .map(|server| server.spec.name.to_string())
        .collect();
    assert_eq!(
        (names, found.balance),
        (vec!["two".to_owned(), "one".to_owned()], Balance::Spread)
    );
    assert_eq!(found.servers[0].spec.secret.octets(), b"between us and home");
    assert_eq!(found.servers[0].spec.auth, "192.0.2.9:1812".parse().ok());

    let copies = json!({ "copy_accounting": true, "accounting_port": 1813 });
    let one = world.get(&isp, "home-servers").await[0].clone();
    let path = format!("home-servers/{}", id(&one));
    world.ask(Method::PATCH, &isp, &path, Some(&copies)).await;
    let quiet = json!({ "accounting": false });
    let path = format!("realms/{}", id(&made));
    world.ask(Method::PATCH, &isp, &path, Some(&quiet)).await;
    eventually(|| async {
        let realms = held(&world, &isp)?;
        let quiet = !realms.of("alice@away.example")?.realm.accounting;
        (quiet && realms.servers().iter().any(|server| server.spec.copy_accounting)).then_some(())
    })
    .await;
    // What goes there is told where the server is shown.
    let told = eventually(|| async {
        let shown = world.get(&isp, &format!("home-servers/{}", id(&one))).await;
        shown["forwarding"].get(0).cloned()
    })
    .await;
    assert_eq!(
        (&told["realm"], &told["behind_since"], &told["delivered"]),
        (&Value::Null, &Value::Null, &json!(0))
    );

    let changed = json!({ "decided": "nowhere", "home_servers": [] });
    let other = world
        .post(&isp, "realms", &json!({ "name": "*", "decided": "here" }))
        .await;
    let path = format!("realms/{}", id(&other));
    assert_eq!(
        world.ask(Method::PATCH, &isp, &path, Some(&changed)).await.status,
        StatusCode::OK
    );
    known(&world, &isp, "alice@elsewhere", Decided::Nowhere).await;

    let (test, dir) = world.stop().await;
    let world = World::start(test.expect("a database").database().clone(), dir).await;
    let realms = held(&world, &isp).expect("out of the snapshot, before anything is read");
    let found = realms.of("alice@away.example").expect("there").realm;
    assert_eq!(found.servers[0].spec.secret.octets(), b"between us and home");
    assert!(!found.accounting && realms.servers().iter().any(|server| server.spec.copy_accounting));
    assert_eq!(
        realms.of("alice@elsewhere").map(|found| found.realm.decided),
        Some(Decided::Nowhere)
    );
}

#[tokio::test]
async fn removing_a_realm_makes_its_names_the_partners_own_again() {
    let world = World::new().await;
    let isp = world.isp().await;
    let server = world.post(&isp, "home-servers", &home_server("one")).await;
    let away = world.post(&isp, "realms", &realm("away", &["one"])).await;
    known(&world, &isp, "alice@away", Decided::ByHomeServers).await;
    let server = format!("home-servers/{}", id(&server));
    let named = world.ask(Method::DELETE, &isp, &server, None).await;
    assert_eq!(named.status, StatusCode::CONFLICT, "{}", named.body);
    for path in [format!("realms/{}", id(&away)), server] {
        let gone = world.ask(Method::DELETE, &isp, &path, None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.body);
    }
    eventually(|| async { held(&world, &isp).is_none().then_some(()) }).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_what_is_foreign_is_not_found() {
    let world = World::new().await;
    let (west, east) = (world.isp().await, world.isp().await);
    let server = world.post(&west, "home-servers", &home_server("one")).await;
    assert!(
        !server.to_string().contains("between us and home"),
        "a secret never comes back"
    );
    let away = world.post(&west, "realms", &realm("away", &["one"])).await;
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    for (path, body, status) in [
        ("realms", realm("a b", &["one"]), wrong),
        ("realms", realm("other", &[]), wrong),
        ("realms", realm("other", &["one", "one"]), wrong),
        ("realms", realm("other", &["nobody"]), wrong),
        (
            "realms",
            json!({ "name": "other", "decided": "here", "home_servers": ["one"] }),
            wrong,
        ),
        (
            "home-servers",
            json!({ "name": "two", "address": "192.0.2.9", "auth_port": 1812, "secret": "between us and home",
                    "copy_accounting": true }),
            wrong,
        ),
        ("realms", realm("AWAY", &["one"]), StatusCode::CONFLICT),
        ("home-servers", home_server("one"), StatusCode::CONFLICT),
        (
            "home-servers",
            json!({ "name": "x", "address": "192.0.2.9", "secret": "long enough" }),
            wrong,
        ),
        (
            "home-servers",
            json!({ "name": "x", "address": "192.0.2.9", "auth_port": 1, "secret": "x" }),
            wrong,
        ),
    ] {
        let answer = world.ask(Method::POST, &west, path, Some(&body)).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    let foreign = world
        .ask(Method::POST, &east, "realms", Some(&realm("away", &["one"])))
        .await;
    assert_eq!(
        foreign.status, wrong,
        "another partner's home server is not there"
    );
    for path in [
        format!("realms/{}", id(&away)),
        format!("home-servers/{}", id(&server)),
    ] {
        for method in [Method::GET, Method::DELETE] {
            let answer = world.ask(method, &east, &path, None).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    assert_eq!(world.get(&east, "realms").await, json!([]));
}

/// A certificate and its key.
fn pair(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("names");
    let certificate = params.self_signed(&key).expect("signed");
    (certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_home_server_by_tls_reaches_the_packet_path_and_its_key_nobody_else() {
    let world = World::new().await;
    let isp = world.isp().await;
    let (ca, (certificate, key)) = (pair("their authority").0, pair("us"));
    let made = json!({
        "name": "one", "address": "192.0.2.9", "transport": "tls", "tls_name": "radius.example", "tls_ca": ca,
        "tls_certificate": certificate, "tls_key": key,
    });
    let server = world.post(&isp, "home-servers", &made).await;
    assert!(!server.to_string().contains("PRIVATE"), "a key never comes back");
    assert_eq!(
        (
            &server["auth_port"],
            &server["accounting_port"],
            &server["tls_name"],
            &server["tls_ca"]
        ),
        (&json!(2083), &json!(2083), &json!("radius.example"), &json!(ca))
    );
    world.post(&isp, "realms", &realm("away", &["one"])).await;
    let check = |realms: &Realms| {
        let spec = &realms.servers()[0].spec;
        let tls = spec.tls.as_ref().expect("TLS");
        tls.check().expect("it can be used");
        let identity = tls.identity.as_ref().expect("shown");
        assert_eq!(
            (&*tls.name, identity.key.as_ref()),
            ("radius.example", key.as_str())
        );
        assert_eq!(spec.secret.octets(), b"radsec");
    };
    check(&*known(&world, &isp, "alice@away", Decided::ByHomeServers).await);

    let (test, dir) = world.stop().await;
    let test = test.expect("a database"); // it goes with the last who holds it
    let world = World::start(test.database().clone(), dir).await;
    check(&held(&world, &isp).expect("out of the snapshot, before anything is read"));

    // A name of its own, and our own authority's certificates; then by UDP again, which wants a secret.
    let path = format!("home-servers/{}", id(&server));
    let own = json!({ "tls_name": null, "tls_ca": null, "tls_certificate": null });
    let answer = world.ask(Method::PATCH, &isp, &path, Some(&own)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    eventually(|| async {
        let realms = held(&world, &isp)?;
        let tls = realms.servers()[0].spec.tls.clone()?;
        (&*tls.name == "192.0.2.9" && tls.authorities.is_none() && tls.identity.is_none()).then_some(())
    })
    .await;
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    for (body, status) in [
        (json!({ "tls_name": "not a name" }), wrong),
        (json!({ "tls_ca": "no PEM" }), wrong),
        (json!({ "tls_certificate": certificate }), wrong),
        (json!({ "tls_key": key }), wrong),
        (
            json!({ "tls_certificate": certificate, "tls_key": pair("them").1 }),
            wrong,
        ),
        (json!({ "secret": "between us and home" }), wrong),
        (json!({ "transport": "udp" }), wrong),
        (
            json!({ "transport": "udp", "secret": "between us and home", "tls_name": "x" }),
            wrong,
        ),
        (
            json!({ "transport": "udp", "secret": "between us and home" }),
            StatusCode::OK,
        ),
    ] {
        let answer = world.ask(Method::PATCH, &isp, &path, Some(&body)).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    eventually(|| async { held(&world, &isp)?.servers()[0].spec.tls.is_none().then_some(()) }).await;
}

#[tokio::test]
async fn a_nas_states_what_its_certificate_carries() {
    let world = World::new().await;
    let isp = world.isp().await;
    let nas = crate::nas::FakeNas::at("127.61.9.9", "a secret of a NAS").await;
    let admitted = world.admit(&isp, "bras-1", &nas).await;
    assert_eq!(admitted["tls_name"], Value::Null);
    let held = || {
        let nas = world.plane.directory().nas_by_source(nas.address())?;
        Some(nas.certificate_name.as_ref().map(ToString::to_string))
    };
    let path = format!("nas/{}", id(&admitted));
    for (name, status) in [
        ("dns:bng-1.example", StatusCode::OK),
        ("bng-1.example", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let body = json!({ "tls_name": name });
        let answer = world.ask(Method::PATCH, &isp, &path, Some(&body)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    eventually(|| async { (held()? == Some("dns:bng-1.example".to_owned())).then_some(()) }).await;
    let none = json!({ "tls_name": null });
    let answer = world.ask(Method::PATCH, &isp, &path, Some(&none)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    eventually(|| async { (held()?.is_none()).then_some(()) }).await;
}
