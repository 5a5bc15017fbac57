//! The audit over HTTP: a partner's own, and all of it for the platform; lines to look at, and whole chains to keep.
//! Every reading is itself a line: of the partner whose audit was read, or of the platform.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::audit::{self, Entry, Filter, Line, chain, export};
use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Problem, Query, routes};
use crate::id::{AuditId, PartnerId, RequestId};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("audit")
        .add(Access::Needs(Permission::AuditRead), routes!(audit_list))
        .add(
            Access::PlatformNeeds(Permission::AuditRead),
            routes!(platform_audit_list),
        )
        .add(Access::Needs(Permission::AuditRead), routes!(audit_export))
        .add(
            Access::PlatformNeeds(Permission::AuditRead),
            routes!(platform_audit_export),
        )
}

/// One line: who did what, when, from where, on which object, with what outcome.
#[derive(Serialize, ToSchema)]
struct AuditView {
    /// Sorts by time.
    id: AuditId,
    /// Whose; null: the platform's own.
    partner_id: Option<PartnerId>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// Who.
    actor: AuditActor,
    /// What was done, or which permission was lacking.
    action: String,
    /// To what.
    object: AuditObject,
    /// `ok`, `refused` or `failed`.
    outcome: String,
    /// Why.
    reason: Option<String>,
    /// The object before, without secrets.
    before: Option<Value>,
    /// The object after, without secrets.
    after: Option<Value>,
    /// From where.
    #[schema(value_type = Option<String>)]
    source_ip: Option<IpAddr>,
    /// In which request.
    request_id: Option<RequestId>,
}

/// Who acted.
#[derive(Serialize, ToSchema)]
struct AuditActor {
    /// `user`, `api_key`, `system` or `anonymous`.
    kind: String,
    /// The person's or key's id.
    id: Option<Uuid>,
    /// As it was called then.
    name: String,
}

/// What was acted on.
#[derive(Serialize, ToSchema)]
struct AuditObject {
    /// What kind of thing.
    kind: String,
    /// Which.
    id: Option<String>,
    /// How people called it.
    label: Option<String>,
}

impl From<Line> for AuditView {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            partner_id: line.partner,
            at: line.at,
            actor: AuditActor {
                kind: line.actor_kind,
                id: line.actor_id,
                name: line.actor_name,
            },
            action: line.action,
            object: AuditObject {
                kind: line.object_kind,
                id: line.object_id,
                label: line.object_label,
            },
            outcome: line.outcome,
            reason: line.reason,
            before: line.before,
            after: line.after,
            source_ip: line.source_ip,
            request_id: line.request_id,
        }
    }
}

/// Narrows the list; all are exact.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[garde(allow_unvalidated)]
struct AuditFilter {
    /// The action, for example `session.disconnect`.
    #[garde(length(chars, max = 500))]
    action: Option<String>,
    /// The actor's name or id.
    #[garde(length(chars, max = 500))]
    actor: Option<String>,
    /// The object's kind, id or label.
    #[garde(length(chars, max = 500))]
    object: Option<String>,
    /// `ok`, `refused` or `failed`.
    #[garde(length(chars, max = 20))]
    outcome: Option<String>,
    /// At or after this instant (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    since: Option<OffsetDateTime>,
    /// Before this instant (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
}

/// Reads the partner's audit, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/audit", params(("partner_id" = String, Path), AuditFilter, Page),
    responses((status = 200, body = Data<Vec<AuditView>>)))]
async fn audit_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
    Query(filter): Query<AuditFilter>,
) -> Result<Data<Vec<AuditView>>, Problem> {
    let AuditFilter {
        action,
        actor,
        object,
        outcome,
        since,
        until,
    } = filter;
    let filter = Filter {
        action,
        actor,
        object,
        outcome,
        since,
        until,
    };
    let (lines, total) = audit::list(&kernel.db, &op, &filter, page.limit(), page.offset()).await?;
    let asked = json!({
        "action": filter.action, "actor": filter.actor, "object": filter.object, "outcome": filter.outcome,
        "offset": page.offset(), "lines": lines.len(),
    });
    let entry = Entry::ok("audit.read", "audit")
        .object(chain::name(op.partner), "audit")
        .after(asked);
    audit::record_alone(&kernel.db, &op, entry).await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        lines.into_iter().map(AuditView::from).collect(),
    ))
}

/// Reads all of the audit, that of every partner included, newest first.
#[utoipa::path(get, path = "/audit", params(AuditFilter, Page),
    responses((status = 200, body = Data<Vec<AuditView>>)))]
async fn platform_audit_list(
    state: State<Kernel>,
    op: OpContext,
    page: Page,
    filter: Query<AuditFilter>,
) -> Result<Data<Vec<AuditView>>, Problem> {
    audit_list(state, op, page, filter).await
}

/// Where an export goes on.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportFrom {
    /// The last place that is known already; absent: from the beginning.
    #[garde(range(min = 0))]
    after: Option<i64>,
}

/// Hands out the partner's chain of audit lines with their hashes, oldest first, as lines of JSON; ask again after the
/// place in its last record while that says `more`.
#[utoipa::path(get, path = "/partners/{partner_id}/audit/export", params(("partner_id" = String, Path), ExportFrom),
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
async fn audit_export(
    State(kernel): State<Kernel>,
    op: OpContext,
    Query(from): Query<ExportFrom>,
) -> Result<Response, Problem> {
    let page = export::page(&kernel.db, &op, from.after.unwrap_or_default()).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], page).into_response())
}

/// The same of the platform's own chain; partners have theirs.
#[utoipa::path(get, path = "/audit/export", params(ExportFrom),
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
async fn platform_audit_export(
    state: State<Kernel>,
    op: OpContext,
    from: Query<ExportFrom>,
) -> Result<Response, Problem> {
    audit_export(state, op, from).await
}
