//! Jobs: stored with the act that wants them, done by one, in turn among partners, once in the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use kernel::id::{JobId, PartnerId};
use kernel::jobs::list::Filter;
use kernel::jobs::runner::run_due;
use kernel::jobs::schedule::fall_due;
use kernel::jobs::store::RUNNING_OF_PARTNER_MAX;
use kernel::jobs::{Done, Failed, Job, Jobs, Missed, NewJob, Schedule, Worker, Working, enqueue};
use kernel::testing::TestDatabase;
use kernel::{Database, OpContext};
use parking_lot::Mutex;
use serde_json::json;
use sqlx::AssertSqlSafe;
use time::macros::datetime;
use tokio::sync::watch;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn op(partner: PartnerId) -> OpContext {
    OpContext::system("test").in_partner(partner)
}

/// Stores a job.
async fn want(db: &Database, op: &OpContext, job: NewJob) -> Option<JobId> {
    let mut tx = db.begin(op).await.expect("begins");
    let id = enqueue(&mut tx, op, job).await.expect("stores");
    tx.commit().await.expect("commits");
    id
}

fn job(name: &str) -> NewJob {
    NewJob::new("test", json!({ "name": name }))
}

/// Notes the names of what it does, and fails while told to.
#[derive(Default)]
struct Clerk {
    /// What was done, in order.
    done: Mutex<Vec<String>>,
    /// Whether it fails.
    fails: AtomicBool,
    /// Whether that is for good.
    for_good: AtomicBool,
}

impl Worker for Clerk {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn attempts_max(&self) -> u32 {
        3
    }

    fn work<'a>(&'a self, op: &'a OpContext, job: &'a Job) -> Working<'a> {
        Box::pin(async move {
            assert_eq!(op.partner, job.partner);
            if self.fails.load(Ordering::SeqCst) {
                let for_good = self.for_good.load(Ordering::SeqCst);
                return Err(if for_good {
                    Failed::for_good("no use")
                } else {
                    Failed::again("not now")
                });
            }
            let name = job.data["name"].as_str().unwrap_or_default().to_owned();
            self.done.lock().push(name);
            Ok(Done::Note)
        })
    }
}

/// Makes what waits due now: time passes.
async fn later(test: &TestDatabase) {
    sqlx::raw_sql("UPDATE kernel.jobs SET run_at = now() WHERE state = 'waiting'")
        .execute(&mut test.superuser().await)
        .await
        .expect("time passes");
}

async fn state(jobs: &Jobs, op: &OpContext, id: JobId) -> (String, i32) {
    let job = jobs.job_fetch(op, id).await.expect("is there");
    (job.state, job.attempts)
}

/// Runs what is due with one worker.
async fn due(db: &Database, clerk: &Arc<Clerk>) -> Result<usize, kernel::Error> {
    let worker: Arc<dyn Worker> = clerk.clone();
    run_due(db, std::slice::from_ref(&worker)).await
}

#[tokio::test]
async fn a_job_is_wanted_with_its_act_or_not_at_all_and_of_one_key_once() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let op = op(test.partner("isp-west").await);
    let mut tx = db.begin(&op).await.expect("begins");
    enqueue(&mut tx, &op, job("gone")).await.expect("stores");
    tx.rollback().await.expect("rolls back");
    let keyed = || NewJob {
        key: Some("one".into()),
        ..job("a")
    };
    assert!(want(db, &op, keyed()).await.is_some());
    assert!(want(db, &op, keyed()).await.is_none(), "there is one already");
    let clerk = Arc::new(Clerk::default());
    assert_eq!(due(db, &clerk).await.expect("runs"), 1);
    assert!(
        want(db, &op, keyed()).await.is_some(),
        "it is done; another one may be wanted"
    );
    due(db, &clerk).await.expect("runs");
    assert_eq!(*clerk.done.lock(), ["a", "a"]);
}

#[tokio::test]
async fn a_lane_keeps_its_order() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let west = op(test.partner("isp-west").await);
    let clerk = Arc::new(Clerk::default());
    let lane = |name: &str| NewJob {
        lane: Some("line".into()),
        ..job(name)
    };
    for name in ["first", "second"] {
        want(db, &west, lane(name)).await;
    }
    clerk.fails.store(true, Ordering::SeqCst);
    due(db, &clerk).await.expect("runs");
    clerk.fails.store(false, Ordering::SeqCst);
    assert_eq!(
        due(db, &clerk).await.expect("runs"),
        0,
        "the second waits behind the first"
    );
    later(&test).await;
    due(db, &clerk).await.expect("runs");
    assert_eq!(*clerk.done.lock(), ["first", "second"]);
}

