//! Integrations over the API: three ISPs with systems of their own and shared ones, secrets sealed and by reference, and
//! what a partner cannot make us do.

use axum::http::Method;
use kernel::http::testing::Person;
use kernel::identity::Settings;
use kernel::integration::{ConnectError, PlatformVault, System};
use kernel::outbound::{LineRules, Place, Reach, Target};
use kernel::secrets::{Redacted, Sealer};
use kernel::tenancy::{NewPartner, Partner};
use kernel::testing::TestDatabase;
use kernel::vault::{Credential, Login, VaultPlace};
use kernel::{Kernel, OpContext};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::openbao::OpenBao;
use crate::systems::Systems;
use crate::world::World;

/// A world whose partners may reach this machine.
async fn world(vault: Option<PlatformVault>) -> World {
    let test = TestDatabase::new().await;
    let sealer = Sealer::from_key([7; 32]);
    let settings = Settings {
        reach: Reach::with(&["127.0.0.0/8".parse().expect("a network")]),
        ..Settings::default()
    };
    let kernel = Kernel::new(test.database().clone(), sealer, settings).expect("a kernel");
    let kernel = match vault {
        Some(vault) => kernel.with_vault(vault),
        None => kernel,
    };
    let setup = kernel.start().await.expect("starts");
    let api = kernel::http::serve_router(kernel.clone(), Vec::new());
    World {
        test,
        kernel,
        api,
        setup,
    }
}

/// A partner with this slug, and his administrator.
async fn isp(world: &World, slug: &str) -> (Partner, Person) {
    let new = NewPartner {
        slug: slug.to_owned(),
        name: slug.to_owned(),
    };
    let op = OpContext::system("test");
    let partner = world
        .kernel
        .tenancy
        .partner_create(&op, &new)
        .await
        .expect("a partner");
    let admin = world.partner_admin(&partner).await;
    (partner, admin)
}

