//! The audit as proof: chained, handed out, and what was done to it found by who has the export only.

use axum::body::to_bytes;
use axum::http::Method;
use kernel::OpContext;
use kernel::audit::chain::Hash;
use kernel::audit::seal::seal;
use kernel::audit::verify::{Report, Verifier};
use kernel::audit::{Entry, record, record_alone};
use kernel::authz::{Permission, PermissionSet};
use kernel::http::testing::{person, request};
use kernel::tenancy::Partner;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use tower::ServiceExt as _;

use crate::world::World;

/// A page of an export over the API.
async fn export(world: &World, path: &str, token: &str) -> String {
    let asked = request(&Method::GET, &format!("/api/public/v1{path}"), Some(token), None);
    let answer = world.api.router.clone().oneshot(asked).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let octets = to_bytes(answer.into_body(), 64 * 1024 * 1024)
        .await
        .expect("a body");
    String::from_utf8(octets.to_vec()).expect("text")
}

fn verify(export: &str) -> Report {
    let mut verifier = Verifier::new();
    export.lines().for_each(|line| verifier.feed(line));
    verifier.finish()
}

/// Lines in a partner's audit, written as a program does.
async fn acts(world: &World, partner: &Partner, count: usize) {
    let op = OpContext::system("test").in_partner(partner.id);
    for n in 0..count {
        let entry = Entry::ok("nas.update", "nas")
            .object(n, format!("bras-{n}"))
            .reason("Grüße \"and\" \\ back")
            .before(json!({ "port": n, "rate": 0.1 }))
            .after(
                json!({ "z": 1e300, "a": [1.0, -0.0, 12345678901234567890u64], "text": "\u{1}é\u{2028}" }),
            );
        record_alone(&world.kernel.db, &op, entry).await.expect("a line");
    }
}

/// Runs a statement as a superuser who switches off what keeps the audit append-only.
async fn tamper(root: &mut PgConnection, statement: &str) {
    let all =
        format!("SET session_replication_role = replica; {statement}; SET session_replication_role = origin");
    sqlx::raw_sql(AssertSqlSafe(all))
        .execute(root)
        .await
        .expect("a superuser can");
}

