//! Secrets by reference, against a real OpenBao: who may read what, what is told apart, what is served while it is away.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kernel::id::PartnerId;
use kernel::outbound::{LineKey, LineRules, Lines, Place, Reach, Target};
use kernel::secrets::Redacted;
use kernel::vault::{Credential, Freshness, Login, SecretRef, Vault, VaultError, VaultPlace};
use serde_json::json;
use zeroize::Zeroizing;

use crate::openbao::OpenBao;

/// A credential as text.
fn text(secret: &str) -> Credential {
    Credential::Text(Redacted::new(Zeroizing::new(secret.to_owned())))
}

/// A vault at that server, logged in to like this.
fn vault(bao: &OpenBao, login: Login) -> Vault {
    let lines = Lines::new(Reach::with(&["127.0.0.0/8".parse().expect("a network")]));
    let place = Place {
        base: Target::parse(&bao.url()).expect("a URL"),
        authority: None,
        rules: LineRules {
            wait_min: Duration::from_millis(1),
            wait_max: Duration::from_millis(4),
            ..LineRules::default()
        },
    };
    let key = LineKey {
        partner: Some(PartnerId::new()),
        system: "vault",
    };
    let place_in = VaultPlace {
        mount: "secret".to_owned(),
        namespace: None,
        login,
    };
    // Asks each time, so that a test need not wait until a value is no longer fresh.
    Vault::new(lines.line(key, &place).expect("a line"), place_in).with_fresh(Duration::ZERO)
}

fn reference(text: &str) -> SecretRef {
    text.parse().expect("a reference")
}

/// Reads, and says what came of it in a word; a value is followed by whether it is fresh.
async fn read(vault: &Vault, path: &str) -> String {
    match vault.read(&reference(path)).await {
        Ok(found) => match found.freshness {
            Freshness::Fresh => found.value.to_string(),
            Freshness::Stale { why, .. } => format!("{} ({why})", found.value.as_str()),
        },
        Err(error) => error.word().to_owned(),
    }
}

