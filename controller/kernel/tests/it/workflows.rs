//! Workflows: done as a whole or undone as a whole, with a timeline that says how.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kernel::id::{PartnerId, WorkflowId};
use kernel::jobs::runner::run_due;
use kernel::jobs::{Jobs, Worker};
use kernel::testing::TestDatabase;
use kernel::workflows::{
    Acting, NewWorkflow, Runner, Step, StepContext, StepFailed, Undoing, Workflow, start, workflow_fetch,
};
use kernel::{Database, OpContext};
use serde_json::{Value, json};

/// Three things are made, one after another; the last one can fail.
pub struct Build(Vec<Box<dyn Step>>);

impl Build {
    /// In this database.
    pub fn new(db: &Database) -> Self {
        let step = |name, last| -> Box<dyn Step> {
            Box::new(Make {
                name,
                last,
                db: db.clone(),
                not_yet: AtomicU32::new(0),
                stuck: AtomicU32::new(0),
            })
        };
        Self(vec![
            step("first", false),
            step("second", false),
            step("third", true),
        ])
    }

    /// The same whose steps fail so often before they work, and whose undo does.
    fn hesitating(db: &Database, not_yet: u32, stuck: u32) -> Self {
        let step = |name, last| -> Box<dyn Step> {
            Box::new(Make {
                name,
                last,
                db: db.clone(),
                not_yet: AtomicU32::new(not_yet),
                stuck: AtomicU32::new(stuck),
            })
        };
        Self(vec![
            step("first", false),
            step("second", false),
            step("third", true),
        ])
    }
}

impl Workflow for Build {
    fn kind(&self) -> &'static str {
        "build"
    }

    fn steps(&self) -> &[Box<dyn Step>] {
        &self.0
    }
}

/// Makes a thing: a row that there can be once.
struct Make {
    /// The step's name.
    name: &'static str,
    /// Whether it fails where the input says so.
    last: bool,
    /// Where.
    db: Database,
    /// How often it still does not work.
    not_yet: AtomicU32,
    /// How often its undo still does not work.
    stuck: AtomicU32,
}

/// Takes one away, if there is one.
fn less(count: &AtomicU32) -> bool {
    count
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1))
        .is_ok()
}

impl Step for Make {
    fn name(&self) -> &'static str {
        self.name
    }

    fn act<'a>(&'a self, step: &'a StepContext<'a>) -> Acting<'a> {
        Box::pin(async move {
            if less(&self.not_yet) {
                return Err(StepFailed::again("not yet"));
            }
            if self.last && step.input["fails"] == json!(true) {
                return Err(StepFailed::for_good("no room"));
            }
            let mut tx = self.db.begin(step.op).await?;
            sqlx::query("INSERT INTO kernel.tenant_settings (tenant_id, key, value) VALUES ($1, $2, $3)")
                .bind(step.op.require_partner()?.as_uuid())
                .bind(format!("thing.{}", step.key().replace('-', "")))
                .bind(json!(step.outputs.len()))
                .execute(&mut *tx)
                .await
                .map_err(kernel::Error::from)?;
            let output = json!({ "made": self.name });
            step.done_in_tx(&mut tx, &output).await?;
            tx.commit().await.map_err(kernel::Error::from)?;
            Ok(output)
        })
    }

    fn undo<'a>(&'a self, step: &'a StepContext<'a>, _output: Option<&'a Value>) -> Undoing<'a> {
        Box::pin(async move {
            if less(&self.stuck) {
                return Err(StepFailed::for_good("it does not let go"));
            }
            let mut tx = self.db.begin(step.op).await?;
            sqlx::query("DELETE FROM kernel.tenant_settings WHERE tenant_id = $1 AND key = $2")
                .bind(step.op.require_partner()?.as_uuid())
                .bind(format!("thing.{}", step.key().replace('-', "")))
                .execute(&mut *tx)
                .await
                .map_err(kernel::Error::from)?;
            step.undone_in_tx(&mut tx).await?;
            tx.commit().await.map_err(kernel::Error::from)?;
            Ok(())
        })
    }
}

fn op(partner: PartnerId) -> OpContext {
    OpContext::system("test").in_partner(partner)
}