#[tokio::test]
async fn each_partner_and_the_platform_have_a_chain_of_their_own_and_reading_is_in_it() {
    let world = World::new().await;
    let (west, east) = (world.partner().await, world.partner().await);
    let auditor = person(
        &world.kernel,
        Some(west.id),
        PermissionSet::of(&[Permission::AuditRead]),
    )
    .await;
    acts(&world, &west, 3).await;
    acts(&world, &east, 2).await;

    let path = format!("/partners/{}/audit", west.slug);
    assert_eq!(world.get(&path, &auditor.token).await.status, 200);
    let first = export(&world, &format!("{path}/export"), &auditor.token).await;
    let report = verify(&first);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.chain, report.after), (west.id.to_string(), 0));
    assert!(first.contains("\"action\":\"audit.read\"") && !first.contains("\"action\":\"audit.export\""));
    assert!(!first.contains(&east.id.to_string()));

    // What comes later continues it, and says who exported before.
    let rest = export(
        &world,
        &format!("{path}/export?after={}", report.head.0),
        &auditor.token,
    )
    .await;
    assert!(rest.contains("\"action\":\"audit.export\""));
    assert!(verify(&format!("{first}{rest}")).is_whole());
    let later = verify(&rest);
    assert_eq!((later.after, later.lines), (report.head.0, 1));

    let admin = world.platform_admin().await;
    let platform = verify(&export(&world, "/audit/export", &admin.token).await);
    assert!(platform.is_whole() && platform.lines > 0, "{platform:?}");
    assert_eq!(platform.chain, "platform");
    let refused = world.get("/audit/export", &auditor.token).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn what_a_superuser_does_to_the_audit_is_found_and_named() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let path = format!("/partners/{}/audit/export", partner.slug);
    acts(&world, &partner, 20).await;
    seal(&world.kernel.db).await.expect("chained");
    let mut root = world.test.superuser().await;
    let id_at = |seq: i64| {
        format!(
            "(SELECT audit_id FROM kernel.audit_chain WHERE tenant_id = '{}' AND seq = {seq})",
            partner.id
        )
    };
    let in_chain = format!("kernel.audit_chain WHERE tenant_id = '{}' AND seq", partner.id);
    let before = verify(&export(&world, &path, &admin.token).await);
    assert!(before.is_whole(), "{before:?}");

    // Each on top of the one before; what was found stays found.
    let update = |column: &str, seq| format!("UPDATE kernel.audit SET {column} WHERE id = {}", id_at(seq));
    let cases = [
        (update("outcome = 'refused'", 2), 2, "not as it was written"),
        (
            update("at = at + interval '1 microsecond'", 3),
            3,
            "not as it was written",
        ),
        (
            update("before = '{\"port\": 9, \"rate\": 0.1}'", 4),
            4,
            "not as it was written",
        ),
        (
            update("actor_name = 'somebody else'", 5),
            5,
            "not as it was written",
        ),
        (
            format!("DELETE FROM kernel.audit WHERE id = {}", id_at(7)),
            7,
            "was removed from the table",
        ),
        (
            format!(
                "DELETE FROM kernel.audit WHERE id = {}; DELETE FROM {in_chain} = 9",
                id_at(9)
            ),
            10,
            "the line at 9 before this one was removed",
        ),
        (
            format!(
                "UPDATE {table} SET seq = 99 WHERE {own} = 12; UPDATE {table} SET seq = 12 WHERE {own} = 13;
                 UPDATE {table} SET seq = 13 WHERE {own} = 99",
                table = "kernel.audit_chain",
                own = format_args!("tenant_id = '{}' AND seq", partner.id),
            ),
            12,
            "not as it was written",
        ),
    ];
    for (statement, seq, words) in cases {
        tamper(&mut root, &statement).await;
        let report = verify(&export(&world, &path, &admin.token).await);
        let named = report
            .faults
            .iter()
            .any(|fault| fault.seq == Some(seq) && fault.what.contains(words) && fault.id.is_some());
        assert!(named, "{statement}: {:?}", report.faults);
    }

    // A line that was not written through the program is in no chain.
    let forged = format!(
        "INSERT INTO kernel.audit (id, tenant_id, actor_kind, actor_name, action, object_kind, outcome)
         VALUES ('00000000-0000-7000-8000-000000000001', '{}', 'user', 'noc', 'nas.delete', 'nas', 'ok')",
        partner.id
    );
    tamper(&mut root, &forged).await;
    let report = verify(&export(&world, &path, &admin.token).await);
    let loose: Vec<_> = report
        .faults
        .iter()
        .filter(|fault| fault.what.contains("in no chain"))
        .collect();
    assert_eq!(loose.len(), 1);
    assert_eq!(
        loose[0].id.as_deref(),
        Some("00000000-0000-7000-8000-000000000001")
    );

    // The end cut off is found by who kept its hash.
    let kept = (before.head.0, Hash::read(&before.head.1).expect("a hash"));
    let cut = format!(
        "DELETE FROM kernel.audit WHERE tenant_id = '{}'; DELETE FROM {in_chain} > 0",
        partner.id
    );
    tamper(&mut root, &cut).await;
    let mut verifier = Verifier::expecting(kept.0, kept.1);
    let export = export(&world, &path, &admin.token).await;
    export.lines().for_each(|line| verifier.feed(line));
    let report = verifier.finish();
    assert!(
        report.faults.iter().any(|fault| fault.seq == Some(kept.0)),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_line_that_is_not_committed_is_not_chained_and_one_removed_before_it_was_is_missed() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let path = format!("/partners/{}/audit/export", partner.slug);
    let op = OpContext::system("test").in_partner(partner.id);
    seal(&world.kernel.db).await.expect("chained");
    let mut open = world.kernel.db.begin(&op).await.expect("begins");
    let early = record(&mut open, &op, Entry::ok("early", "test"))
        .await
        .expect("a line");
    // Another act of the same partner commits meanwhile, and is chained: nothing waits for the open one.
    acts(&world, &partner, 1).await;
    assert_eq!(seal(&world.kernel.db).await.expect("chained"), 1);
    open.commit().await.expect("commits");
    assert_eq!(seal(&world.kernel.db).await.expect("chained"), 1);
    let report = verify(&export(&world, &path, &admin.token).await);
    assert!(report.is_whole(), "{report:?}");

    let gone = record_alone(&world.kernel.db, &op, Entry::ok("gone", "test"))
        .await
        .expect("a line");
    let mut root = world.test.superuser().await;
    tamper(
        &mut root,
        &format!("DELETE FROM kernel.audit WHERE id = '{gone}'"),
    )
    .await;
    let text = export(&world, &path, &admin.token).await;
    assert!(text.contains(&early.to_string()));
    let report = verify(&text);
    assert_eq!(report.faults.len(), 1);
    assert_eq!(report.faults[0].id.as_deref(), Some(gone.to_string().as_str()));
    assert!(report.faults[0].what.contains("removed before it was chained"));
}

#[tokio::test]
async fn several_servers_chain_at_once_and_many_acts_are_one_chain() {
    let world = World::new().await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (db, op) = (
                world.kernel.db.clone(),
                OpContext::system("test").in_partner(partner.id),
            );
            tokio::spawn(async move {
                for n in 0..200 {
                    let entry = Entry::ok("load", "test").object(n, "x");
                    record_alone(&db, &op, entry).await.expect("a line");
                    if n % 50 == 0 {
                        seal(&db).await.expect("chained");
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    let path = format!("/partners/{}/audit/export", partner.slug);
    let report = verify(&export(&world, &path, &admin.token).await);
    assert!(report.is_whole(), "{report:?}");
    assert!(report.lines >= 800);
}

#[tokio::test]
async fn the_sealer_chains_by_itself() {
    let world = World::new().await;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let sealer = tokio::spawn(kernel::audit::seal::run(world.kernel.db.clone(), stopping));
    let partner = world.partner().await;
    acts(&world, &partner, 3).await;
    let mut root = world.test.superuser().await;
    let waiting = "SELECT count(*) FROM kernel.audit_unsealed";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&mut root)
        .await
        .expect("counts")
        > 0
    {
        assert!(std::time::Instant::now() < deadline, "lines are not chained");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stop.send(true).expect("it listens");
    sealer.await.expect("it stops");
}