#[tokio::test]
async fn a_token_and_a_role_read_what_their_policy_allows_and_nothing_else() {
    let Some(bao) = OpenBao::start().await else { return };
    bao.write(
        "tenants/isp-west/netbox",
        json!({"value": "west-token", "port": 8080}),
    )
    .await;
    bao.write("tenants/isp-east/netbox", json!({"value": "east-token"}))
        .await;
    bao.policy("west", "tenants/isp-west").await;
    let token = bao.token("west", "1h").await;
    let (role_id, secret_id) = bao.role("west", "west", "1h").await;
    let by_role = Login::AppRole {
        role_id: role_id.clone(),
        secret_id: text(&secret_id),
    };
    for login in [Login::Token(text(&token)), by_role] {
        let vault = vault(&bao, login);
        assert_eq!(read(&vault, "vault:tenants/isp-west/netbox").await, "west-token");
        assert_eq!(
            read(&vault, "vault:tenants/isp-west/netbox#other").await,
            "no_such_field"
        );
        assert_eq!(
            read(&vault, "vault:tenants/isp-west/netbox#port").await,
            "no_such_field"
        );
        assert_eq!(read(&vault, "vault:tenants/isp-west/nothing").await, "not_found");
        assert_eq!(read(&vault, "vault:tenants/isp-east/netbox").await, "forbidden");
        vault.check().await.expect("it takes our credential");
        let shown = format!("{vault:?} {:?}", vault.place());
        for secret in [&token, &secret_id, "west-token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    for login in [
        Login::Token(text("s.nonsense")),
        Login::AppRole {
            role_id,
            secret_id: text("nonsense"),
        },
    ] {
        let vault = vault(&bao, login);
        assert_eq!(
            read(&vault, "vault:tenants/isp-west/netbox").await,
            "login_refused"
        );
        let Err(error @ VaultError::LoginRefused { .. }) = vault.check().await else {
            panic!("nonsense was taken")
        };
        assert!(!format!("{error} {error:?}").contains("nonsense"), "{error:?}");
    }
    let nowhere = vault(&bao, Login::Token(Credential::File("/nonexistent/token".into())));
    assert_eq!(read(&nowhere, "vault:x").await, "no_credential");
}

#[tokio::test]
async fn a_sealed_vault_is_told_apart_and_what_it_had_said_is_served_with_its_age() {
    let Some(mut bao) = OpenBao::start().await else {
        return;
    };
    bao.write("tenants/isp-west/netbox", json!({"value": "first"}))
        .await;
    bao.policy("west", "tenants/isp-west").await;
    let (role_id, secret_id) = bao.role("west", "west", "1h").await;
    let vault = vault(
        &bao,
        Login::AppRole {
            role_id,
            secret_id: text(&secret_id),
        },
    );
    let path = "vault:tenants/isp-west/netbox";
    assert_eq!(read(&vault, path).await, "first");

    bao.seal().await;
    assert_eq!(read(&vault, path).await, "first (sealed)");
    assert_eq!(read(&vault, "vault:tenants/isp-west/other").await, "sealed");
    assert!(matches!(vault.check().await, Err(VaultError::Sealed)));

    bao.unseal().await;
    bao.write("tenants/isp-west/netbox", json!({"value": "second"}))
        .await;
    assert_eq!(
        read(&vault, path).await,
        "second",
        "asked again as soon as it can be"
    );

    bao.kill();
    assert_eq!(read(&vault, path).await, "second (unreachable)");
    bao.launch().await;
    assert_eq!(
        read(&vault, path).await,
        "second (sealed)",
        "after a start it is sealed"
    );
    bao.unseal().await;
    let began = Instant::now();
    // The kill may have opened the breaker; it lets one call try after its pause.
    while read(&vault, path).await != "second" {
        assert!(began.elapsed() < Duration::from_secs(180));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        vault
            .line()
            .line()
            .counters()
            .calls()
            .any(|(word, _)| word == "no_connection")
    );

    // What it takes back is not served on.
    bao.ask("DELETE", "secret/data/tenants/isp-west/netbox", json!({}))
        .await;
    assert_eq!(read(&vault, path).await, "not_found");
    bao.seal().await;
    assert_eq!(read(&vault, path).await, "sealed", "nothing is left of it");
}

#[tokio::test]
async fn tokens_are_renewed_and_replaced_under_load_without_a_failed_call() {
    let Some(bao) = OpenBao::start().await else { return };
    bao.write("tenants/isp-west/netbox", json!({"value": "one"}))
        .await;
    bao.policy("west", "tenants/isp-west").await;
    // A role whose tokens live for three seconds, so that some die while they are used.
    let (role_id, secret_id) = bao.role("short", "west", "3s").await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("secret-id");
    std::fs::write(&file, &secret_id).expect("writes");
    let by_role = vault(
        &bao,
        Login::AppRole {
            role_id,
            secret_id: Credential::File(file.clone()),
        },
    );
    let path = "vault:tenants/isp-west/netbox";
    let (began, mut values, mut reads) = (Instant::now(), BTreeSet::new(), 0);
    // Three lives of a token, and until the new value was seen.
    while began.elapsed() < Duration::from_secs(9) || values.len() < 2 {
        let (a, b, c) = tokio::join!(read(&by_role, path), read(&by_role, path), read(&by_role, path));
        values.extend([a, b, c]);
        if reads == 30 {
            // The secret is replaced there, and our own credential in its file.
            bao.write("tenants/isp-west/netbox", json!({"value": "two"}))
                .await;
            std::fs::write(&file, bao.secret_id("short").await).expect("writes");
        }
        reads += 3;
    }
    assert_eq!(
        values.into_iter().collect::<Vec<_>>(),
        ["one", "two"],
        "each of {reads} reads had a value of then"
    );

    // A token somebody made for us is given a longer life.
    let token = bao.token("west", "1h").await;
    let by_token = vault(&bao, Login::Token(text(&token)));
    assert_eq!(read(&by_token, path).await, "two");
    by_token.tend().await.expect("has nothing to do yet");
    let about = async || {
        bao.ask("POST", "auth/token/lookup", json!({ "token": token }))
            .await
    };
    assert!(about().await["data"]["last_renewal"].is_null());
    by_token.renew().await.expect("is renewed");
    assert!(about().await["data"]["last_renewal"].is_string());
    assert_eq!(read(&by_token, path).await, "two");

    // One that was revoked is not.
    bao.ask("POST", "auth/token/revoke", json!({ "token": token }))
        .await;
    assert_eq!(read(&by_token, path).await, "login_refused");
}
