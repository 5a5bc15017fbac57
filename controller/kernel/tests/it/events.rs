//! Events: told exactly of what was committed, in order, and whatever a consumer does about them happens once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use kernel::events::consumer::{self, Consumer, Handling};
use kernel::events::sequence::sequence;
use kernel::events::store::event_list_after_in_tx;
use kernel::events::{Event, Events, Filter, Logged, emit, keep, kinds};
use kernel::id::PartnerId;
use kernel::tenancy::{ClientChange, NewClient, NewPartner, Tenancy};
use kernel::testing::TestDatabase;
use kernel::{Database, Error, OpContext, Tx};
use serde_json::json;
use tokio::sync::watch;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn op(partner: PartnerId) -> OpContext {
    OpContext::system("test").in_partner(partner)
}

async fn log(db: &Database, op: &OpContext) -> Vec<Logged> {
    sequence(db).await.expect("moves");
    let mut tx = db.begin(op).await.expect("begins");
    event_list_after_in_tx(&mut tx, op, 0, &Filter::default(), 100_000)
        .await
        .expect("reads")
}

async fn tell(db: &Database, op: &OpContext, subject: &str) {
    let mut tx = db.begin(op).await.expect("begins");
    emit(&mut tx, op, Event::new(&kinds::SITE_UPDATED, subject, subject))
        .await
        .expect("writes");
    tx.commit().await.expect("commits");
}

/// Writes a row for each event, and fails for one subject while told to.
struct Clerk {
    /// The subject that cannot be handled.
    broken: &'static str,
    /// Whether it is broken now.
    fails: AtomicBool,
    /// How often something was tried.
    tries: AtomicUsize,
}

impl Clerk {
    fn new(broken: &'static str) -> Arc<Self> {
        Arc::new(Self {
            broken,
            fails: AtomicBool::new(true),
            tries: AtomicUsize::new(0),
        })
    }
}

impl Consumer for Clerk {
    fn name(&self) -> &'static str {
        "clerk"
    }

    fn wants(&self, kind: &str) -> bool {
        kind == "site.updated"
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, op: &'a OpContext, event: &'a Logged) -> Handling<'a> {
        Box::pin(async move {
            self.tries.fetch_add(1, Ordering::SeqCst);
            // A second row of the same event would violate the key: once means once.
            sqlx::query("INSERT INTO kernel.tenant_settings (tenant_id, key, value) VALUES ($1, $2, $3)")
                .bind(op.require_partner()?.as_uuid())
                .bind(format!("seen.{:09}", event.position))
                .bind(json!(event.subject_id))
                .execute(&mut **tx)
                .await?;
            let seen: i64 =
                sqlx::query_scalar("SELECT count(DISTINCT tenant_id) FROM kernel.tenant_settings")
                    .fetch_one(&mut **tx)
                    .await?;
            assert_eq!(seen, 1, "a consumer sees the event's partner only");
            if event.subject_id == self.broken && self.fails.load(Ordering::SeqCst) {
                return Err(Error::conflict("site", "broken"));
            }
            Ok(())
        })
    }
}

/// What the clerk has seen of a partner, in the order of the log.
async fn seen(db: &Database, partner: PartnerId) -> Vec<String> {
    let mut tx = db.begin(&op(partner)).await.expect("begins");
    sqlx::query_scalar("SELECT value #>> '{}' FROM kernel.tenant_settings WHERE tenant_id = $1 AND key LIKE 'seen.%' ORDER BY key")
        .bind(partner.as_uuid())
        .fetch_all(&mut *tx)
        .await
        .expect("reads")
}

async fn until(mut done: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("it happens in time");
}

#[tokio::test]
async fn an_act_tells_of_itself_when_it_is_committed_and_only_then() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let partner = test.partner("isp-west").await;
    let op = op(partner);
    let mut tx = db.begin(&op).await.expect("begins");
    emit(&mut tx, &op, Event::new(&kinds::SITE_CREATED, 1, "gone"))
        .await
        .expect("writes");
    tx.rollback().await.expect("rolls back");
    let tenancy = Tenancy::new(db.clone());
    let new = NewClient {
        slug: "acme".into(),
        name: "Acme".into(),
        contact_email: None,
    };
    let client = tenancy.client_create(&op, &new).await.expect("a client");
    let change = |name: &str| ClientChange {
        name: Some(name.into()),
        ..ClientChange::default()
    };
    tenancy
        .client_update(&op, "acme", &change("Acme"))
        .await
        .expect("unchanged");
    tenancy
        .client_update(&op, "acme", &change("Acme 2"))
        .await
        .expect("changed");
    let told = log(db, &op).await;
    let kinds: Vec<_> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["client.created", "client.updated"]);
    let update = &told[1];
    assert_eq!(
        update.data,
        json!({ "before": { "name": "Acme" }, "after": { "name": "Acme 2" } })
    );
    assert_eq!(
        (update.partner, update.subject_kind.as_str()),
        (Some(partner), "client")
    );
    assert_eq!(
        (&update.subject_id, &update.subject_label),
        (&client.id.to_string(), &client.slug)
    );
    assert_eq!(
        (update.actor_name.as_str(), update.request_id),
        ("test", op.request_id)
    );
}