async fn begin(db: &Database, op: &OpContext, fails: bool) -> WorkflowId {
    let mut tx = db.begin(op).await.expect("begins");
    let new = NewWorkflow {
        kind: "build",
        subject: "a house".into(),
        input: json!({ "fails": fails }),
    };
    let id = start(&mut tx, op, new).await.expect("begins");
    tx.commit().await.expect("commits");
    id
}

async fn things(db: &Database, op: &OpContext) -> i64 {
    let mut tx = db.begin(op).await.expect("begins");
    sqlx::query_scalar("SELECT count(*) FROM kernel.tenant_settings WHERE key LIKE 'thing.%'")
        .fetch_one(&mut *tx)
        .await
        .expect("counts")
}

/// The workflow's state, and its steps' states with their attempts.
async fn stands(db: &Database, op: &OpContext, id: WorkflowId) -> (String, Vec<(String, i32)>) {
    let (workflow, steps) = workflow_fetch(db, op, id).await.expect("is there");
    let steps = steps.into_iter().map(|step| (step.state, step.attempts));
    (workflow.state, steps.collect())
}

fn runner(db: &Database, build: Build) -> [Arc<dyn Worker>; 1] {
    [Arc::new(Runner::new(db.clone(), vec![Arc::new(build)]))]
}

/// Makes what waits due now: time passes.
async fn later(test: &TestDatabase) {
    sqlx::raw_sql("UPDATE kernel.jobs SET run_at = now() WHERE state = 'waiting'")
        .execute(&mut test.superuser().await)
        .await
        .expect("time passes");
}

#[tokio::test]
async fn what_works_is_done_and_what_does_not_is_undone_in_reverse() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let (west, east) = (
        op(test.partner("isp-west").await),
        op(test.partner("isp-east").await),
    );
    let runner = runner(db, Build::new(db));
    let done = begin(db, &west, false).await;
    run_due(db, &runner).await.expect("runs");
    let all =
        |state: &str, attempts: [i32; 3]| attempts.map(|attempts| (state.to_owned(), attempts)).to_vec();
    assert_eq!(
        stands(db, &west, done).await,
        ("done".to_owned(), all("done", [1, 1, 1]))
    );
    assert_eq!(things(db, &west).await, 3);
    let failed = begin(db, &west, true).await;
    run_due(db, &runner).await.expect("runs");
    assert_eq!(
        stands(db, &west, failed).await,
        ("undone".to_owned(), all("undone", [2, 2, 2]))
    );
    assert_eq!(things(db, &west).await, 3);
    let (workflow, steps) = workflow_fetch(db, &west, failed).await.expect("is there");
    assert_eq!(workflow.error.as_deref(), Some("no room"));
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[0].undone_at >= pair[1].undone_at)
    );
    assert!(
        workflow_fetch(db, &east, failed).await.is_err(),
        "another partner's is not there"
    );
}

#[tokio::test]
async fn a_step_is_tried_again_and_the_workflow_goes_on_where_it_stood() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let west = op(test.partner("isp-west").await);
    let runner = runner(db, Build::hesitating(db, 2, 0));
    let id = begin(db, &west, false).await;
    for _ in 0..7 {
        run_due(db, &runner).await.expect("runs");
        later(&test).await;
    }
    let each = vec![("done".to_owned(), 3); 3];
    assert_eq!(stands(db, &west, id).await, ("done".to_owned(), each));
    assert_eq!(things(db, &west).await, 3);
}

#[tokio::test]
async fn an_undo_that_is_given_up_leaves_it_stuck_until_somebody_has_it_done_once_more() {
    let test = TestDatabase::new().await;
    let db = test.database();
    let west = op(test.partner("isp-west").await);
    let runner = runner(db, Build::hesitating(db, 0, 1));
    let id = begin(db, &west, true).await;
    // Each of the three undos fails once; each time somebody looks.
    for _ in 0..3 {
        run_due(db, &runner).await.expect("runs");
        assert_eq!(stands(db, &west, id).await.0, "stuck");
        let jobs = Jobs::new(db.clone());
        let filter = kernel::jobs::list::Filter {
            state: Some("dead".into()),
            kind: None,
        };
        let (dead, _) = jobs.job_list(&west, &filter, 10, 0).await.expect("lists");
        jobs.job_retry(&west, dead[0].id).await.expect("once more");
    }
    run_due(db, &runner).await.expect("runs");
    assert_eq!(stands(db, &west, id).await.0, "undone");
    assert_eq!(things(db, &west).await, 0);
}