/// Hangs with one partner's jobs.
struct Hanging {
    /// Whose jobs hang.
    with: PartnerId,
    /// The others that were done.
    done: watch::Sender<usize>,
    /// Those that hang.
    hang: watch::Sender<usize>,
}

impl Worker for Hanging {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn work<'a>(&'a self, op: &'a OpContext, _job: &'a Job) -> Working<'a> {
        Box::pin(async move {
            if op.partner == Some(self.with) {
                self.hang.send_modify(|count| *count += 1);
                std::future::pending::<()>().await;
            }
            self.done.send_modify(|count| *count += 1);
            Ok(Done::Note)
        })
    }
}

#[tokio::test]
async fn a_partner_whose_jobs_hang_leaves_room_for_others() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let (west, east) = (test.partner("isp-west").await, test.partner("isp-east").await);
    for n in 0..100 {
        want(db, &op(west), job(&n.to_string())).await;
    }
    let hanging = Arc::new(Hanging {
        with: west,
        done: watch::Sender::new(0),
        hang: watch::Sender::new(0),
    });
    let (mut done, mut hang) = (hanging.done.subscribe(), hanging.hang.subscribe());
    let (stop, stopping) = watch::channel(false);
    let jobs = Jobs::new(db.clone());
    let running = tokio::spawn(jobs.clone().run(vec![hanging], Vec::new(), stopping));
    let most = usize::try_from(RUNNING_OF_PARTNER_MAX).expect("fits");
    let all_hang = tokio::time::timeout(PATIENCE, hang.wait_for(|count| *count == most)).await;
    drop(all_hang.expect("in time").expect("runs"));
    for n in 0..20 {
        want(db, &op(east), job(&n.to_string())).await;
    }
    jobs.wake();
    let all_done = tokio::time::timeout(PATIENCE, done.wait_for(|count| *count == 20)).await;
    drop(all_done.expect("in time").expect("runs"));
    assert_eq!(*hang.borrow(), most, "no more of his than may be");
    stop.send(true).expect("is running");
    running.await.expect("stops");
}

#[tokio::test]
async fn what_fails_is_tried_again_then_given_up_and_done_once_more_on_request() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let (west, east) = (
        op(test.partner("isp-west").await),
        op(test.partner("isp-east").await),
    );
    let jobs = Jobs::new(db.clone());
    let clerk = Arc::new(Clerk::default());
    clerk.fails.store(true, Ordering::SeqCst);
    let id = want(db, &west, job("a")).await.expect("an id");
    for attempt in 1..=3 {
        assert_eq!(due(db, &clerk).await.expect("runs"), 1);
        assert_eq!(due(db, &clerk).await.expect("runs"), 0, "it waits first");
        let expected = if attempt < 3 { "waiting" } else { "dead" };
        assert_eq!(state(&jobs, &west, id).await, (expected.to_owned(), attempt));
        later(&test).await;
    }
    assert_eq!(
        jobs.job_fetch(&west, id)
            .await
            .expect("is there")
            .error
            .as_deref(),
        Some("not now")
    );
    assert!(
        jobs.job_fetch(&east, id).await.is_err(),
        "another partner's job is not there"
    );
    assert!(jobs.job_retry(&east, id).await.is_err());
    let dead = Filter {
        state: Some("dead".into()),
        kind: None,
    };
    assert_eq!(jobs.job_list(&west, &dead, 10, 0).await.expect("lists").1, 1);
    assert_eq!(jobs.job_list(&east, &dead, 10, 0).await.expect("lists").1, 0);
    clerk.fails.store(false, Ordering::SeqCst);
    jobs.job_retry(&west, id).await.expect("once more");
    due(db, &clerk).await.expect("runs");
    assert_eq!(state(&jobs, &west, id).await, ("done".to_owned(), 1));
    assert!(jobs.job_retry(&west, id).await.is_err(), "what is done is done");

    clerk.fails.store(true, Ordering::SeqCst);
    clerk.for_good.store(true, Ordering::SeqCst);
    let id = want(db, &west, job("b")).await.expect("an id");
    run_due(db, &[clerk]).await.expect("runs");
    assert_eq!(
        state(&jobs, &west, id).await,
        ("dead".to_owned(), 1),
        "there was no use in trying again"
    );
}

/// Writes a row that there can be once, in the transaction that ends the job; the first attempt is slow.
struct Writer {
    /// The database.
    db: Database,
    /// Attempts so far.
    attempts: AtomicU32,
    /// Said by the first attempt when it is under way.
    under_way: watch::Sender<bool>,
    /// Waited for by the first attempt.
    go_on: watch::Receiver<bool>,
}

