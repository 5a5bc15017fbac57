//! kill -9, again and again, of a server that does jobs, consumes events, runs workflows and tells a webhook: in the database
//! everything happens once and in order, outside at least once, and every workflow ends done or undone.
//!
//! The server is this test program itself, started again with the database's URL in its environment ([`server`]). It is killed
//! when it has done something more, not after a time. `HEADEND_KILL_ROUNDS` says how often.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kernel::database::DatabaseConfig;
use kernel::events::{Consumer, Event, Handling, Logged, emit, kinds};
use kernel::id::PartnerId;
use kernel::identity::Settings;
use kernel::jobs::{Done, Job, NewJob, Worker, Working, enqueue};
use kernel::secrets::Sealer;
use kernel::testing::TestDatabase;
use kernel::webhooks::{Deliverer, NewWebhook, Teller, Webhooks};
use kernel::workflows::{NewWorkflow, Runner, workflow_list};
use kernel::{Database, Kernel, OpContext, Tx};
use serde_json::json;
use tokio::sync::watch;

use crate::webhooks::{loopback, receiver};
use crate::workflows::Build;

/// The variable by which the server knows its database, and that it is one.
const URL: &str = "HEADEND_KILL_URL";
/// The variable that says how often it is killed.
const ROUNDS: &str = "HEADEND_KILL_ROUNDS";
/// How often it is killed when nobody says otherwise.
const ROUNDS_USUAL: usize = 12;
/// Acts for each round: each is a job, an event and a workflow.
const ACTS: usize = 12;
/// Things they happen to.
const SUBJECTS: usize = 3;
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

fn kernel(db: Database) -> Kernel {
    let settings = Settings {
        reach: loopback(),
        ..Settings::default()
    };
    Kernel::new(db, Sealer::from_key([7; 32]), settings).expect("a kernel")
}

/// Writes a row that there can be once.
async fn once(tx: &mut Tx, op: &OpContext, key: String, value: &str) -> Result<(), kernel::Error> {
    sqlx::query("INSERT INTO kernel.tenant_settings (tenant_id, key, value) VALUES ($1, $2, $3)")
        .bind(op.require_partner()?.as_uuid())
        .bind(key)
        .bind(json!(value))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Does jobs, each a row in the transaction that ends it.
struct Writer(Database);

impl Worker for Writer {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn work<'a>(&'a self, op: &'a OpContext, job: &'a Job) -> Working<'a> {
        Box::pin(async move {
            let mut tx = self.0.begin(op).await?;
            let name = job.data["name"].as_str().unwrap_or_default();
            once(&mut tx, op, format!("job.{name}"), "").await?;
            job.finish_in_tx(&mut tx).await?;
            tx.commit().await.map_err(kernel::Error::from)?;
            Ok(Done::Committed)
        })
    }
}

/// Consumes events, each a row in the transaction that moves its position.
struct Clerk;

impl Consumer for Clerk {
    fn name(&self) -> &'static str {
        "clerk"
    }

    fn wants(&self, kind: &str) -> bool {
        kind == "site.updated"
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, op: &'a OpContext, event: &'a Logged) -> Handling<'a> {
        Box::pin(async move {
            let value = format!("{} {}", event.subject_id, event.data["n"]);
            once(tx, op, format!("event.{:012}", event.position), &value).await
        })
    }
}

/// The server. As a test it does nothing; see [`everything_happens_once_whenever_the_server_is_killed`].
#[tokio::test]
async fn server() {
    let Ok(url) = std::env::var(URL) else { return };
    let config = DatabaseConfig {
        url: Some(url),
        ..DatabaseConfig::default()
    };
    let db = Database::open(&config, std::path::Path::new("/nonexistent"))
        .await
        .expect("opens");
    let kernel = kernel(db.clone());
    let (_never, stopping) = watch::channel(false);
    let webhooks = Webhooks::new(&kernel);
    let workers: Vec<Arc<dyn Worker>> = vec![
        Arc::new(Writer(db.clone())),
        Arc::new(Deliverer::new(webhooks.clone())),
        Arc::new(Runner::new(db.clone(), vec![Arc::new(Build::new(&db))])),
    ];
    let consumers: Vec<Arc<dyn Consumer>> = vec![Arc::new(Clerk), Arc::new(Teller::new(&webhooks))];
    tokio::join!(
        kernel.jobs.clone().run(workers, Vec::new(), stopping.clone()),
        kernel.events.clone().run(consumers, stopping),
    );
}