/// Configures a system; the answer.
async fn configure(world: &World, who: &(Partner, Person), system: &str, body: Value) -> Value {
    let path = format!("/partners/{}/integrations/{system}", who.0.slug);
    let answer = world.patch(&path, &who.1.token, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["data"].clone()
}

/// Sets a secret; the status and the problem's code.
async fn secret(
    world: &World,
    who: &(Partner, Person),
    system: &str,
    name: &str,
    body: Value,
) -> (u16, Option<String>) {
    let path = format!("/partners/{}/integrations/{system}/secrets/{name}", who.0.slug);
    let answer = world.call(Method::PUT, &path, &who.1.token, Some(body)).await;
    (answer.status.as_u16(), answer.code().map(str::to_owned))
}

/// Tries a system.
async fn test(world: &World, who: &(Partner, Person), system: &str) -> Value {
    let path = format!("/partners/{}/integrations/{system}/test", who.0.slug);
    let answer = world.call(Method::POST, &path, &who.1.token, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["data"].clone()
}

/// The operation of a partner.
fn op(partner: &Partner) -> OpContext {
    OpContext::system("test").in_partner(partner.id)
}

#[tokio::test]
async fn three_isps_reach_their_own_systems_with_their_own_tokens_and_their_own_names() {
    let systems = Systems::start().await;
    let world = world(None).await;
    let (west, east, central) = (
        isp(&world, "isp-west").await,
        isp(&world, "isp-east").await,
        isp(&world, "isp-central").await,
    );
    // West and East have systems of their own; Central shares West's VOLTHA under its own name, and has a NetBox of its own.
    let shared = systems.url("voltha-west");
    for (who, netbox, voltha, name) in [
        (&west, "netbox-west", shared.clone(), "west"),
        (&east, "netbox-east", systems.url("voltha-east"), "east"),
        (&central, "netbox-central", shared.clone(), "central"),
    ] {
        let body = json!({"url": systems.url(netbox), "external_id": format!("nb-{name}"), "enabled": true});
        configure(&world, who, "netbox", body).await;
        let token = json!({"value": format!("token-of-{netbox}")});
        assert_eq!(secret(&world, who, "netbox", "token", token).await.0, 200);
        let port = systems.port();
        let body =
            json!({"url": voltha, "port": port, "external_id": format!("volt-{name}"), "enabled": true});
        configure(&world, who, "voltha", body).await;
        let said = test(&world, who, "netbox").await;
        assert_eq!(said["verdict"], "works", "{said}");
        assert_eq!(said["version"], format!("4.1-of-{netbox}"));
        let said = test(&world, who, "voltha").await;
        assert_eq!(said["verdict"], "connects", "{said}");
    }
    for (who, netbox, voltha, name) in [
        (&west, "netbox-west", "voltha-west", "west"),
        (&east, "netbox-east", "voltha-east", "east"),
        (&central, "netbox-central", "voltha-west", "central"),
    ] {
        let integrations = &world.kernel.integrations;
        let line = integrations
            .connect(&op(&who.0), System::Netbox)
            .await
            .expect("a line");
        let sent = line
            .line
            .send(&line.question("test", ["api", "dcim", "sites"]))
            .await
            .expect("an answer");
        let seen: Value = serde_json::from_slice(&sent.body).expect("JSON");
        assert_eq!(seen["system"], netbox);
        assert_eq!(seen["authorization"], format!("Token token-of-{netbox}"));
        assert_eq!(
            line.integration.external_id.as_deref(),
            Some(format!("nb-{name}").as_str())
        );
        let line = integrations
            .connect(&op(&who.0), System::Voltha)
            .await
            .expect("a line");
        assert_eq!(line.line.place().base.url().as_str(), systems.url(voltha));
        assert_eq!(
            line.integration.external_id.as_deref(),
            Some(format!("volt-{name}").as_str())
        );
    }

    // Another token for one partner: no restart, and nobody else notices.
    let token = json!({"value": "a-wrong-one"});
    assert_eq!(secret(&world, &west, "netbox", "token", token).await.0, 200);
    let said = test(&world, &west, "netbox").await;
    assert_eq!(
        (&said["verdict"], &said["word"]),
        (&json!("fails"), &json!("not_let_in")),
        "{said}"
    );
    assert_eq!(test(&world, &east, "netbox").await["verdict"], "works");
    assert_eq!(test(&world, &central, "netbox").await["verdict"], "works");

    // What is not there, or not in use, is said in types, and nothing else is taken in its place.
    let integrations = &world.kernel.integrations;
    let Err(ConnectError::NotConfigured { .. }) = integrations.connect(&op(&west.0), System::Awx).await
    else {
        panic!("AWX was never configured")
    };
    configure(&world, &east, "netbox", json!({"enabled": false})).await;
    let refused = integrations.connect(&op(&east.0), System::Netbox).await;
    let Err(error @ ConnectError::NotEnabled { .. }) = refused else {
        panic!("NetBox is switched off")
    };
    assert_eq!(error.to_string(), "NetBox is not enabled for this partner");

    // Each partner's lines are his own, and metrics can say whose.
    let keys: std::collections::BTreeSet<_> = integrations
        .lines()
        .report()
        .into_iter()
        .map(|report| report.key)
        .collect();
    assert_eq!(keys.len(), 6);
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let systems = Systems::start().await;
    let world = world(None).await;
    let west = isp(&world, "isp-west").await;
    configure(
        &world,
        &west,
        "awx",
        json!({"url": systems.url("awx-west"), "enabled": true}),
    )
    .await;
    let planted = "planted-4b1d-secret";
    assert_eq!(
        secret(&world, &west, "awx", "token", json!({ "value": planted }))
            .await
            .0,
        200
    );
    test(&world, &west, "awx").await;

    let shown = [
        format!("/partners/{}/integrations", west.0.slug),
        format!("/partners/{}/integrations/awx", west.0.slug),
        format!("/partners/{}/secrets", west.0.slug),
        format!("/partners/{}/audit", west.0.slug),
    ];
    for path in shown {
        let answer = world.get(&path, &west.1.token).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.to_string().contains(planted), "{path}");
    }
    let mut tx = world
        .kernel
        .db
        .begin(&OpContext::system("test"))
        .await
        .expect("begins");
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as("SELECT name, sealed FROM kernel.integration_secrets")
            .fetch_all(&mut *tx)
            .await
            .expect("rows");
    let [(name, Some(sealed))] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert!(name == "token" && sealed.starts_with("sealed:1:"), "{rows:?}");

    for (name, body, expected) in [
        ("token", json!({}), 422),
        ("token", json!({"value": "a", "reference": "vault:x"}), 422),
        ("token", json!({"value": ""}), 422),
        ("token", json!({"value": "a\nb"}), 422),
        ("token", json!({"reference": "vault:../x"}), 422),
        // There is no vault at all.
        (
            "token",
            json!({"reference": "vault:tenants/isp-west/awx#token"}),
            422,
        ),
        ("password", json!({"value": "a"}), 404),
    ] {
        let (status, _) = secret(&world, &west, "awx", name, body.clone()).await;
        assert_eq!(status, expected, "{name} {body}");
    }
    assert_eq!(
        secret(&world, &west, "netbox", "token", json!({"value": "a"}))
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn what_cannot_be_configured_is_refused_field_by_field() {
    let world = world(None).await;
    let west = isp(&world, "isp-west").await;
    let refused = async |system: &str, body: Value, pointer: &str| {
        let path = format!("/partners/isp-west/integrations/{system}");
        let answer = world.patch(&path, &west.1.token, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.body);
        let pointers: Vec<_> = answer.body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|error| error["pointer"].clone())
            .collect();
        assert!(pointers.contains(&json!(pointer)), "{body}: {pointers:?}");
    };
    let url = "https://netbox.example";
    refused("netbox", json!({"enabled": true}), "/url").await;
    for bad in [
        "netbox.example",
        "ftp://netbox.example",
        "https://user:pass@netbox.example",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://[::1]/",
    ] {
        refused("netbox", json!({ "url": bad }), "/url").await;
    }
    refused("netbox", json!({"url": url, "port": 80}), "/port").await;
    refused(
        "netbox",
        json!({"url": url, "options": {"mount": "x"}}),
        "/options",
    )
    .await;
    refused("netbox", json!({"url": url, "read_ms": 99}), "/read_ms").await;
    refused(
        "netbox",
        json!({"url": url, "in_flight_max": 0}),
        "/in_flight_max",
    )
    .await;
    refused(
        "netbox",
        json!({"url": url, "per_second_max": 0}),
        "/per_second_max",
    )
    .await;
    refused("netbox", json!({"url": url, "authority": "no PEM"}), "/authority").await;
    refused("netbox", json!({"url": url, "external_id": ""}), "/external_id").await;
    refused("netbox", json!({"url": url, "token": "x"}), "/token").await;
    refused(
        "vault",
        json!({"url": url, "options": {"auth": "approle"}}),
        "/options",
    )
    .await;
    refused(
        "vault",
        json!({"url": url, "options": {"mount": "a/../b"}}),
        "/options",
    )
    .await;
    refused("radius", json!({"url": "https://radius.example/"}), "/url").await;
    refused("radius", json!({"url": "radius.example:1812"}), "/url").await;
    let made = configure(&world, &west, "radius", json!({"url": "radius.example"})).await;
    assert_eq!((&made["port"], &made["enabled"]), (&json!(3799), &json!(false)));
    let made = configure(&world, &west, "voltha", json!({"url": "https://voltha.example"})).await;
    assert_eq!(made["port"], 50057);
    let unknown = world
        .patch("/partners/isp-west/integrations/oracle", &west.1.token, json!({}))
        .await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn references_are_read_at_use_from_ones_own_part_of_the_platforms_vault() {
    let Some(bao) = OpenBao::start().await else { return };
    let systems = Systems::start().await;
    for slug in ["isp-west", "isp-east"] {
        let token = json!({"value": format!("token-of-netbox-{}", &slug[4..])});
        bao.write(&format!("tenants/{slug}/netbox"), token).await;
    }
    // The platform may read all partners' secrets; that one partner gets no other's is ours to hold.
    bao.policy("platform", "tenants").await;
    let token = bao.token("platform", "1h").await;
    let platform = PlatformVault {
        place: Place {
            base: Target::parse(&bao.url()).expect("a URL"),
            authority: None,
            rules: LineRules::default(),
        },
        vault: VaultPlace {
            mount: "secret".to_owned(),
            namespace: None,
            login: Login::Token(Credential::Text(Redacted::new(Zeroizing::new(token)))),
        },
    };
    let world = world(Some(platform)).await;
    let (west, east) = (isp(&world, "isp-west").await, isp(&world, "isp-east").await);
    for (who, name) in [(&west, "netbox-west"), (&east, "netbox-east")] {
        configure(
            &world,
            who,
            "netbox",
            json!({"url": systems.url(name), "enabled": true}),
        )
        .await;
        let reference = json!({"reference": format!("vault:tenants/{}/netbox", who.0.slug)});
        assert_eq!(secret(&world, who, "netbox", "token", reference).await.0, 200);
        let said = test(&world, who, "netbox").await;
        assert_eq!(said["verdict"], "works", "{said}");
    }
    for foreign in [
        "vault:tenants/isp-east/netbox",
        "vault:tenants/isp-west",
        "vault:sys/x/y",
    ] {
        let (status, code) = secret(&world, &west, "netbox", "token", json!({ "reference": foreign })).await;
        assert_eq!((status, code.as_deref()), (422, Some("invalid")), "{foreign}");
    }
    let own = secret(&world, &west, "vault", "token", json!({"reference": "vault:x"})).await;
    assert_eq!(own.0, 422, "a vault's own credential");

    // West gets a vault of his own, where a path means something else; with it gone, the foreign path leads nowhere.
    bao.write("elsewhere/netbox", json!({"api": "token-of-netbox-west"}))
        .await;
    bao.policy("elsewhere", "elsewhere").await;
    let (role_id, secret_id) = bao.role("west", "elsewhere", "1h").await;
    let body = json!({"url": bao.url(), "enabled": true, "options": {"auth": "approle", "role_id": role_id}});
    configure(&world, &west, "vault", body).await;
    let said = test(&world, &west, "vault").await;
    assert_eq!(said["word"], "no_secret", "{said}");
    assert_eq!(
        secret(&world, &west, "vault", "secret_id", json!({ "value": secret_id }))
            .await
            .0,
        200
    );
    assert_eq!(test(&world, &west, "vault").await["verdict"], "works");
    let reference = json!({"reference": "vault:elsewhere/netbox#api"});
    assert_eq!(secret(&world, &west, "netbox", "token", reference).await.0, 200);
    assert_eq!(test(&world, &west, "netbox").await["verdict"], "works");
    configure(&world, &west, "vault", json!({"enabled": false})).await;
    let said = test(&world, &west, "netbox").await;
    assert_eq!(said["word"], "not_yours", "{said}");

    // Sealed: what was read serves on, with its age said; what was not is an outage, told apart.
    bao.seal().await;
    let said = test(&world, &east, "netbox").await;
    assert_eq!(said["verdict"], "works", "{said}");
    assert_eq!(
        secret(
            &world,
            &east,
            "netbox",
            "token",
            json!({"reference": "vault:tenants/isp-east/other"})
        )
        .await
        .0,
        200
    );
    let said = test(&world, &east, "netbox").await;
    assert_eq!(
        (&said["verdict"], &said["word"]),
        (&json!("fails"), &json!("sealed")),
        "{said}"
    );
}
