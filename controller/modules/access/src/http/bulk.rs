//! One thing that is wanted of many sessions, over HTTP. Never holds a rule; see [`crate::app::bulk`].

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::http::{Data, Page, Path, Problem, Valid};
use kernel::id::{IntentId, SessionBulkId, SessionId};
use kernel::{Error, OpContext};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::window;
use crate::app::App;
use crate::app::bulk::{BulkAct, BulkPreview, BulkShown, Selection};
use crate::app::intent::Verb;
use crate::store::bulk::BulkItem;

/// Which sessions: those for which everything that is said holds.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionSelection {
    /// It is one of these.
    #[serde(default)]
    #[garde(length(max = 5000))]
    sessions: Vec<SessionId>,
    /// Its user name is this one, whatever the case.
    #[garde(length(chars, max = 253))]
    username: Option<String>,
    /// Its subscriber is on this plan.
    #[garde(length(chars, max = 63))]
    plan: Option<String>,
    /// Its subscriber is at this site, `client/site`.
    #[garde(length(chars, max = 130))]
    site: Option<String>,
    /// Its subscriber has an address out of this pool.
    #[garde(length(chars, max = 63))]
    pool: Option<String>,
    /// It is on this NAS, by name or id.
    #[garde(length(chars, max = 63))]
    nas: Option<String>,
    /// All sessions of the partner, when nothing else is said.
    #[serde(default)]
    all: bool,
}

/// A bulk that is to begin.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionBulkNew {
    /// `disconnect` or `reshape`.
    #[garde(length(chars, max = 20))]
    verb: String,
    /// Which sessions, as previewed.
    #[garde(dive)]
    selection: SessionSelection,
    /// Of the preview; other sessions are refused.
    #[garde(length(bytes, equal = 64))]
    fingerprint: String,
    /// Sessions a second at most, 1 to 1000; 50 unless said.
    per_s: Option<i32>,
    /// Why; it goes into the audit and to every session.
    #[garde(length(chars, min = 1, max = 200))]
    reason: String,
}

/// What a bulk would be.
#[derive(Serialize, ToSchema)]
pub struct SessionBulkPreview {
    /// Sessions.
    total: usize,
    /// To be given back when it begins.
    fingerprint: String,
    /// How many on which NAS.
    by_nas: BTreeMap<String, usize>,
    /// Some user names.
    sample: Vec<String>,
}

/// A bulk, and how far it is.
#[derive(Serialize, ToSchema)]
pub struct SessionBulkView {
    /// Its id.
    id: SessionBulkId,
    /// `disconnect` or `reshape`.
    verb: String,
    /// Which sessions, in the words of whoever chose them.
    #[schema(value_type = Object)]
    selection: Value,
    /// Sessions.
    total: i32,
    /// Sessions a second at most.
    per_s: i32,
    /// `running`, `paused`, `aborted` or `done`: every session was asked for; what became of them, `counts` says.
    state: String,
    /// How many sessions stand how: an intent's state, `waiting`, or `skipped`.
    counts: BTreeMap<String, i64>,
    /// Why.
    reason: String,
    /// Who asked.
    created_by: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it was aborted or done.
    #[serde(with = "time::serde::rfc3339::option")]
    ended_at: Option<OffsetDateTime>,
}

/// What became of one session of a bulk.
#[derive(Serialize, ToSchema)]
pub struct SessionBulkItemView {
    /// In which order.
    position: i32,
    /// Which.
    session_id: SessionId,
    /// Its intent, once it was asked for.
    intent_id: Option<IntentId>,
    /// How that stands.
    state: Option<String>,
    /// On which rung.
    rung: Option<String>,
    /// In words.
    detail: Option<String>,
    /// Why it was not asked for.
    skipped: Option<String>,
}

/// Which bulk.
#[derive(Deserialize)]
pub struct BulkPath {
    /// Its id.
    bulk_id: SessionBulkId,
}

/// What is to be done with it.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionBulkChange {
    /// `paused`, `running` or `aborted`.
    #[garde(length(chars, max = 20))]
    state: String,
}

/// Counts the sessions that a selection means now, without asking anything of them.
#[utoipa::path(post, path = "/partners/{partner_id}/session-bulks/preview", params(("partner_id" = String, Path)),
    request_body = SessionSelection, responses((status = 200, body = Data<SessionBulkPreview>)))]
pub async fn session_bulk_preview(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<SessionSelection>,
) -> Result<Data<SessionBulkPreview>, Problem> {
    Ok(Data::one(&op, app.bulk_preview(&op, &body.into()).await?.into()))
}