/// How many workflows are done, and how many undone.
async fn workflows(db: &Database, partner: PartnerId) -> (usize, usize) {
    let op = OpContext::system("test").in_partner(partner);
    let count = async |state: &str| {
        let (_, total) = workflow_list(db, &op, Some(state), 1, 0).await.expect("lists");
        usize::try_from(total).expect("fits")
    };
    (count("done").await, count("undone").await)
}

/// How many things workflows have made that are there.
async fn things(db: &Database, partner: PartnerId) -> usize {
    let mut tx = db
        .begin(&OpContext::system("test").in_partner(partner))
        .await
        .expect("begins");
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM kernel.tenant_settings WHERE key LIKE 'thing.%'")
            .fetch_one(&mut *tx)
            .await
            .expect("counts");
    usize::try_from(count).expect("fits")
}

/// Starts a server.
fn start(url: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "kill::server"])
        .env(URL, url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Acts once: a job and an event in one transaction, of a subject whose row is locked.
async fn act(db: &Database, partner: PartnerId, n: usize) {
    let op = OpContext::system("test").in_partner(partner);
    let mut tx = db.begin(&op).await.expect("begins");
    let job = NewJob {
        lane: n.is_multiple_of(2).then(|| "even".to_owned()),
        ..NewJob::new("test", json!({ "name": n.to_string() }))
    };
    enqueue(&mut tx, &op, job).await.expect("stores");
    let subject = (n % SUBJECTS).to_string();
    let event = Event::new(&kinds::SITE_UPDATED, &subject, &subject).data(json!({ "n": n }));
    emit(&mut tx, &op, event).await.expect("writes");
    // Every third has a last step that does not work.
    let workflow = NewWorkflow {
        kind: "build",
        subject: n.to_string(),
        input: json!({ "n": n, "fails": n % 3 == 2 }),
    };
    kernel::workflows::start(&mut tx, &op, workflow)
        .await
        .expect("begins");
    tx.commit().await.expect("commits");
}

/// The rows written so far: how many of jobs, and those of events in the order of the log.
async fn written(db: &Database, partner: PartnerId) -> (usize, Vec<String>) {
    let mut tx = db
        .begin(&OpContext::system("test").in_partner(partner))
        .await
        .expect("begins");
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT key, value #>> '{}' FROM kernel.tenant_settings ORDER BY key")
            .fetch_all(&mut *tx)
            .await
            .expect("reads");
    let jobs = rows.iter().filter(|(key, _)| key.starts_with("job.")).count();
    let events = rows.into_iter().filter(|(key, _)| key.starts_with("event."));
    (jobs, events.map(|(_, value)| value).collect())
}

/// Whether the numbers of each subject only grow.
fn in_order(told: impl IntoIterator<Item = (String, usize)>) -> bool {
    let mut last = BTreeMap::new();
    told.into_iter()
        .all(|(subject, n)| last.insert(subject, n).is_none_or(|before| before < n))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_happens_once_whenever_the_server_is_killed() {
    let rounds = std::env::var(ROUNDS)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROUNDS_USUAL);
    let test = TestDatabase::new().await;
    let db = test.database();
    let partner = test.partner("isp-west").await;
    let op = OpContext::system("test").in_partner(partner);
    let (receiver, at) = receiver().await;
    let new = NewWebhook {
        name: "billing".into(),
        url: format!("http://{at}/in"),
        kinds: vec!["site.updated".into()],
    };
    let op_of_all = OpContext {
        permissions: kernel::authz::PermissionSet::all(),
        ..op
    };
    let (_, secret) = Webhooks::new(&kernel(db.clone()))
        .webhook_create(&op_of_all, &new)
        .await
        .expect("a webhook");
    // Both consumers begin with what happens from here on.
    let webhooks = Webhooks::new(&kernel(db.clone()));
    let consumers: [Arc<dyn Consumer>; 2] = [Arc::new(Clerk), Arc::new(Teller::new(&webhooks))];
    for consumer in consumers {
        kernel::events::consumer::drain(db, consumer)
            .await
            .expect("begins");
    }

    let url = test.url("headend_app");
    let mut root = test.superuser().await;
    let told_so_far = || {
        let came = receiver.came.lock();
        came.iter()
            .map(|message| &message.id)
            .collect::<BTreeSet<_>>()
            .len()
    };
    let inside = async || {
        let (jobs, events) = written(db, partner).await;
        let (done, undone) = workflows(db, partner).await;
        jobs + events.len() + done + undone
    };
    for round in 0..rounds {
        for n in 0..ACTS {
            act(db, partner, round * ACTS + n).await;
        }
        // Some of it is left for the next one; now this side of it, now that.
        let outside = round % 2 == 1;
        let progress = async || if outside { told_so_far() } else { inside().await };
        let enough = progress().await + 1 + round % ACTS;
        let mut server = start(&url);
        let done = tokio::time::timeout(PATIENCE, async {
            while progress().await < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let in_time = done.await;
        server.kill().expect("is killed"); // SIGKILL
        server.wait().expect("is gone");
        assert!(in_time.is_ok(), "round {round}: the server does nothing");
        // Time passes: leases end, and what failed is due.
        sqlx::raw_sql(
            "UPDATE kernel.jobs SET lease_until = now() - interval '1 s' WHERE state = 'running';
             UPDATE kernel.jobs SET run_at = now() WHERE state = 'waiting'",
        )
        .execute(&mut root)
        .await
        .expect("time passes");
    }
    let acts = rounds * ACTS;
    let mut server = start(&url);
    let all = tokio::time::timeout(PATIENCE, async {
        loop {
            let (jobs, events) = written(db, partner).await;
            let open: i64 = sqlx::query_scalar("SELECT count(*) FROM kernel.jobs WHERE state <> 'done'")
                .fetch_one(&mut root)
                .await
                .expect("counts");
            let (done, undone) = workflows(db, partner).await;
            let ended = (jobs, events.len(), done + undone, told_so_far()) == (acts, acts, acts, acts);
            if ended && open == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let in_time = all.await;
    server.kill().expect("is killed");
    server.wait().expect("is gone");
    let (jobs, events) = written(db, partner).await;
    assert!(
        in_time.is_ok(),
        "of {acts} acts {jobs} jobs and {} events are done",
        events.len()
    );

    let numbers = events.iter().map(|value| {
        let (subject, n) = value.split_once(' ').expect("two words");
        (subject.to_owned(), n.parse().expect("a number"))
    });
    assert!(
        in_order(numbers),
        "the events of a subject are out of order: {events:?}"
    );
    let came = receiver.came.lock().clone();
    let mut seen = BTreeSet::new();
    let first = came.iter().filter(|message| seen.insert(message.id.clone()));
    let told: Vec<_> = first
        .map(|message| {
            let event = message.event();
            let subject = event["subject"]["id"].as_str().expect("an id").to_owned();
            (
                subject,
                usize::try_from(event["data"]["n"].as_u64().expect("a number")).expect("fits"),
            )
        })
        .collect();
    assert_eq!(told.len(), acts, "each event is told");
    assert!(in_order(told), "a webhook is told out of order");
    assert!(came.iter().all(|message| message.is_signed_with(&secret)));
    let (done, undone) = workflows(db, partner).await;
    assert_eq!((done, undone), (acts - acts / 3, acts / 3));
    let left = things(db, partner).await;
    assert_eq!(
        left,
        3 * done,
        "what a workflow made is there as a whole or not at all"
    );
    eprintln!(
        "{rounds} kills, {acts} acts, {} messages, {done} workflows done and {undone} undone",
        came.len()
    );
}
