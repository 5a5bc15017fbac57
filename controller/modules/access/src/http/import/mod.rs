//! Moving in over HTTP: an import is begun, its batches brought, and ended.
//! Never holds a rule; see [`crate::app::import`]. Passwords and secrets come in and never go out.
//! `batch` has the bodies of the kinds of batches.

mod batch;

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Valid};
use kernel::id::ImportId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use self::batch::{GroupBatch, NasBatch, PortBlockBatch, SessionBatch, SubscriberBatch};
use super::window;
use crate::app::App;
use crate::app::import::{ImportShown, Outcome, Remark};
use crate::store::import::Count;

/// An import to begin.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportStart {
    /// Where from, in words; never with a password.
    #[garde(length(chars, min = 1, max = 200))]
    source: String,
}

/// What became of one kind of things.
#[derive(Serialize, ToSchema)]
pub struct CountView {
    /// `nas`, `group`, `subscriber`, `session` or `port_block`.
    kind: String,
    /// New here.
    imported: i64,
    /// Were here and are as the source has them now.
    updated: i64,
    /// Were here already.
    unchanged: i64,
    /// Are not here, or not as the source has them.
    refused: i64,
}

/// An import.
#[derive(Serialize, ToSchema)]
pub struct ImportView {
    /// Its id.
    id: ImportId,
    /// Where from, in words.
    source: String,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
    /// When it was done; `null`: it runs, or broke off.
    #[serde(with = "time::serde::rfc3339::option")]
    finished_at: Option<OffsetDateTime>,
    /// Who.
    started_by: String,
    /// What became of what it brought, one line a kind.
    counts: Vec<CountView>,
}

/// What is to be said about one thing of a batch.
#[derive(Serialize, ToSchema)]
pub struct RemarkView {
    /// Its place in the batch, from 0.
    index: usize,
    /// In words.
    says: String,
}

/// What became of a batch; the four figures add up to what it had.
#[derive(Serialize, ToSchema)]
pub struct OutcomeView {
    /// New here.
    imported: usize,
    /// Were here and are as the source has them now.
    updated: usize,
    /// Were here already.
    unchanged: usize,
    /// Were not taken, and why.
    refused: Vec<RemarkView>,
}

/// Which import.
#[derive(Deserialize)]
pub struct ImportPath {
    /// Its id.
    import_id: ImportId,
}

/// Lists the imports of a partner, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/imports", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<ImportView>>)))]
pub async fn import_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<ImportView>>, Problem> {
    let listed = app.import_list(&op, window(&page)).await?;
    let views = listed.rows.into_iter().map(ImportView::from).collect();
    Ok(Data::list(&op, &page, listed.total, views))
}

/// Begins an import; its batches name it.
#[utoipa::path(post, path = "/partners/{partner_id}/imports", params(("partner_id" = String, Path)),
    request_body = ImportStart, responses((status = 201, body = Data<ImportView>)))]
pub async fn import_start(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<ImportStart>,
) -> Result<Data<ImportView>, Problem> {
    let started = app.import_start(&op, &body.source).await?;
    Ok(Data::one(&op, started.into()).created())
}

/// Ends an import; the audit keeps what it brought.
#[utoipa::path(post, path = "/partners/{partner_id}/imports/{import_id}/finish",
    params(("partner_id" = String, Path), ("import_id" = ImportId, Path)),
    responses((status = 200, body = Data<ImportView>)))]
pub async fn import_finish(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<ImportPath>,
) -> Result<Data<ImportView>, Problem> {
    Ok(Data::one(
        &op,
        app.import_finish(&op, path.import_id).await?.into(),
    ))
}

/// Takes in NAS; without `import_id` it is a trial.
#[utoipa::path(post, path = "/partners/{partner_id}/import/nas", params(("partner_id" = String, Path)),
    request_body = NasBatch, responses((status = 200, body = Data<OutcomeView>)))]
pub async fn import_nas(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<NasBatch>,
) -> Result<Data<OutcomeView>, Problem> {
    let (import, batch) = body.into_parts();
    let outcome = app.import_nas(&op, import, &batch).await?;
    Ok(Data::one(&op, outcome.into()))
}

/// Takes in groups; without `import_id` it is a trial.
#[utoipa::path(post, path = "/partners/{partner_id}/import/groups", params(("partner_id" = String, Path)),
    request_body = GroupBatch, responses((status = 200, body = Data<OutcomeView>)))]
pub async fn import_groups(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<GroupBatch>,
) -> Result<Data<OutcomeView>, Problem> {
    let (import, update, batch) = body.into_parts();
    let outcome = app.import_groups(&op, import, update, &batch).await?;
    Ok(Data::one(&op, outcome.into()))
}

/// Takes in subscribers; without `import_id` it is a trial.
#[utoipa::path(post, path = "/partners/{partner_id}/import/subscribers", params(("partner_id" = String, Path)),
    request_body = SubscriberBatch, responses((status = 200, body = Data<OutcomeView>)))]
pub async fn import_subscribers(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<SubscriberBatch>,
) -> Result<Data<OutcomeView>, Problem> {
    let (import, rules, batch) = body.into_parts();
    let outcome = app.import_subscribers(&op, import, &rules, &batch).await?;
    Ok(Data::one(&op, outcome.into()))
}

/// Takes in sessions; without `import_id` it is a trial.
#[utoipa::path(post, path = "/partners/{partner_id}/import/sessions", params(("partner_id" = String, Path)),
    request_body = SessionBatch, responses((status = 200, body = Data<OutcomeView>)))]
pub async fn import_sessions(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<SessionBatch>,
) -> Result<Data<OutcomeView>, Problem> {
    let (import, assumed, batch) = body.into_parts()?;
    let outcome = app.import_sessions(&op, import, &assumed, &batch).await?;
    Ok(Data::one(&op, outcome.into()))
}

/// Takes in port blocks; without `import_id` it is a trial.
#[utoipa::path(post, path = "/partners/{partner_id}/import/port-blocks", params(("partner_id" = String, Path)),
    request_body = PortBlockBatch, responses((status = 200, body = Data<OutcomeView>)))]
pub async fn import_port_blocks(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<PortBlockBatch>,
) -> Result<Data<OutcomeView>, Problem> {
    let (import, batch) = body.into_parts();
    let outcome = app.import_port_blocks(&op, import, &batch).await?;
    Ok(Data::one(&op, outcome.into()))
}

impl From<Count> for CountView {
    fn from(count: Count) -> Self {
        Self {
            kind: count.kind,
            imported: count.imported,
            updated: count.updated,
            unchanged: count.unchanged,
            refused: count.refused,
        }
    }
}

impl From<ImportShown> for ImportView {
    fn from(ImportShown { import, counts }: ImportShown) -> Self {
        Self {
            id: import.id,
            source: import.source,
            started_at: import.started_at,
            finished_at: import.finished_at,
            started_by: import.started_by,
            counts: counts.into_iter().map(CountView::from).collect(),
        }
    }
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        let view = |Remark { index, says }| RemarkView { index, says };
        Self {
            imported: outcome.imported,
            updated: outcome.updated,
            unchanged: outcome.unchanged,
            refused: outcome.refused.into_iter().map(view).collect(),
        }
    }
}