/// Begins with the sessions that were previewed.
#[utoipa::path(post, path = "/partners/{partner_id}/session-bulks", params(("partner_id" = String, Path)),
    request_body = SessionBulkNew, responses((status = 202, body = Data<SessionBulkView>)))]
pub async fn session_bulk_create(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<SessionBulkNew>,
) -> Result<Data<SessionBulkView>, Problem> {
    let verb =
        Verb::of(&body.verb).ok_or_else(|| Error::invalid("/verb", "must be disconnect or reshape"))?;
    let (selection, previewed) = (body.selection.into(), &body.fingerprint);
    let begun = app
        .bulk_begin(&op, verb, &selection, previewed, body.per_s, body.reason)
        .await?;
    Ok(Data::one(&op, begun.into()).accepted())
}

/// Lists bulks, the newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/session-bulks", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<SessionBulkView>>)))]
pub async fn session_bulk_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<SessionBulkView>>, Problem> {
    let listed = app.bulk_list(&op, window(&page)).await?;
    let rows = listed.rows.into_iter().map(Into::into).collect();
    Ok(Data::list(&op, &page, listed.total, rows))
}

/// Shows a bulk and how far it is.
#[utoipa::path(get, path = "/partners/{partner_id}/session-bulks/{bulk_id}",
    params(("partner_id" = String, Path), ("bulk_id" = SessionBulkId, Path)),
    responses((status = 200, body = Data<SessionBulkView>)))]
pub async fn session_bulk_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<BulkPath>,
) -> Result<Data<SessionBulkView>, Problem> {
    Ok(Data::one(&op, app.bulk_get(&op, path.bulk_id).await?.into()))
}

/// Pauses a bulk, takes it up again, or aborts it; what was asked for stands.
#[utoipa::path(patch, path = "/partners/{partner_id}/session-bulks/{bulk_id}",
    params(("partner_id" = String, Path), ("bulk_id" = SessionBulkId, Path)), request_body = SessionBulkChange,
    responses((status = 200, body = Data<SessionBulkView>)))]
pub async fn session_bulk_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<BulkPath>,
    Valid(body): Valid<SessionBulkChange>,
) -> Result<Data<SessionBulkView>, Problem> {
    let act = match body.state.as_str() {
        "paused" => BulkAct::Pause,
        "running" => BulkAct::Resume,
        "aborted" => BulkAct::Abort,
        _ => return Err(Error::invalid("/state", "must be paused, running or aborted").into()),
    };
    Ok(Data::one(&op, app.bulk_act(&op, path.bulk_id, act).await?.into()))
}

/// Lists what became of each session of a bulk.
#[utoipa::path(get, path = "/partners/{partner_id}/session-bulks/{bulk_id}/sessions",
    params(("partner_id" = String, Path), ("bulk_id" = SessionBulkId, Path), Page),
    responses((status = 200, body = Data<Vec<SessionBulkItemView>>)))]
pub async fn session_bulk_item_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<BulkPath>,
    page: Page,
) -> Result<Data<Vec<SessionBulkItemView>>, Problem> {
    let listed = app.bulk_item_list(&op, path.bulk_id, window(&page)).await?;
    let rows = listed.rows.into_iter().map(Into::into).collect();
    Ok(Data::list(&op, &page, listed.total, rows))
}

impl From<SessionSelection> for Selection {
    fn from(said: SessionSelection) -> Self {
        Self {
            sessions: said.sessions,
            username: said.username,
            plan: said.plan,
            site: said.site,
            pool: said.pool,
            nas: said.nas,
            all: said.all,
        }
    }
}

impl From<BulkPreview> for SessionBulkPreview {
    fn from(preview: BulkPreview) -> Self {
        Self {
            total: preview.total,
            fingerprint: preview.fingerprint,
            by_nas: preview.by_nas,
            sample: preview.sample,
        }
    }
}

impl From<BulkShown> for SessionBulkView {
    fn from(shown: BulkShown) -> Self {
        let bulk = shown.bulk;
        Self {
            id: bulk.id,
            verb: bulk.verb,
            selection: bulk.selection,
            total: bulk.total,
            per_s: bulk.per_s,
            state: bulk.state,
            counts: shown.counts.into_iter().collect(),
            reason: bulk.reason,
            created_by: bulk.created_by_name,
            created_at: bulk.created_at,
            ended_at: bulk.ended_at,
        }
    }
}

impl From<BulkItem> for SessionBulkItemView {
    fn from(item: BulkItem) -> Self {
        Self {
            position: item.position,
            session_id: item.session_id,
            intent_id: item.intent_id,
            state: item.state,
            rung: item.rung,
            detail: item.detail,
            skipped: item.skipped,
        }
    }
}