#[tokio::test]
async fn a_partner_reads_his_own_events_and_the_platform_all() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let platform = OpContext::system("test");
    let tenancy = Tenancy::new(db.clone());
    let mut partners = Vec::new();
    for slug in ["isp-west", "isp-east"] {
        let new = NewPartner {
            slug: slug.into(),
            name: slug.into(),
        };
        partners.push(
            tenancy
                .partner_create(&platform, &new)
                .await
                .expect("a partner")
                .id,
        );
    }
    assert_eq!(log(db, &platform).await.len(), 2);
    for partner in partners {
        let own = log(db, &op(partner)).await;
        assert_eq!(own.len(), 1);
        assert_eq!(
            (own[0].partner, own[0].kind.as_str()),
            (Some(partner), "partner.created")
        );
    }
}

#[tokio::test]
async fn of_one_subject_the_log_has_the_order_of_the_acts_whoever_writes_at_the_same_time() {
    const WRITERS: usize = 6;
    const ROUNDS: usize = 20;
    let test = TestDatabase::new().await;
    let db = test.database();
    let partner = test.partner("isp-west").await;
    let tenancy = Tenancy::new(db.clone());
    for slug in ["one", "two", "three"] {
        let new = NewPartner {
            slug: slug.into(),
            name: "0".into(),
        };
        tenancy
            .partner_create(&OpContext::system("test"), &new)
            .await
            .expect("a partner");
    }
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(Events::new(db.clone()).run(Vec::new(), stopping));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (tenancy, db) = (tenancy.clone(), db.clone());
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let slug = ["one", "two", "three"][(writer + round) % 3];
                    let platform = OpContext::system("test");
                    let key = kernel::tenancy::Key::read(slug).expect("a key");
                    let id = tenancy
                        .partner_resolve(&platform, &key)
                        .await
                        .expect("there")
                        .expect("is");
                    let change = kernel::tenancy::PartnerChange {
                        name: Some(format!("{writer} {round}")),
                        ..Default::default()
                    };
                    tenancy
                        .partner_update(&platform.in_partner(id), &change)
                        .await
                        .expect("changes");
                    tell(&db, &op(partner), "noise").await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("writes");
    }
    let told = log(db, &OpContext::system("test")).await;
    stop.send(true).expect("is running");
    running.await.expect("stops");
    let mut names: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    let mut changes = 0;
    for event in told.iter().filter(|event| event.kind == "partner.updated") {
        let before = event.data["before"]["name"].clone();
        let known = names.insert(event.subject_id.clone(), event.data["after"]["name"].clone());
        assert_eq!(
            before,
            known.unwrap_or_else(|| json!("0")),
            "an event of a subject is out of order"
        );
        changes += 1;
    }
    assert_eq!(changes, WRITERS * ROUNDS);
    assert!(told.is_sorted_by_key(|event| event.position));
}

#[tokio::test]
async fn what_cannot_be_taken_is_parked_with_its_subject_and_holds_up_nobody_else() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let west = test.partner("isp-west").await;
    let east = test.partner("isp-east").await;
    let clerk = Clerk::new("b");
    // Begins with what happens from now on.
    tell(db, &op(west), "before").await;
    sequence(db).await.expect("moves");
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(Events::new(db.clone()).run(vec![clerk.clone()], stopping.clone()));
    until(async || {
        let mut tx = db.begin(&OpContext::system("test")).await.expect("begins");
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM kernel.event_consumers")
            .fetch_one(&mut *tx)
            .await
            .expect("reads");
        known == 1
    })
    .await;
    for subject in ["a", "b", "c", "b", "d"] {
        tell(db, &op(west), subject).await;
    }
    tell(db, &op(east), "e").await;
    until(async || seen(db, west).await == ["a", "c", "d"] && seen(db, east).await == ["e"]).await;
    until(async || clerk.tries.load(Ordering::SeqCst) > 8).await; // it is tried again
    clerk.fails.store(false, Ordering::SeqCst);
    until(async || seen(db, west).await == ["a", "b", "c", "b", "d"]).await;
    stop.send(true).expect("is running");
    running.await.expect("stops");
    // Another start does nothing twice: the key would refuse it.
    let again = Clerk::new("");
    consumer::drain(db, again.clone()).await.expect("drains");
    assert_eq!(again.tries.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn old_events_are_deleted_but_not_those_that_somebody_has_yet_to_see() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let west = test.partner("isp-west").await;
    let clerk = Clerk::new("");
    consumer::drain(db, clerk.clone()).await.expect("begins");
    for subject in ["a", "b"] {
        tell(db, &op(west), subject).await;
    }
    sequence(db).await.expect("moves");
    let mut root = test.superuser().await;
    sqlx::raw_sql("UPDATE kernel.events SET at = now() - interval '40 days'")
        .execute(&mut root)
        .await
        .expect("ages");
    assert_eq!(
        keep::trim(db, 30, 90).await.expect("trims"),
        0,
        "the clerk has not seen them"
    );
    consumer::drain(db, clerk).await.expect("drains");
    tell(db, &op(west), "c").await;
    assert_eq!(keep::trim(db, 30, 90).await.expect("trims"), 2);
    assert_eq!(log(db, &op(west)).await.len(), 1);
    sqlx::raw_sql("UPDATE kernel.events SET at = now() - interval '91 days'")
        .execute(&mut root)
        .await
        .expect("ages");
    assert_eq!(
        keep::trim(db, 30, 90).await.expect("trims"),
        1,
        "nobody is waited for that long"
    );
}