impl Worker for Writer {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn work<'a>(&'a self, op: &'a OpContext, job: &'a Job) -> Working<'a> {
        Box::pin(async move {
            if self.attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                self.under_way.send_replace(true);
                drop(self.go_on.clone().wait_for(|go| *go).await);
            }
            let mut tx = self.db.begin(op).await?;
            let tenant = op.require_partner()?.as_uuid();
            sqlx::query("INSERT INTO kernel.tenant_settings (tenant_id, key, value) VALUES ($1, $2, '1')")
                .bind(tenant)
                .bind(format!("done.{}", job.id.as_uuid().simple()))
                .execute(&mut *tx)
                .await
                .map_err(kernel::Error::from)?;
            job.finish_in_tx(&mut tx).await?;
            tx.commit().await.map_err(kernel::Error::from)?;
            Ok(Done::Committed)
        })
    }
}

#[tokio::test]
async fn who_has_lost_a_job_writes_nothing() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let west = op(test.partner("isp-west").await);
    let (go, go_on) = watch::channel(false);
    let under_way = watch::Sender::new(false);
    let mut started = under_way.subscribe();
    let writer: Arc<dyn Worker> = Arc::new(Writer {
        db: db.clone(),
        attempts: AtomicU32::new(0),
        under_way,
        go_on,
    });
    let id = want(db, &west, job("a")).await.expect("an id");
    let (slow, workers) = (db.clone(), vec![writer.clone()]);
    let first = tokio::spawn(async move { run_due(&slow, &workers).await });
    started.wait_for(|started| *started).await.expect("starts");
    // Its server is taken for dead; another one does the job.
    sqlx::raw_sql("UPDATE kernel.jobs SET state = 'waiting', claim = NULL, lease_until = NULL")
        .execute(&mut test.superuser().await)
        .await
        .expect("the lease ends");
    run_due(db, &[writer]).await.expect("runs");
    go.send_replace(true);
    first.await.expect("ends").expect("runs");
    let jobs = Jobs::new(db.clone());
    assert_eq!(state(&jobs, &west, id).await, ("done".to_owned(), 2));
    let mut tx = db.begin(&west).await.expect("begins");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM kernel.tenant_settings WHERE key LIKE 'done.%'")
        .fetch_one(&mut *tx)
        .await
        .expect("counts");
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn several_servers_share_the_queue_and_nothing_is_done_twice() {
    const JOBS: usize = 200;
    let test = TestDatabase::new().await;
    let db = test.database();
    let partners = [test.partner("isp-west").await, test.partner("isp-east").await];
    let (stop, stopping) = watch::channel(false);
    let clerk = Arc::new(Clerk::default());
    let servers: Vec<_> = (0..3)
        .map(|_| {
            let workers: Vec<Arc<dyn Worker>> = vec![clerk.clone()];
            tokio::spawn(Jobs::new(db.clone()).run(workers, Vec::new(), stopping.clone()))
        })
        .collect();
    for n in 0..JOBS {
        want(db, &op(partners[n % 2]), job(&n.to_string())).await;
    }
    let all = tokio::time::timeout(PATIENCE, async {
        while clerk.done.lock().len() < JOBS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    all.await.expect("all are done in time");
    stop.send(true).expect("is running");
    for server in servers {
        server.await.expect("stops");
    }
    let mut done = clerk.done.lock().clone();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), JOBS);
    assert_eq!(clerk.done.lock().len(), JOBS, "something was done twice");
}

#[tokio::test]
async fn a_schedule_falls_due_once_whoever_looks() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let schedule = Schedule {
        name: "hourly",
        cron: "0 * * * *".parse().expect("an expression"),
        missed: Missed::All,
        kind: "test",
    };
    let due = async |now| fall_due(db, &schedule, now).await.expect("looks");
    assert_eq!(
        due(datetime!(2026-01-01 00:30 UTC)).await,
        0,
        "it begins with the next moment"
    );
    assert_eq!(due(datetime!(2026-01-01 00:59 UTC)).await, 0);
    let now = datetime!(2026-01-01 01:00:05 UTC);
    let (one, other) = tokio::join!(due(now), due(now));
    assert_eq!(one + other, 1);
    assert_eq!(
        due(datetime!(2026-01-01 04:10 UTC)).await,
        3,
        "nobody ran for three hours"
    );
    let mut superuser = test.superuser().await;
    let jobs: i64 = sqlx::query_scalar(AssertSqlSafe("SELECT count(*) FROM kernel.jobs".to_owned()))
        .fetch_one(&mut superuser)
        .await
        .expect("counts");
    assert_eq!(jobs, 4);
}
